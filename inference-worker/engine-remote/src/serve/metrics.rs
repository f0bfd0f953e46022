//! What is counted.

use crate::error::UpstreamError;
use prometheus::{Encoder, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder};
use quern_inference_api::response::Usage;

/// Counters under the names of the worker's own, and the engine's beside them.
#[derive(Clone, Debug)]
pub(super) struct Metrics {
    registry: Registry,
    requests: IntCounterVec,
    errors: IntCounterVec,
    prompt_tokens: IntCounter,
    completion_tokens: IntCounter,
    active: IntGauge,
    pub(super) up: IntGauge,
}

/// A request that the engine has, counted until dropped.
#[derive(Debug)]
pub(super) struct Active(IntGauge);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Metrics {
    pub(super) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new_custom(Some("quern_worker".into()), None)?;
        let requests = IntCounterVec::new(Opts::new("requests_total", "Requests by outcome."), &["outcome"])?;
        let errors = Opts::new("engine_errors_total", "Failures of the remote engine by kind.");
        let errors = IntCounterVec::new(errors, &["kind"])?;
        let prompt_tokens = IntCounter::new("prompt_tokens_total", "Tokens read.")?;
        let completion_tokens = IntCounter::new("completion_tokens_total", "Tokens written.")?;
        let active = IntGauge::new("active_requests", "Requests that the engine has.")?;
        let up = IntGauge::new("engine_up", "1 while the remote engine answers.")?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(errors.clone()))?;
        registry.register(Box::new(prompt_tokens.clone()))?;
        registry.register(Box::new(completion_tokens.clone()))?;
        registry.register(Box::new(active.clone()))?;
        registry.register(Box::new(up.clone()))?;
        Ok(Self {
            registry,
            requests,
            errors,
            prompt_tokens,
            completion_tokens,
            active,
            up,
        })
    }

    pub(super) fn count(&self, outcome: &str) {
        self.requests.with_label_values(&[outcome]).inc();
    }

    pub(super) fn failed(&self, error: &UpstreamError) {
        self.errors.with_label_values(&[error.kind()]).inc();
    }

    pub(super) fn begin(&self) -> Active {
        self.active.inc();
        Active(self.active.clone())
    }

    /// An answer that came whole, or as much of one as there is.
    pub(super) fn ended(&self, outcome: &str, usage: Option<Usage>) {
        self.count(outcome);
        if let Some(usage) = usage {
            self.prompt_tokens.inc_by(usage.prompt_tokens.into());
            self.completion_tokens.inc_by(usage.completion_tokens.into());
        }
    }

    /// The text format of Prometheus.
    pub(super) fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut out = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut out)?;
        Ok(out)
    }
}
