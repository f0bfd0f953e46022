//! What hosts can do with the models that this router serves: whether a model is shown tools is in its files, which hosts
//! have and a router does not.

use crate::paid::{Gateway, SESSION_MARGIN};
use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use quern_inference_api::listing::ModelList;
use std::collections::{BTreeSet, HashMap};
use std::time::{Duration, Instant};

/// Between two questions to one host: after an answer, and without one.
const AGAIN: Duration = Duration::from_secs(300);
const SOON: Duration = Duration::from_secs(10);
const PATIENCE: Duration = Duration::from_secs(3);
/// Largest answer that is read.
const MAX_ANSWER: usize = 1 << 18;

/// When each host is asked next.
pub(super) type Asked = HashMap<String, Instant>;

/// Asks the hosts of open sessions whose turn it is.
pub(super) async fn ask_all(gateway: &Gateway, asked: &mut Asked) {
    let latest = gateway.view.latest();
    let hosts: BTreeSet<String> = gateway.books.with(|ledger| {
        let sessions = ledger.sessions.values();
        let open = sessions.filter(|session| session.serves(latest, SESSION_MARGIN));
        open.flat_map(|session| session.hosts.iter().map(|book| book.host.clone()))
            .collect()
    });
    gateway.view.keep_offers(&hosts);
    asked.retain(|host, _| hosts.contains(host));
    for host in hosts {
        let now = Instant::now();
        if asked.get(&host).is_some_and(|next| *next > now) {
            continue;
        }
        let found = tokio::time::timeout(PATIENCE, ask(gateway, &host)).await;
        let again = match found {
            Ok(Some(list)) => {
                let own = list
                    .data
                    .into_iter()
                    .filter(|model| gateway.models.contains(&model.id));
                // Told twice, it is one word all the same.
                let offers = own.map(|model| (model.id, model.listing));
                gateway.view.set_offers(host.clone(), offers.collect());
                AGAIN
            }
            _ => SOON,
        };
        asked.insert(host, now + again);
    }
}

async fn ask(gateway: &Gateway, host: &str) -> Option<ModelList> {
    let info = gateway.view.host(host)?;
    let url = format!("{}/v1/models", info.endpoint.trim_end_matches('/'));
    let answer = gateway.client.get(&url, info.transport_key.0).await.ok()?;
    if answer.status() != StatusCode::OK {
        return None;
    }
    let body = Limited::new(answer.into_body(), MAX_ANSWER)
        .collect()
        .await
        .ok()?;
    serde_json::from_slice(&body.to_bytes()).ok()
}
