//! The HTTP interface of the router.

use crate::affinity;
use crate::dialects;
use crate::forward::{Sent, forward};
use crate::keys::{Holder, Keys, Parting};
use crate::listings::{self, Listings};
use crate::metered::metered;
use crate::metrics::Metrics;
use crate::once::{self, Once};
use crate::paid::{self, Gateway};
use crate::pool::Pool;
use crate::rates::{self, Expected, Rates};
use crate::texts;
use axum::body::Body;
use axum::extract::{Path, RawQuery, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use http::{HeaderMap, HeaderName, StatusCode, header};
use quern_inference_api::listing::ModelList;
use quern_inference_api::timeout::{TIMEOUT_HEADER, timeout};
use quern_inference_api::{ApiError, Endpoint, Request, openapi, openrouter, read_body, with_fallbacks};
use quern_interface::registry::ModelState;
use quern_protocol::Amount;
use std::sync::Arc;
use std::time::Instant;

/// Receipts of one page.
const RECEIPTS_PAGE: usize = 100;

/// Who answers requests.
#[derive(Clone, Debug)]
pub(crate) enum Backend {
    /// Workers by URL, without payment.
    Direct(Pool),
    /// Hosts of sessions on the chain.
    Paid(Arc<Gateway>),
}

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct Service {
    pub(crate) keys: Keys,
    pub(crate) parting: Parting,
    pub(crate) backend: Backend,
    pub(crate) metrics: Metrics,
    pub(crate) rates: Arc<Rates>,
    pub(crate) once: Once,
    /// What its operator tells of models.
    pub(crate) listings: Listings,
    /// Unix time of the start, which stands for the models' age.
    pub(crate) started: u64,
}

impl Service {
    fn models(&self) -> ModelList {
        let known = match &self.backend {
            Backend::Direct(pool) => pool.models(),
            Backend::Paid(gateway) => {
                let served = gateway.view.models().into_iter().filter(|package| {
                    matches!(
                        package.state,
                        ModelState::Live | ModelState::Canary | ModelState::Retiring
                    )
                });
                let entry = |package| listings::paid::entry(&gateway.view, package, self.started);
                ModelList::new(served.map(entry).collect())
            }
        };
        self.listings.complete(known)
    }
}

/// Everything that the router answers.
pub(crate) fn router(service: Arc<Service>) -> Router {
    let chat = |state, headers, body| completions(state, headers, body, Endpoint::Chat);
    let plain = |state, headers, body| completions(state, headers, body, Endpoint::Completions);
    let routes = Router::new()
        .route("/v1/chat/completions", post(chat))
        .route("/v1/completions", post(plain))
        .route("/v1/responses", post(dialects::responses))
        .route("/v1/messages", post(dialects::messages))
        .route("/v1/messages/count_tokens", post(dialects::count))
        .route("/v1/embeddings", post(texts::embeddings))
        .route("/tokenize", post(texts::tokenize))
        .route("/detokenize", post(texts::detokenize))
        .route("/openapi.json", get(page))
        .route("/v1/models", get(models))
        .route("/v1/models/{*id}", get(model))
        .route("/quern/receipts", get(receipts))
        .route("/quern/receipts/{id}", get(receipt))
        .route("/quern/usage", get(usage))
        .route("/health", get(health))
        .route("/metrics", get(metrics));
    with_fallbacks(routes)
        .layer(axum::middleware::from_fn_with_state(service.clone(), once::once))
        .layer(axum::middleware::from_fn_with_state(
            service.clone(),
            rates::limit,
        ))
        .with_state(service)
}

pub(crate) fn authorize<'a>(service: &'a Service, headers: &HeaderMap) -> Result<&'a Holder, ApiError> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let bearer = text(header::AUTHORIZATION).map(str::to_owned);
    // Anthropic's clients have a header of their own.
    let own = || text(HeaderName::from_static("x-api-key")).map(|key| format!("Bearer {key}"));
    let value = bearer.or_else(own);
    service
        .keys
        .holder(value.as_deref())
        .ok_or_else(ApiError::unauthorized)
}

async fn page(State(service): State<Arc<Service>>) -> Json<serde_json::Value> {
    Json(openapi::router(matches!(service.backend, Backend::Paid(_))))
}

/// The list, or `?format=openrouter` what OpenRouter's monitor of providers reads.
async fn models(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    authorize(&service, &headers)?;
    let models = service.models();
    let mut asked = query.iter().flat_map(|query| query.split('&'));
    match asked.find_map(|part| part.strip_prefix("format=")) {
        None => Ok(Json(models).into_response()),
        Some(openrouter::FORMAT) => Ok(Json(openrouter::documents(&models)).into_response()),
        Some(_) => Err(ApiError::invalid(
            "format",
            "The only other format is `openrouter`.",
        )),
    }
}

async fn model(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    authorize(&service, &headers)?;
    let found = service.models().data.into_iter().find(|model| model.id == id);
    found
        .map(|model| Json(model).into_response())
        .ok_or_else(|| ApiError::no_model(&id))
}

/// A receipt, for the holder of the key that paid for it.
async fn receipt(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    Path(id): Path<String>,
) -> Result<Response, ApiError> {
    let holder = authorize(&service, &headers)?;
    let found = match &service.backend {
        Backend::Paid(gateway) => gateway.receipts.find(&id).filter(|kept| kept.key == holder.name),
        Backend::Direct(_) => None,
    };
    found.map(|kept| Json(kept).into_response()).ok_or_else(|| {
        ApiError::not_found(format!(
            "There is no receipt `{id}` of this key; it may not have come yet, or its session may be closed."
        ))
    })
}

/// All receipts that are kept of the key's holder, with the salts that open their hashes, a page at a time: `?from=N`
/// goes on where the last page said.
async fn receipts(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    RawQuery(query): RawQuery,
) -> Result<Response, ApiError> {
    let holder = authorize(&service, &headers)?;
    let Backend::Paid(gateway) = &service.backend else {
        return Err(ApiError::not_found("This router serves without payment."));
    };
    let number = query.as_deref().unwrap_or("from=0").strip_prefix("from=");
    let from = number.and_then(|number| number.parse().ok());
    let from =
        from.ok_or_else(|| ApiError::not_found("A page of receipts is asked for by `?from=NUMBER`."))?;
    // Who has read the end of an answer finds its receipt.
    gateway.receipts.settle().await;
    let page = gateway.receipts.list(&holder.name, from, RECEIPTS_PAGE);
    Ok(Json(page).into_response())
}

/// What the key's holder has spent.
async fn usage(State(service): State<Arc<Service>>, headers: HeaderMap) -> Result<Response, ApiError> {
    let holder = authorize(&service, &headers)?;
    let Backend::Paid(gateway) = &service.backend else {
        return Err(ApiError::not_found("This router serves without payment."));
    };
    // What was settled before the client asks is shown, though it may be on its way to disk.
    gateway.books.write(Vec::new()).await;
    let body = gateway.books.with(|ledger| {
        let (key, budget) = (holder.name.as_str(), holder.budget);
        let book = ledger.keys.get(key).cloned().unwrap_or_default();
        let (kept, left) = (ledger.kept(key), ledger.left(key, budget, Amount::ZERO));
        serde_json::json!({
            "budget": budget, "spent": book.spent, "held": book.held, "kept": kept, "left": left, "denom": "nqrn",
        })
    });
    Ok(Json(body).into_response())
}

async fn health(State(service): State<Arc<Service>>) -> Response {
    let (good, body) = match &service.backend {
        Backend::Direct(pool) => {
            let (alive, all) = pool.alive();
            let word = if alive > 0 { "ok" } else { "no worker answers" };
            let body = serde_json::json!({"status": word, "workers_up": alive, "workers": all});
            (alive > 0, body)
        }
        Backend::Paid(gateway) => {
            let (ready, height) = (gateway.is_ready(), gateway.view.latest());
            let word = if ready { "ok" } else { "sessions are being opened" };
            (ready, serde_json::json!({"status": word, "height": height}))
        }
    };
    let status = if good {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    (status, Json(body)).into_response()
}

async fn metrics(State(service): State<Arc<Service>>) -> Result<Response, ApiError> {
    let text = service
        .metrics
        .render()
        .map_err(|e| ApiError::internal(e.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response())
}

pub(crate) async fn completions(
    State(service): State<Arc<Service>>,
    headers: HeaderMap,
    body: Body,
    endpoint: Endpoint,
) -> Response {
    let arrived = Instant::now();
    let answer = relay(&service, &headers, body, endpoint, arrived).await;
    let response = answer.unwrap_or_else(IntoResponse::into_response);
    if response.status().is_success() {
        service
            .metrics
            .first_byte
            .observe(arrived.elapsed().as_secs_f64());
    }
    service
        .metrics
        .requests
        .with_label_values(&[response.status().as_str()])
        .inc();
    response
}

async fn relay(
    service: &Service,
    headers: &HeaderMap,
    body: Body,
    endpoint: Endpoint,
    arrived: Instant,
) -> Result<Response, ApiError> {
    let holder = authorize(service, headers)?;
    let body = read_body(body).await?;
    // Refused here, a bad request costs no worker anything.
    let request = Request::parse(endpoint, &body)?;
    let part = service.parting.of(holder);
    let expected = || Expected::of(&request);
    let reserve = || service.rates.reserve(&holder.name, expected, arrived);
    let (reserved, response) = match &service.backend {
        Backend::Direct(pool) => {
            let time = timeout(headers)?;
            let reserved = reserve()?;
            let sent = Sent {
                path: endpoint.path(),
                model: &request.model,
                part: &part,
                conversation: Some(affinity::key(&part, &request)),
                deadline: time.and_then(|time| arrived.checked_add(time)),
                body,
            };
            (reserved, forward(pool, &service.metrics, sent).await?)
        }
        Backend::Paid(gateway) => {
            if timeout(headers)?.is_some() {
                return Err(ApiError::unsupported(TIMEOUT_HEADER));
            }
            let reserved = reserve()?;
            let paid = paid::forward_all(gateway, (holder, part), endpoint, &request, body, arrived);
            (reserved, paid.await?)
        }
    };
    Ok(metered(reserved, response))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;
    use std::collections::BTreeSet;

    /// Between these two in a source; each time.
    fn between<'a>(source: &'a str, from: &'a str, to: &'a str) -> impl Iterator<Item = &'a str> {
        let after = source.split(from).skip(1);
        after.filter_map(move |rest| rest.split_once(to).map(|(found, _)| found))
    }

    fn set<'a>(names: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
        names.map(str::to_ascii_lowercase).collect()
    }

    /// Names of parameters of this kind on any page.
    fn parameters(pages: &[Value], kind: &str) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let paths = pages.iter().filter_map(|page| page["paths"].as_object());
        for operation in paths
            .flat_map(|paths| paths.values())
            .flat_map(|item| item.as_object())
        {
            let lists = operation
                .values()
                .filter_map(|value| value["parameters"].as_array());
            for parameter in lists.flatten().filter(|parameter| parameter["in"] == kind) {
                found.extend(parameter["name"].as_str().map(str::to_ascii_lowercase));
            }
        }
        found
    }

    #[test]
    fn the_page_has_every_route_and_every_parameter_outside_of_bodies_that_is_read() {
        let source = include_str!("http_api.rs");
        let (source, _) = source.split_once("#[cfg(test)]").unwrap();
        let served: BTreeSet<String> = between(source, ".route(\"", "(")
            .map(|route| {
                let (path, method) = route.split_once("\", ").unwrap();
                format!("{method} {}", path.replace("{*", "{"))
            })
            .collect();
        let pages = [openapi::router(true), openapi::router(false)];
        let mut told = BTreeSet::new();
        for (path, item) in pages.iter().flat_map(|page| page["paths"].as_object().unwrap()) {
            let methods = item.as_object().unwrap().keys();
            let methods = methods.filter(|method| *method != "parameters");
            told.extend(methods.map(|method| format!("{method} {path}")));
        }
        assert_eq!(served, told);
        assert!(served.len() > 12, "{served:?}");
        let queries = set(between(source, "strip_prefix(\"", "=\")"));
        assert_eq!(queries, parameters(&pages, "query"));
        assert_eq!(queries.len(), 2, "{queries:?}");
        let headers = parameters(&pages, "header");
        assert_eq!(headers, set([once::KEY, TIMEOUT_HEADER].into_iter()));
        // A paid request has the time of its session.
        assert_eq!(parameters(&pages[..1], "header"), set([once::KEY].into_iter()));
        let keys: Vec<&Value> = pages[0]["components"]["securitySchemes"]
            .as_object()
            .unwrap()
            .values()
            .collect();
        assert!(keys.iter().any(|key| key["name"] == "x-api-key"), "{keys:?}");
    }
}
