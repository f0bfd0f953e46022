//! Network profiles: the parameters that a chain's own contracts begin with.

mod localnet;
mod model;
mod standard;

pub use model::{LaunchModel, LaunchProof};
use quern_interface::{audits, bonding, poc_weights, pricing, registry, rewards, settlement};
use quern_types::module_address;
use serde::Serialize;
use serde_json::Value;

use crate::{EmissionGenesis, GenesisError, HookGas, Result, SystemContract, SystemGenesis, predict};

/// Names of the contracts that a profile instantiates, in order.
pub const CONTRACTS: [&str; 7] = [
    "registry",
    "bonding",
    "settlement",
    "audits",
    "poc-weights",
    "pricing",
    "rewards",
];

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
    /// Parameters of the audits. A chain with more calibrated models than these have processes for begins with
    /// as many as it needs.
    pub audits: audits::Params,
    /// Parameters of proof of compute.
    pub poc_weights: poc_weights::Params,
    /// Parameters of prices.
    pub pricing: pricing::Params,
    /// Parameters of rewards.
    pub rewards: rewards::Params,
    /// What the chain mints for them: its `app_state.emission`.
    pub emission: EmissionGenesis,
}

/// File of a contract's WebAssembly: its name, with underscores as the compiler writes them.
pub fn artifact(name: &str) -> String {
    format!("{}.wasm", name.replace('-', "_"))
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
        models: Vec<LaunchModel>,
        mut code: impl FnMut(&str) -> Result<Vec<u8>>,
    ) -> Result<SystemGenesis> {
        let authority = module_address("gov").to_string();
        let addresses = predict(CONTRACTS);
        let [
            registry,
            bonding,
            settlement,
            audits,
            poc_weights,
            pricing,
            rewards,
        ] = CONTRACTS.map(|name| {
            let found = addresses.iter().find(|a| a.0 == name);
            found.map(|a| a.1.to_string()).unwrap_or_default()
        });
        let mut audit_params = self.audits.clone();
        let proofs = LaunchModel::proofs(&models);
        let calibrations = LaunchModel::calibrations(&models);
        let calibrated = u32::try_from(calibrations.len()).unwrap_or(u32::MAX);
        let processes = &mut audit_params.evidence.processes;
        // one for each model, and one over all
        *processes = calibrated.saturating_add(1).max(*processes);
        let first_messages = [
            json(&registry::InstantiateMsg {
                authority: authority.clone(),
                bonding: bonding.clone(),
                judges: vec![settlement.clone()],
                params: self.registry.clone(),
                models: models.into_iter().map(|model| model.package).collect(),
            })?,
            json(&bonding::InstantiateMsg {
                authority: authority.clone(),
                registry: registry.clone(),
                judges: vec![settlement.clone(), audits.clone()],
                rewards: Some(rewards),
                params: self.bonding.clone(),
            })?,
            json(&settlement::InstantiateMsg {
                authority: authority.clone(),
                registry: registry.clone(),
                bonding: bonding.clone(),
                price_source: pricing.clone(),
                audits: Some(audits.clone()),
                judges: vec![audits.clone()],
                params: self.settlement.clone(),
            })?,
            json(&audits::InstantiateMsg {
                authority: authority.clone(),
                registry: registry.clone(),
                bonding: bonding.clone(),
                settlement: settlement.clone(),
                poc_weights: Some(poc_weights.clone()),
                params: audit_params,
                calibrations,
            })?,
            json(&poc_weights::InstantiateMsg {
                authority: authority.clone(),
                registry: registry.clone(),
                bonding: bonding.clone(),
                judges: vec![audits],
                params: self.poc_weights.clone(),
                models: proofs,
            })?,
            json(&pricing::InstantiateMsg {
                authority: authority.clone(),
                registry: registry.clone(),
                settlement: settlement.clone(),
                poc_weights: Some(poc_weights.clone()),
                params: self.pricing.clone(),
            })?,
            json(&rewards::InstantiateMsg {
                authority,
                registry,
                bonding,
                settlement,
                weights: poc_weights,
                pricing,
                community_pool: module_address("distribution").to_string(),
                params: self.rewards.clone(),
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

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn a_freeze_holds_bonds_until_what_was_served_is_judged() {
        for name in ProfileName::value_variants() {
            let Profile {
                settlement, bonding, ..
            } = name.profile();
            assert!(bonding.freeze_blocks > settlement.appeal_blocks, "{name:?}");
            let longest = bonding.unbonding_blocks + bonding.max_freeze_blocks;
            assert!(longest.div_ceil(bonding.bucket_blocks) < 32, "{name:?}");
        }
    }

    #[test]
    fn a_host_s_word_without_pay_behind_it_is_worth_far_less_than_its_entry_fee() {
        for name in ProfileName::value_variants() {
            let Profile {
                settlement, registry, ..
            } = name.profile();
            assert!(settlement.free_demand.0 <= registry.entry_fee.0 / 100, "{name:?}");
        }
        let standard = ProfileName::Standard.profile();
        let said = standard.settlement.free_demand.0 * u128::from(standard.registry.max_offers);
        assert!(
            said < standard.registry.entry_fee.0 / 50,
            "of all models that it offers"
        );
    }

    #[test]
    fn a_price_is_kept_as_long_as_any_voucher_can_be_paid_or_judged_by_it() {
        for name in ProfileName::value_variants() {
            let Profile {
                settlement, pricing, ..
            } = name.profile();
            let longest =
                settlement.max_session_blocks + settlement.lapse_blocks + 2 * settlement.appeal_blocks;
            assert!(pricing.keep_blocks >= longest, "{name:?}");
        }
    }
}
