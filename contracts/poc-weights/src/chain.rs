//! What this contract asks the chain and the other contracts.

use cosmwasm_std::{Addr, Binary, Deps};
use quern_interface::bonding::{CountedBond, QueryMsg as Bonding};
use quern_interface::registry::{QueryMsg as Registry, Standing, StandingOf};
use quern_protocol::{Bytes, Coefficients, Hash};
use serde::{de::DeserializeOwned, Deserialize, Serialize};

use crate::error::{ContractError, Result};
use crate::state::{Config, CONFIG};

const BEACON: &str = "/quern.beacon.v1.Query/Beacon";
/// Hosts of one question about standings.
const STANDINGS: usize = 100;
/// Bonds of one question.
const BONDS: u32 = 512;

/// What counts of a host here. Answers are read in part: less code, and room for what they gain later.
#[derive(Deserialize)]
pub struct Host {
    /// Operator's address.
    pub host: String,
    warm_key: Warm,
    memberships: Vec<Member>,
}

#[derive(Deserialize)]
struct Warm {
    address: String,
}

#[derive(Deserialize)]
struct Member {
    offer: Offer,
    effective: u64,
    generation: u32,
}

#[derive(Deserialize)]
struct Offer {
    model: String,
}

/// What counts of a launch package here.
#[derive(Deserialize)]
pub struct Launch {
    /// Most tokens of prompt and output together.
    pub context: u32,
    /// What each kind of token costs.
    pub coefficients: Coefficients,
}

impl Host {
    /// Generation of the host for a model; none if it is not in the group, or convicted, or not covered.
    pub fn generation(&self, model: &str) -> Option<u32> {
        let member = self
            .memberships
            .iter()
            .find(|member| member.offer.model == model)?;
        (member.effective > 0).then_some(member.generation)
    }
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
        let config = CONFIG.load(deps.storage)?;
        Ok(Self { deps, config })
    }

    fn ask<T: DeserializeOwned>(&self, contract: &Addr, question: &impl Serialize) -> Result<T> {
        Ok(self.deps.querier.query_wasm_smart(contract, question)?)
    }

    /// The host that sends: itself, or whose warm key of now it is. A host's own address comes first, as
    /// anyone may name it as a warm key.
    pub fn sender(&self, sender: &Addr) -> Result<Host> {
        let host = Registry::Host { host: sender.into() };
        if let Ok(found) = self.ask(&self.config.registry, &host) {
            return Ok(found);
        }
        let address = Registry::HostByWarmKey {
            address: sender.into(),
        };
        match self.ask::<Host>(&self.config.registry, &address) {
            Ok(found) if found.warm_key.address == sender.as_str() => Ok(found),
            _ => Err(ContractError::Unauthorized("a host or its current warm key")),
        }
    }

    /// A model's launch package.
    pub fn launch(&self, model: &str) -> Result<Launch> {
        let model = model.to_owned();
        self.ask(&self.config.registry, &Registry::Model { model })
    }

    /// How hosts stand; unknown ones are left out.
    pub fn standings(&self, hosts: &[StandingOf]) -> Result<Vec<Standing>> {
        let mut found = Vec::with_capacity(hosts.len());
        for page in hosts.chunks(STANDINGS) {
            let question = Registry::Standings { hosts: page.to_vec() };
            found.extend(self.ask::<Vec<Standing>>(&self.config.registry, &question)?);
        }
        Ok(found)
    }

    /// The `most` highest counted bonds.
    pub fn bonds(&self, most: usize) -> Result<Vec<CountedBond>> {
        let mut bonds: Vec<CountedBond> = Vec::new();
        while bonds.len() < most {
            let left = u32::try_from(most - bonds.len()).unwrap_or(BONDS);
            let limit = left.min(BONDS);
            let start_after = bonds.last().cloned();
            let question = Bonding::CountedBonds { start_after, limit };
            let page: Vec<CountedBond> = self.ask(&self.config.bonding, &question)?;
            let whole = page.len() >= limit as usize;
            bonds.extend(page);
            if !whole {
                break;
            }
        }
        Ok(bonds)
    }

    /// The beacon of a height.
    pub fn beacon(&self, height: u64) -> Result<Hash> {
        let request = Binary::from(encode_height(height));
        let answer = self.deps.querier.query_grpc(BEACON.to_owned(), request)?;
        decode_beacon(&answer).ok_or(ContractError::BadAnswer("the beacon is not 32 bytes"))
    }
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
