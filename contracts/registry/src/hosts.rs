//! What handlers and queries share about hosts.

use cosmwasm_std::{Addr, Api, Order, Storage};
use cw_storage_plus::Bound;
use quern_interface::registry::{HostStatus, WarmKey};
use quern_protocol::PublicKey;
use ripemd::Ripemd160;
use sha2::{Digest, Sha256};

use crate::error::{ContractError, Result};
use crate::math::cover;
use crate::state::{Conviction, Host, Identity, CONVICTIONS, HOSTS, IDENTITIES, MEMBERS, PARAMS, WARM_KEYS};
use crate::tree;

/// A host's record.
pub fn load(storage: &dyn Storage, host: &Addr) -> Result<Host> {
    HOSTS
        .may_load(storage, host)?
        .ok_or_else(|| ContractError::UnknownHost(host.to_string()))
}

/// A host's identity.
pub fn identity(storage: &dyn Storage, host: &Addr) -> Result<Identity> {
    IDENTITIES
        .may_load(storage, host)?
        .ok_or_else(|| ContractError::UnknownHost(host.to_string()))
}

/// The record of a host that serves.
pub fn active(storage: &dyn Storage, host: &Addr) -> Result<Host> {
    match identity(storage, host)?.status {
        HostStatus::Active => load(storage, host),
        HostStatus::Retired | HostStatus::Tombstoned => Err(ContractError::HostInactive(host.to_string())),
    }
}

/// What convictions of (host, model) left.
pub fn conviction(storage: &dyn Storage, model: &str, host: &Addr) -> Result<Conviction> {
    Ok(CONVICTIONS.may_load(storage, (model, host))?.unwrap_or_default())
}

/// Consensus address of an ed25519 key: the first 20 bytes of its SHA-256 (CometBFT `crypto/ed25519`).
pub fn consensus_address(key: &[u8; 32]) -> Vec<u8> {
    Sha256::digest(key).iter().take(20).copied().collect()
}

/// Account address of a compressed secp256k1 key: RIPEMD-160 of its SHA-256 (Cosmos SDK
/// `crypto/keys/secp256k1`).
pub fn key_address(api: &dyn Api, key: &PublicKey) -> Result<Addr> {
    let digest = Ripemd160::digest(Sha256::digest(key.as_ref()));
    Ok(api.addr_humanize(&digest.as_slice().into())?)
}

/// Refuses what is not a point of the curve.
pub fn check_key(api: &dyn Api, key: &PublicKey) -> Result<()> {
    // Only a verification looks at the point: this signature (r = s = 1) is well formed and signs nothing.
    let mut signature = [0_u8; 64];
    for last in [31, 63] {
        if let Some(byte) = signature.get_mut(last) {
            *byte = 1;
        }
    }
    match api.secp256k1_verify(&[1; 32], &signature, key.as_ref()) {
        Ok(_) => Ok(()),
        Err(_) => Err(ContractError::WarmKeyInvalid),
    }
}

/// The warm key that counts at a height.
pub fn warm_key(storage: &dyn Storage, api: &dyn Api, host: &Addr, height: u64) -> Result<WarmKey> {
    let (from, key) = WARM_KEYS
        .prefix(host)
        .range(storage, None, Some(Bound::inclusive(height)), Order::Descending)
        .next()
        .transpose()?
        .ok_or(ContractError::NoWarmKey(height))?;
    Ok(WarmKey {
        address: key_address(api, &key)?.into(),
        key,
        from,
    })
}

/// Recomputes the capacities that draws count of every offer of a host, and saves the host.
pub fn save(storage: &mut dyn Storage, host: &Addr, record: &Host) -> Result<()> {
    let params = PARAMS.load(storage)?;
    let active = identity(storage, host)?.status == HostStatus::Active;
    let mut members = Vec::with_capacity(record.offers.len());
    let mut declared = Vec::with_capacity(record.offers.len());
    for model in &record.offers {
        let member = MEMBERS.load(storage, (model, host))?;
        let convicted = conviction(storage, model, host)?.until.is_some();
        declared.push((active && !convicted).then_some(member.capacity));
        members.push((model, member));
    }
    let covered = cover(record.bond, params.bond_per_capacity, &declared);
    for ((model, mut member), effective) in members.into_iter().zip(covered) {
        if member.effective != effective {
            member.effective = effective;
            tree::set(storage, model, member.slot, effective)?;
            MEMBERS.save(storage, (model, host), &member)?;
        }
    }
    Ok(HOSTS.save(storage, host, record)?)
}

/// Ends an offer. The caller takes it out of the record's list.
pub fn end_offer(storage: &mut dyn Storage, host: &Addr, model: &str) -> Result<()> {
    let member = MEMBERS.load(storage, (model, host))?;
    tree::free_slot(storage, model, member.slot)?;
    MEMBERS.remove(storage, (model, host));
    Ok(())
}

/// Ends all offers of a host and gives it another status.
pub fn leave(storage: &mut dyn Storage, host: &Addr, status: HostStatus) -> Result<()> {
    let mut record = load(storage, host)?;
    for model in std::mem::take(&mut record.offers) {
        end_offer(storage, host, &model)?;
    }
    let mut identity = identity(storage, host)?;
    identity.status = status;
    IDENTITIES.save(storage, host, &identity)?;
    Ok(HOSTS.save(storage, host, &record)?)
}
