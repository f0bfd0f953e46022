//! What a host offers.

use std::collections::BTreeSet;

use cosmwasm_std::{Addr, DepsMut, MessageInfo, Response, Storage};
use quern_interface::registry::{ModelState, Offer};
use quern_protocol::Amount;

use crate::error::{ContractError, Result};
use crate::math::MAX_CAPACITY;
use crate::state::{Host, Member, MEMBERS, MODELS, PARAMS};
use crate::{funds, hosts, tree};

/// Replaces the sender's offers. Attributes: `action`, `host`, `offers`.
pub fn set(deps: DepsMut, info: MessageInfo, offers: Vec<Offer>) -> Result<Response> {
    funds::expect(&info, Amount::ZERO, "")?;
    let mut record = hosts::active(deps.storage, &info.sender)?;
    replace(deps.storage, &info.sender, &mut record, offers)?;
    Ok(Response::new()
        .add_attribute("action", "set_offers")
        .add_attribute("host", info.sender)
        .add_attribute("offers", record.offers.join(",")))
}

/// Replaces the offers of `record` and saves it. Bond covers them in the order given.
pub(super) fn replace(
    storage: &mut dyn Storage,
    host: &Addr,
    record: &mut Host,
    offers: Vec<Offer>,
) -> Result<()> {
    let most = PARAMS.load(storage)?.max_offers;
    if offers.len() > most as usize {
        return Err(ContractError::TooMany(most));
    }
    let models: BTreeSet<&str> = offers.iter().map(|offer| offer.model.as_str()).collect();
    if models.len() != offers.len() {
        return Err(ContractError::BadOffer("a model may be offered once"));
    }
    for gone in record
        .offers
        .iter()
        .filter(|model| !models.contains(model.as_str()))
    {
        hosts::end_offer(storage, host, gone)?;
    }
    record.offers = offers.iter().map(|offer| offer.model.clone()).collect();
    for offer in offers {
        put(storage, host, offer)?;
    }
    hosts::save(storage, host, record)
}

fn put(storage: &mut dyn Storage, host: &Addr, offer: Offer) -> Result<()> {
    let model = offer.model.as_str();
    let package = MODELS
        .may_load(storage, model)?
        .ok_or_else(|| ContractError::UnknownModel(model.to_owned()))?;
    if !(1..=MAX_CAPACITY).contains(&offer.capacity) {
        return Err(ContractError::BadOffer(
            "capacity must be 1 to 10^9 tokens a second",
        ));
    }
    if !package.profiles.contains(&offer.profile) {
        return Err(ContractError::BadOffer("the profile is none of the model's"));
    }
    let old = MEMBERS.may_load(storage, (model, host))?;
    let open = match package.state {
        ModelState::Proposed | ModelState::Canary | ModelState::Live => true,
        // Open sessions go on, so who is in may stay.
        ModelState::Retiring => old.is_some(),
        ModelState::Retired => false,
    };
    if !open {
        return Err(ContractError::ModelClosed(model.to_owned()));
    }
    let (slot, effective) = match old {
        Some(member) => (member.slot, member.effective),
        None => (tree::take_slot(storage, model, host)?, 0),
    };
    let member = Member {
        capacity: offer.capacity,
        profile: offer.profile,
        slot,
        effective,
    };
    Ok(MEMBERS.save(storage, (model, host), &member)?)
}
