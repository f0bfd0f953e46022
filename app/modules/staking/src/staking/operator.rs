//! `MsgCreateValidator` and `MsgEditValidator`: a host registers, and changes its record.
//!
//! A host has more to say than a validator. Its worker's URL is the description's website; what no field of the
//! SDK has room for stands as JSON in the description's details, see [`Details`].

use prost::Message;
use quern_interface::{
    bonding::ExecuteMsg as Bonding,
    registry::{ExecuteMsg, HostDetails, HostUpdate, Params, QueryMsg},
};
use quern_proto::cosmos::{crypto::ed25519::PubKey, staking::v1beta1 as wire};
use quern_protocol::{Amount, Bytes, PublicKey};
use quern_system::{BONDING, REGISTRY};
use quern_types::{AccAddress, BASE_DENOM, Event, Result, errors};
use serde::Deserialize;

use super::{
    description::{self, KEEP},
    handle::bond,
};
use crate::{
    address::{amount, operator},
    contracts::Contracts,
    error, number as dec,
};

/// The description's details of a new host, in JSON; keys are base64.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Details {
    /// Ed25519 key that the worker proves in TLS.
    transport_key: Bytes<32>,
    /// Secp256k1 key that signs receipts and the worker's transactions.
    warm_key: PublicKey,
    /// Outermost layer of the beacon onion.
    #[serde(default)]
    beacon_anchor: Option<Bytes<32>>,
    /// Who is paid; the host itself if none.
    #[serde(default)]
    payout: Option<String>,
}

/// Registers the signer as a host without offers, for the entry fee that burns, sets its commission and bonds
/// the value. Rates but the commission itself are not kept: the highest is all of the rewards, and how fast it
/// rises is the chain's to say.
pub(crate) fn create(
    to: Contracts<'_>,
    m: &wire::MsgCreateValidator,
) -> Result<wire::MsgCreateValidatorResponse> {
    let host = operator(&m.validator_address, "validator")?;
    let key = consensus_key(m)?;
    let value = amount(m.value.as_ref(), "invalid delegation amount")?;
    let description = m
        .description
        .as_ref()
        .filter(|d| **d != wire::Description::default());
    let description = description.ok_or_else(|| errors::INVALID_REQUEST.wrap("empty description"))?;
    let rates = m.commission.as_ref();
    let rates = rates.ok_or_else(|| errors::INVALID_REQUEST.wrap("empty commission"))?;
    let rate_bps = bps(&rates.rate)?;
    let own = m
        .min_self_delegation
        .parse::<u128>()
        .ok()
        .filter(|own| *own > 0)
        .ok_or_else(|| errors::INVALID_REQUEST.wrap("minimum self delegation must be a positive integer"))?;
    if value.0 < own {
        return Err((&error::SELF_DELEGATION).into());
    }
    let details: Details = serde_json::from_str(&description.details).map_err(|e| {
        errors::INVALID_REQUEST.wrap(format!(
            "the description's details must be JSON with transport_key and warm_key of the host's worker: {e}"
        ))
    })?;
    let params: Option<Params> = to.registry(&QueryMsg::Params {})?;
    let fee = params.map(|params| params.entry_fee).unwrap_or_default();
    let msg = ExecuteMsg::RegisterHost(HostDetails {
        moniker: description.moniker.clone(),
        endpoint: description.website.clone(),
        transport_key: details.transport_key,
        consensus_key: key,
        beacon_anchor: details.beacon_anchor,
        warm_key: details.warm_key,
        payout: details.payout,
        offers: Vec::new(),
    });
    to.call(REGISTRY, &host, &msg, fee)?;
    let said = wire::Description {
        // the record has what they said
        details: String::new(),
        ..description.clone()
    };
    description::set(to.cx, &host, &said)?;
    set_commission(to, &host, rate_bps)?;
    bond(to, &host, &host, value)?;
    to.cx.emit(
        Event::new("create_validator")
            .with("validator", &m.validator_address)
            .with("amount", format!("{value}{BASE_DENOM}")),
    );
    Ok(wire::MsgCreateValidatorResponse {})
}

fn consensus_key(m: &wire::MsgCreateValidator) -> Result<Bytes<32>> {
    let any = m.pubkey.as_ref().ok_or(&error::EMPTY_KEY)?;
    if any.type_url != quern_proto::type_url::<PubKey>() {
        return Err(error::KEY_TYPE.wrap(format!("got: {}, expected: [ed25519]", any.type_url)));
    }
    let key = PubKey::decode(any.value.as_slice())
        .ok()
        .and_then(|key| key.key.try_into().ok());
    key.map(Bytes::new)
        .ok_or_else(|| errors::INVALID_PUB_KEY.wrap("an Ed25519 key has 32 bytes"))
}

/// Changes description and commission of the signer's host. Name and URL, which a host must have, stay where none
/// is given.
pub(crate) fn edit(to: Contracts<'_>, m: &wire::MsgEditValidator) -> Result<wire::MsgEditValidatorResponse> {
    let host = operator(&m.validator_address, "validator")?;
    let description = m.description.clone().unwrap_or_default();
    let silent = description == wire::Description::default();
    if silent && m.commission_rate.is_empty() {
        return Err(errors::INVALID_REQUEST.wrap("empty description"));
    }
    if !m.min_self_delegation.is_empty() {
        return Err(errors::INVALID_REQUEST.wrap("the chain says what an operator must bond at least"));
    }
    super::require(to, &host).map_err(|_| &error::NO_VALIDATOR)?;
    if !silent {
        description::update(to.cx, &host, &description)?;
    }
    let changed = |text: String| Some(text).filter(|text| !text.is_empty() && text != KEEP);
    let update = HostUpdate {
        moniker: changed(description.moniker),
        endpoint: changed(description.website),
        ..HostUpdate::default()
    };
    if update != HostUpdate::default() {
        to.call(REGISTRY, &host, &ExecuteMsg::UpdateHost(update), Amount::ZERO)?;
    }
    if !m.commission_rate.is_empty() {
        set_commission(to, &host, bps(&m.commission_rate)?)?;
    }
    let validator = super::validators::Look::now(to)?.validator(&super::require(to, &host)?)?;
    let rates = validator
        .commission
        .and_then(|commission| commission.commission_rates);
    to.cx.emit(
        Event::new("edit_validator")
            .with(
                "commission_rate",
                rates.map(|rates| dec::text(&rates.rate)).unwrap_or_default(),
            )
            .with("min_self_delegation", validator.min_self_delegation),
    );
    Ok(wire::MsgEditValidatorResponse {})
}

fn set_commission(to: Contracts<'_>, host: &AccAddress, rate_bps: u32) -> Result<()> {
    let msg = Bonding::SetCommission { rate_bps };
    to.call(BONDING, host, &msg, Amount::ZERO).map(drop)
}

/// A rate on the wire in basis points.
fn bps(rate: &str) -> Result<u32> {
    let points = dec::points(rate).ok_or_else(|| {
        errors::INVALID_REQUEST.wrap("commission rate must be a multiple of 0.0001, not negative")
    })?;
    if u128::from(points) > quern_interface::BPS {
        return Err((&error::COMMISSION_HUGE).into());
    }
    Ok(points)
}
