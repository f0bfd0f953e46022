//! How many requests and tokens the holder of an API key may send a minute, and ids for answers that have none.

use crate::dialects;
use crate::http_api::{Service, authorize};
use anyhow::Context;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use quern_inference_api::{ApiError, Input, name_for};
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// Bytes of a prompt that count as a token until the tokens are known.
const TOKEN_BYTES: usize = 4;
/// Tokens that an output without a bound counts as until they are known, if that is not over an eighth of a minute's.
const OUTPUT: u32 = 1_024;

/// What a holder may send a minute; none is no limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limit {
    pub(crate) requests: Option<u32>,
    /// Prompt and output together.
    pub(crate) tokens: Option<u32>,
}

impl Limit {
    /// The lower one of each.
    pub(crate) fn and(self, other: Self) -> Self {
        let least = |one: Option<u32>, other: Option<u32>| match (one, other) {
            (Some(one), Some(other)) => Some(one.min(other)),
            (one, other) => one.or(other),
        };
        Self {
            requests: least(self.requests, other.requests),
            tokens: least(self.tokens, other.tokens),
        }
    }

    /// Reads a `rpm=` or `tpm=` word of the keys file; none if the word is neither.
    pub(crate) fn parse(word: &str) -> anyhow::Result<Option<Self>> {
        let (mut limit, read) = (Self::default(), |text: &str, most: u32| -> anyhow::Result<u32> {
            let number = text
                .parse()
                .with_context(|| format!("{text:?} is not a number"))?;
            anyhow::ensure!((1..=most).contains(&number), "{word} is not 1 to {most}");
            Ok(number)
        });
        if let Some(text) = word.strip_prefix("rpm=") {
            limit.requests = Some(read(text, 1_000_000)?);
        } else if let Some(text) = word.strip_prefix("tpm=") {
            limit.tokens = Some(read(text, 1_000_000_000)?);
        } else {
            return Ok(None);
        }
        Ok(Some(limit))
    }
}

/// What may come at once: it fills up with time to what may come in a minute. Below nothing, more came than was
/// expected.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    left: f64,
    most: f64,
    since: Instant,
}

impl Bucket {
    fn full(most: u32, since: Instant) -> Self {
        let most = f64::from(most);
        Self {
            left: most,
            most,
            since,
        }
    }

    fn fill(&mut self, now: Instant) {
        let passed = now.saturating_duration_since(self.since).as_secs_f64();
        self.left = (self.left + passed * self.most / 60.0).min(self.most);
        self.since = now;
    }

    /// Takes so many; the seconds to wait if they are not there.
    fn take(&mut self, many: f64, now: Instant) -> Result<(), u32> {
        self.fill(now);
        if self.left < many {
            return Err(whole((many - self.left) * 60.0 / self.most).max(1));
        }
        self.left -= many;
        Ok(())
    }

    /// Seconds until it is full.
    fn reset(&self) -> f64 {
        (self.most - self.left) * 60.0 / self.most
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Buckets {
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
}

/// Limits by holder; who is not named has none.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    limits: BTreeMap<String, Limit>,
    /// At most one for each limit.
    buckets: Mutex<BTreeMap<String, Buckets>>,
}

#[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "clamped")]
fn whole(number: f64) -> u32 {
    number.ceil().clamp(0.0, f64::from(u32::MAX)) as u32
}

/// A time as OpenAI writes it: `120ms`, `8.5s`, `6m0s`.
fn written(seconds: f64) -> String {
    let milliseconds = whole(seconds * 1_000.0);
    let (minutes, rest) = (milliseconds / 60_000, milliseconds % 60_000);
    match (minutes, rest) {
        (0, 0..1_000) => format!("{rest}ms"),
        (0, rest) => format!("{}s", f64::from(rest) / 1_000.0),
        (minutes, rest) => format!("{minutes}m{}s", f64::from(rest) / 1_000.0),
    }
}

impl Rates {
    /// Limits by name.
    pub(crate) fn new(limits: BTreeMap<String, Limit>) -> Self {
        let buckets = Mutex::default();
        Self { limits, buckets }
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Buckets>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, name: &str, now: Instant, change: impl FnOnce(&mut Buckets) -> T) -> Option<T> {
        let limit = *self.limits.get(name)?;
        let mut all = self.lock();
        let buckets = all.entry(name.to_owned()).or_insert_with(|| Buckets {
            requests: limit.requests.map(|most| Bucket::full(most, now)),
            tokens: limit.tokens.map(|most| Bucket::full(most, now)),
        });
        Some(change(buckets))
    }

    /// Takes one request out of a holder's rate; the seconds to wait if there is none.
    fn take(&self, name: &str, now: Instant) -> Result<(), u32> {
        let taken = self.with(name, now, |buckets| {
            buckets.requests.as_mut().map(|bucket| bucket.take(1.0, now))
        });
        taken.flatten().unwrap_or(Ok(()))
    }

    /// Takes tokens out of a holder's rate; what they turn out to be is settled later.
    pub(crate) fn reserve(
        self: &Arc<Self>,
        name: &str,
        expected: impl FnOnce() -> Expected,
        now: Instant,
    ) -> Result<Option<Reserved>, ApiError> {
        let Some(most) = self.limits.get(name).and_then(|limit| limit.tokens) else {
            return Ok(None);
        };
        let expected = expected();
        let tokens = expected.tokens(most);
        if tokens > most {
            return Err(ApiError {
                retry_after: None,
                message: format!(
                    "The request is too large for the key's rate: it may come to {tokens} tokens, and {most} are allowed \
                     a minute. Ask for less with max_tokens, or shorten the prompt."
                ),
                ..ApiError::busy(1)
            });
        }
        let taken = self.with(name, now, |buckets| {
            buckets
                .tokens
                .as_mut()
                .map(|bucket| bucket.take(f64::from(tokens), now))
        });
        match taken.flatten().unwrap_or(Ok(())) {
            Ok(()) => Ok(Some(Reserved {
                rates: self.clone(),
                name: name.to_owned(),
                taken: tokens,
                prompt: expected.prompt,
                used: 0,
            })),
            Err(wait) => Err(ApiError {
                message: format!("The key's rate of tokens is used up; retry after {wait} s."),
                ..ApiError::busy(wait)
            }),
        }
    }

    /// Where a holder stands, in OpenAI's headers.
    fn tell(&self, name: &str, now: Instant, headers: &mut HeaderMap) {
        let limits = |bucket: &mut Bucket| {
            bucket.fill(now);
            let left = whole(bucket.left.floor());
            [
                whole(bucket.most).to_string(),
                left.to_string(),
                written(bucket.reset()),
            ]
        };
        let told = self.with(name, now, |buckets| {
            (
                buckets.requests.as_mut().map(limits),
                buckets.tokens.as_mut().map(limits),
            )
        });
        let Some((requests, tokens)) = told else { return };
        let requests =
            requests.map(|values| (["limit-requests", "remaining-requests", "reset-requests"], values));
        let tokens = tokens.map(|values| (["limit-tokens", "remaining-tokens", "reset-tokens"], values));
        for (names, values) in requests.into_iter().chain(tokens) {
            for (name, value) in names.into_iter().zip(values) {
                let name = HeaderName::try_from(format!("x-ratelimit-{name}"));
                if let (Ok(name), Ok(value)) = (name, HeaderValue::from_str(&value)) {
                    headers.insert(name, value);
                }
            }
        }
    }
}

/// Tokens that a request may come to, as far as one can say before they are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Expected {
    prompt: u32,
    output: Option<u32>,
}

impl Expected {
    /// Of a chat or a completion.
    pub(crate) fn of(request: &quern_inference_api::Request) -> Self {
        let tokens = |input: &Input| match input {
            Input::Chat(_) => request.template_bytes() / TOKEN_BYTES,
            Input::Text(text) => text.len() / TOKEN_BYTES,
            Input::Tokens(ids) => ids.len(),
        };
        let prompts = std::iter::once(&request.input).chain(&request.others);
        let prompt = prompts.fold(0usize, |sum, input| sum.saturating_add(tokens(input)));
        let answers = u32::try_from(request.others.len()).unwrap_or(u32::MAX);
        let answers = answers.saturating_add(1).saturating_mul(request.n);
        Self {
            prompt: u32::try_from(prompt).unwrap_or(u32::MAX).max(1),
            output: request.max_tokens.map(|most| most.saturating_mul(answers)),
        }
    }

    /// Of a body of texts without an answer in words.
    pub(crate) fn of_texts(body: &[u8]) -> Self {
        let prompt = u32::try_from(body.len() / TOKEN_BYTES).unwrap_or(u32::MAX);
        Self {
            prompt: prompt.max(1),
            output: Some(0),
        }
    }

    fn tokens(self, most: u32) -> u32 {
        let output = self.output.unwrap_or(OUTPUT.min(most / 8));
        self.prompt.saturating_add(output)
    }
}

/// Tokens that were taken out of a rate. When it is dropped, those that were not used go back, and those that were
/// used beyond are owed.
#[derive(Debug)]
pub(crate) struct Reserved {
    rates: Arc<Rates>,
    name: String,
    taken: u32,
    pub(crate) prompt: u32,
    used: u32,
}

impl Reserved {
    /// What was used.
    pub(crate) fn settle(mut self, used: u32) {
        self.used = used;
    }

    /// Nothing tells what was used.
    pub(crate) fn settle_unknown(mut self) {
        self.used = self.taken;
    }
}

impl Drop for Reserved {
    fn drop(&mut self) {
        let back = f64::from(self.taken) - f64::from(self.used);
        self.rates.with(&self.name, Instant::now(), |buckets| {
            if let Some(bucket) = &mut buckets.tokens {
                bucket.left = (bucket.left + back).min(bucket.most);
            }
        });
    }
}

/// Refuses what comes too fast before its body is read, and names every answer.
pub(crate) async fn limit(State(service): State<Arc<Service>>, request: Request, next: Next) -> Response {
    let asks = request.method() == Method::POST;
    let path = request.uri().path().to_owned();
    let holder = authorize(&service, request.headers()).ok().filter(|_| asks);
    let name = holder.map(|holder| holder.name.clone());
    let taken = name
        .as_deref()
        .map_or(Ok(()), |name| service.rates.take(name, Instant::now()));
    let mut response = match taken {
        Ok(()) => next.run(request).await,
        Err(wait) => {
            let message = format!("The key's rate of requests is used up; retry after {wait} s.");
            let busy = ApiError::busy(wait);
            service.metrics.requests.with_label_values(&["429"]).inc();
            dialects::error(&path, ApiError { message, ..busy })
        }
    };
    if let Some(name) = &name {
        service.rates.tell(name, Instant::now(), response.headers_mut());
    }
    name_for(&path, response.headers_mut());
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn rates(limits: &[(&str, Option<u32>, Option<u32>)]) -> Arc<Rates> {
        let limit = |(name, requests, tokens): &(&str, Option<u32>, Option<u32>)| {
            let (requests, tokens) = (*requests, *tokens);
            ((*name).to_owned(), Limit { requests, tokens })
        };
        Arc::new(Rates::new(limits.iter().map(limit).collect()))
    }

    fn told(rates: &Rates, name: &str, header: &str, now: Instant) -> String {
        let mut headers = HeaderMap::new();
        rates.tell(name, now, &mut headers);
        let value = headers.get(format!("x-ratelimit-{header}"));
        value.map_or(String::new(), |value| value.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_rate_is_used_up_comes_back_with_time_and_is_each_holders_own() {
        let rates = rates(&[("ann", Some(2), None), ("bob", Some(1), None)]);
        let start = Instant::now();
        assert_eq!(rates.take("ann", start), Ok(()));
        assert_eq!(told(&rates, "ann", "limit-requests", start), "2");
        assert_eq!(told(&rates, "ann", "remaining-requests", start), "1");
        assert_eq!(told(&rates, "ann", "reset-requests", start), "30s");
        assert_eq!(told(&rates, "ann", "limit-tokens", start), "");
        assert!(rates.take("ann", start).is_ok());
        assert_eq!(rates.take("ann", start), Err(30));
        assert!(rates.take("bob", start).is_ok());
        assert_eq!(rates.take("carol", start), Ok(()));
        assert_eq!(rates.take("ann", start + Duration::from_secs(29)), Err(1));
        assert!(rates.take("ann", start + Duration::from_secs(31)).is_ok());
        // Nobody saves up more than a minute's.
        let later = start + Duration::from_secs(3_600);
        assert!(rates.take("ann", later).is_ok() && rates.take("ann", later).is_ok());
        assert!(rates.take("ann", later).is_err());
    }

    #[test]
    fn tokens_are_taken_before_and_settled_after() {
        let rates = rates(&[("ann", None, Some(6_000))]);
        let start = Instant::now();
        let ask = |prompt, output| rates.reserve("ann", || Expected { prompt, output }, start);
        let left = || told(&rates, "ann", "remaining-tokens", start);
        assert!(
            rates
                .reserve("bob", || unreachable!("no limit, no count"), start)
                .unwrap()
                .is_none()
        );
        let first = ask(1_000, Some(3_000)).unwrap().unwrap();
        assert_eq!(left(), "2000");
        // An output without a bound counts as an eighth of a minute's at most.
        let second = ask(1_000, None).unwrap().unwrap();
        assert_eq!(left(), "250");
        let busy = ask(500, Some(0)).unwrap_err();
        assert_eq!((busy.status.as_u16(), busy.retry_after), (429, Some(3)));
        let never = ask(1, Some(6_000)).unwrap_err();
        assert_eq!((never.status.as_u16(), never.retry_after), (429, None));
        // What was not used comes back; nothing, if nothing tells what was used.
        first.settle(1_500);
        assert_eq!(left(), "2750");
        drop(second);
        assert_eq!(left(), "4500");
        ask(100, Some(400)).unwrap().unwrap().settle_unknown();
        assert_eq!(left(), "4000");
        // What was used beyond is owed: 5,000 more than the 100 that were taken.
        ask(100, Some(0)).unwrap().unwrap().settle(5_100);
        assert_eq!(left(), "0");
        assert_eq!(ask(1, Some(0)).unwrap_err().retry_after, Some(12));
        let later = start + Duration::from_secs(61);
        assert_eq!(told(&rates, "ann", "remaining-tokens", later), "5000");
        assert_eq!(told(&rates, "ann", "reset-tokens", later), "10s");
    }

    #[test]
    fn a_word_of_the_keys_file_is_a_limit_or_none() {
        let limit = |word| Limit::parse(word).unwrap();
        assert_eq!(limit("budget=5"), None);
        let both = limit("rpm=60").unwrap().and(limit("tpm=9000").unwrap());
        assert_eq!((both.requests, both.tokens), (Some(60), Some(9_000)));
        assert_eq!(both.and(limit("rpm=7").unwrap()).requests, Some(7));
        for wrong in [
            "rpm=0",
            "rpm=x",
            "tpm=-1",
            "tpm=",
            "rpm=1000001",
            "tpm=5000000000",
        ] {
            assert!(Limit::parse(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn times_are_written_as_openai_writes_them() {
        let times = [0.0, 0.0171, 0.9991, 1.0, 8.64, 59.9999, 360.0, 61.5].map(written);
        assert_eq!(
            times,
            ["0ms", "18ms", "1s", "1s", "8.64s", "1m0s", "6m0s", "1m1.5s"]
        );
    }
}
