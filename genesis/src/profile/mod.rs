//! Network profiles: the parameters that a chain's own contracts begin with.

mod localnet;
mod standard;

use quern_interface::{bonding, registry, settlement};
use quern_types::module_address;
use serde::Serialize;
use serde_json::Value;

use crate::{GenesisError, HookGas, Result, SystemContract, SystemGenesis, predict};

/// Names of the contracts that a profile instantiates, in order.
pub const CONTRACTS: [&str; 3] = ["registry", "bonding", "settlement"];

/// Parameters of a network.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Blocks per epoch.
    pub epoch_blocks: u64,
    /// Most validators.
    pub max_validators: u32,
    /// Gas of each call at a block's borders.
    pub hook_gas: HookGas,
    /// Parameters of the registry.
    pub registry: registry::Params,
    /// Parameters of bonding.
    pub bonding: bonding::Params,
    /// Parameters of settlement.
    pub settlement: settlement::Params,
}

/// A profile by its name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ProfileName {
    /// A public network with blocks of about a second
    Standard,
    /// A network on one machine: delays of seconds, small amounts. Not for money
    Localnet,
}

impl ProfileName {
    /// The profile.
    pub fn profile(self) -> Profile {
        match self {
            Self::Standard => standard::profile(),
            Self::Localnet => localnet::profile(),
        }
    }
}

impl Profile {
    /// `app_state.system` of a new chain: `code` finds the WebAssembly of a contract by its name.
    ///
    /// # Errors
    /// Those of `code`.
    pub fn system(
        &self,
        models: Vec<registry::LaunchPackage>,
        mut code: impl FnMut(&str) -> Result<Vec<u8>>,
    ) -> Result<SystemGenesis> {
        let authority = module_address("gov").to_string();
        let addresses = predict(CONTRACTS);
        let [registry, bonding, settlement] = CONTRACTS.map(|name| {
            let found = addresses.iter().find(|a| a.0 == name);
            found.map(|a| a.1.to_string()).unwrap_or_default()
        });
        let first_messages = [
            json(&registry::InstantiateMsg {
                authority: authority.clone(),
                bonding: bonding.clone(),
                judges: vec![settlement.clone()],
                params: self.registry.clone(),
                models,
            })?,
            json(&bonding::InstantiateMsg {
                authority: authority.clone(),
                registry: registry.clone(),
                judges: vec![settlement],
                params: self.bonding.clone(),
            })?,
            json(&settlement::InstantiateMsg {
                authority,
                registry: registry.clone(),
                bonding,
                price_source: registry,
                judges: Vec::new(),
                params: self.settlement.clone(),
            })?,
        ];
        let contract = |(name, init): (&str, Value)| {
            Ok(SystemContract {
                name: name.to_owned(),
                code: code(name)?,
                init,
            })
        };
        Ok(SystemGenesis {
            epoch_blocks: self.epoch_blocks,
            max_validators: self.max_validators,
            hook_gas: self.hook_gas.clone(),
            contracts: CONTRACTS
                .into_iter()
                .zip(first_messages)
                .map(contract)
                .collect::<Result<_>>()?,
            ..SystemGenesis::default()
        })
    }
}

fn json(message: &impl Serialize) -> Result<Value> {
    serde_json::to_value(message).map_err(GenesisError::from)
}
