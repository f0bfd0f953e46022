//! `MsgCreateValidator` and `MsgEditValidator`: a host registers, and changes its record.
//!
//! A host has more to say than a validator. Its worker's URL is the description's website; what no field of the
//! SDK has room for stands as JSON in the description's details, see [`Details`].

use prost::Message;
use quern_interface::{
    bonding::ExecuteMsg as Bonding,
    registry::{ExecuteMsg, HostDetails, HostUpdate, Params, QueryMsg},
};
use quern_proto::{
    Any,
    cosmos::{crypto::ed25519::PubKey, staking::v1beta1 as wire},
};
use quern_protocol::{Amount, Bytes, PublicKey};
use quern_system::{BONDING, REGISTRY};
use quern_types::{AccAddress, BASE_DENOM, Event, Result, errors};
use serde::Deserialize;

use super::{
    description::{self, KEEP},
    handle::bond,
    validators::host_of_key,
};
use crate::{
    address::{operator, positive, staked},
    contracts::Contracts,
    error, number as dec,
};

/// Keys that no validator has, as CometBFT calls them.
const KEYS: [(&str, &str); 3] = [
    ("/cosmos.crypto.secp256k1.PubKey", "secp256k1"),
    ("/cosmos.crypto.secp256r1.PubKey", "secp256r1"),
    (
        "/cosmos.crypto.multisig.LegacyAminoPubKey",
        "PubKeyMultisigThreshold",
    ),
];

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
    let any = m.pubkey.as_ref().ok_or(&error::EMPTY_KEY)?;
    let coin = positive(m.value.as_ref(), "invalid delegation amount")?;
    let description = m
        .description
        .as_ref()
        .filter(|d| **d != wire::Description::default());
    let description = description.ok_or_else(|| errors::INVALID_REQUEST.wrap("empty description"))?;
    let rates = m
        .commission
        .as_ref()
        .filter(|rates| **rates != wire::CommissionRates::default());
    let rates = rates.ok_or_else(|| errors::INVALID_REQUEST.wrap("empty commission"))?;
    check_rates(rates)?;
    let own = m
        .min_self_delegation
        .parse::<u128>()
        .ok()
        .filter(|own| *own > 0)
        .ok_or_else(|| errors::INVALID_REQUEST.wrap("minimum self delegation must be a positive integer"))?;
    if coin.amount < own {
        return Err((&error::SELF_DELEGATION).into());
    }
    if to.host(&host)?.is_some() {
        return Err((&error::OWNER_EXISTS).into());
    }
    let key = consensus_key(any);
    if let Ok(key) = &key
        && host_of_key(to, &quern_validators::consensus_address(key.as_bytes()))?.is_some()
    {
        return Err((&error::KEY_EXISTS).into());
    }
    let value = staked(&coin)?;
    description::check(description)?;
    let key = key?;
    let rate_bps = bps(&rates.rate)?;
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

fn consensus_key(any: &Any) -> Result<Bytes<32>> {
    if any.type_url != quern_proto::type_url::<PubKey>() {
        let known = KEYS.iter().find(|(url, _)| *url == any.type_url);
        let kind = known.map_or(any.type_url.as_str(), |(_, kind)| kind);
        return Err(error::KEY_TYPE.wrap(format!("got: {kind}, expected: [ed25519]")));
    }
    let key = PubKey::decode(any.value.as_slice())
        .ok()
        .and_then(|key| key.key.try_into().ok());
    key.map(Bytes::new)
        .ok_or_else(|| errors::INVALID_PUB_KEY.wrap("an Ed25519 key has 32 bytes"))
}

/// The SDK's own checks of rates, in its order. Where one of them is left out the SDK panics.
fn check_rates(rates: &wire::CommissionRates) -> Result<()> {
    let [rate, most, step] =
        [&rates.rate, &rates.max_rate, &rates.max_change_rate].map(|wire| dec::signed(wire));
    let given = |wire: &str, name: &str| match wire {
        "" => Err(errors::INVALID_REQUEST.wrap(format!("missing {name} of commission"))),
        _ => Ok(()),
    };
    let check = |found: [(bool, &'static quern_types::Registered); 2]| match found
        .into_iter()
        .find(|(wrong, _)| *wrong)
    {
        Some((_, error)) => Err(quern_types::Error::from(error)),
        None => Ok(()),
    };
    given(&rates.max_rate, "highest rate")?;
    check([
        (most < 0, &error::COMMISSION_NEGATIVE),
        (dec::exceeds_one(&rates.max_rate), &error::COMMISSION_HUGE),
    ])?;
    given(&rates.rate, "rate")?;
    check([
        (rate < 0, &error::COMMISSION_NEGATIVE),
        (rate > most, &error::COMMISSION_ABOVE_MAX),
    ])?;
    given(&rates.max_change_rate, "highest change of rate")?;
    check([
        (step < 0, &error::STEP_NEGATIVE),
        (step > most, &error::STEP_ABOVE_MAX),
    ])
}

/// Changes description and commission of the signer's host. Name and URL, which a host must have, stay where none
/// is given.
pub(crate) fn edit(to: Contracts<'_>, m: &wire::MsgEditValidator) -> Result<wire::MsgEditValidatorResponse> {
    let host = operator(&m.validator_address, "validator")?;
    let description = m.description.clone().unwrap_or_default();
    if description == wire::Description::default() {
        return Err(errors::INVALID_REQUEST.wrap("empty description"));
    }
    let own = &m.min_self_delegation;
    if own == "0" || own.starts_with('-') {
        return Err(errors::INVALID_REQUEST.wrap("minimum self delegation must be a positive integer"));
    }
    let rate = &m.commission_rate;
    if !rate.is_empty() && dec::exceeds_one(rate) {
        return Err(errors::INVALID_REQUEST.wrap("commission rate must be between 0 and 1 (inclusive)"));
    }
    if to.host(&host)?.is_none() {
        return Err((&error::NO_VALIDATOR).into());
    }
    if !own.is_empty() {
        return Err(errors::INVALID_REQUEST.wrap("the chain says what an operator must bond at least"));
    }
    description::update(to.cx, &host, &description)?;
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
    let commission = validator.commission.unwrap_or_default();
    to.cx.emit(
        Event::new("edit_validator")
            .with("commission_rate", printed(&commission))
            .with("min_self_delegation", validator.min_self_delegation),
    );
    Ok(wire::MsgEditValidatorResponse {})
}

/// A commission as the SDK's events have it: protobuf's text in one line, spaces and all. Ours has no time.
fn printed(commission: &wire::Commission) -> String {
    let rates = commission.commission_rates.clone().unwrap_or_default();
    format!(
        "commission_rates:<rate:\"{}\" max_rate:\"{}\" max_change_rate:\"{}\" > update_time:<> ",
        rates.rate, rates.max_rate, rates.max_change_rate
    )
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
