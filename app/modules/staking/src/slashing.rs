//! x/slashing: who signs. Nobody is jailed for silence here: who misses votes loses weight at the epoch's
//! end. Who signs two blocks is slashed and out for good. Convicts are in jail for a time.

use quern_context::{Cx, answer};
use quern_interface::{
    bonding::{Params, QueryMsg},
    registry::{HostInfo, HostStatus, QueryMsg as QueryHosts},
};
use quern_proto::cosmos::slashing::v1beta1 as wire;
use quern_protocol::Amount;
use quern_types::{AccAddress, Event, Result, consensus_bech32, errors};
use quern_validators::{Address, Presence, consensus_address};

use crate::{
    contracts::Contracts,
    jail::jailed_until,
    listing::{self, Source},
    number as dec,
    pace::{Pace, wire as wire_time},
    staking::{host_of_key, owners},
};

pub(crate) use crate::jail::unjail;

/// Unix second of the last one of year 9999: until then the tombstoned stay in jail.
const FOR_EVER: i64 = 253_402_300_799;

/// Says as x/slashing that a validator signed two blocks: what that burned, and that it is out.
pub fn slashed(cx: &Cx, address: &Address, power: i64, burned: Amount) {
    cx.emit(slash(address, power, "double_sign", burned));
    cx.emit(Event::new("slash").with("jailed", consensus_bech32(address)));
}

/// The event of a slash.
pub(crate) fn slash(address: &Address, power: i64, reason: &str, burned: Amount) -> Event {
    Event::new("slash")
        .with("address", consensus_bech32(address))
        .with("power", power)
        .with("reason", reason)
        .with("burned_coins", burned)
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

/// What is known of a validator's votes since the epoch began, and of its host's jail.
fn info(
    to: Contracts<'_>,
    address: &Address,
    votes: Presence,
    host: Option<&HostInfo>,
) -> Result<wire::ValidatorSigningInfo> {
    let epoch = quern_system::params(to.cx)?.epoch_blocks;
    let since = to.cx.block.height.checked_rem(epoch).unwrap_or(0);
    let start = to.cx.block.height.saturating_sub(since);
    let number = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    let tombstoned = host.is_some_and(|host| host.status == HostStatus::Tombstoned);
    let jailed_until = match host.and_then(jailed_until) {
        _ if tombstoned => prost_types::Timestamp {
            seconds: FOR_EVER,
            nanos: 0,
        },
        Some(height) => wire_time(Pace::at(to.cx)?.time_of(height)),
        None => prost_types::Timestamp::default(),
    };
    Ok(wire::ValidatorSigningInfo {
        address: consensus_bech32(address),
        start_height: number(start),
        index_offset: number(votes.signed.saturating_add(votes.missed)),
        jailed_until: Some(jailed_until),
        tombstoned,
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
    info(to, &address, votes.unwrap_or_default(), host.as_ref())
}

fn consensus_from_bech32(text: &str) -> Result<Address> {
    let read = quern_types::consensus_from_bech32(text);
    let read = read.map_err(|e| errors::INVALID_REQUEST.wrap(e.to_string()))?;
    read.try_into()
        .map_err(|_| errors::INVALID_REQUEST.wrap("a consensus address has 20 bytes"))
}

/// Who has signing information.
enum Signer {
    /// A host, whether it votes or not: who is in jail does not.
    Host(Box<HostInfo>),
    /// A validator of genesis that is no host.
    Other(Address),
}

impl Signer {
    /// A key of pages.
    fn name(&self) -> String {
        match self {
            Self::Host(host) => host.host.clone(),
            Self::Other(address) => hex::encode(address),
        }
    }
}

/// Of the hosts, and after them of the validators in force that are none.
fn signing_infos(
    to: Contracts<'_>,
    r: &wire::QuerySigningInfosRequest,
) -> Result<wire::QuerySigningInfosResponse> {
    let others = strangers(to)?;
    let votes = quern_validators::presence(to.cx)?;
    let fetch = |after: Option<String>, limit: u32| {
        let of_hosts = after
            .as_ref()
            .is_none_or(|name| AccAddress::from_bech32(name).is_ok());
        let mut found: Vec<Signer> = Vec::new();
        if of_hosts {
            let question = QueryHosts::Hosts {
                start_after: after.clone(),
                limit: Some(limit),
            };
            let hosts: Vec<HostInfo> = to.registry(&question)?.unwrap_or_default();
            found.extend(hosts.into_iter().map(|host| Signer::Host(Box::new(host))));
        }
        let after = after.filter(|_| !of_hosts);
        let left = others
            .iter()
            .filter(|address| after.as_ref().is_none_or(|after| hex::encode(address) > *after));
        let room = (limit as usize).saturating_sub(found.len());
        found.extend(left.take(room).map(|address| Signer::Other(*address)));
        Ok(found)
    };
    let build = |signer: Signer| {
        let (address, host) = match &signer {
            Signer::Host(host) => (
                consensus_address(host.consensus_key.as_bytes()),
                Some(host.as_ref()),
            ),
            Signer::Other(address) => (*address, None),
        };
        let votes = votes.get(&address).copied().unwrap_or_default();
        info(to, &address, votes, host)
    };
    let source = Source {
        fetch,
        name: Signer::name,
    };
    let (info, pagination) = listing::page(r.pagination.as_ref(), source, |_| Ok(true), build)?;
    Ok(wire::QuerySigningInfosResponse {
        info,
        pagination: Some(pagination),
    })
}

/// The validators in force that are no hosts, by address.
fn strangers(to: Contracts<'_>) -> Result<Vec<Address>> {
    let set = quern_validators::current(to.cx)?;
    let mut addresses: Vec<Address> = set.keys().map(consensus_address).collect();
    addresses.sort_unstable();
    let owners = owners(to, &addresses)?;
    let each = addresses.into_iter().zip(owners);
    Ok(each
        .filter_map(|(address, owner)| owner.is_none().then_some(address))
        .collect())
}
