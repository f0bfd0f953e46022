//! Genesis import and export.

use base64::{Engine, engine::general_purpose::STANDARD};
use prost::Message;
use quern_context::Cx;
use quern_genesis::{GovCount, GovGenesis, GovPayout};
use quern_proto::{
    cosmos::gov::v1::{Deposit, Params, Proposal, Vote},
    json,
};
use quern_types::{AccAddress, Error, Result, errors};

use crate::{MODULE, convert, count::Count, deposit, keys, options, params, payout, proposal, vote};

/// Writes parameters, proposals, deposits and votes. After the bank's: governance must hold the deposits.
///
/// # Errors
/// `sdk/18` for what does not fit together.
pub fn init_genesis(cx: &Cx, genesis: &GovGenesis) -> Result<()> {
    let bad = |e: String| errors::INVALID_REQUEST.wrap(e);
    if let Some(json) = &genesis.params {
        params::set(cx, &json::to_message::<Params>(json).map_err(bad)?)?;
    }
    proposal::set_next_id(cx, genesis.starting_proposal_id)?;
    if !genesis.constitution.is_empty() {
        let text = genesis.constitution.as_bytes();
        cx.kv(MODULE).set(keys::CONSTITUTION, text)?;
    }
    for json in &genesis.proposals {
        let proposal = json::to_message::<Proposal>(json).map_err(bad)?;
        if proposal.id == 0 || proposal.id >= genesis.starting_proposal_id {
            return Err(bad(format!(
                "proposal {} is not below starting_proposal_id",
                proposal.id
            )));
        }
        convert::coins(&proposal.total_deposit)?;
        proposal::set(cx, &proposal)?;
        proposal::enqueue(cx, &proposal).map_err(|e| bad(format!("proposal {}: {e}", proposal.id)))?;
    }
    let mut held = payout::held(cx)?;
    for json in &genesis.deposits {
        let Deposit {
            proposal_id,
            depositor,
            amount,
        } = json::to_message(json).map_err(bad)?;
        let amount = convert::coins(&amount)?;
        held = held.checked_add(&amount)?;
        deposit::set(cx, proposal_id, &AccAddress::from_bech32(&depositor)?, &amount)?;
    }
    payout::set_held(cx, &held)?;
    payout::check_held(cx)?;
    for json in &genesis.votes {
        let vote = json::to_message::<Vote>(json).map_err(bad)?;
        options::check(&vote.options)?;
        let key = keys::vote(vote.proposal_id, &AccAddress::from_bech32(&vote.voter)?);
        cx.kv(MODULE).set(&key, vote.encode_to_vec())?;
    }
    for count in &genesis.counts {
        let bytes = STANDARD.decode(&count.state).map_err(|e| bad(e.to_string()))?;
        Count::decode(bytes.as_slice()).map_err(|e| bad(e.to_string()))?;
        cx.kv(MODULE).set(&keys::count(count.proposal_id), bytes)?;
    }
    genesis
        .payouts
        .iter()
        .try_for_each(|p| payout::begin(cx, p.proposal_id, p.burn))
}

/// Reads everything back.
///
/// # Errors
/// A halt.
pub fn export_genesis(cx: &Cx) -> Result<GovGenesis> {
    let kv = cx.kv_unmetered(MODULE);
    let corrupt = || Error::halt("corrupt key of governance in state");
    let mut genesis = GovGenesis {
        starting_proposal_id: proposal::next_id(cx)?,
        params: Some(show(&params::get(cx)?)?),
        constitution: String::from_utf8(kv.get(keys::CONSTITUTION)?.unwrap_or_default())
            .map_err(Error::halt)?,
        ..GovGenesis::default()
    };
    for entry in kv.prefix(keys::PROPOSALS) {
        genesis.proposals.push(show(&proposal::decode(&entry?.1)?)?);
    }
    for entry in kv.prefix(keys::DEPOSITS) {
        genesis.deposits.push(show(&deposit::decode(&entry?.1)?)?);
    }
    for entry in kv.prefix(keys::VOTES) {
        genesis.votes.push(show(&vote::decode(&entry?.1)?)?);
    }
    for entry in kv.prefix(keys::COUNTS) {
        let (key, value) = entry?;
        genesis.counts.push(GovCount {
            proposal_id: keys::last_number(&key).ok_or_else(corrupt)?,
            state: STANDARD.encode(value),
        });
    }
    for entry in kv.prefix(keys::PAYOUTS) {
        let (key, how) = entry?;
        genesis.payouts.push(GovPayout {
            proposal_id: keys::last_number(&key).ok_or_else(corrupt)?,
            burn: payout::burns(&how),
        });
    }
    Ok(genesis)
}

fn show<M: prost::Name>(message: &M) -> Result<serde_json::Value> {
    json::from_message(message).map_err(Error::halt)
}
