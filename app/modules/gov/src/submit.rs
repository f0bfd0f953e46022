//! Submission of proposals.

use std::sync::Arc;

use prost::Message;
use quern_context::{AnyMsg, Cx, Router};
use quern_proto::{
    Any,
    cosmos::gov::v1::{MsgSubmitProposal, Proposal, ProposalStatus, TallyResult},
};
use quern_types::{AccAddress, Coins, Result, errors};

use crate::{
    INVALID_PROPOSAL_CONTENT, INVALID_PROPOSAL_MSG, INVALID_SIGNER, METADATA_TOO_LONG, MIN_DEPOSIT_TOO_SMALL,
    NO_PROPOSAL_HANDLER, NO_PROPOSAL_MSGS, SUMMARY_TOO_LONG, convert, dec, deposit,
    error::UNROUTABLE_PROPOSAL_MSG, event, keys, legacy, params, proposal,
};

/// Most bytes of metadata and of a title.
const MAX_METADATA: usize = 255;
/// Most bytes of a summary.
const MAX_SUMMARY: usize = 40 * MAX_METADATA;
/// Gas per byte of a proposal, besides that of its place in the state: three more writes.
const GAS_PER_BYTE: u64 = 90;

/// Takes a proposal with its first deposit. Returns its id.
///
/// # Errors
/// `sdk/18` without title or summary, `gov/5`, `/11` to `/16`, `/22`, `/23`, and those of the deposit.
pub(crate) fn submit(cx: &Cx, router: &Arc<dyn Router>, msg: MsgSubmitProposal) -> Result<u64> {
    for (text, name) in [(&msg.title, "title"), (&msg.summary, "summary")] {
        if text.is_empty() {
            return Err(errors::INVALID_REQUEST.wrap(format!("proposal {name} cannot be empty")));
        }
    }
    let proposer = AccAddress::from_signer(&msg.proposer)
        .map_err(|e| errors::INVALID_ADDRESS.wrap(format!("invalid proposer address: {e}")))?;
    if msg.messages.is_empty() && msg.metadata.is_empty() {
        return Err(NO_PROPOSAL_MSGS.wrap("either metadata or Msgs length must be non-nil"));
    }
    check_metadata(&msg)?;
    let initial = convert::coins(&msg.initial_deposit)?;
    check_initial_deposit(cx, &initial, msg.expedited)?;
    check_lengths(&msg)?;
    let types = check_messages(cx, router, &msg.messages)?;

    let id = proposal::take_id(cx)?;
    let end = convert::after(cx.block.time, params::get(cx)?.max_deposit_period.as_ref())?;
    let new = Proposal {
        id,
        messages: msg.messages,
        status: ProposalStatus::DepositPeriod.into(),
        final_tally_result: Some(empty_tally()),
        submit_time: Some(quern_proto::time::to_wire(cx.block.time)?),
        deposit_end_time: Some(quern_proto::time::to_wire(end)?),
        metadata: msg.metadata,
        title: msg.title,
        summary: msg.summary,
        proposer: proposer.to_string(),
        expedited: msg.expedited,
        ..Proposal::default()
    };
    proposal::set(cx, &new)?;
    proposal::enqueue(cx, &new)?;
    cx.emit(event::submitted(id, &proposer, &types));
    let len = u64::try_from(new.encoded_len()).unwrap_or(u64::MAX);
    cx.gas
        .consume(GAS_PER_BYTE.saturating_mul(len), "submit proposal")?;
    if deposit::add(cx, id, &proposer, &initial)? {
        cx.emit(event::voting_began(event::SUBMIT, id));
    }
    Ok(id)
}

pub(crate) fn empty_tally() -> TallyResult {
    let zero = || "0".to_owned();
    TallyResult {
        yes_count: zero(),
        abstain_count: zero(),
        no_count: zero(),
        no_with_veto_count: zero(),
    }
}

/// Metadata in the recommended form must say what the proposal says; any other form is the proposer's own.
fn check_metadata(msg: &MsgSubmitProposal) -> Result<()> {
    #[derive(serde::Deserialize, Default)]
    #[serde(default)]
    struct Metadata {
        title: String,
        summary: String,
    }
    if msg.metadata.is_empty() {
        return Ok(());
    }
    let Ok(metadata) = serde_json::from_str::<Metadata>(&msg.metadata) else {
        return Ok(());
    };
    for (name, own, said) in [
        ("title", &msg.title, &metadata.title),
        ("summary", &msg.summary, &metadata.summary),
    ] {
        if own != said {
            return Err(INVALID_PROPOSAL_CONTENT.wrap(format!(
                "metadata {name} '{said}' must equal proposal {name} '{own}'"
            )));
        }
    }
    Ok(())
}

fn check_lengths(msg: &MsgSubmitProposal) -> Result<()> {
    check_metadata_length(&msg.metadata)?;
    if msg.summary.len() > MAX_SUMMARY {
        return Err(SUMMARY_TOO_LONG.wrap(format!("got summary with length {}", msg.summary.len())));
    }
    check_metadata_length(&msg.title)
}

/// # Errors
/// `gov/15`.
pub(crate) fn check_metadata_length(text: &str) -> Result<()> {
    if text.len() > MAX_METADATA {
        return Err(METADATA_TOO_LONG.wrap(format!("got metadata with length {}", text.len())));
    }
    Ok(())
}

fn check_initial_deposit(cx: &Cx, initial: &Coins, expedited: bool) -> Result<()> {
    let params = params::get(cx)?;
    let ratio = params::share(&params.min_initial_deposit_ratio)?;
    if ratio > 0 {
        let needed = params::min_deposit(&params, expedited)?;
        let needed = deposit::map_amounts(&needed, |amount| dec::times_rounded(amount, ratio));
        if !needed.is_all_lte(initial) {
            return Err(MIN_DEPOSIT_TOO_SMALL.wrap(format!("was ({initial}), need ({needed})")));
        }
    }
    deposit::check_denoms(&params, initial)
}

/// Every message must be one that the chain executes, signed by governance alone. Returns their types, each
/// after a comma.
fn check_messages(cx: &Cx, router: &Arc<dyn Router>, messages: &[Any]) -> Result<String> {
    let mut types = String::new();
    for any in messages {
        let msg = AnyMsg {
            type_url: any.type_url.clone(),
            value: any.value.clone(),
        };
        types.push(',');
        types.push_str(&msg.type_url);
        if !router.serves(&msg.type_url) {
            return Err(UNROUTABLE_PROPOSAL_MSG.wrap(msg.type_url));
        }
        router
            .validate(&msg)
            .map_err(|e| INVALID_PROPOSAL_MSG.wrap(e.to_string()))?;
        match router.signers(&msg)?.as_slice() {
            [signer] if *signer == proposal::governance() => {}
            [signer] => return Err(INVALID_SIGNER.wrap(signer.to_string())),
            _ => return Err((&INVALID_SIGNER).into()),
        }
        if msg.type_url == legacy::EXEC_LEGACY {
            // tried at once, as old clients expect
            router.execute(&cx.fork(), &msg).map_err(|e| match e {
                e if e.is(&NO_PROPOSAL_HANDLER) || e.is(&errors::OUT_OF_GAS) || e.is_halt() => e,
                e => INVALID_PROPOSAL_CONTENT.wrap(e.to_string()),
            })?;
        }
    }
    Ok(types)
}

/// Whether votes on a proposal are taken: it is in its voting period and nobody counts yet.
pub(crate) fn is_open(cx: &Cx, id: u64) -> Result<bool> {
    let voting = proposal::find(cx, id)?.is_some_and(|p| proposal::is(&p, ProposalStatus::VotingPeriod));
    Ok(voting && !cx.kv(crate::MODULE).has(&keys::count(id))?)
}
