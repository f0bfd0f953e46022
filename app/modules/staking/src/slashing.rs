//! x/slashing: who signs. Nobody is jailed for silence here: who misses votes loses weight at the epoch's
//! end. Who signs two blocks is slashed and out for good.

use quern_context::{Cx, answer};
use quern_interface::{
    bonding::{Params, QueryMsg},
    registry::HostStatus,
};
use quern_proto::cosmos::slashing::v1beta1 as wire;
use quern_protocol::Amount;
use quern_types::{Event, Result, consensus_bech32, errors};
use quern_validators::{Address, Presence, consensus_address};

use crate::{
    address::operator,
    contracts::Contracts,
    error,
    listing::{self, Source},
    number as dec,
    staking::host_of_key,
};

/// Unix second of the last one of year 9999: until then the tombstoned stay in jail.
const FOR_EVER: i64 = 253_402_300_799;

/// `MsgUnjail`. Nothing jails for a time, so there is nobody whom it frees: it says why, in the SDK's words.
pub(crate) fn unjail(to: Contracts<'_>, m: &wire::MsgUnjail) -> Result<wire::MsgUnjailResponse> {
    let host = operator(&m.validator_addr, "validator input")?;
    let host = to.host(&host)?.ok_or(&error::NOT_A_VALIDATOR)?;
    Err(match host.status {
        HostStatus::Active => (&error::NOT_JAILED).into(),
        HostStatus::Retired => error::STILL_JAILED.wrap("the host retired: register it again"),
        HostStatus::Tombstoned => (&error::STILL_JAILED).into(),
    })
}

/// Says as x/slashing that a validator signed two blocks: what that burned, and that it is out.
pub fn slashed(cx: &Cx, address: &Address, power: i64, burned: Amount) {
    let address = consensus_bech32(address);
    cx.emit(
        Event::new("slash")
            .with("address", &address)
            .with("power", power)
            .with("reason", "double_sign")
            .with("burned_coins", burned),
    );
    cx.emit(Event::new("slash").with("jailed", address));
}

/// Says as x/slashing who missed the last block, and how many it has missed: since the epoch began, as
/// `SigningInfo` counts.
///
/// # Errors
/// A halt.
pub fn missed(cx: &Cx, addresses: &[Address]) -> Result<()> {
    if addresses.is_empty() {
        return Ok(());
    }
    let counts = quern_validators::presence(cx)?;
    for address in addresses {
        let missed = counts.get(address).copied().unwrap_or_default().missed;
        cx.emit(
            Event::new("liveness")
                .with("address", consensus_bech32(address))
                .with("missed_blocks", missed)
                .with("height", cx.block.height),
        );
    }
    Ok(())
}

/// Answers a query of this service.
pub(crate) fn query(to: Contracts<'_>, method: &str, request: &[u8]) -> Option<Result<Vec<u8>>> {
    Some(match method {
        "Params" => answer(request, |_: wire::QueryParamsRequest| {
            let params = Some(params(to)?);
            Ok(wire::QueryParamsResponse { params })
        }),
        "SigningInfo" => answer(request, |r: wire::QuerySigningInfoRequest| {
            let val_signing_info = Some(signing_info(to, &r.cons_address)?);
            Ok(wire::QuerySigningInfoResponse { val_signing_info })
        }),
        "SigningInfos" => answer(request, |r| signing_infos(to, &r)),
        _ => return None,
    })
}

/// Votes are counted by epoch, and none are asked for.
pub(crate) fn params(to: Contracts<'_>) -> Result<wire::Params> {
    let bonding: Option<Params> = to.bonding(&QueryMsg::Params {})?;
    let window = quern_system::params(to.cx)?.epoch_blocks;
    Ok(wire::Params {
        signed_blocks_window: i64::try_from(window).unwrap_or(i64::MAX),
        min_signed_per_window: b"0".to_vec(),
        downtime_jail_duration: Some(prost_types::Duration::default()),
        slash_fraction_double_sign: dec::bps(bonding.map_or(0, |p| p.double_sign_bps)).into_bytes(),
        slash_fraction_downtime: b"0".to_vec(),
    })
}

/// What is known of a validator's votes since the epoch began.
fn info(to: Contracts<'_>, address: &Address, votes: Presence) -> Result<wire::ValidatorSigningInfo> {
    let epoch = quern_system::params(to.cx)?.epoch_blocks;
    let since = to.cx.block.height.checked_rem(epoch).unwrap_or(0);
    let start = to.cx.block.height.saturating_sub(since);
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    Ok(wire::ValidatorSigningInfo {
        address: consensus_bech32(address),
        start_height: number(start),
        index_offset: number(votes.signed.saturating_add(votes.missed)),
        jailed_until: Some(prost_types::Timestamp::default()),
        tombstoned: false,
        missed_blocks_counter: number(votes.missed),
    })
}

/// Of a validator, or of a host that is none now.
fn signing_info(to: Contracts<'_>, text: &str) -> Result<wire::ValidatorSigningInfo> {
    if text.is_empty() {
        return Err(errors::INVALID_REQUEST.wrap("invalid request"));
    }
    let address = consensus_from_bech32(text)?;
    let host = host_of_key(to, &address)?;
    let votes = quern_validators::presence(to.cx)?.get(&address).copied();
    if host.is_none() && quern_validators::key_of(to.cx, &address)?.is_none() {
        return Err(errors::KEY_NOT_FOUND.wrap(format!("SigningInfo not found for validator {text}")));
    }
    let mut info = info(to, &address, votes.unwrap_or_default())?;
    if host.is_some_and(|host| host.status == HostStatus::Tombstoned) {
        info.tombstoned = true;
        info.jailed_until = Some(prost_types::Timestamp {
            seconds: FOR_EVER,
            nanos: 0,
        });
    }
    Ok(info)
}

fn consensus_from_bech32(text: &str) -> Result<Address> {
    let read = quern_types::consensus_from_bech32(text);
    let read = read.map_err(|e| errors::INVALID_REQUEST.wrap(e.to_string()))?;
    read.try_into()
        .map_err(|_| errors::INVALID_REQUEST.wrap("a consensus address has 20 bytes"))
}

/// Of the set in force.
fn signing_infos(
    to: Contracts<'_>,
    r: &wire::QuerySigningInfosRequest,
) -> Result<wire::QuerySigningInfosResponse> {
    let set = quern_validators::current(to.cx)?;
    let mut addresses: Vec<Address> = set.keys().map(consensus_address).collect();
    addresses.sort_unstable();
    let votes = quern_validators::presence(to.cx)?;
    let name = |address: &Address| hex::encode(address);
    let fetch = |after: Option<String>, limit: u32| {
        let left = addresses
            .iter()
            .filter(|address| after.as_ref().is_none_or(|a| name(address) > *a));
        Ok(left.take(limit as usize).copied().collect())
    };
    let build = |address: Address| info(to, &address, votes.get(&address).copied().unwrap_or_default());
    let (info, pagination) =
        listing::page(r.pagination.as_ref(), Source { fetch, name }, |_| Ok(true), build)?;
    Ok(wire::QuerySigningInfosResponse {
        info,
        pagination: Some(pagination),
    })
}
