//! Drawn receipts.

use cosmwasm_std::{Addr, DepsMut, Env, Response};
use quern_audit::{auditor_seed, leaf_seed, Range, Reveal};
use quern_interface::audits::{LeafSource, Params, Phase};
use quern_interface::settlement::CommittedReceipt;
use quern_interface::BPS;
use quern_protocol::{Amount, Hash, Price};

use super::{in_time, note, round};
use crate::chain::{Chain, Session};
use crate::error::{ContractError, Result};
use crate::state::{Leaf, Round, CASES};

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
    leaf.paid = paid(&params, leaf.positions, shown.receipt.capture)?;
    leaf.stake = stake;
    let draw = auditor_seed(chain_id, host.as_str(), round.number, &beacon);
    CASES.save(deps.storage, &host, &case)?;
    note::leaf(deps, &mut round, leaf, (&draw, pending.index))
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
        source: LeafSource::Receipt {
            session: voucher.session,
            nonce: voucher.nonce,
            payer: session.payer,
        },
        tokens: u64::from(usage.prompt).saturating_add(usage.completion.into()),
        positions: usage.completion,
        paid: 0,
        greedy: shown.receipt.temperature == 0,
        host_profile: None,
        stake: Amount::ZERO,
        auditor: None,
        assignment: 0,
        vote: None,
        scores: Vec::new(),
        stage: None,
        verdict: None,
        check: None,
        measured: None,
    })
}

/// A host may write any number of tokens into a receipt that captures little, so the capture bounds the pay.
fn paid(params: &Params, positions: u32, capture: Amount) -> Result<u64> {
    let positions = u64::from(positions);
    let most = capture
        .mul_div_floor(params.leaf_pay_bps.into(), BPS)
        .ok_or(ContractError::Overflow)?;
    // none for a price of zero, which pays nothing anyway
    let most = most.mul_div_floor(Price::UNIT, params.token_pay.atomics());
    let most = most.map_or(positions, |most| u64::try_from(most.0).unwrap_or(positions));
    Ok(positions.min(most))
}
