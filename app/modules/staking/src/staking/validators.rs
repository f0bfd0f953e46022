//! Hosts as validators.

use prost::Message;
use quern_interface::{
    BPS,
    bonding::{HostBond, HostIncome, Params, QueryMsg},
    registry::{self, HostInfo, HostStatus},
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

use super::unbonding::valoper;
use crate::{
    contracts::Contracts,
    listing::{self, Source},
    number as dec,
};

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
        let question = QueryMsg::HostBond {
            host: host.host.clone(),
        };
        let bond: Option<HostBond> = self.to.bonding(&question)?;
        let question = QueryMsg::Commission {
            host: host.host.clone(),
        };
        let income: Option<HostIncome> = self.to.bonding(&question)?;
        let (active, operator) = bond.map_or_else(Default::default, |bond| (bond.active, bond.operator));
        let key = PubKey {
            key: host.consensus_key.as_bytes().to_vec(),
        };
        Ok(wire::Validator {
            operator_address: valoper(&host.host),
            consensus_pubkey: Some(Any {
                type_url: quern_proto::type_url::<PubKey>(),
                value: key.encode_to_vec(),
            }),
            jailed: host.status != HostStatus::Active,
            status: self.status(host).into(),
            tokens: active.to_string(),
            delegator_shares: dec::whole(active),
            description: Some(wire::Description {
                moniker: host.moniker.clone(),
                website: host.endpoint.clone(),
                ..Default::default()
            }),
            unbonding_time: Some(prost_types::Timestamp::default()),
            commission: Some(crate::commission::of(income.as_ref(), self.params.as_ref())),
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
    listing::page(
        page,
        Source { fetch, name },
        |host| Ok(status.is_none_or(|status| look.status(host) == status)),
        |host| look.validator(&host),
    )
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

/// The hosts that vote, by consensus address.
fn voters(to: Contracts<'_>, powers: &Powers) -> Result<Vec<HostInfo>> {
    let mut addresses: Vec<_> = powers.keys().map(quern_validators::consensus_address).collect();
    addresses.sort_unstable();
    let hosts = addresses
        .iter()
        .filter_map(|address| host_of_key(to, address).transpose());
    hosts.collect()
}

/// The validators that vote, by falling power as the SDK sorts them.
pub(crate) fn bonded_validators(to: Contracts<'_>) -> Result<Vec<wire::Validator>> {
    let look = Look::now(to)?;
    let hosts = bonded_hosts(to, &look.powers)?;
    hosts.iter().map(|host| look.validator(host)).collect()
}

/// Their hosts, in the same order.
pub(crate) fn bonded_hosts(to: Contracts<'_>, powers: &Powers) -> Result<Vec<HostInfo>> {
    let mut hosts = voters(to, powers)?;
    let power = |host: &HostInfo| powers.get(host.consensus_key.as_bytes()).copied();
    hosts.sort_by_key(|host| std::cmp::Reverse(power(host)));
    Ok(hosts)
}

/// Active coins behind the hosts that vote.
pub(super) fn bonded(to: Contracts<'_>) -> Result<Amount> {
    let mut sum = Amount::ZERO;
    for host in voters(to, &quern_validators::current(to.cx)?)? {
        let bond: Option<HostBond> = to.bonding(&QueryMsg::HostBond { host: host.host })?;
        let active = bond.map(|bond| bond.active).unwrap_or_default();
        sum = sum
            .checked_add(active)
            .ok_or_else(|| errors::LOGIC.wrap("a sum does not fit"))?;
    }
    Ok(sum)
}
