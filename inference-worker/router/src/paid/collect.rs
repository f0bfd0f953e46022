//! Receipts that did not come with their answer: asked for until they can no longer be committed.

use super::Gateway;
use crate::ledger::Place;
use crate::ledger::record::Request;
use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use quern_inference_api::paid::{ReceiptStatus, receipt_path};
use std::time::Duration;

/// Largest answer that is read.
const MAX_ANSWER: usize = 1 << 20;
/// Requests that are asked about in one round.
const ROUND: usize = 64;
const PATIENCE: Duration = Duration::from_secs(3);

/// Asks hosts that failed a request for any sign of life.
async fn probe(gateway: &Gateway) {
    for host in gateway.downs.hosts() {
        let Some(info) = gateway.view.host(&host) else {
            continue;
        };
        let url = format!("{}/health", info.endpoint.trim_end_matches('/'));
        let answer = gateway.client.get(&url, info.transport_key.0);
        match tokio::time::timeout(PATIENCE, answer).await {
            Ok(Ok(_)) => gateway.downs.saw_life(&host),
            _ => gateway.downs.silent(&host),
        }
    }
}

/// Asks the hosts once for every missing receipt, and gives up what has lapsed.
pub(crate) async fn collect(gateway: &Gateway) {
    let missing: Vec<(Place, Request, String)> = gateway.books.with(|ledger| {
        let model = |place: &Place| ledger.sessions.get(&place.session).map(|s| s.model.clone());
        // What a barred host says is of no interest; its part lapses.
        let unresolved = ledger
            .unresolved()
            .filter(|(place, _)| !ledger.barred.contains_key(&place.host))
            .take(ROUND);
        unresolved
            .filter_map(|(place, open)| Some((place.clone(), open.request.clone(), model(&place)?)))
            .collect()
    });
    for (place, request, model) in missing {
        match tokio::time::timeout(PATIENCE, ask(gateway, &place)).await {
            Ok(Ok(Some(status))) => {
                gateway
                    .accept(&place, &request, &model, status.signed, None)
                    .await;
            }
            Ok(Ok(None)) => {}
            Ok(Err(error)) => tracing::debug!(host = place.host, %error, "no answer about a receipt"),
            Err(_) => tracing::debug!(host = place.host, "no answer about a receipt in time"),
        }
    }
    probe(gateway).await;
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
