//! Units and names of a denomination.

use quern_types::{BASE_DENOM, DISPLAY_DENOM, DISPLAY_EXPONENT, Denom};
use serde::{Deserialize, Serialize};

use crate::{Result, error::invalid};

/// `cosmos.bank.v1beta1.Metadata`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Metadata {
    /// One sentence for people.
    #[serde(default)]
    pub description: String,
    /// Units, the base first, exponents rising.
    pub denom_units: Vec<DenomUnit>,
    /// Smallest unit, the one in balances.
    pub base: String,
    /// Unit to show to people.
    pub display: String,
    /// Name, for example `Quern`.
    pub name: String,
    /// Ticker, for example `QRN`.
    pub symbol: String,
    /// Address of a document about the coin, possibly empty.
    #[serde(default)]
    pub uri: String,
    /// SHA-256 of that document, possibly empty.
    #[serde(default)]
    pub uri_hash: String,
}

/// `cosmos.bank.v1beta1.DenomUnit`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DenomUnit {
    /// Name of the unit.
    pub denom: String,
    /// It is worth ten to this power of base units.
    pub exponent: u32,
    /// Other names.
    #[serde(default)]
    pub aliases: Vec<String>,
}

impl Metadata {
    /// The native coin.
    pub fn native() -> Self {
        let unit = |denom: &str, exponent| DenomUnit {
            denom: denom.into(),
            exponent,
            aliases: Vec::new(),
        };
        Self {
            description: "The native coin of Quern: bond, fee and payment for inference.".into(),
            denom_units: vec![unit(BASE_DENOM, 0), unit(DISPLAY_DENOM, DISPLAY_EXPONENT)],
            base: BASE_DENOM.into(),
            display: DISPLAY_DENOM.into(),
            name: "Quern".into(),
            symbol: DISPLAY_DENOM.into(),
            uri: String::new(),
            uri_hash: String::new(),
        }
    }

    /// The SDK's rules (`x/bank/types/metadata.go`).
    pub(crate) fn validate(&self, at: &str) -> Result<()> {
        let refuse = |reason: &str| Err(invalid(at, reason));
        if self.name.trim().is_empty() || self.symbol.trim().is_empty() {
            return refuse("name and symbol cannot be blank");
        }
        for denom in [&self.base, &self.display] {
            denom.parse::<Denom>().map_err(|e| invalid(at, e.to_string()))?;
        }
        for (i, unit) in self.denom_units.iter().enumerate() {
            unit.denom
                .parse::<Denom>()
                .map_err(|e| invalid(at, e.to_string()))?;
            if self.denom_units.iter().take(i).any(|u| u.denom == unit.denom) {
                return refuse("a unit appears twice");
            }
            if unit.aliases.iter().any(|a| a.trim().is_empty()) {
                return refuse("an alias is blank");
            }
        }
        if !self.denom_units.is_sorted_by(|a, b| a.exponent < b.exponent) {
            return refuse("exponents of the units must rise");
        }
        if !self
            .denom_units
            .first()
            .is_some_and(|u| u.denom == self.base && u.exponent == 0)
        {
            return refuse("the first unit must be the base with exponent 0");
        }
        if !self.denom_units.iter().any(|u| u.denom == self.display) {
            return refuse("the display unit is not among the units");
        }
        Ok(())
    }
}
