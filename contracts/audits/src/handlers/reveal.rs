//! Drawn receipts.

use cosmwasm_std::{Addr, DepsMut, Env, Response};
use quern_audit::{Range, Reveal};
use quern_interface::audits::{LeafSource, Params, Phase};
use quern_interface::settlement::CommittedReceipt;
use quern_interface::BPS;
use quern_protocol::{Amount, Hash, Node, Price};

use super::{in_time, note, round};
use crate::case::Drawn;
use crate::chain::{Chain, Session};
use crate::error::{ContractError, Result};
use crate::state::{Leaf, CASES};

/// Takes the leaf that the pending offset of a host's draw asks for and assigns its auditor. One without output
/// cannot fail: it is passed over. Attributes: `action`, `round`, `host`, `leaf`, `auditor`.
pub fn reveal(
    deps: DepsMut,
    env: Env,
    number: u64,
    host: String,
    shown: &CommittedReceipt,
) -> Result<Response> {
    let (mut round, params) = round(&deps, number, &[Phase::Reveal])?;
    in_time(&round, &env, params.reveal_blocks)?;
    let chain_id = env.block.chain_id.as_str();
    let host = deps.api.addr_validate(&host)?;

    let not_drawn = || ContractError::NotDrawn(host.to_string());
    if !CASES.has(deps.storage, &host) {
        return Err(not_drawn());
    }
    let chain = Chain::load(deps.as_ref())?;
    let (batch, before) = chain.batch(&host, shown.batch)?;
    let mut drawn = Drawn::load(deps.storage, &env, &round, &host, before)?;
    let pending = drawn.case.pending(&drawn.seed, &params)?;
    pending.ok_or_else(not_drawn)?;
    // an earlier batch is of the round before, as its offsets show
    if batch.height >= round.end || shown.leaf_proof.count != batch.sessions {
        return Err(ContractError::NotInRound);
    }
    let start = before
        .checked_sub(drawn.case.base)
        .ok_or(ContractError::NotInRound)?;
    let range = locate(chain_id, &host, shown, (&batch.root, start))?;
    let draw = drawn.auditors(&env, &round, &host);
    if shown.receipt.usage.completion == 0 {
        drawn.case.pass(&drawn.seed, &params, range)?;
        drawn.save(deps.storage, &host)?;
        return Ok(note::answer(number, &host, 0, None));
    }
    let stake = drawn.case.reveal(&drawn.seed, &params, range)?;
    let session = chain.session(shown.leaf.session)?;
    let mut leaf = leaf(chain_id, &host, shown, session)?;
    leaf.paid = paid(&params, leaf.positions, shown.receipt.capture)?;
    leaf.stake = stake;
    drawn.save(deps.storage, &host)?;
    // by its place alone: whatever else the host gives up or shows, and whichever offset hits it, its auditor is one
    note::leaf(deps, &mut round, leaf, (&draw, range.start.0 as u64))
}

/// Where the leaf lies in a span in which its batch begins at `start`.
fn locate(
    chain_id: &str,
    host: &Addr,
    shown: &CommittedReceipt,
    (root, start): (&Node, Amount),
) -> Result<Range> {
    let view = Reveal {
        receipt: &shown.receipt,
        receipt_proof: &shown.receipt_proof,
        leaf: &shown.leaf,
        leaf_proof: &shown.leaf_proof,
    };
    let inside = view.locate(chain_id, host.as_str(), root)?;
    let start = start.checked_add(inside.start).ok_or(ContractError::Overflow)?;
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
