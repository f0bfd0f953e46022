//! Prometheus metrics of a router.

use prometheus::{Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, Opts, Registry, TextEncoder};

/// Counters and histograms, registered once.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    /// Requests by HTTP status.
    pub(crate) requests: IntCounterVec,
    /// Attempts that went on to another worker.
    pub(crate) retries: IntCounter,
    /// Streams that broke after their first bytes.
    pub(crate) broken: IntCounter,
    pub(crate) first_byte: Histogram,
}

impl Metrics {
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new_custom(Some("quern_router".into()), None)?;
        let requests = IntCounterVec::new(Opts::new("requests_total", "Requests by status."), &["status"])?;
        let retries = IntCounter::new("retries_total", "Attempts that went on to another worker.")?;
        let broken = IntCounter::new(
            "broken_streams_total",
            "Answers that broke after their first bytes.",
        )?;
        let buckets = vec![
            0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
        ];
        let help = "From a request's arrival to the first bytes of its answer.";
        let first_byte =
            Histogram::with_opts(HistogramOpts::new("first_byte_seconds", help).buckets(buckets))?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(retries.clone()))?;
        registry.register(Box::new(broken.clone()))?;
        registry.register(Box::new(first_byte.clone()))?;
        Ok(Self {
            registry,
            requests,
            retries,
            broken,
            first_byte,
        })
    }

    /// The text format of Prometheus.
    pub(crate) fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut out = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut out)?;
        Ok(out)
    }
}
