//! How many requests the holder of an API key may send a minute, and ids for answers that have none.

use crate::http_api::{Service, authorize};
use anyhow::Context;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::{HeaderName, HeaderValue, Method};
use quern_inference_api::ApiError;
use quern_inference_api::dialect::Dialect;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// Requests a minute by holder; who is not named has no limit.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    limits: BTreeMap<String, u32>,
    /// At most one for each limit.
    buckets: Mutex<BTreeMap<String, Bucket>>,
}

/// Requests that may come at once, which fill up with time to those of a minute.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    since: Instant,
}

/// What is left of a holder's rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Left {
    limit: u32,
    remaining: u32,
}

impl Rates {
    /// Rates by name.
    pub(crate) fn new(limits: BTreeMap<String, u32>) -> Self {
        Self {
            limits,
            buckets: Mutex::default(),
        }
    }

    /// Takes one request out of a holder's rate; the seconds to wait if there is none.
    fn take(&self, name: &str, now: Instant) -> Result<Option<Left>, u32> {
        let Some(limit) = self.limits.get(name).copied() else {
            return Ok(None);
        };
        let most = f64::from(limit);
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let bucket = buckets.entry(name.to_owned()).or_insert(Bucket {
            left: most,
            since: now,
        });
        let passed = now.saturating_duration_since(bucket.since).as_secs_f64();
        bucket.left = (bucket.left + passed * most / 60.0).min(most);
        bucket.since = now;
        if bucket.left < 1.0 {
            return Err(seconds((1.0 - bucket.left) * 60.0 / most));
        }
        bucket.left -= 1.0;
        let remaining = seconds(bucket.left.floor());
        Ok(Some(Left { limit, remaining }))
    }
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn seconds(number: f64) -> u32 {
    number.ceil().clamp(0.0, 1e6) as u32
}

/// Reads a `rpm=` word of the keys file.
pub(crate) fn parse(text: &str) -> anyhow::Result<u32> {
    let number: u32 = text
        .parse()
        .with_context(|| format!("{text:?} is not a number of requests"))?;
    anyhow::ensure!(
        (1..=1_000_000).contains(&number),
        "rpm must be 1 to 1000000, not {number}"
    );
    Ok(number)
}

/// Refuses what comes too fast before its body is read, and names every answer.
pub(crate) async fn limit(
    State((service, rates)): State<(Arc<Service>, Arc<Rates>)>,
    request: Request,
    next: Next,
) -> Response {
    let asks = request.method() == Method::POST;
    let path = request.uri().path();
    let holder = authorize(&service, request.headers()).ok().filter(|_| asks);
    let taken = holder.map_or(Ok(None), |holder| rates.take(&holder.name, Instant::now()));
    let mut response = match taken {
        Ok(left) => {
            let mut response = next.run(request).await;
            if let Some(left) = left {
                let headers = response.headers_mut();
                for (name, value) in [
                    ("x-ratelimit-limit-requests", left.limit),
                    ("x-ratelimit-remaining-requests", left.remaining),
                ] {
                    headers.insert(HeaderName::from_static(name), HeaderValue::from(value));
                }
            }
            response
        }
        Err(wait) => {
            let message = format!("The key's rate of requests is used up; retry after {wait} s.");
            let error = ApiError {
                message,
                ..ApiError::busy(wait)
            };
            service.metrics.requests.with_label_values(&["429"]).inc();
            match path.starts_with(Dialect::Messages.path()) {
                true => Dialect::Messages.error(error),
                false => error.into_response(),
            }
        }
    };
    if !response.headers().contains_key(REQUEST_ID)
        && let Ok(number) = getrandom::u64()
        && let Ok(id) = HeaderValue::from_str(&format!("req-{number:016x}"))
    {
        response.headers_mut().insert(REQUEST_ID, id);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_rate_is_used_up_comes_back_with_time_and_is_each_holders_own() {
        let rates = Rates::new(BTreeMap::from([("ann".to_owned(), 2), ("bob".to_owned(), 1)]));
        let start = Instant::now();
        assert_eq!(
            rates.take("ann", start),
            Ok(Some(Left {
                limit: 2,
                remaining: 1
            }))
        );
        assert!(rates.take("ann", start).is_ok());
        assert_eq!(rates.take("ann", start), Err(30));
        assert!(rates.take("bob", start).is_ok());
        assert_eq!(rates.take("carol", start), Ok(None));
        assert_eq!(rates.take("ann", start + Duration::from_secs(29)), Err(1));
        assert!(rates.take("ann", start + Duration::from_secs(31)).is_ok());
        // Nobody saves up more than a minute's.
        let later = start + Duration::from_secs(3_600);
        assert!(rates.take("ann", later).is_ok() && rates.take("ann", later).is_ok());
        assert!(rates.take("ann", later).is_err());
    }
}
