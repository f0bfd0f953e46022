//! The books of the chain's own contracts, and of accounts whose coins stand behind hosts.

use std::collections::BTreeSet;

use quern_interface::{MAX_PAGE, audits, bonding, registry, rewards, settlement};
use quern_protocol::Amount;
use quern_system::{AUDITS, BONDING, REGISTRY, REWARDS, SETTLEMENT};
use quern_types::{BASE_DENOM, Denom, Error, Result};

use super::{Books, sum};

const PAGE: Option<u32> = Some(MAX_PAGE);
/// What rounding may have left to a position of a pool whose other funders left: at most one `nqrn` for each time.
const DUST: u128 = 1_000_000;

fn less(from: Amount, amount: Amount) -> Result<Amount> {
    from.checked_sub(amount)
        .ok_or_else(|| Error::halt(format!("{amount} of {from} went out")))
}

/// What stands behind hosts or is on its way out.
fn worth(position: &bonding::Position) -> Result<Amount> {
    let leaving = position.unbonding.iter().map(|entry| entry.amount);
    sum(leaving.chain([position.active]))
}

/// What a vesting account has behind hosts is known to it as delegated; slashes and rounding make it less.
pub(super) fn vesting(books: &Books<'_>) -> Result<()> {
    let denom = Denom::base();
    for account in quern_auth::accounts(books.cx) {
        let account = account?;
        let Some(vesting) = &account.vesting else {
            continue;
        };
        let tracked = vesting.delegated_free.checked_add(&vesting.delegated_vesting)?;
        let funder = account.address.to_string();
        let positions: Vec<bonding::Position> = books.pages(
            BONDING,
            |start_after| bonding::QueryMsg::PositionsOf {
                funder: funder.clone(),
                start_after,
                limit: PAGE,
            },
            |position: &bonding::Position| position.host.clone(),
        )?;
        let behind = positions.iter().map(worth).collect::<Result<Vec<_>>>()?;
        let (behind, tracked) = (sum(behind)?.0, tracked.amount_of(&denom));
        if behind > tracked.saturating_add(DUST) {
            return Err(Error::halt(format!(
                "vesting account {funder} has {behind}{BASE_DENOM} behind hosts and knows of {tracked}{BASE_DENOM}"
            )));
        }
    }
    Ok(())
}

/// `audits` holds its pot and what it owes to auditors.
pub(super) fn audits(books: &Books<'_>) -> Result<()> {
    match books.ask::<audits::Totals>(AUDITS, &audits::QueryMsg::Totals {})? {
        None => Ok(()),
        Some(totals) => books.holds(AUDITS, sum([totals.pot, totals.owed])?),
    }
}

/// `bonding` holds the coins behind hosts and those on their way out.
pub(super) fn bonding(books: &Books<'_>) -> Result<()> {
    match books.ask::<bonding::Totals>(BONDING, &bonding::QueryMsg::Totals {})? {
        None => Ok(()),
        Some(totals) => books.holds(BONDING, sum([totals.active, totals.unbonding])?),
    }
}

/// The positions behind a host are no more than its bond, bonds are what `bonding` sums them to, and so is what leaves.
pub(super) fn positions(books: &Books<'_>) -> Result<()> {
    let Some(totals) = books.ask::<bonding::Totals>(BONDING, &bonding::QueryMsg::Totals {})? else {
        return Ok(());
    };
    let (mut active, mut leaving) = (Amount::ZERO, Amount::ZERO);
    for host in all_hosts(books)? {
        let question = bonding::QueryMsg::HostBond { host: host.clone() };
        let Some(bond) = books.ask::<bonding::HostBond>(BONDING, &question)? else {
            continue;
        };
        active = sum([active, bond.active])?;
        let positions: Vec<bonding::Position> = books.pages(
            BONDING,
            |start_after| bonding::QueryMsg::Positions {
                host: host.clone(),
                start_after,
                limit: PAGE,
            },
            |position: &bonding::Position| position.funder.clone(),
        )?;
        let behind = sum(positions.iter().map(|position| position.active))?;
        if behind > bond.active {
            return Err(Error::halt(format!(
                "positions behind {host} sum to {behind}, its bond is {}",
                bond.active
            )));
        }
        for position in &positions {
            leaving = less(sum([leaving, worth(position)?])?, position.active)?;
        }
    }
    if active != totals.active || leaving > totals.unbonding {
        return Err(Error::halt(format!(
            "{active} is active and {leaving} is leaving, bonding says {} and {}",
            totals.active, totals.unbonding
        )));
    }
    Ok(())
}

/// What is noted to be paid out by itself can be: it is behind a host that there is, and `bonding` tells what of it leaves.
/// More does not follow from a note: a cancelled withdrawal leaves it until its height, and who calls `bonding` without a
/// message of x/staking has none.
pub(super) fn completions(books: &Books<'_>) -> Result<()> {
    let mut hosts = None;
    for noted in quern_staking::completions(books.cx) {
        let (height, delegator, host) = noted?;
        let hosts = match &mut hosts {
            Some(hosts) => hosts,
            None => hosts.insert(all_hosts(books)?),
        };
        let host = host.to_string();
        if !hosts.contains(&host) {
            return Err(Error::halt(format!(
                "{delegator} is to be paid at height {height} by {host}, which is no host"
            )));
        }
        let question = bonding::QueryMsg::Position {
            host,
            funder: delegator.to_string(),
        };
        books.ask::<Option<bonding::Position>>(BONDING, &question)?;
    }
    Ok(())
}

/// Addresses of all hosts.
fn all_hosts(books: &Books<'_>) -> Result<BTreeSet<String>> {
    let hosts: Vec<registry::HostInfo> = books.pages(
        REGISTRY,
        |start_after| registry::QueryMsg::Hosts {
            start_after,
            limit: PAGE,
        },
        |info: &registry::HostInfo| info.host.clone(),
    )?;
    Ok(hosts.into_iter().map(|info| info.host).collect())
}

/// `rewards` holds what is not divided yet and what hosts and their funders earned and did not take; what hosts took is
/// what it paid.
pub(super) fn rewards(books: &Books<'_>) -> Result<()> {
    let Some(totals) = books.ask::<rewards::Totals>(REWARDS, &rewards::QueryMsg::Totals {})? else {
        return Ok(());
    };
    let earned = sum([totals.undivided, totals.to_hosts])?;
    let gone = sum([totals.claimed, totals.clawed_back])?;
    books.holds(REWARDS, less(earned, gone)?)?;
    let hosts: Vec<rewards::HostInfo> = books.pages(
        REWARDS,
        |start_after| rewards::QueryMsg::Hosts {
            start_after,
            limit: PAGE,
        },
        |info: &rewards::HostInfo| info.host.clone(),
    )?;
    let claimed = sum(hosts.iter().map(|host| host.claimed))?;
    if claimed != totals.claimed {
        return Err(Error::halt(format!(
            "hosts took {claimed}, rewards paid {}",
            totals.claimed
        )));
    }
    Ok(())
}

/// `settlement` holds the escrows of sessions that are not closed, the bonds of routers, what waits for those who were
/// wronged, and refunds that nobody took.
pub(super) fn settlement(books: &Books<'_>) -> Result<()> {
    let totals = books.ask::<settlement::Totals>(SETTLEMENT, &settlement::QueryMsg::Totals {})?;
    let Some(totals) = totals else {
        return Ok(());
    };
    let owed = [
        totals.escrowed,
        totals.router_bonds,
        totals.restitution_held,
        totals.unclaimed,
    ];
    books.holds(SETTLEMENT, sum(owed)?)?;
    let sessions: Vec<settlement::SessionInfo> = books.pages(
        SETTLEMENT,
        |start_after| settlement::QueryMsg::Sessions {
            payer: None,
            start_after,
            limit: PAGE,
        },
        |session: &settlement::SessionInfo| session.id,
    )?;
    let ended = [settlement::SessionStatus::Closed, settlement::SessionStatus::Void];
    let open = sessions.iter().filter(|session| !ended.contains(&session.status));
    let escrows = sum(open.map(|session| session.escrow))?;
    if escrows != totals.escrowed {
        return Err(Error::halt(format!(
            "escrows of open sessions sum to {escrows}, settlement says {}",
            totals.escrowed
        )));
    }
    Ok(())
}
