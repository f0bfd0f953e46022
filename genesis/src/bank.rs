//! `app_state.bank`: balances, supply and what is known of each denomination.

use quern_types::{AccAddress, Coins, Denom};
use serde::{Deserialize, Serialize};

use crate::{
    Metadata, Result,
    error::{invalid, no_duplicates},
    text,
};

/// `cosmos.bank.v1beta1.GenesisState`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BankGenesis {
    /// Whether coins may be sent.
    pub params: BankParams,
    /// Balances, one entry per address.
    pub balances: Vec<Balance>,
    /// Sum of the balances; empty to have it computed.
    #[serde(with = "text::coins")]
    pub supply: Coins,
    /// Units and names, one entry per base denomination.
    pub denom_metadata: Vec<Metadata>,
    /// Exceptions to the default of `params`.
    pub send_enabled: Vec<SendEnabled>,
}

/// `cosmos.bank.v1beta1.Params`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BankParams {
    /// Deprecated in the SDK, always empty: use [`BankGenesis::send_enabled`].
    #[serde(default)]
    pub send_enabled: Vec<SendEnabled>,
    /// Whether denominations without an entry of their own may be sent.
    pub default_send_enabled: bool,
}

/// `cosmos.bank.v1beta1.Balance`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Balance {
    /// Owner.
    #[serde(with = "text::address")]
    pub address: AccAddress,
    /// What it owns.
    #[serde(with = "text::coins")]
    pub coins: Coins,
}

/// `cosmos.bank.v1beta1.SendEnabled`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SendEnabled {
    /// Denomination.
    #[serde(with = "text::shown")]
    pub denom: Denom,
    /// Whether it may be sent.
    pub enabled: bool,
}

impl Default for BankGenesis {
    /// Nobody owns anything; the native coin's units are known.
    fn default() -> Self {
        Self {
            params: BankParams {
                send_enabled: Vec::new(),
                default_send_enabled: true,
            },
            balances: Vec::new(),
            supply: Coins::empty(),
            denom_metadata: vec![Metadata::native()],
            send_enabled: Vec::new(),
        }
    }
}

impl BankGenesis {
    /// Adds `coins` to an address's balance and to the supply.
    ///
    /// # Errors
    /// On overflow; nothing is changed then.
    pub fn add_balance(&mut self, address: &AccAddress, coins: &Coins) -> Result<()> {
        let overflow = |e: quern_types::Error| invalid("app_state.bank.supply", e.to_string());
        let supply = self.total()?.checked_add(coins).map_err(overflow)?;
        match self.balances.iter_mut().find(|b| b.address == *address) {
            Some(balance) => balance.coins = balance.coins.checked_add(coins).map_err(overflow)?,
            None => self.balances.push(Balance {
                address: address.clone(),
                coins: coins.clone(),
            }),
        }
        self.supply = supply;
        Ok(())
    }

    /// Sum of all balances.
    ///
    /// # Errors
    /// On overflow.
    pub fn total(&self) -> Result<Coins> {
        self.balances
            .iter()
            .enumerate()
            .try_fold(Coins::empty(), |sum, (i, b)| {
                sum.checked_add(&b.coins)
                    .map_err(|e| invalid(format!("app_state.bank.balances[{i}]"), e.to_string()))
            })
    }

    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// A duplicate, bad metadata, or a supply that is not the sum of the balances.
    pub fn validate(&self) -> Result<()> {
        let at = "app_state.bank";
        if !self.params.send_enabled.is_empty() {
            let reason = "is deprecated; use app_state.bank.send_enabled";
            return Err(invalid(format!("{at}.params.send_enabled"), reason));
        }
        no_duplicates(
            &format!("{at}.balances"),
            self.balances.iter().map(|b| &b.address),
        )?;
        no_duplicates(
            &format!("{at}.send_enabled"),
            self.send_enabled.iter().map(|s| &s.denom),
        )?;
        no_duplicates(
            &format!("{at}.denom_metadata"),
            self.denom_metadata.iter().map(|m| &m.base),
        )?;
        for (i, metadata) in self.denom_metadata.iter().enumerate() {
            metadata.validate(&format!("{at}.denom_metadata[{i}]"))?;
        }
        let total = self.total()?;
        if !self.supply.is_empty() && self.supply != total {
            let reason = format!("is {}, but the balances sum to {total}", self.supply);
            return Err(invalid(format!("{at}.supply"), reason));
        }
        Ok(())
    }
}
