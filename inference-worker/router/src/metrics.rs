//! Prometheus metrics of a router.

use prometheus::{
    Encoder, GaugeVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGaugeVec, Opts, Registry,
    TextEncoder,
};

/// Counters and histograms, registered once.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    /// Requests by HTTP status.
    pub(crate) requests: IntCounterVec,
    /// Attempts that went on to another worker.
    pub(crate) retries: IntCounter,
    /// Answers that were given again for an idempotency key.
    pub(crate) replays: IntCounter,
    /// Streams that broke after their first bytes.
    pub(crate) broken: IntCounter,
    pub(crate) first_byte: Histogram,
    /// From a request's arrival to its first voucher: what paying adds to the time to the first token.
    pub(crate) prepare: Histogram,
    /// Receipts: good, wrong, missing.
    pub(crate) receipts: IntCounterVec,
    /// Signed refusals by host and reason: busy, limit, maintenance.
    pub(crate) refusals: IntCounterVec,
    /// Vouchers that a host left without answer, by host, witnessed or not.
    pub(crate) unanswered: IntCounterVec,
    /// Refusals and witnessed time-outs that are on chain.
    pub(crate) misses_noted: IntCounter,
    /// Hosts passed over for lack of room.
    pub(crate) passed_over: IntCounter,
    /// Releases that were presented.
    pub(crate) releases: IntCounter,
    /// Faults of hosts that were proven on chain.
    pub(crate) faults: IntCounter,
    /// Top-ups that hosts took.
    pub(crate) top_ups: IntCounter,
    /// Sessions by payer, model and state.
    pub(crate) sessions: IntGaugeVec,
    /// Money in nqrn by key and kind: budget, spent, held.
    pub(crate) budgets: GaugeVec,
}

impl Metrics {
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new_custom(Some("quern_router".into()), None)?;
        let requests = IntCounterVec::new(Opts::new("requests_total", "Requests by status."), &["status"])?;
        let retries = IntCounter::new("retries_total", "Attempts that went on to another worker.")?;
        let replays = IntCounter::new(
            "replays_total",
            "Answers that were given again for an idempotency key.",
        )?;
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
        let help = "From a paid request's arrival to its first voucher.";
        let buckets = vec![0.000_1, 0.000_25, 0.000_5, 0.001, 0.002, 0.005, 0.01, 0.1, 1.0];
        let prepare = Histogram::with_opts(HistogramOpts::new("prepare_seconds", help).buckets(buckets))?;
        let receipts = IntCounterVec::new(
            Opts::new("receipts_total", "Receipts by what they were."),
            &["verdict"],
        )?;
        let refusals = IntCounterVec::new(
            Opts::new("refusals_total", "Signed refusals by host and reason."),
            &["host", "reason"],
        )?;
        let unanswered = IntCounterVec::new(
            Opts::new("unanswered_total", "Requests that a host did not answer."),
            &["host"],
        )?;
        let misses_noted = IntCounter::new(
            "misses_noted_total",
            "Refusals and witnessed time-outs of hosts that are on chain.",
        )?;
        let passed_over = IntCounter::new(
            "passed_over_total",
            "Hosts passed over because their limit was used up.",
        )?;
        let releases = IntCounter::new(
            "releases_total",
            "Limits that hosts signed over to others, on chain.",
        )?;
        let faults = IntCounter::new(
            "faults_proven_total",
            "Faults of hosts that were proven on chain.",
        )?;
        let top_ups = IntCounter::new("top_ups_total", "Vouchers signed again while an answer streamed.")?;
        let sessions = IntGaugeVec::new(
            Opts::new("sessions", "Sessions by payer, model and state."),
            &["payer", "model", "state"],
        )?;
        let budgets = GaugeVec::new(
            Opts::new(
                "budget_nqrn",
                "Money of an API key's holder: budget, spent, held.",
            ),
            &["key", "kind"],
        )?;
        registry.register(Box::new(prepare.clone()))?;
        registry.register(Box::new(receipts.clone()))?;
        registry.register(Box::new(refusals.clone()))?;
        registry.register(Box::new(unanswered.clone()))?;
        registry.register(Box::new(misses_noted.clone()))?;
        registry.register(Box::new(passed_over.clone()))?;
        registry.register(Box::new(releases.clone()))?;
        registry.register(Box::new(faults.clone()))?;
        registry.register(Box::new(top_ups.clone()))?;
        registry.register(Box::new(sessions.clone()))?;
        registry.register(Box::new(budgets.clone()))?;
        registry.register(Box::new(requests.clone()))?;
        registry.register(Box::new(retries.clone()))?;
        registry.register(Box::new(replays.clone()))?;
        registry.register(Box::new(broken.clone()))?;
        registry.register(Box::new(first_byte.clone()))?;
        Ok(Self {
            registry,
            requests,
            retries,
            replays,
            broken,
            first_byte,
            prepare,
            receipts,
            refusals,
            unanswered,
            misses_noted,
            passed_over,
            releases,
            faults,
            top_ups,
            sessions,
            budgets,
        })
    }

    /// The text format of Prometheus.
    pub(crate) fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut out = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut out)?;
        Ok(out)
    }
}
