//! What this contract asks the chain and the other contracts.

use cosmwasm_std::{Addr, Binary, Deps};
use quern_interface::registry::{GroupMember, ModelState, WarmKey};
use quern_protocol::{Bytes, Coefficients, Hash, Price, PublicKey, Signature};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{ContractError, Result};
use crate::state::{Config, CONFIG};

const BEACON: &str = "/quern.beacon.v1.Query/Beacon";

/// What this contract asks: of `registry::QueryMsg` only that, for less code.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum QueryMsg {
    Model { model: String },
    PriceAt { model: String, height: u64 },
    Draw { model: String, seed: Hash, count: u32 },
    Members { model: String, hosts: Vec<String> },
    HostByWarmKey { address: String },
    Host { host: String },
    WarmKeyAt { host: String, height: u64 },
    Router { router: String },
}

/// What counts of a router's record here; read in part, for less code.
#[derive(Deserialize)]
pub struct Router {
    /// Its keys.
    pub details: RouterKeys,
    /// Whether it stopped.
    pub retired: bool,
}

/// What counts of a router's details here.
#[derive(Deserialize)]
pub struct RouterKeys {
    /// Signs its consents.
    pub transport_key: Bytes<32>,
}

/// What counts of a model here.
#[derive(Deserialize)]
pub struct Model {
    /// Its hash.
    pub hash: Hash,
    /// What tokens cost of the price.
    pub coefficients: Coefficients,
    /// Whether it takes sessions.
    pub state: ModelState,
}

/// What counts of a host here.
#[derive(Deserialize)]
pub struct Host {
    /// Its operator.
    pub host: String,
    /// Where it wants its pay.
    pub payout: String,
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

    fn ask<T: DeserializeOwned>(&self, contract: &Addr, question: &QueryMsg) -> Result<T> {
        Ok(self.deps.querier.query_wasm_smart(contract, question)?)
    }

    /// A model.
    pub fn model(&self, model: &str) -> Result<Model> {
        let model = model.to_owned();
        self.ask(&self.config.registry, &QueryMsg::Model { model })
    }

    /// A model's price at a height.
    pub fn price_at(&self, model: &str, height: u64) -> Result<Price> {
        let model = model.to_owned();
        self.ask(&self.config.price_source, &QueryMsg::PriceAt { model, height })
    }

    /// A committee.
    pub fn draw(&self, model: &str, seed: Hash, count: u32) -> Result<Vec<GroupMember>> {
        let model = model.to_owned();
        self.ask(&self.config.registry, &QueryMsg::Draw { model, seed, count })
    }

    /// Generations of hosts now, in their order.
    pub fn generations(&self, model: &str, hosts: Vec<String>) -> Result<Vec<u32>> {
        let count = hosts.len();
        let model = model.to_owned();
        let members: Vec<GroupMember> =
            self.ask(&self.config.registry, &QueryMsg::Members { model, hosts })?;
        if members.len() != count {
            return Err(ContractError::BadAnswer("the registry left members out"));
        }
        Ok(members.iter().map(|member| member.generation).collect())
    }

    /// The host that has, or had, a warm key address.
    pub fn host_by_warm_key(&self, address: &Addr) -> Result<Host> {
        let address = address.to_string();
        self.ask(&self.config.registry, &QueryMsg::HostByWarmKey { address })
    }

    /// Where a host wants its pay.
    pub fn payout(&self, host: &Addr) -> Result<String> {
        let host = host.to_string();
        let info: Host = self.ask(&self.config.registry, &QueryMsg::Host { host })?;
        Ok(info.payout)
    }

    /// The warm key that counted at a height.
    pub fn warm_key_at(&self, host: &Addr, height: u64) -> Result<WarmKey> {
        let host = host.to_string();
        self.ask(&self.config.registry, &QueryMsg::WarmKeyAt { host, height })
    }

    /// A router's record, if it is registered.
    pub fn router(&self, router: &Addr) -> Option<Router> {
        let router = router.to_string();
        self.ask(&self.config.registry, &QueryMsg::Router { router }).ok()
    }

    /// Whether an ed25519 signature over a digest is by a key. A malformed one is not.
    pub fn signed_ed25519(&self, digest: &Hash, signature: &Signature, key: &Bytes<32>) -> bool {
        let api = self.deps.api;
        api.ed25519_verify(digest.as_ref(), signature.as_ref(), key.as_ref())
            .unwrap_or(false)
    }

    /// The beacon of a height.
    pub fn beacon(&self, height: u64) -> Result<Hash> {
        let request = Binary::from(encode_height(height));
        let answer = self.deps.querier.query_grpc(BEACON.to_owned(), request)?;
        decode_beacon(&answer).ok_or(ContractError::BadAnswer("the beacon is not 32 bytes"))
    }

    /// Whether a signature over a digest is by a key. A malformed one is not.
    pub fn signed(&self, digest: &Hash, signature: &Signature, key: &PublicKey) -> bool {
        let api = self.deps.api;
        api.secp256k1_verify(digest.as_ref(), signature.as_ref(), key.as_ref())
            .unwrap_or(false)
    }

    /// Whether a key is a point of the curve: only then can a well-formed signature be judged at all.
    pub fn is_key(&self, key: &PublicKey) -> bool {
        let mut one = [0; 64];
        (one[31], one[63]) = (1, 1);
        let api = self.deps.api;
        api.secp256k1_verify(&[1; 32], &one, key.as_ref()).is_ok()
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
        assert_eq!(encode_height(1), [0x08, 1]);
        assert_eq!(encode_height(300), [0x08, 0xac, 0x02]);
        assert_eq!(encode_height(u64::MAX).len(), 11);
    }

    #[test]
    fn only_a_whole_beacon_is_read() {
        let good = [&[0x0a, 32][..], &[7; 32]].concat();
        assert_eq!(decode_beacon(&good), Some(Bytes::new([7; 32])));
        for bad in [&[][..], &good[..33], &[&good[..], &[0]].concat()] {
            assert_eq!(decode_beacon(bad), None);
        }
    }
}
