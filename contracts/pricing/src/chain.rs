//! What this contract asks the other contracts.

use cosmwasm_std::{Addr, Deps};
use quern_interface::poc_weights::QueryMsg as Weights;
use quern_interface::pricing::CapacitySource;
use quern_interface::registry::{LaunchPackage, QueryMsg as Registry};
use quern_interface::settlement::{Demand, QueryMsg as Settlement};
use quern_protocol::{Amount, Price};
use serde::{de::DeserializeOwned, Serialize};

use crate::error::{ContractError, Result};
use crate::state::{Config, CONFIG};

/// Coefficients are in millionths; a second has a thousand milliseconds.
const MILLION: u128 = 1_000_000;
const THOUSAND: u128 = 1_000;

/// Questions to the world around.
pub struct Chain<'a> {
    deps: Deps<'a>,
    config: Config,
}

impl<'a> Chain<'a> {
    /// Reads who is around.
    pub fn load(deps: Deps<'a>) -> Result<Self> {
        let config = CONFIG.load(deps.storage)?;
        Ok(Self { deps, config })
    }

    fn ask<T: DeserializeOwned>(&self, contract: &Addr, question: &impl Serialize) -> Result<T> {
        Ok(self.deps.querier.query_wasm_smart(contract, question)?)
    }

    /// Models after one, by id.
    pub fn models(&self, after: &str, limit: u32) -> Result<Vec<LaunchPackage>> {
        let question = Registry::Models {
            start_after: (!after.is_empty()).then(|| after.to_owned()),
            limit: Some(limit),
        };
        self.ask(&self.config.registry, &question)
    }

    /// A model.
    pub fn model(&self, model: &str) -> Result<LaunchPackage> {
        let model = model.to_owned();
        self.ask(&self.config.registry, &Registry::Model { model })
    }

    /// Price at launch, as it counted at a height.
    pub fn launch_price(&self, model: &str, height: u64) -> Result<Price> {
        let model = model.to_owned();
        self.ask(&self.config.registry, &Registry::PriceAt { model, height })
    }

    /// Cumulative demand in weighted tokens.
    pub fn demand(&self, model: &str) -> Result<Amount> {
        let model = model.to_owned();
        let demand: Demand = self.ask(&self.config.settlement, &Settlement::Demand { model })?;
        Ok(demand.weighted)
    }

    /// Capacity a block in weighted tokens: what was proven, or else what hosts declare (tokens a second, taken
    /// for generated ones).
    pub fn capacity(&self, package: &LaunchPackage, block_ms: u64) -> Result<(Amount, CapacitySource)> {
        let model = || package.id.clone();
        if let Some(weights) = &self.config.poc_weights {
            // a contract that cannot answer must not keep prices from moving
            let proven: Result<Amount> = self.ask(weights, &Weights::Capacity { model: model() });
            if let Some(proven) = proven.ok().filter(|proven| !proven.is_zero()) {
                return Ok((proven, CapacitySource::Proven));
            }
        }
        let declared: Amount = self.ask(&self.config.registry, &Registry::Capacity { model: model() })?;
        let milli = u128::from(block_ms).saturating_mul(package.coefficients.output.into());
        let declared = declared.mul_div_floor(milli, MILLION * THOUSAND);
        let declared = declared.ok_or(ContractError::Overflow)?;
        let source = if declared.is_zero() {
            CapacitySource::None
        } else {
            CapacitySource::Declared
        };
        Ok((declared, source))
    }
}
