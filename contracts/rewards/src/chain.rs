//! What this contract asks the chain and the other contracts.

use cosmwasm_std::{Addr, Deps, Env, Uint128};
use quern_interface::bonding::{self, SlashRecord};
use quern_interface::poc_weights::{self, EpochInfo, ProofModel, WeightInfo};
use quern_interface::pricing::{self, PriceInfo};
use quern_interface::registry::{self, HostInfo};
use quern_interface::settlement::{self, Demand, HostEarned};
use quern_protocol::Amount;
use serde::{de::DeserializeOwned, Serialize};

use crate::error::{ContractError, Result};
use crate::state::{Config, CONFIG, PARAMS};

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

    /// What this contract holds.
    pub fn balance(&self, env: &Env) -> Result<Amount> {
        let denom = PARAMS.load(self.deps.storage)?.denom;
        let coin = self.deps.querier.query_balance(&env.contract.address, denom)?;
        Uint128::try_from(coin.amount)
            .map(|amount| Amount(amount.u128()))
            .map_err(|_| ContractError::Overflow)
    }

    /// Where a host wants its rewards.
    pub fn payout(&self, host: &str) -> Result<String> {
        let host = host.to_owned();
        let info: HostInfo = self.ask(&self.config.registry, &registry::QueryMsg::Host { host })?;
        Ok(info.payout)
    }

    /// The epoch whose weights there are.
    pub fn weighed_epoch(&self) -> Result<u64> {
        let info: EpochInfo = self.ask(&self.config.weights, &poc_weights::QueryMsg::Epoch {})?;
        Ok(info.epoch)
    }

    /// Weights by host.
    pub fn weights(&self, start_after: Option<String>, limit: u32) -> Result<Vec<WeightInfo>> {
        let limit = Some(limit);
        let question = poc_weights::QueryMsg::Weights { start_after, limit };
        self.ask(&self.config.weights, &question)
    }

    /// Models that are proven.
    pub fn models(&self) -> Result<Vec<ProofModel>> {
        self.ask(&self.config.weights, &poc_weights::QueryMsg::Models {})
    }

    /// Utilisation of a model; none if nobody knows the model.
    pub fn price(&self, model: &str) -> Option<PriceInfo> {
        let model = model.to_owned();
        self.ask(&self.config.pricing, &pricing::QueryMsg::Price { model })
            .ok()
    }

    /// Demand for a model; none if nobody knows the model.
    pub fn demand(&self, model: &str) -> Option<Demand> {
        let model = model.to_owned();
        self.ask(&self.config.settlement, &settlement::QueryMsg::Demand { model })
            .ok()
    }

    /// What hosts ever earned, by host.
    pub fn earned(&self, start_after: Option<String>, limit: u32) -> Result<Vec<HostEarned>> {
        let limit = Some(limit);
        let question = settlement::QueryMsg::AllEarned { start_after, limit };
        self.ask(&self.config.settlement, &question)
    }

    /// Slashes after a number, oldest first.
    pub fn slashes(&self, after: u64, limit: u32) -> Result<Vec<SlashRecord>> {
        let question = bonding::QueryMsg::Slashes {
            host: None,
            start_after: Some(after),
            limit: Some(limit),
        };
        self.ask(&self.config.bonding, &question)
    }
}
