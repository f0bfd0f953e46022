//! Drawn leaves.

use cosmwasm_std::{Addr, DepsMut, Empty, Env, Response, Storage};
use quern_audit::{leaf_seed, Range, Reveal, MAX_FINDINGS};
use quern_interface::audits::{Params, Phase};
use quern_interface::settlement::CommittedReceipt;
use quern_interface::BPS;
use quern_protocol::{Amount, Hash, Price};

use super::{in_time, round};
use crate::assign;
use crate::chain::{Chain, Session};
use crate::error::{ContractError, Result};
use crate::state::{Leaf, Round, ASSIGNED, CASES, HOST_LEAVES, LEAVES, ROUND, SEEN, WORK};

/// Takes the leaf that the pending offset of a host's draw asks for and assigns its auditor. Attributes:
/// `action`, `round`, `host`, `leaf`, `auditor`.
pub fn reveal(
    deps: DepsMut,
    env: Env,
    number: u64,
    host: String,
    shown: &CommittedReceipt,
) -> Result<Response> {
    let (mut round, params) = round(&deps, number, &[Phase::Reveal])?;
    in_time(&round, &env, params.reveal_blocks)?;
    let beacon = round.beacon.ok_or(ContractError::WrongPhase(round.phase))?;
    let chain_id = env.block.chain_id.as_str();
    let host = deps.api.addr_validate(&host)?;
    let not_drawn = || ContractError::NotDrawn(host.to_string());
    let mut case = CASES.may_load(deps.storage, &host)?.ok_or_else(not_drawn)?;
    let seed = leaf_seed(chain_id, host.as_str(), round.number, &beacon);
    let pending = case.pending(&seed, &params)?.ok_or_else(not_drawn)?;

    let chain = Chain::load(deps.as_ref())?;
    let range = locate(&chain, chain_id, &round, &host, shown, case.base)?;
    let stake = case.reveal(&seed, &params, range)?;
    let session = chain.session(shown.leaf.session)?;
    let mut leaf = leaf(chain_id, &host, shown, session)?;
    leaf.paid_tokens = paid_tokens(&params, leaf.tokens, shown.receipt.capture)?;
    leaf.stake = stake;
    // the same receipt twice is a fault that anyone can prove; here it counts once
    if !SEEN.has(deps.storage, leaf.id.as_ref()) {
        let pair = (&host, leaf.model.as_str());
        leaf.auditor = assign::auditor(&chain, chain_id, pair, round.number, &beacon, pending.index)?;
    }
    round.leaves = round.leaves.checked_add(1).ok_or(ContractError::Overflow)?;
    note(deps.storage, round.leaves, &mut leaf)?;
    CASES.save(deps.storage, &host, &case)?;
    ROUND.save(deps.storage, &round)?;
    Ok(Response::new()
        .add_attribute("action", "reveal")
        .add_attribute("round", number.to_string())
        .add_attribute("host", host)
        .add_attribute("leaf", round.leaves.to_string())
        .add_attribute("auditor", leaf.auditor.map(Addr::into_string).unwrap_or_default()))
}

/// Where the leaf lies in the host's span of this round.
fn locate(
    chain: &Chain,
    chain_id: &str,
    round: &Round,
    host: &Addr,
    shown: &CommittedReceipt,
    base: Amount,
) -> Result<Range> {
    let (batch, before) = chain.batch(host, shown.batch)?;
    if !(round.start..round.end).contains(&batch.height) || shown.leaf_proof.count != batch.sessions {
        return Err(ContractError::NotInRound);
    }
    let view = Reveal {
        receipt: &shown.receipt,
        receipt_proof: &shown.receipt_proof,
        leaf: &shown.leaf,
        leaf_proof: &shown.leaf_proof,
    };
    let inside = view.locate(chain_id, host.as_str(), &batch.root)?;
    let start = before
        .checked_sub(base)
        .and_then(|before| before.checked_add(inside.start))
        .ok_or(ContractError::Overflow)?;
    Range::new(start, inside.amount()).ok_or(ContractError::Overflow)
}

fn leaf(chain_id: &str, host: &Addr, shown: &CommittedReceipt, session: Session) -> Result<Leaf> {
    let member = session
        .committee
        .iter()
        .find(|member| member.host == host.as_str());
    let member = member.ok_or(ContractError::BadSession("the host is not in its committee"))?;
    let (voucher, usage) = (&shown.receipt.voucher, &shown.receipt.usage);
    let id: Hash = shown.receipt.digest(chain_id);
    Ok(Leaf {
        id,
        host: host.clone(),
        generation: member.generation,
        model: session.model,
        payer: session.payer,
        session: voucher.session,
        nonce: voucher.nonce,
        tokens: u64::from(usage.prompt).saturating_add(usage.completion.into()),
        paid_tokens: 0,
        stake: Amount::ZERO,
        auditor: None,
        assignment: 0,
        vote: None,
        scores: Vec::new(),
        stage: None,
        verdict: None,
    })
}

/// A host may write any number of tokens into a receipt that captures little, so the capture bounds the pay.
fn paid_tokens(params: &Params, tokens: u64, capture: Amount) -> Result<u64> {
    let most = capture
        .mul_div_floor(params.leaf_pay_bps.into(), BPS)
        .ok_or(ContractError::Overflow)?;
    // none for a price of zero, which pays nothing anyway
    let most = most.mul_div_floor(Price::UNIT, params.token_pay.atomics());
    let most = most.map_or(tokens, |most| u64::try_from(most.0).unwrap_or(tokens));
    Ok(tokens.min(most))
}

fn note(storage: &mut dyn Storage, number: u64, leaf: &mut Leaf) -> Result<()> {
    if let Some(auditor) = leaf.auditor.clone() {
        let mut work = WORK.may_load(storage, &auditor)?.unwrap_or_default();
        if work.count as usize >= MAX_FINDINGS {
            leaf.auditor = None;
        } else {
            leaf.assignment = work.count;
            ASSIGNED.save(storage, (&auditor, work.count), &number)?;
            work.count = work.count.saturating_add(1);
            work.tokens = work
                .tokens
                .checked_add(leaf.tokens)
                .ok_or(ContractError::Overflow)?;
            work.paid_tokens = work
                .paid_tokens
                .checked_add(leaf.paid_tokens)
                .ok_or(ContractError::Overflow)?;
            WORK.save(storage, &auditor, &work)?;
        }
    }
    SEEN.save(storage, leaf.id.as_ref(), &Empty {})?;
    HOST_LEAVES.save(storage, (&leaf.host, number), &Empty {})?;
    Ok(LEAVES.save(storage, number, leaf)?)
}
