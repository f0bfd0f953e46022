//! Hosts as validators.

mod agreement;

use std::cmp::Reverse;

use prost::Message;
use quern_interface::{
    BPS,
    bonding::{Backing, Params, QueryMsg},
    registry::{self, HostInfo},
};
use quern_proto::{
    Any,
    cosmos::{
        base::query::v1beta1::{PageRequest, PageResponse},
        crypto::ed25519::PubKey,
        staking::v1beta1 as wire,
    },
};
use quern_protocol::Amount;
use quern_types::{AccAddress, Result, errors};
use quern_validators::Powers;

use super::{description, unbonding::valoper};
use crate::{
    contracts::Contracts,
    jail::is_jailed,
    listing::{self, Source},
    number as dec,
};

/// Hosts that a contract is asked about at once.
const BATCH: usize = 100;

/// What the making of validators needs beside the host.
pub(crate) struct Look<'a> {
    to: Contracts<'a>,
    /// The set in force.
    pub powers: Powers,
    params: Option<Params>,
}

impl<'a> Look<'a> {
    /// The chain's bonds and validators now.
    pub fn now(to: Contracts<'a>) -> Result<Self> {
        Ok(Self {
            to,
            powers: quern_validators::current(to.cx)?,
            params: to.bonding(&QueryMsg::Params {})?,
        })
    }

    /// A host's place: bonded if it votes.
    pub fn status(&self, host: &HostInfo) -> wire::BondStatus {
        match self.powers.contains_key(host.consensus_key.as_bytes()) {
            true => wire::BondStatus::Bonded,
            false => wire::BondStatus::Unbonded,
        }
    }

    /// A host as a validator.
    pub fn validator(&self, host: &HostInfo) -> Result<wire::Validator> {
        let found = self.validators(std::slice::from_ref(host))?.pop();
        found.ok_or_else(|| errors::LOGIC.wrap(format!("bonding knows nothing of {}", host.host)))
    }

    /// Hosts as validators.
    pub fn validators(&self, hosts: &[HostInfo]) -> Result<Vec<wire::Validator>> {
        let names: Vec<String> = hosts.iter().map(|host| host.host.clone()).collect();
        let backings = backings(self.to, &names)?;
        let each = hosts.iter().zip(&backings);
        each.map(|(host, backing)| self.with(host, backing)).collect()
    }

    fn with(&self, host: &HostInfo, backing: &Backing) -> Result<wire::Validator> {
        let Backing { active, operator, .. } = *backing;
        let key = PubKey {
            key: host.consensus_key.as_bytes().to_vec(),
        };
        let said = description::get(self.to.cx, &AccAddress::from_bech32(&host.host)?)?;
        Ok(wire::Validator {
            operator_address: valoper(&host.host),
            consensus_pubkey: Some(Any {
                type_url: quern_proto::type_url::<PubKey>(),
                value: key.encode_to_vec(),
            }),
            jailed: is_jailed(host),
            status: self.status(host).into(),
            tokens: active.to_string(),
            delegator_shares: dec::whole(active),
            description: Some(wire::Description {
                moniker: host.moniker.clone(),
                website: host.endpoint.clone(),
                ..said
            }),
            unbonding_time: Some(prost_types::Timestamp::default()),
            commission: Some(crate::commission::of(backing.rate_bps, self.params.as_ref())),
            min_self_delegation: self.min_operator(active.saturating_sub(operator)).to_string(),
            ..Default::default()
        })
    }

    /// What the operator's part must be at least beside the others' coins.
    fn min_operator(&self, others: Amount) -> Amount {
        let bps = self
            .params
            .as_ref()
            .map_or(0, |params| u128::from(params.min_operator_bps));
        match BPS.checked_sub(bps).filter(|rest| *rest > 0) {
            Some(rest) => others.mul_div_ceil(bps, rest).unwrap_or_default(),
            None => others,
        }
    }
}

/// A registered host.
///
/// # Errors
/// `sdk/22` if it never registered.
pub(crate) fn require(to: Contracts<'_>, host: &AccAddress) -> Result<HostInfo> {
    to.host(host)?.ok_or_else(|| {
        errors::KEY_NOT_FOUND.wrap(format!("validator {} not found", host.to_validator_bech32()))
    })
}

/// One page of the hosts with this status, of all if none.
pub(crate) fn all(
    to: Contracts<'_>,
    status: Option<wire::BondStatus>,
    page: Option<&PageRequest>,
) -> Result<(Vec<wire::Validator>, PageResponse)> {
    let look = Look::now(to)?;
    let fetch = |start_after, limit| {
        let question = registry::QueryMsg::Hosts {
            start_after,
            limit: Some(limit),
        };
        Ok(to.registry(&question)?.unwrap_or_default())
    };
    let name = |host: &HostInfo| host.host.clone();
    let source = Source { fetch, name };
    let keep = |host: &HostInfo| Ok(status.is_none_or(|status| look.status(host) == status));
    let (hosts, pagination) = listing::page(page, source, keep, Ok)?;
    Ok((look.validators(&hosts)?, pagination))
}

/// What backs these hosts, in their order; on a chain without bonds nothing.
pub(crate) fn backings(to: Contracts<'_>, hosts: &[String]) -> Result<Vec<Backing>> {
    let nothing = |host: &String| Backing {
        host: host.clone(),
        active: Amount::ZERO,
        operator: Amount::ZERO,
        rate_bps: 0,
    };
    let mut found = Vec::with_capacity(hosts.len());
    for hosts in hosts.chunks(BATCH) {
        let question = QueryMsg::Backings {
            hosts: hosts.to_vec(),
        };
        let told: Option<Vec<Backing>> = to.bonding(&question)?;
        let told = told.unwrap_or_else(|| hosts.iter().map(nothing).collect());
        found.extend(agreement::backings(hosts, told)?);
    }
    Ok(found)
}

/// The host whose validator has this address; none for a validator of genesis that is no host.
pub(crate) fn host_of_key(
    to: Contracts<'_>,
    address: &quern_validators::Address,
) -> Result<Option<HostInfo>> {
    let question = registry::QueryMsg::HostByConsensusAddress {
        consensus_address: hex::encode_upper(address),
    };
    match to.registry(&question) {
        Err(error) if crate::failure::name(&error) == Some("unknown_host") => Ok(None),
        other => other,
    }
}

/// The hosts that vote, by falling power as the SDK sorts them.
pub(crate) fn voters(to: Contracts<'_>, powers: &Powers) -> Result<Vec<String>> {
    let mut keys: Vec<_> = powers
        .iter()
        .map(|(key, power)| (Reverse(*power), quern_validators::consensus_address(key)))
        .collect();
    keys.sort_unstable();
    let addresses: Vec<_> = keys.into_iter().map(|(_, address)| address).collect();
    // a validator of genesis may be no host
    Ok(owners(to, &addresses)?.into_iter().flatten().collect())
}

/// The hosts whose validators have these addresses, in their order.
pub(crate) fn owners(
    to: Contracts<'_>,
    addresses: &[quern_validators::Address],
) -> Result<Vec<Option<String>>> {
    let mut found = Vec::with_capacity(addresses.len());
    for addresses in addresses.chunks(BATCH) {
        let consensus_addresses = addresses.iter().map(hex::encode_upper).collect();
        let question = registry::QueryMsg::ConsensusOwners { consensus_addresses };
        let told: Option<Vec<Option<String>>> = to.registry(&question)?;
        let told = told.unwrap_or_else(|| vec![None; addresses.len()]);
        found.extend(agreement::owners(addresses.len(), told)?);
    }
    Ok(found)
}

/// The operator's coins behind its host, and what they must be at least.
pub(crate) fn own_part(to: Contracts<'_>, host: &HostInfo) -> Result<(Amount, Amount)> {
    let look = Look::now(to)?;
    let backing = backings(to, std::slice::from_ref(&host.host))?;
    let (active, own) = backing.first().map_or((Amount::ZERO, Amount::ZERO), |backing| {
        (backing.active, backing.operator)
    });
    Ok((own, look.min_operator(active.saturating_sub(own))))
}

/// The validators that vote, in the same order.
pub(crate) fn bonded_validators(to: Contracts<'_>) -> Result<Vec<wire::Validator>> {
    let look = Look::now(to)?;
    let hosts = voters(to, &look.powers)?;
    let hosts = hosts
        .iter()
        .map(|host| require(to, &AccAddress::from_bech32(host)?));
    look.validators(&hosts.collect::<Result<Vec<_>>>()?)
}

/// Active coins behind the hosts that vote.
pub(crate) fn bonded(to: Contracts<'_>) -> Result<Amount> {
    let hosts = voters(to, &quern_validators::current(to.cx)?)?;
    let active = backings(to, &hosts)?.into_iter().map(|backing| backing.active);
    Amount::sum(active).ok_or_else(|| errors::LOGIC.wrap("a sum does not fit"))
}
