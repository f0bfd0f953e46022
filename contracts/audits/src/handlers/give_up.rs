//! What a host gives up: one damaged record must not make the rest of its draw withheld.

use cosmwasm_std::{DepsMut, Env, MessageInfo, Response};
use quern_interface::audits::{PendingSource, Phase};
use quern_protocol::Amount;

use super::{in_time, round, sender};
use crate::case::Drawn;
use crate::error::{ContractError, Result};
use crate::say;
use crate::state::PROOF_CASES;
use crate::table::Table;

/// Counts the pending leaf of one draw as withheld and goes on with the next. Attributes: `action`, `round`, `host`.
pub fn give_up(
    deps: DepsMut,
    env: Env,
    info: MessageInfo,
    number: u64,
    host: String,
    (source, end): (&PendingSource, Amount),
) -> Result<Response> {
    let (round, params) = round(&deps, number, &[Phase::Reveal])?;
    in_time(&round, &env, params.reveal_blocks)?;
    // only the host: a stranger must not make it pay
    let host = sender(&deps, &env, &info, &host)?;
    let not_drawn = || ContractError::NotDrawn(host.to_string());
    match source {
        PendingSource::Receipts { offset } => {
            let mut drawn = Drawn::load(deps.storage, &env, &round, &host, *offset)?;
            let pending = drawn.case.pending(&drawn.seed, &params)?;
            let base = drawn.case.base;
            let asked = pending.and_then(|pending| base.checked_add(pending));
            if asked != Some(*offset) {
                return Err(not_drawn());
            }
            let end = end.saturating_sub(base);
            drawn.case.give_up(&drawn.seed, &params, end)?;
            drawn.save(deps.storage, &host)?;
        }
        PendingSource::Proofs {
            sprint,
            model,
            offset,
        } => {
            let key = (&host, *sprint, model.as_str());
            let mut case = PROOF_CASES.find(deps.storage, key)?.ok_or_else(not_drawn)?;
            if case.sampling.pending().map(|drawn| drawn.offset) != Some(*offset) {
                return Err(not_drawn());
            }
            case.give_up()?;
            PROOF_CASES.write(deps.storage, key, &case)?;
        }
    }
    Ok(say::answer(
        "give_up",
        &[("round", number.to_string()), ("host", host.to_string())],
    ))
}
