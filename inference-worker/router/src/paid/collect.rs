//! Receipts that did not come with their answer: asked for until they can no longer be committed, or the host signs that
//! there will be none.

use super::Gateway;
use super::void::withdraw;
use crate::ledger::Place;
use crate::ledger::record::Request;
use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use quern_inference_api::paid::{ReceiptStatus, receipt_path};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinSet;

/// Largest answer that is read.
const MAX_ANSWER: usize = 1 << 20;
/// Requests that one host is asked about in one round.
const ROUND: usize = 64;
/// For one answer, and for the questions of a round to one host.
const PATIENCE: Duration = Duration::from_secs(3);

/// The request that each host was last asked about, if it has others.
pub(crate) type Stopped = BTreeMap<String, Place>;

/// A request without a receipt, and its model.
type Missing = (Place, Request, String);

/// What is asked of each host in this round: from where the last one stopped, and from the beginning after the end.
fn missing(gateway: &Gateway, stopped: &Stopped) -> BTreeMap<String, Vec<Missing>> {
    gateway.books.with(|ledger| {
        let mut all = BTreeMap::<String, Vec<_>>::new();
        for (place, open) in ledger.unresolved() {
            // What a barred host says is of no interest; its part lapses.
            if !ledger.barred.contains_key(&place.host) {
                all.entry(place.host.clone()).or_default().push((place, open));
            }
        }
        let model = |place: &Place| ledger.sessions.get(&place.session).map(|s| s.model.clone());
        let round = |(host, mut own): (String, Vec<(Place, _)>)| {
            own.sort_by(|(one, _), (other, _)| one.cmp(other));
            let last = stopped.get(&host);
            let asked = last.map_or(0, |last| own.partition_point(|(place, _)| place <= last));
            own.rotate_left(asked);
            let round = own.into_iter().take(ROUND);
            let round = round.filter_map(|(place, open): (Place, &crate::ledger::Open)| {
                let model = model(&place)?;
                Some((place, open.request.clone(), model))
            });
            (host, round.collect())
        };
        all.into_iter().map(round).collect()
    })
}

/// Asks a host for receipts, one after the other, until it takes too long; the request that it was asked about last.
async fn ask_host(gateway: &Gateway, missing: Vec<Missing>) -> Option<Place> {
    let (began, mut last) = (Instant::now(), None);
    for (place, request, model) in missing {
        if began.elapsed() >= PATIENCE {
            break;
        }
        let answer = tokio::time::timeout(PATIENCE, ask(gateway, &place)).await;
        let host = place.host.as_str();
        match &answer {
            Ok(Ok(None)) => withdraw(gateway, &place).await,
            Ok(Ok(Some(status))) => {
                let signed = status.signed.clone();
                gateway.accept(&place, &request, &model, signed, None).await;
            }
            Ok(Err(error)) => tracing::debug!(host, %error, "no answer about a receipt"),
            Err(_) => tracing::debug!(host, "no answer about a receipt in time"),
        }
        last = Some(place);
        if !matches!(answer, Ok(Ok(_))) {
            break;
        }
    }
    last
}

/// Asks a host that failed a request for any sign of life.
async fn probe(gateway: &Gateway, host: &str) {
    let Some(info) = gateway.view.host(host) else {
        return;
    };
    let url = format!("{}/health", info.endpoint.trim_end_matches('/'));
    let answer = gateway.client.get(&url, info.transport_key.0);
    match tokio::time::timeout(PATIENCE, answer).await {
        Ok(Ok(_)) => gateway.downs.saw_life(host),
        _ => gateway.downs.silent(host),
    }
}

/// Asks every host for its missing receipts, side by side, as one may be silent; and gives up what has lapsed.
pub(crate) async fn collect(gateway: &Arc<Gateway>, stopped: &mut Stopped) {
    let hosts: BTreeSet<String> = gateway.books.with(|ledger| {
        let books = ledger.sessions.values().flat_map(|session| &session.hosts);
        books.map(|book| book.host.clone()).collect()
    });
    gateway.downs.keep(&hosts);
    let (mut asking, mut probing) = (JoinSet::new(), JoinSet::new());
    for (host, missing) in missing(gateway, stopped) {
        let gateway = gateway.clone();
        asking.spawn(async move { (host, ask_host(&gateway, missing).await) });
    }
    for host in gateway.downs.hosts() {
        let gateway = gateway.clone();
        probing.spawn(async move { probe(&gateway, &host).await });
    }
    stopped.clear();
    while let Some(asked) = asking.join_next().await {
        if let Ok((host, Some(last))) = asked {
            stopped.insert(host, last);
        }
    }
    while probing.join_next().await.is_some() {}
    let latest = gateway.view.latest();
    let lapsed = gateway.books.with(|ledger| ledger.lapse(latest));
    let missing = gateway.metrics.receipts.with_label_values(&["missing"]);
    missing.inc_by(lapsed.len() as u64);
}

/// What a host says of a request's receipt now; none if it does not answer.
pub(crate) async fn ask_receipt(gateway: &Gateway, place: &Place) -> Option<ReceiptStatus> {
    tokio::time::timeout(PATIENCE, ask(gateway, place))
        .await
        .ok()?
        .ok()?
}

async fn ask(gateway: &Gateway, place: &Place) -> anyhow::Result<Option<ReceiptStatus>> {
    let host = gateway
        .view
        .host(&place.host)
        .ok_or_else(|| anyhow::anyhow!("its record is not known"))?;
    let url = format!(
        "{}{}",
        host.endpoint.trim_end_matches('/'),
        receipt_path(place.session, place.nonce)
    );
    let answer = gateway.client.get(&url, host.transport_key.0).await?;
    if answer.status() != StatusCode::OK {
        return Ok(None);
    }
    let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
    let body = body.map_err(|e| anyhow::anyhow!("{e}"))?.to_bytes();
    Ok(Some(serde_json::from_slice(&body)?))
}
