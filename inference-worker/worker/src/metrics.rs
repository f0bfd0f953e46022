//! Prometheus metrics of a worker.

use prometheus::{
    Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

/// Counters, gauges and histograms, registered once.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    registry: Registry,
    /// Requests by outcome: stop, length, cancelled, failed, refused, busy.
    pub(crate) requests: IntCounterVec,
    pub(crate) prompt_tokens: IntCounter,
    /// Prompt tokens that were cached already.
    pub(crate) cached_tokens: IntCounter,
    pub(crate) completion_tokens: IntCounter,
    pub(crate) scored_tokens: IntCounter,
    pub(crate) active: IntGauge,
    pub(crate) queued: IntGauge,
    pub(crate) first_token: Histogram,
    pub(crate) step: Histogram,
    /// 1 while paid work can be done.
    pub(crate) chain_ready: IntGauge,
    pub(crate) chain_height: IntGauge,
    /// 1 while the host stands convicted for its model.
    pub(crate) convicted: IntGauge,
    pub(crate) receipts: IntCounter,
    /// In nqrn.
    pub(crate) captured: IntCounter,
    pub(crate) batches: IntCounter,
    pub(crate) claims: IntCounter,
    pub(crate) lapsed: IntCounter,
    pub(crate) lost_batches: IntCounter,
    pub(crate) outbox_errors: IntCounter,
    pub(crate) proofs: ProofMetrics,
    pub(crate) audits: AuditMetrics,
}

/// Of audits.
#[derive(Clone, Debug)]
pub(crate) struct AuditMetrics {
    /// Leaves in committed reports by vote: clean, failed, unfetchable.
    pub(crate) leaves: IntCounterVec,
    /// Rounds with work for this host by outcome: reported, missed.
    pub(crate) rounds: IntCounterVec,
    pub(crate) revealed: IntCounter,
    /// Drawn leaves that are not here any more.
    pub(crate) unrevealed: IntCounter,
    /// Receipts that were given up.
    pub(crate) given_up: IntCounter,
    pub(crate) fetch_failures: IntCounter,
    pub(crate) errors: IntCounter,
}

/// Of proof of compute.
#[derive(Clone, Debug)]
pub(crate) struct ProofMetrics {
    /// Sprints by outcome: committed, missed, empty.
    pub(crate) sprints: IntCounterVec,
    pub(crate) answers: IntCounter,
    pub(crate) tokens: IntCounter,
    /// Of the last sprint that was committed, in weighted tokens.
    pub(crate) work: IntGauge,
    pub(crate) total_work: IntCounter,
    pub(crate) commits: IntCounter,
    /// Commits that no block took in time, or that the chain refused.
    pub(crate) missed_commits: IntCounter,
    pub(crate) failures: IntCounter,
    pub(crate) reveals: IntCounter,
}

const SECONDS: [f64; 12] = [
    0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0,
];

impl Metrics {
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new_custom(Some("quern_worker".into()), None)?;
        let counter = |name: &str, help: &str| -> Result<IntCounter, prometheus::Error> {
            let metric = IntCounter::new(name, help)?;
            registry.register(Box::new(metric.clone())).map(|()| metric)
        };
        let gauge = |name: &str, help: &str| -> Result<IntGauge, prometheus::Error> {
            let metric = IntGauge::new(name, help)?;
            registry.register(Box::new(metric.clone())).map(|()| metric)
        };
        let seconds = |name: &str, help: &str| -> Result<Histogram, prometheus::Error> {
            let metric = Histogram::with_opts(HistogramOpts::new(name, help).buckets(SECONDS.to_vec()))?;
            registry.register(Box::new(metric.clone())).map(|()| metric)
        };
        let outcomes = Opts::new("sprints_total", "Sprints of proof of compute by outcome.");
        let sprints = IntCounterVec::new(outcomes, &["outcome"])?;
        registry.register(Box::new(sprints.clone()))?;
        let proofs = ProofMetrics {
            sprints,
            answers: counter("proof_answers_total", "Requests of sprints answered.")?,
            tokens: counter("proof_tokens_total", "Tokens written for sprints.")?,
            work: gauge("proof_work", "Weighted tokens committed in the last sprint.")?,
            total_work: counter("proof_work_total", "Weighted tokens committed in sprints.")?,
            commits: counter("proof_commits_total", "Commits of sprints on chain.")?,
            missed_commits: counter(
                "proof_commits_missed_total",
                "Commits of sprints that did not count.",
            )?,
            failures: counter(
                "proof_failures_total",
                "Requests of sprints that could not be answered.",
            )?,
            reveals: counter("proof_reveals_total", "Drawn answers revealed.")?,
        };
        let votes = Opts::new("audit_leaves_total", "Leaves in committed audit reports by vote.");
        let leaves = IntCounterVec::new(votes, &["vote"])?;
        registry.register(Box::new(leaves.clone()))?;
        let outcomes = Opts::new(
            "audit_rounds_total",
            "Rounds of audits with work for this host by outcome.",
        );
        let rounds = IntCounterVec::new(outcomes, &["outcome"])?;
        registry.register(Box::new(rounds.clone()))?;
        let audits = AuditMetrics {
            leaves,
            rounds,
            revealed: counter(
                "audit_reveals_total",
                "Drawn leaves of this host that it revealed.",
            )?,
            given_up: counter(
                "audit_given_up_total",
                "Drawn receipts that were lost and are given up on chain.",
            )?,
            unrevealed: counter(
                "audit_unrevealed_total",
                "Times that a drawn leaf was not here any more.",
            )?,
            fetch_failures: counter(
                "audit_fetch_failures_total",
                "Payloads that could not be fetched at once.",
            )?,
            errors: counter(
                "audit_errors_total",
                "Looks at the audits, or acts, that could not finish.",
            )?,
        };
        let requests = IntCounterVec::new(Opts::new("requests_total", "Requests by outcome."), &["outcome"])?;
        registry.register(Box::new(requests.clone()))?;
        Ok(Self {
            requests,
            prompt_tokens: counter("prompt_tokens_total", "Tokens read.")?,
            cached_tokens: counter("cached_tokens_total", "Prompt tokens that were cached already.")?,
            completion_tokens: counter("completion_tokens_total", "Tokens written.")?,
            scored_tokens: counter("scored_tokens_total", "Tokens of others that were re-executed.")?,
            active: gauge("active_requests", "Requests that hold a slot of the engine.")?,
            queued: gauge("queued_requests", "Requests that wait for a slot.")?,
            first_token: seconds("first_token_seconds", "From admission to the first token.")?,
            step: seconds("step_seconds", "Duration of one batched decoding step.")?,
            chain_ready: gauge("chain_ready", "1 while paid work can be done.")?,
            chain_height: gauge("chain_height", "Height of the chain as last seen.")?,
            convicted: gauge("convicted", "1 while the host stands convicted for its model.")?,
            receipts: counter("receipts_total", "Receipts kept.")?,
            captured: counter("captured_nqrn_total", "Captures of receipts, in nqrn.")?,
            batches: counter("batches_total", "Batches committed.")?,
            claims: counter("claims_total", "Sessions claimed.")?,
            lapsed: counter(
                "lapsed_receipts_total",
                "Receipts whose time ended before their commit.",
            )?,
            lost_batches: counter("lost_batches_total", "Batches on chain that the journal lost.")?,
            outbox_errors: counter("outbox_errors_total", "Runs of the outbox that could not finish.")?,
            proofs,
            audits,
            registry,
        })
    }

    pub(crate) fn count(&self, outcome: &str) {
        self.requests.with_label_values(&[outcome]).inc();
    }

    /// The text format of Prometheus.
    pub(crate) fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut out = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut out)?;
        Ok(out)
    }
}
