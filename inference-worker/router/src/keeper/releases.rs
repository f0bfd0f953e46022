//! Limits that lie where nobody needs them: live hosts sign part of theirs over to hosts that run short, at once and
//! without the time to object that a rebalance takes.

use crate::ledger::{HostBook, Record, Session};
use crate::paid::{Gateway, Payer, SESSION_MARGIN};
use anyhow::{Context, bail};
use bytes::Bytes;
use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use quern_chain_client::verify;
use quern_inference_api::paid::{RELEASES_PATH, ReleaseRequest, SignedRelease, release_request_digest};
use quern_interface::settlement::ExecuteMsg;
use quern_protocol::{Amount, Release};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// A host is short when its room is below this part of the mean.
const SHORT_PART: u128 = 4;
/// A host is asked again after this time, whether it signed or not: by then the chain's limits are known.
const AGAIN: Duration = Duration::from_secs(30);
/// Times that a signed release is presented before it is left to the next one of its pair, which covers it.
const TRIES: u32 = 5;
/// Largest answer that is read.
const MAX_ANSWER: usize = 1 << 16;
const PATIENCE: Duration = Duration::from_secs(3);

/// What is remembered between rounds.
#[derive(Debug, Default)]
pub(super) struct Releases {
    /// Signed and not on chain yet, and how often that was tried.
    signed: Vec<(SignedRelease, u32)>,
    /// Hosts that were asked, by session.
    asked: HashMap<(u64, String), Instant>,
}

/// A limit that should move.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ask {
    session: u64,
    from: String,
    to: String,
    amount: Amount,
}

/// Presents what was signed, then asks at most one host of each session.
pub(super) async fn level(gateway: &Gateway, state: &mut Releases) {
    for (signed, tries) in std::mem::take(&mut state.signed) {
        present(gateway, state, signed, tries).await;
    }
    state.asked.retain(|_, at| at.elapsed() < AGAIN);
    for ask in wanted(gateway, state) {
        let pair = (ask.session, ask.from.clone());
        state.asked.insert(pair, Instant::now());
        match give(gateway, &ask).await {
            Ok(signed) => present(gateway, state, signed, 0).await,
            Err(error) => {
                let Ask { session, from, .. } = ask;
                tracing::info!(session, host = from, %error, "the host signs no release");
            }
        }
    }
}

/// What each serving session should move.
fn wanted(gateway: &Gateway, state: &Releases) -> Vec<Ask> {
    let latest = gateway.view.latest();
    gateway.books.with(|ledger| {
        let serving = ledger
            .sessions
            .iter()
            .filter(|(_, session)| session.serves(latest, SESSION_MARGIN));
        let ask = |(id, session): (&u64, &Session)| {
            let silent = |h: &HostBook| {
                gateway.downs.is(&h.host, &session.model) || state.asked.contains_key(&(*id, h.host.clone()))
            };
            let (from, to, amount) = choose(session, &|host| ledger.barred.contains_key(host), &silent)?;
            let session = *id;
            Some(Ask {
                session,
                from,
                to,
                amount,
            })
        };
        serving.filter_map(ask).collect()
    })
}

/// Who gives how much to whom: all that a barred host has left, to whoever has least; else, if somebody is short, half of
/// what the richest has left, at most what brings the other to the mean.
fn choose(
    session: &Session,
    barred: &dyn Fn(&str) -> bool,
    silent: &dyn Fn(&HostBook) -> bool,
) -> Option<(String, String, Amount)> {
    let serving = || {
        let used = |h: &&HostBook| !h.moved && !barred(&h.host);
        session.hosts.iter().filter(used)
    };
    let poorest = serving().min_by_key(|h| h.room())?;
    let idle = session.hosts.iter().find(|h| {
        let left = h.limit.saturating_sub(h.exposure());
        barred(&h.host) && !left.is_zero() && !silent(h)
    });
    if let Some(idle) = idle {
        let left = idle.limit.saturating_sub(idle.exposure());
        return Some((idle.host.clone(), poorest.host.clone(), left));
    }
    let count = serving().count() as u128;
    let mean = Amount(serving().map(|h| h.room().0 / count).sum());
    let richest = serving().filter(|h| !silent(h)).max_by_key(|h| h.room())?;
    let short = poorest.room().0 < mean.0 / SHORT_PART && richest.room() > mean;
    let amount = Amount(richest.room().0 / 2).min(mean.saturating_sub(poorest.room()));
    (short && !amount.is_zero()).then(|| (richest.host.clone(), poorest.host.clone(), amount))
}

/// Asks a host to sign, and notes what it signed: a pair's sum only grows.
async fn give(gateway: &Gateway, ask: &Ask) -> anyhow::Result<SignedRelease> {
    let Ask {
        session, from, to, ..
    } = ask;
    let payer = gateway
        .payer_of(*session)
        .context("its payer is not configured")?;
    let host = gateway.view.host(from).context("its record is not known")?;
    let given = gateway
        .books
        .with(|ledger| ledger.sessions.get(session).map(|s| s.given(from, to)));
    let release = Release {
        session: *session,
        from: from.clone(),
        to: to.clone(),
        cumulative: given
            .context("the session is gone")?
            .checked_add(ask.amount)
            .context("too much")?,
    };
    let url = format!("{}{RELEASES_PATH}", host.endpoint.trim_end_matches('/'));
    let body = request(gateway, payer, &release)?;
    let answer = gateway.client.post(&url, host.transport_key.0, body);
    let answer = tokio::time::timeout(PATIENCE, answer).await??;
    if answer.status() != StatusCode::OK {
        bail!("it answers {}", answer.status());
    }
    let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
    let body = body.map_err(|e| anyhow::anyhow!("{e}"))?.to_bytes();
    let signed: SignedRelease = serde_json::from_slice(&body)?;
    let digest = release.digest(gateway.chain_id());
    if signed.release != release || !verify(&host.warm_key.key.0, &digest.0, &signed.signature.0) {
        bail!("it signs something else");
    }
    let released = Record::Released {
        session: *session,
        from: from.clone(),
        to: to.clone(),
        cumulative: release.cumulative,
    };
    if !gateway.books.write(vec![released]).await {
        bail!("the release cannot be kept");
    }
    Ok(signed)
}

fn request(gateway: &Gateway, payer: &Payer, release: &Release) -> anyhow::Result<Bytes> {
    let digest = release_request_digest(gateway.chain_id(), release);
    let request = ReleaseRequest {
        release: release.clone(),
        signature: quern_protocol::Bytes(payer.session_key.sign(&digest.0)),
    };
    Ok(serde_json::to_vec(&request)?.into())
}

/// Puts a release on chain; only then can it be relied on.
async fn present(gateway: &Gateway, state: &mut Releases, signed: SignedRelease, tries: u32) {
    let session = signed.release.session;
    let Some(payer) = gateway.payer_of(session) else {
        return;
    };
    let message = ExecuteMsg::PresentRelease {
        release: signed.release.clone(),
        signature: signed.signature,
    };
    let (from, to) = (&signed.release.from, &signed.release.to);
    match gateway
        .view
        .contracts
        .execute(&payer.account, &message, None)
        .await
    {
        Ok(_) => {
            gateway.metrics.releases.inc();
            tracing::info!(session, from, to, cumulative = %signed.release.cumulative, "a limit was released");
        }
        Err(error) => {
            let error = format!("{error:#}");
            tracing::warn!(session, from, to, error, "a release could not be presented yet");
            if tries < TRIES {
                state.signed.push((signed, tries + 1));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quern_protocol::Price;

    fn session(rooms: &[u128]) -> Session {
        let mut session = Session::new("payer".into(), "m".into());
        session.max_price = Price::FLOOR;
        for (number, room) in rooms.iter().enumerate() {
            let mut book = HostBook::new(format!("h{number}"), 1, Amount(1_000));
            book.spent = Amount(1_000 - room);
            session.hosts.push(book);
        }
        session
    }

    fn chosen(rooms: &[u128], barred: &str, silent: &str) -> Option<(String, String, u128)> {
        let found = choose(&session(rooms), &|host| host == barred, &|host| {
            host.host == silent
        });
        found.map(|(from, to, amount)| (from, to, amount.0))
    }

    #[test]
    fn the_richest_gives_to_who_runs_short_and_keeps_at_least_half() {
        let ask = |from: &str, to: &str, amount| Some((from.to_owned(), to.to_owned(), amount));
        assert_eq!(chosen(&[1_000, 0], "", ""), ask("h0", "h1", 500));
        assert_eq!(chosen(&[1_000, 10, 900], "", ""), ask("h0", "h1", 500));
        assert_eq!(chosen(&[1_000, 10, 900], "", "h0"), ask("h2", "h1", 450));
        assert_eq!(chosen(&[400, 390, 20, 400, 410], "", ""), ask("h4", "h2", 205));
        for even in [&[1_000, 900, 300][..], &[10, 10], &[0, 0], &[500]] {
            assert_eq!(chosen(even, "", ""), None, "{even:?}");
        }
    }

    #[test]
    fn a_barred_host_gives_everything_that_it_was_not_promised() {
        assert_eq!(
            chosen(&[1_000, 800, 700], "h1", ""),
            Some(("h1".into(), "h2".into(), 800))
        );
        assert_eq!(chosen(&[1_000, 800, 700], "h1", "h1"), None);
        assert_eq!(chosen(&[800], "h0", ""), None, "nobody is left to give to");
    }
}
