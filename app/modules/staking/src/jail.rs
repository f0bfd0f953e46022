//! Jail: a host that is convicted for every model that it offers has no work and leaves the set with the epoch. It comes
//! back as the SDK's validators do, by `MsgUnjail` when the time is over; the contract's word for it is `requalify`.

use quern_context::{CallFrame, Cx, Gas, GasMeter, Router};
use quern_interface::registry::{ExecuteMsg, HostInfo, HostStatus, Membership, Params, QueryMsg};
use quern_proto::cosmos::slashing::v1beta1 as wire;
use quern_protocol::Amount;
use quern_system::{BONDING, REGISTRY};
use quern_types::{AccAddress, Event, Registered, Result, consensus_bech32};
use quern_validators::consensus_address;

use crate::{
    address::operator,
    contracts::{Contracts, number},
    error,
    slashing::slash,
    staking::own_part,
};

/// `slashing/7`.
static LOW_SELF_DELEGATION: Registered = Registered::new(
    "slashing",
    7,
    "validator's self delegation less than minimum; cannot be unjailed",
);

/// Gas of finding the host that a judge's order names.
const LOOK: Gas = 2_000_000;

/// Height from which a host may come back that is convicted for all that it offers; `None` of any other.
pub(crate) fn jailed_until(host: &HostInfo) -> Option<u64> {
    let until = host.memberships.iter().map(|member| member.convicted_until);
    until.collect::<Option<Vec<_>>>()?.into_iter().min()
}

/// Whether a host does not serve as wallets see it.
pub(crate) fn is_jailed(host: &HostInfo) -> bool {
    host.status != HostStatus::Active || jailed_until(host).is_some()
}

/// `MsgUnjail`, with x/slashing's checks in its order: qualifies the signer's host again for every model whose time is
/// over, against the entry fee for each.
pub(crate) fn unjail(to: Contracts<'_>, m: &wire::MsgUnjail) -> Result<wire::MsgUnjailResponse> {
    let name = operator(&m.validator_addr, "validator input")?;
    let host = to.host(&name)?.ok_or(&error::NO_VALIDATOR)?;
    let (own, least) = own_part(to, &host)?;
    if own.is_zero() {
        // The SDK has `slashing/6` for it, which it never comes to: it looks for the delegation first.
        return Err((&error::NO_DELEGATION).into());
    }
    if own < least {
        return Err(LOW_SELF_DELEGATION.wrap(format!("{own} less than {least}")));
    }
    match host.status {
        HostStatus::Active => {}
        HostStatus::Retired => {
            return Err(error::STILL_JAILED.wrap("the host retired: register it again"));
        }
        HostStatus::Tombstoned => return Err((&error::STILL_JAILED).into()),
    }
    let until = jailed_until(&host).ok_or(&error::NOT_JAILED)?;
    let height = to.cx.block.height;
    if height < until {
        return Err((&error::STILL_JAILED).into());
    }
    let params: Option<Params> = to.registry(&QueryMsg::Params {})?;
    let fee = params.map(|params| params.entry_fee).unwrap_or_default();
    for member in host.memberships {
        if member.convicted_until.is_some_and(|until| until <= height) {
            let model = member.offer.model;
            to.call(REGISTRY, &name, &ExecuteMsg::Requalify { model }, fee)?;
        }
    }
    Ok(wire::MsgUnjailResponse {})
}

/// What x/slashing says of a judge's order, to stand behind what the contract said of it: the order is a call of
/// `bonding` or of `registry`, and `said` are its events. Nobody pays for that. What double signing costs comes to
/// `bonding` in another way, and [`crate::slashed`] tells it.
///
/// # Errors
/// A halt.
pub fn judged(cx: &Cx, router: &dyn Router, contract: &str, said: &[Event]) -> Result<Option<Event>> {
    let own = |event: &&Event| event.ty == "wasm" && event.get("_contract_address") == Some(contract);
    let Some(event) = said.iter().find(own) else {
        return Ok(None);
    };
    let ordered_of = match event.get("action") {
        Some("slash") => BONDING,
        Some("convict") => REGISTRY,
        _ => return Ok(None),
    };
    let mut free = cx.with_gas(GasMeter::limited(LOOK));
    free.calls = CallFrame::default();
    let real = quern_system::address(&free, ordered_of)?;
    if real.is_none_or(|real| real.to_string() != contract) {
        return Ok(None);
    }
    let to = Contracts { cx: &free, router };
    match order(to, ordered_of, event) {
        Err(error) if !error.is_halt() => {
            tracing::warn!(%error, "a judge's order was not told");
            Ok(None)
        }
        other => other,
    }
}

fn order(to: Contracts<'_>, ordered_of: &str, event: &Event) -> Result<Option<Event>> {
    let host = AccAddress::from_bech32(event.get("host").unwrap_or_default())?;
    let Some(host) = to.host(&host)? else {
        return Ok(None);
    };
    let key = host.consensus_key.as_bytes();
    let address = consensus_address(key);
    if ordered_of == BONDING {
        let power = quern_validators::current(to.cx)?.get(key).copied();
        let power = i64::try_from(power.unwrap_or_default()).unwrap_or(i64::MAX);
        let burned: Amount = number(event, "burned")?;
        return Ok(Some(slash(&address, power, "conviction", burned)));
    }
    // a conviction for what the host does not offer leaves it where it is
    let offers = |member: &Membership| event.get("model") == Some(&member.offer.model);
    let jails = host.memberships.iter().any(offers) && jailed_until(&host).is_some();
    Ok(jails.then(|| Event::new("slash").with("jailed", consensus_bech32(&address))))
}
