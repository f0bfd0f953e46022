//! What a genesis document says to those who join it.

use quern_genesis::Document;
use quern_interface::registry::InstantiateMsg;
use quern_types::{AccAddress, BASE_DENOM, Denom};

use crate::exit::{At, Exit, Failure, Outcome};

/// The contracts that a transaction of genesis calls.
pub(super) struct Ground {
    pub registry: AccAddress,
    pub bonding: AccAddress,
    /// The registry's first message.
    pub terms: InstantiateMsg,
}

impl Ground {
    pub fn of(document: &Document) -> Outcome<Self> {
        let system = &document.app_state.system;
        let none = |name: &str| {
            let text = format!("genesis has no contract {name}: run `quernd genesis add-system` first");
            Failure::new(Exit::BadFile, text)
        };
        let addresses = system.contract_addresses();
        let address = |name: &str| {
            let found = addresses.iter().find(|a| a.0 == name);
            found.map(|a| a.1.clone()).ok_or_else(|| none(name))
        };
        let registry = system.contracts.iter().find(|c| c.name == "registry");
        let init = registry.map(|c| c.init.clone()).ok_or_else(|| none("registry"))?;
        Ok(Self {
            registry: address("registry")?,
            bonding: address("bonding")?,
            terms: serde_json::from_value(init).at(Exit::BadFile, "genesis: first message of registry")?,
        })
    }

    /// Refuses a host that cannot pay entry fee and bond.
    pub fn must_afford(&self, document: &Document, host: &str, bond: u128) -> Outcome {
        let denom: Denom = BASE_DENOM.parse().at(Exit::Failure, "denomination")?;
        let balances = &document.app_state.bank.balances;
        let owned = balances.iter().find(|b| b.address.to_string() == host);
        let owned = owned.map_or(0, |b| b.coins.amount_of(&denom));
        let needed = bond.saturating_add(self.terms.params.entry_fee.0);
        if owned >= needed {
            return Ok(());
        }
        let text = format!(
            "{host} has {owned}{denom} in genesis and needs {needed}{denom} for entry fee and bond: run `quernd genesis add-account {host} AMOUNT`"
        );
        Err(Failure::new(Exit::Usage, text))
    }
}
