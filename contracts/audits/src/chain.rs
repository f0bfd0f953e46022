//! What this contract asks the chain and the other contracts.

use cosmwasm_std::{
    from_json, to_json_binary, to_json_vec, Addr, Binary, ContractResult, CosmosMsg, Deps, Empty,
    QueryRequest, StdError, SystemResult, WasmMsg, WasmQuery,
};
use quern_audit::MAX_FUNDERS;
use quern_interface::bonding;
use quern_interface::poc_weights::QueryMsg as Proofs;
use quern_interface::registry::{GroupMember, QueryMsg as Registry};
use quern_interface::settlement::{BatchInfo, BatchPlace, QueryMsg as Settlement};
use quern_protocol::{Amount, Bytes, Coefficients, Hash, Node, ProofShape};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde::{Deserialize, Serialize};

use crate::error::{ContractError, Result};
use crate::state::{Config, CONFIG};
use crate::table::Cell;

const BEACON: &str = "/quern.beacon.v1.Query/Beacon";

/// What counts of a host here. Answers are read in part: less code, and room for what they gain later.
#[derive(Deserialize)]
pub struct Named {
    /// Host.
    pub host: String,
    /// Models that it offers.
    pub memberships: Vec<IgnoredAny>,
}

/// What counts of a warm key here.
#[derive(Deserialize)]
struct Warm {
    address: String,
}

/// What counts of a session here.
#[derive(Debug, Deserialize)]
pub struct Session {
    /// Who pays.
    pub payer: String,
    /// Model.
    pub model: String,
    /// Committee.
    pub committee: Vec<Member>,
}

/// What counts of a committee's host here.
#[derive(Debug, Deserialize)]
pub struct Member {
    /// Host.
    pub host: String,
    /// Generation at the draw.
    pub generation: u32,
}

/// What counts of a host's record here.
#[derive(Deserialize)]
struct Record {
    memberships: Vec<Membership>,
}

/// What counts of a membership here.
#[derive(Deserialize)]
struct Membership {
    offer: Offer,
}

/// What counts of an offer here.
#[derive(Deserialize)]
pub struct Offer {
    /// Model.
    pub model: String,
    /// Hardware profile.
    pub profile: String,
}

/// What counts of a launch package here.
#[derive(Deserialize)]
struct Launched {
    coefficients: Coefficients,
}

/// What counts of a proven model here.
#[derive(Deserialize)]
struct Proven {
    model: String,
    shapes: Vec<ProofShape>,
}

/// What counts of a sprint here.
#[derive(Deserialize)]
pub struct Sprint {
    /// Number.
    pub sprint: u64,
}

/// What counts of a host's proofs here.
#[derive(Deserialize)]
pub struct Proof {
    /// Sprint.
    pub sprint: Sprint,
    /// Model.
    pub model: String,
    /// Generation at the commit.
    pub generation: u32,
    /// Root.
    pub root: Node,
    /// Answers.
    pub count: u32,
}

/// Questions to the world around.
pub struct Chain<'a> {
    /// Storage, api and querier.
    pub deps: Deps<'a>,
    /// Contracts.
    pub config: Config,
}

impl<'a> Chain<'a> {
    /// Reads who is around.
    pub fn load(deps: Deps<'a>) -> Result<Self> {
        let config = CONFIG.read(deps.storage)?;
        Ok(Self { deps, config })
    }

    fn ask<T: DeserializeOwned>(&self, contract: &Addr, question: &impl Serialize) -> Result<T> {
        Ok(from_json(self.smart(contract, to_json_binary(question)?)?)?)
    }

    /// The part of a question that is the same for all: once in the code.
    #[inline(never)]
    fn smart(&self, contract: &Addr, msg: Binary) -> Result<Binary> {
        let request = WasmQuery::Smart {
            contract_addr: contract.to_string(),
            msg,
        };
        let request = to_json_vec(&QueryRequest::<Empty>::Wasm(request))?;
        match self.deps.querier.raw_query(&request) {
            SystemResult::Ok(ContractResult::Ok(answer)) => Ok(answer),
            SystemResult::Ok(ContractResult::Err(error)) => Err(StdError::msg(error).into()),
            SystemResult::Err(_) => Err(ContractError::BadAnswer("no such contract")),
        }
    }

    /// Hosts by address after one.
    pub fn next_host(&self, start_after: Option<String>) -> Result<Option<Named>> {
        let limit = Some(1);
        let question = Registry::Hosts { start_after, limit };
        let hosts: Vec<Named> = self.ask(&self.config.registry, &question)?;
        Ok(hosts.into_iter().next())
    }

    /// Members of a group by address.
    pub fn group(&self, model: &str, start_after: Option<String>, limit: u32) -> Result<Vec<GroupMember>> {
        let question = Registry::Group {
            model: model.to_owned(),
            start_after,
            limit: Some(limit),
        };
        self.ask(&self.config.registry, &question)
    }

    /// Generation of (host, model) now.
    pub fn generation(&self, model: &str, host: &Addr) -> Result<u32> {
        let question = Registry::Members {
            model: model.to_owned(),
            hosts: vec![host.to_string()],
        };
        let members: Vec<GroupMember> = self.ask(&self.config.registry, &question)?;
        let first = members.first();
        first
            .map(|member| member.generation)
            .ok_or(ContractError::BadAnswer("the registry left a member out"))
    }

    /// Refuses a sender that is neither the host nor its warm key of now.
    pub fn acts_for(&self, sender: &Addr, host: &Addr, height: u64) -> Result<()> {
        if sender == host {
            return Ok(());
        }
        let host = host.to_string();
        let key: Result<Warm> = self.ask(&self.config.registry, &Registry::WarmKeyAt { host, height });
        match key {
            Ok(key) if key.address == sender.as_str() => Ok(()),
            _ => Err(ContractError::Unauthorized("the host or its current warm key")),
        }
    }

    /// Who holds a part of a host's bond that counts.
    pub fn large_funders(&self, host: &str, profile: &quern_audit::Profile) -> Result<Vec<String>> {
        let question = bonding::QueryMsg::LargestFunders {
            host: host.to_owned(),
            limit: MAX_FUNDERS as u32,
        };
        let found: bonding::LargestFunders = self.ask(&self.config.bonding, &question)?;
        let funders = found.funders.into_iter();
        let large = funders.filter(|funder| profile.counts(funder.active, found.active));
        Ok(large.map(|funder| funder.funder).collect())
    }

    /// A host's last batch at or before a height.
    pub fn batch_at(&self, host: &str, height: u64) -> Result<Option<BatchPlace>> {
        let host = host.to_owned();
        self.ask(&self.config.settlement, &Settlement::BatchAt { host, height })
    }

    /// A batch, with the sum of the roots before it.
    pub fn batch(&self, host: &Addr, sequence: u64) -> Result<(BatchInfo, Amount)> {
        let question = Settlement::Batch {
            host: host.to_string(),
            sequence,
        };
        let batch: Option<BatchInfo> = self.ask(&self.config.settlement, &question)?;
        let height = batch.ok_or(ContractError::NotInRound)?.height;
        let place = self
            .batch_at(host.as_str(), height)?
            .ok_or(ContractError::NotInRound)?;
        let before = place.committed.checked_sub(place.batch.root.sum);
        Ok((place.batch, before.ok_or(ContractError::Overflow)?))
    }

    /// A session.
    pub fn session(&self, session: u64) -> Result<Session> {
        let session = Settlement::Session { session };
        let found = self.ask(&self.config.settlement, &session);
        found.map_err(|_| ContractError::BadSession("no such session"))
    }

    /// What a host offers now.
    pub fn offers(&self, host: &str) -> Result<Vec<Offer>> {
        let host = host.to_owned();
        let record: Record = self.ask(&self.config.registry, &Registry::Host { host })?;
        let memberships = record.memberships.into_iter();
        Ok(memberships.map(|membership| membership.offer).collect())
    }

    /// Hardware profile with which a host offers a model now.
    pub fn profile(&self, host: &str, model: &str) -> Result<Option<String>> {
        let mut offers = self.offers(host)?.into_iter();
        let found = offers.find(|offer| offer.model == model);
        Ok(found.map(|offer| offer.profile))
    }

    /// What tokens of a model count.
    pub fn coefficients(&self, model: &str) -> Result<Coefficients> {
        let model = model.to_owned();
        let launched: Launched = self.ask(&self.config.registry, &Registry::Model { model })?;
        Ok(launched.coefficients)
    }

    /// What a host proved in sprints whose deadline lies in `from..to`; nothing without proof of compute.
    pub fn proofs(&self, host: &str, from: u64, to: u64) -> Result<Vec<Proof>> {
        let Some(contract) = &self.config.poc_weights else {
            return Ok(Vec::new());
        };
        let host = host.to_owned();
        self.ask(contract, &Proofs::HostProofs { host, from, to })
    }

    /// Lengths of a model's requests in a sprint.
    pub fn shapes(&self, model: &str, sprint: u64) -> Result<Vec<ProofShape>> {
        let Some(contract) = &self.config.poc_weights else {
            return Ok(Vec::new());
        };
        let models: Vec<Proven> = self.ask(contract, &Proofs::ModelsAt { sprint })?;
        let found = models.into_iter().find(|proven| proven.model == model);
        Ok(found.map(|proven| proven.shapes).unwrap_or_default())
    }

    /// The beacon of a height.
    pub fn beacon(&self, height: u64) -> Result<Hash> {
        let request = Binary::from(encode_height(height));
        let answer = self.deps.querier.query_grpc(BEACON.to_owned(), request)?;
        decode_beacon(&answer).ok_or(ContractError::BadAnswer("the beacon is not 32 bytes"))
    }
}

/// A call of another contract.
pub fn call(contract: &Addr, msg: &impl Serialize) -> Result<CosmosMsg> {
    let call = WasmMsg::Execute {
        contract_addr: contract.to_string(),
        msg: to_json_binary(msg)?,
        funds: vec![],
    };
    Ok(call.into())
}

/// `{ uint64 height = 1; }`.
fn encode_height(height: u64) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(11);
    let mut rest = height;
    if rest > 0 {
        bytes.push(0x08);
    }
    while rest > 0 {
        let more = if rest > 0x7f { 0x80 } else { 0 };
        bytes.push((rest & 0x7f) as u8 | more);
        rest >>= 7;
    }
    bytes
}

/// `{ bytes beacon = 1; }`, 32 bytes long.
fn decode_beacon(answer: &[u8]) -> Option<Hash> {
    let beacon = answer.strip_prefix(&[0x0a, 32])?;
    beacon.try_into().ok().map(Bytes::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beacon_query_is_the_protobuf_that_the_chain_reads() {
        assert!(encode_height(0).is_empty());
        assert_eq!(encode_height(300), [0x08, 0xac, 0x02]);
        assert_eq!(
            decode_beacon(&[&[0x0a, 32][..], &[7; 32]].concat()),
            Some(Bytes::new([7; 32]))
        );
        assert_eq!(decode_beacon(&[&[0x0a, 32][..], &[7; 31]].concat()), None);
    }
}
