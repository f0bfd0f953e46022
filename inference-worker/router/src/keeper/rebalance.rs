//! Limits of hosts that do not answer any more.

use crate::ledger::Record;
use crate::paid::Gateway;
use quern_interface::settlement::ExecuteMsg;
use quern_protocol::Amount;
use std::collections::BTreeSet;
use std::time::Duration;

/// A session in which a dead host holds money that the others need.
struct Move {
    session: u64,
    from: String,
    to: String,
    amount: Amount,
}

/// Asks the chain to move the limits of hosts that have been dead for a while, where the others' room gets short, and
/// completes moves whose time to object is over.
pub(super) async fn move_from_the_dead(gateway: &Gateway, dead_after: Duration) {
    let dead = gateway.downs.dead(dead_after);
    let moves = if dead.is_empty() {
        Vec::new()
    } else {
        moves(gateway, &dead)
    };
    for Move {
        session,
        from,
        to,
        amount,
    } in moves
    {
        tracing::warn!(session, from, to, %amount, "moving the limit of a host that does not answer");
        // No voucher may be signed for what is being moved, so this is durable first.
        let host = from.clone();
        if !gateway.books.write(vec![Record::Moved { session, host }]).await {
            continue;
        }
        let message = ExecuteMsg::Rebalance {
            session,
            from,
            to,
            amount,
        };
        execute(gateway, session, &message).await;
    }
    let moved: Vec<u64> = gateway.books.with(|ledger| {
        let open = ledger.sessions.iter().filter(|(_, s)| !s.closing);
        open.filter(|(_, s)| s.hosts.iter().any(|h| h.moved))
            .map(|(id, _)| *id)
            .collect()
    });
    for session in moved {
        let Ok(info) = gateway.view.contracts.session(session).await else {
            continue;
        };
        let due = info
            .rebalances
            .iter()
            .filter(|r| r.due_at <= gateway.view.latest());
        for rebalance in due {
            let from = rebalance.from.clone();
            execute(gateway, session, &ExecuteMsg::ExecuteRebalance { session, from }).await;
        }
    }
}

fn moves(gateway: &Gateway, dead: &BTreeSet<String>) -> Vec<Move> {
    let latest = gateway.view.latest();
    let lapse = gateway
        .view
        .params()
        .map_or(u64::MAX, |params| params.lapse_blocks);
    gateway.books.with(|ledger| {
        let mut moves = Vec::new();
        for (id, session) in &ledger.sessions {
            // Moving takes the time in which the host may object.
            let in_time = latest.saturating_add(lapse) < session.closes_at;
            let (_, limits) = session.room();
            let alive = || {
                session
                    .hosts
                    .iter()
                    .filter(|h| !h.moved && !dead.contains(&h.host))
            };
            let room = alive().map(|h| h.room().0).sum::<u128>();
            let Some(to) = alive().max_by_key(|h| h.weight) else {
                continue;
            };
            if session.closing || !in_time || room > limits.0 / 2 {
                continue;
            }
            let dead_here = session
                .hosts
                .iter()
                .filter(|h| !h.moved && dead.contains(&h.host));
            moves.extend(dead_here.filter(|h| !h.room().is_zero()).map(|from| Move {
                session: *id,
                from: from.host.clone(),
                to: to.host.clone(),
                amount: from.limit.saturating_sub(from.cap()),
            }));
        }
        moves
    })
}

async fn execute(gateway: &Gateway, session: u64, message: &ExecuteMsg) {
    let Some(payer) = gateway.payer_of(session) else {
        return;
    };
    let result = gateway
        .view
        .contracts
        .execute(&payer.account, message, None)
        .await;
    if let Err(error) = result {
        tracing::warn!(
            session,
            error = format!("{error:#}"),
            "a limit could not be moved yet"
        );
    }
}
