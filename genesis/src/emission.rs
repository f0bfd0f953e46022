//! `app_state.emission`: the coins that the chain mints after genesis.

use quern_types::{Amount, Denom};
use serde::{Deserialize, Serialize};

use crate::{Result, error::invalid, text};

/// One in the fixed point of [`EmissionGenesis::retained`].
const ONE: u64 = 1_000_000_000_000_000_000;

/// The schedule of minting. A chain without it mints nothing; so does one without the contract `rewards`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EmissionGenesis {
    /// Denomination that is minted.
    #[serde(with = "text::shown")]
    pub denom: Denom,
    /// Most that is ever minted, in base units.
    #[serde(with = "text::int")]
    pub cap: Amount,
    /// What the next epoch brings, in base units.
    #[serde(with = "text::int")]
    pub next: Amount,
    /// Part of an epoch's emission that the next one has, in units of 10^-18.
    #[serde(with = "text::int")]
    pub retained: u64,
    /// Minted so far: 0 for a new chain.
    #[serde(default, with = "text::int")]
    pub minted: Amount,
    /// Supply that genesis gave out, without anything minted. Absent for a new chain: then it is the supply.
    #[serde(default, with = "text::optional_int", skip_serializing_if = "Option::is_none")]
    pub genesis_supply: Option<Amount>,
}

impl EmissionGenesis {
    pub(crate) fn validate(&self) -> Result<()> {
        let at = |field: &str| format!("app_state.emission.{field}");
        if self.retained > ONE {
            return Err(invalid(
                at("retained"),
                "must be at most 10^18: emission never grows",
            ));
        }
        if self.next > self.cap {
            return Err(invalid(at("next"), "must be at most the cap"));
        }
        if self.minted > self.cap {
            return Err(invalid(at("minted"), "must be at most the cap"));
        }
        if self.minted > 0 && self.genesis_supply.is_none() {
            let reason = "must be given where coins were minted: only then it is known what was burned";
            return Err(invalid(at("genesis_supply"), reason));
        }
        if self.genesis_supply.unwrap_or(0).checked_add(self.cap).is_none() {
            return Err(invalid(at("cap"), "supply would not fit"));
        }
        Ok(())
    }
}
