//! Claims.

use cosmwasm_std::{Addr, DepsMut, Env, Response, Storage};
use quern_protocol::{Amount, Proof, SessionLeaf, Signature, Voucher};

use crate::chain::Chain;
use crate::error::{ContractError, Result};
use crate::state::{Session, BATCHES, CLAIMED, CLAIMS, LEDGERS, POTS};
use crate::{faults, funds, sessions};

/// What proves captures.
pub struct Claim {
    /// Host.
    pub host: String,
    /// Voucher.
    pub voucher: Voucher,
    /// Its signature.
    pub signature: Signature,
    /// Leaf.
    pub leaf: SessionLeaf,
    /// Batch.
    pub batch: u64,
    /// That the leaf is in it.
    pub proof: Proof,
}

/// Proves captures: raises the host's claim to `min(cap, cumulative, limit)`. Attributes: `action`,
/// `session`, `host`, `claimed`, `gained`.
pub fn settle(deps: DepsMut, env: Env, claim: Claim) -> Result<Response> {
    let id = claim.voucher.session;
    let (session, mut ledger) = sessions::drawn(deps.storage, id, env.block.height)?;
    if env.block.height >= session.payable_at() {
        return Err(ContractError::TooLate(session.payable_at()));
    }
    let host = deps.api.addr_validate(&claim.host)?;
    let (seat, member) = session.seat(&host)?;
    let standing = (&host, session.model.as_str(), member.generation);
    if POTS.has(deps.storage, standing) {
        return Err(ContractError::Convicted(host.to_string()));
    }
    check_voucher(&Chain::load(deps.as_ref())?, &env, &session, &host, &claim)?;
    check_leaf(deps.storage, &env, &session, &host, &claim)?;

    let gained = ledger.claim(
        seat,
        claim.voucher.cap,
        claim.leaf.cumulative,
        claim.leaf.receipts,
    )?;
    note_claimed(deps.storage, &host, gained)?;
    LEDGERS.save(deps.storage, id, &ledger)?;
    let mut sum = CLAIMS.may_load(deps.storage, standing)?.unwrap_or_default();
    funds::add(&mut sum, gained)?;
    CLAIMS.save(deps.storage, standing, &sum)?;
    let claimed = ledger.seats.get(seat).map_or(Amount::ZERO, |seat| seat.claimed);
    Ok(Response::new()
        .add_attribute("action", "settle")
        .add_attribute("session", id.to_string())
        .add_attribute("host", host)
        .add_attribute("claimed", claimed.to_string())
        .add_attribute("gained", gained.to_string()))
}

/// Audits draw from the sums of roots, pay follows the cumulative amounts of leaves: what a host claims over
/// all sessions may never exceed what it laid open to audits.
fn note_claimed(storage: &mut dyn Storage, host: &Addr, gained: Amount) -> Result<()> {
    let mut claimed = CLAIMED.may_load(storage, host)?.unwrap_or_default();
    let room = sessions::committed(storage, host)?.saturating_sub(claimed);
    if gained > room {
        return Err(ContractError::OverCommitted(room));
    }
    funds::add(&mut claimed, gained)?;
    Ok(CLAIMED.save(storage, host, &claimed)?)
}

fn check_voucher(chain: &Chain, env: &Env, session: &Session, host: &Addr, claim: &Claim) -> Result<()> {
    let voucher = &claim.voucher;
    if voucher.host != host.as_str() {
        return Err(ContractError::BadVoucher("it is for another host"));
    }
    if voucher.height < session.drawn_at || voucher.height > session.closes_at.min(env.block.height) {
        return Err(ContractError::BadVoucher(
            "its height is not between the committee's draw and the session's end",
        ));
    }
    let digest = voucher.digest(&env.block.chain_id);
    if !chain.signed(&digest, &claim.signature, &session.session_key) {
        return Err(ContractError::BadSignature(
            "the voucher's is not by the session key",
        ));
    }
    Ok(())
}

fn check_leaf(storage: &dyn Storage, env: &Env, session: &Session, host: &Addr, claim: &Claim) -> Result<()> {
    if claim.leaf.session != claim.voucher.session {
        return Err(ContractError::NotIncluded);
    }
    let batch = BATCHES.may_load(storage, (host, claim.batch))?;
    let batch = batch.ok_or_else(|| ContractError::UnknownBatch {
        host: host.to_string(),
        sequence: claim.batch,
    })?;
    if batch.height > session.commits_until() {
        return Err(ContractError::BatchTooLate {
            height: batch.height,
            last: session.commits_until(),
        });
    }
    faults::holds(&env.block.chain_id, host, &batch, &claim.leaf, &claim.proof)
}
