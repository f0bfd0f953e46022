//! Votes of auditors.

use cosmwasm_std::{Binary, DepsMut, Env, MessageInfo, Response};
use quern_audit::unpack;
use quern_interface::audits::Phase;

use super::{in_time, round, sender};
use crate::error::{ContractError, Result};
use crate::say;
use crate::state::{ASSIGNED, LEAVES, WORK};
use crate::table::Table;

/// Most votes of one message.
const MAX_VOTES: usize = 64;

/// Reveals the next votes of a committed report. Attributes: `action`, `round`, `auditor`, `revealed`.
pub fn reveal(
    deps: DepsMut,
    env: Env,
    info: MessageInfo,
    number: u64,
    auditor: String,
    (from, packed): (u32, String),
) -> Result<Response> {
    let (round, params) = round(&deps, number, &[Phase::Vote])?;
    in_time(&round, &env, params.vote_blocks)?;
    let auditor = sender(&deps, &env, &info, &auditor)?;
    let work = WORK.find(deps.storage, &auditor)?;
    let mut work = work.ok_or_else(|| ContractError::NotAssigned(auditor.to_string()))?;
    if work.root.is_none() {
        return Err(ContractError::BadVotes("no report was committed"));
    }
    if from != work.revealed {
        return Err(ContractError::BadVotes("from is not the first that is missing"));
    }
    let packed = Binary::from_base64(&packed).map_err(|_| ContractError::BadVotes("not base64"))?;
    let count = packed.len() / 3;
    let left = work.count.saturating_sub(work.revealed);
    if count == 0 || count > MAX_VOTES || count > left as usize {
        return Err(ContractError::BadVotes(
            "1 to 64 votes, and not more than are missing",
        ));
    }
    for vote in unpack(&packed, count)? {
        let key = ASSIGNED.load(deps.storage, (&auditor, work.revealed))?;
        let mut leaf = LEAVES.read(deps.storage, key)?;
        leaf.vote = Some(vote);
        LEAVES.write(deps.storage, key, &leaf)?;
        work.revealed = work.revealed.saturating_add(1);
    }
    WORK.write(deps.storage, &auditor, &work)?;
    Ok(say::answer(
        "reveal_votes",
        &[
            ("round", number.to_string()),
            ("auditor", auditor.to_string()),
            ("revealed", work.revealed.to_string()),
        ],
    ))
}
