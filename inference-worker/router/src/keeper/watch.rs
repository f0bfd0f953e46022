//! Following the chain.

use crate::ledger::Record;
use crate::ledger::record::{Committee, Member};
use crate::paid::Gateway;
use quern_interface::settlement::{SessionInfo, SessionStatus};

/// Brings the view, and on a new block the sessions, up to date. Limits come before the first height is known:
/// without a height nothing is signed.
pub(super) async fn round(gateway: &Gateway) {
    let first = gateway.view.latest() == 0;
    if first || gateway.view.params().is_none() {
        if let Err(error) = gateway.view.refresh_rules(&gateway.models).await {
            tracing::warn!(error = format!("{error:#}"), "the chain cannot be read");
            return;
        }
        if !refresh_sessions(gateway).await && first {
            return;
        }
    }
    match gateway.view.refresh(&gateway.models).await {
        Ok(true) => {
            refresh_sessions(gateway).await;
            // States of models change rarely.
            if gateway.view.latest().is_multiple_of(10)
                && let Err(error) = gateway.view.refresh_rules(&gateway.models).await
            {
                tracing::warn!(error = format!("{error:#}"), "models cannot be read");
            }
            gateway.show_state();
        }
        Ok(false) => {}
        Err(error) => tracing::warn!(error = format!("{error:#}"), "the chain cannot be read"),
    }
}

/// Asks for every session of the ledger. False if one could not be read.
async fn refresh_sessions(gateway: &Gateway) -> bool {
    let ids: Vec<u64> = gateway
        .books
        .with(|ledger| ledger.sessions.keys().copied().collect());
    let mut all = true;
    for id in ids {
        match gateway.view.contracts.session(id).await {
            Ok(info) => follow(gateway, &info).await,
            // it was paid while this router was away, so long ago that its record is gone
            Err(error) if format!("{error:#}").contains("session_forgotten") => {
                gateway.books.write_soon(vec![Record::Closed { session: id }]);
            }
            Err(error) => {
                tracing::warn!(
                    session = id,
                    error = format!("{error:#}"),
                    "a session cannot be read"
                );
                all = false;
            }
        }
    }
    all
}

/// Takes over what the chain says of a session.
pub(super) async fn follow(gateway: &Gateway, info: &SessionInfo) {
    let session = info.id;
    match info.status {
        SessionStatus::Pending => return,
        SessionStatus::Closed | SessionStatus::Void => {
            tracing::info!(session, outcome = ?info.outcome, "session is closed");
            gateway.books.write_soon(vec![Record::Closed { session }]);
            return;
        }
        SessionStatus::Open | SessionStatus::Closing => {}
    }
    let hosts: Vec<String> = info.committee.iter().map(|member| member.host.clone()).collect();
    gateway.view.refresh_hosts(hosts).await;
    let known = gateway.books.with(|ledger| {
        ledger.sessions.get(&session).map(|known| {
            let limits: Vec<_> = known.hosts.iter().map(|h| (h.host.clone(), h.limit)).collect();
            let moved: Vec<_> = known
                .hosts
                .iter()
                .filter(|h| h.moved)
                .map(|h| h.host.clone())
                .collect();
            (known.beacon.is_some(), known.closing, limits, moved)
        })
    });
    let Some((drawn, closing, limits, moved)) = known else {
        return;
    };
    let mut records = Vec::new();
    let now: Vec<_> = info.committee.iter().map(|m| (m.host.clone(), m.limit)).collect();
    if !drawn {
        records.extend(committee(info).map(|committee| Record::Drawn { session, committee }));
        tracing::info!(session, hosts = now.len(), "the session's committee is drawn");
    } else if now != limits {
        records.push(Record::Limits { session, limits: now });
    }
    for member in &info.committee {
        // A convicted host is not paid for what it did before.
        let convicted = gateway.view.host(&member.host).is_some_and(|host| {
            let mut groups = host.memberships.iter();
            groups.any(|group| group.offer.model == info.model && group.generation != member.generation)
        });
        if convicted && !moved.contains(&member.host) {
            let host = member.host.clone();
            tracing::warn!(
                session,
                host,
                "the host was convicted; it gets no more requests of this session"
            );
            records.push(Record::Moved { session, host });
        }
    }
    if info.status == SessionStatus::Closing && !closing {
        records.push(Record::Closing { session });
    }
    gateway.books.write_soon(records);
}

fn committee(info: &SessionInfo) -> Option<Committee> {
    Some(Committee {
        beacon: info.beacon?,
        drawn_at: info.drawn_at,
        closes_at: info.closes_at,
        max_price: info.max_price,
        model_hash: info.model_hash,
        coefficients: info.coefficients,
        lapse_blocks: info.lapse_blocks,
        members: info
            .committee
            .iter()
            .map(|member| Member {
                host: member.host.clone(),
                weight: member.weight,
                limit: member.limit,
            })
            .collect(),
    })
}
