//! The independent accounting: what must hold, computed without the ledger's own methods.

use crate::chain::Done;
use crate::world::World;
use crate::{cost, HostId, SLICE};

/// What must always hold; text that names the first that does not.
///
/// # Errors
/// The broken rule.
pub fn always(world: &World) -> Result<(), String> {
    let (chain, ledger) = (&world.chain, &world.chain.ledger);
    let limits: u128 = ledger.seats.iter().map(|seat| seat.limit.0).sum();
    rule(
        limits + ledger.router_share.0 == ledger.escrow.0,
        "limits and share are the escrow",
    )?;
    for (id, seat) in ledger.seats.iter().enumerate() {
        rule(seat.claimed <= seat.limit, "no claim exceeds its limit")?;
        rule(
            seat.claimed.0 == claimed(world, id),
            "a claim is the highest ever proven",
        )?;
    }
    rule(
        limits_of(world) == ledger.seats.iter().map(|s| s.limit.0).collect::<Vec<_>>(),
        "limits follow from what happened",
    )?;
    let numbers = &world.router.numbers;
    rule(
        numbers.iter().copied().eq(1..=numbers.len() as u64),
        "numbers have no gap, whatever crashed",
    )?;
    rule(
        chain.division.is_none() || chain.height >= chain.payable_at(),
        "nobody is paid early",
    )
}

/// What must hold at the end.
///
/// # Errors
/// The broken rule.
pub fn finally(world: &World) -> Result<(), String> {
    let ledger = &world.chain.ledger;
    let Some(division) = &world.chain.division else {
        return Err("the session is paid, whoever vanished".into());
    };
    let hosts: u128 = division.hosts.iter().map(|amount| amount.0).sum();
    let whole = hosts + division.router.0 + division.burned.0 + division.refund.0;
    rule(whole == ledger.escrow.0, "the escrow divides to the last unit")?;

    let gross: u128 = ledger.seats.iter().map(|seat| seat.claimed.0).sum();
    let fee = gross * u128::from(ledger.fee_bps) / 10_000;
    rule(
        division.refund.0 == ledger.escrow.0 - gross - fee,
        "the payer gets back what nobody earned",
    )?;
    for (id, seat) in ledger.seats.iter().enumerate() {
        let burn = (seat.claimed.0 * u128::from(ledger.burn_bps)).div_ceil(10_000);
        rule(
            division.hosts[id].0 == seat.claimed.0 - burn,
            "a host is paid its claim less the burn",
        )?;
        host_is_whole(world, id, seat.claimed.0)?;
        payer_is_safe(world, id, seat.claimed.0)?;
    }
    Ok(())
}

/// An honest host that missed no block is paid everything that it served under its vouchers.
fn host_is_whole(world: &World, id: HostId, gross: u128) -> Result<(), String> {
    let host = &world.hosts[id];
    if !host.honest || host.gone {
        return Ok(());
    }
    let done: u128 = host.journal.requests.values().filter_map(|r| r.capture).sum();
    let requests = host.journal.requests.len() as u128;
    let lost = cost(host.served).saturating_sub(done);
    rule(
        done <= cost(host.served),
        "an honest host takes no more than it served",
    )?;
    rule(
        lost <= requests * cost(SLICE),
        "a crash or a missing extension costs a slice of a request",
    )?;
    if !host.optimistic && host.crashes == 0 && !starved(world, id) {
        rule(lost == 0, "who serves only what is authorised loses nothing")?;
    }
    let rebalanced = world
        .chain
        .log
        .iter()
        .any(|done| matches!(done, Done::Rebalanced { from, .. } if *from == id));
    let in_time = host.missed_blocks == 0 && world.was_reliable();
    if in_time || (world.had_time() && !rebalanced) {
        rule(
            gross == host.captured(),
            "an honest host is paid what it committed",
        )?;
    }
    if in_time {
        let lapsed = host.journal.requests.values().any(|r| r.lapsed);
        rule(!lapsed, "nothing lapses while the host runs")?;
    }
    Ok(())
}

/// Whether a rebalance took limit from a host that was not there to prove its captures.
fn starved(world: &World, id: HostId) -> bool {
    let taken = world
        .chain
        .log
        .iter()
        .any(|done| matches!(done, Done::Rebalanced { from, .. } if *from == id));
    taken && (world.hosts[id].missed_blocks > 0 || !world.was_reliable())
}

/// With an honest session key a host takes at most the highest cap signed for it, which is at most the
/// receipts for tokens that arrived and the most that was ever authorised at once beyond them.
fn payer_is_safe(world: &World, id: HostId, gross: u128) -> Result<(), String> {
    let router = &world.router;
    let mark = router.high_water.caps.get(&id).copied().unwrap_or(0);
    rule(gross <= mark, "nobody takes more than was signed")?;
    if !router.honest {
        return Ok(());
    }
    let receipts = router.receipts.get(&id).copied().unwrap_or(0);
    let delivered = router.delivered.get(&id).copied().unwrap_or(0);
    let peak = router.peak.get(&id).copied().unwrap_or(0);
    rule(
        receipts <= delivered,
        "a receipt that is accepted is for tokens that arrived",
    )?;
    if router.crashes == 0 {
        rule(
            gross <= receipts + peak,
            "the payer risks what is authorised at once, no more",
        )?;
    } else {
        let periods = u128::from(router.crashes) + 1;
        rule(
            gross <= receipts + periods * peak,
            "each crash of the router risks as much again",
        )?;
    }
    Ok(())
}

/// Highest claim that the log proves for a host, recomputed at each claim with the limit of then.
fn claimed(world: &World, id: HostId) -> u128 {
    replay(world).1[id]
}

fn limits_of(world: &World) -> Vec<u128> {
    replay(world).0
}

/// Limits and claims, from the opening and the log alone.
fn replay(world: &World) -> (Vec<u128>, Vec<u128>) {
    let mut limits: Vec<u128> = world.initial.seats.iter().map(|seat| seat.limit.0).collect();
    let mut claims = vec![0_u128; limits.len()];
    let mut moved = std::collections::BTreeMap::new();
    for done in &world.chain.log {
        let (from, to, wanted) = match *done {
            Done::Claimed {
                host,
                cap,
                cumulative,
            } => {
                claims[host] = claims[host].max(cap.min(cumulative).min(limits[host]));
                continue;
            }
            Done::Released(release) => {
                let before = moved.get(&(release.from, release.to)).copied().unwrap_or(0);
                (
                    release.from,
                    release.to,
                    release.cumulative.saturating_sub(before),
                )
            }
            Done::Rebalanced { from, to, amount } => (from, to, amount),
        };
        let amount = wanted.min(limits[from] - claims[from]);
        if let Done::Released(_) = done {
            *moved.entry((from, to)).or_insert(0) += amount;
        }
        limits[from] -= amount;
        limits[to] += amount;
    }
    (limits, claims)
}

fn rule(holds: bool, name: &str) -> Result<(), String> {
    if holds {
        Ok(())
    } else {
        Err(name.to_owned())
    }
}
