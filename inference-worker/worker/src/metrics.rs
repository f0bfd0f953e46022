//! Prometheus metrics of a worker.

use prometheus::{
    Encoder, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry, TextEncoder,
};

/// Of the whole worker; clones count together.
#[derive(Clone, Debug)]
pub(crate) struct HostMetrics {
    registry: Registry,
    /// Requests that name no model that is served here, by outcome.
    nowhere: IntCounterVec,
    /// 1 while paid work can be done with a model at least.
    pub(crate) chain_ready: IntGauge,
    pub(crate) chain_height: IntGauge,
    pub(crate) batches: IntCounter,
    pub(crate) claims: IntCounter,
    pub(crate) lapsed: IntCounter,
    pub(crate) lost_batches: IntCounter,
    pub(crate) outbox_errors: IntCounter,
    pub(crate) audits: AuditMetrics,
}

/// Of one model, which is a label of every value.
#[derive(Clone, Debug)]
pub(crate) struct Metrics {
    host: HostMetrics,
    /// Requests by outcome: stop, length, cancelled, timeout, failed, grammar (grown too complex), refused, busy.
    pub(crate) requests: IntCounterVec,
    pub(crate) prompt_tokens: IntCounter,
    /// Prompt tokens that were cached already.
    pub(crate) cached_tokens: IntCounter,
    pub(crate) completion_tokens: IntCounter,
    /// Tokens that were tried before they were drawn, and those of them that were then drawn.
    pub(crate) drafted_tokens: IntCounter,
    pub(crate) accepted_tokens: IntCounter,
    pub(crate) scored_tokens: IntCounter,
    pub(crate) active: IntGauge,
    pub(crate) queued: IntGauge,
    pub(crate) first_token: Histogram,
    pub(crate) step: Histogram,
    /// 1 while the host stands convicted for the model.
    pub(crate) convicted: IntGauge,
    pub(crate) receipts: IntCounter,
    /// In nqrn.
    pub(crate) captured: IntCounter,
    pub(crate) proofs: ProofMetrics,
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

/// Makes metrics and registers them.
struct Maker<'a> {
    registry: &'a Registry,
    model: Option<&'a str>,
}

impl Maker<'_> {
    fn opts(&self, name: &str, help: &str) -> Opts {
        let opts = Opts::new(name, help);
        match self.model {
            Some(model) => opts.const_label("model", model),
            None => opts,
        }
    }

    fn counter(&self, name: &str, help: &str) -> Result<IntCounter, prometheus::Error> {
        let metric = IntCounter::with_opts(self.opts(name, help))?;
        self.registry.register(Box::new(metric.clone())).map(|()| metric)
    }

    fn counters(&self, name: &str, help: &str, label: &str) -> Result<IntCounterVec, prometheus::Error> {
        let metric = IntCounterVec::new(self.opts(name, help), &[label])?;
        self.registry.register(Box::new(metric.clone())).map(|()| metric)
    }

    fn gauge(&self, name: &str, help: &str) -> Result<IntGauge, prometheus::Error> {
        let metric = IntGauge::with_opts(self.opts(name, help))?;
        self.registry.register(Box::new(metric.clone())).map(|()| metric)
    }

    fn seconds(&self, name: &str, help: &str) -> Result<Histogram, prometheus::Error> {
        let opts = HistogramOpts::from(self.opts(name, help)).buckets(SECONDS.to_vec());
        let metric = Histogram::with_opts(opts)?;
        self.registry.register(Box::new(metric.clone())).map(|()| metric)
    }

    /// The same metric for every model.
    fn requests(&self) -> Result<IntCounterVec, prometheus::Error> {
        self.counters("requests_total", "Requests by outcome.", "outcome")
    }
}

impl HostMetrics {
    pub(crate) fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new_custom(Some("quern_worker".into()), None)?;
        let nowhere = Maker {
            registry: &registry,
            model: Some(""),
        };
        let nowhere = nowhere.requests()?;
        let make = Maker {
            registry: &registry,
            model: None,
        };
        let audits = AuditMetrics {
            leaves: make.counters(
                "audit_leaves_total",
                "Leaves in committed audit reports by vote.",
                "vote",
            )?,
            rounds: make.counters(
                "audit_rounds_total",
                "Rounds of audits with work for this host by outcome.",
                "outcome",
            )?,
            revealed: make.counter(
                "audit_reveals_total",
                "Drawn leaves of this host that it revealed.",
            )?,
            given_up: make.counter(
                "audit_given_up_total",
                "Drawn receipts that were lost and are given up on chain.",
            )?,
            unrevealed: make.counter(
                "audit_unrevealed_total",
                "Times that a drawn leaf was not here any more.",
            )?,
            fetch_failures: make.counter(
                "audit_fetch_failures_total",
                "Payloads that could not be fetched at once.",
            )?,
            errors: make.counter(
                "audit_errors_total",
                "Looks at the audits, or acts, that could not finish.",
            )?,
        };
        Ok(Self {
            nowhere,
            chain_ready: make.gauge("chain_ready", "1 while paid work can be done.")?,
            chain_height: make.gauge("chain_height", "Height of the chain as last seen.")?,
            batches: make.counter("batches_total", "Batches committed.")?,
            claims: make.counter("claims_total", "Sessions claimed.")?,
            lapsed: make.counter(
                "lapsed_receipts_total",
                "Receipts whose time ended before their commit.",
            )?,
            lost_batches: make.counter("lost_batches_total", "Batches on chain that the journal lost.")?,
            outbox_errors: make
                .counter("outbox_errors_total", "Runs of the outbox that could not finish.")?,
            audits,
            registry,
        })
    }

    /// Metrics of a model; an error if there are some already.
    pub(crate) fn model(&self, model: &str) -> Result<Metrics, prometheus::Error> {
        let make = Maker {
            registry: &self.registry,
            model: Some(model),
        };
        let proofs = ProofMetrics {
            sprints: make.counters(
                "sprints_total",
                "Sprints of proof of compute by outcome.",
                "outcome",
            )?,
            answers: make.counter("proof_answers_total", "Requests of sprints answered.")?,
            tokens: make.counter("proof_tokens_total", "Tokens written for sprints.")?,
            work: make.gauge("proof_work", "Weighted tokens committed in the last sprint.")?,
            total_work: make.counter("proof_work_total", "Weighted tokens committed in sprints.")?,
            commits: make.counter("proof_commits_total", "Commits of sprints on chain.")?,
            missed_commits: make.counter(
                "proof_commits_missed_total",
                "Commits of sprints that did not count.",
            )?,
            failures: make.counter(
                "proof_failures_total",
                "Requests of sprints that could not be answered.",
            )?,
            reveals: make.counter("proof_reveals_total", "Drawn answers revealed.")?,
        };
        Ok(Metrics {
            requests: make.requests()?,
            prompt_tokens: make.counter("prompt_tokens_total", "Tokens read.")?,
            cached_tokens: make.counter("cached_tokens_total", "Prompt tokens that were cached already.")?,
            completion_tokens: make.counter("completion_tokens_total", "Tokens written.")?,
            drafted_tokens: make.counter(
                "drafted_tokens_total",
                "Tokens tried as drafts, before they were drawn.",
            )?,
            accepted_tokens: make.counter(
                "accepted_draft_tokens_total",
                "Drafts that were the tokens drawn.",
            )?,
            scored_tokens: make.counter("scored_tokens_total", "Tokens of others that were re-executed.")?,
            active: make.gauge("active_requests", "Requests that hold a slot of the engine.")?,
            queued: make.gauge("queued_requests", "Requests that wait for a slot.")?,
            first_token: make.seconds("first_token_seconds", "From admission to the first token.")?,
            step: make.seconds("step_seconds", "Duration of one batched decoding step.")?,
            convicted: make.gauge("convicted", "1 while the host stands convicted for the model.")?,
            receipts: make.counter("receipts_total", "Receipts kept.")?,
            captured: make.counter("captured_nqrn_total", "Captures of receipts, in nqrn.")?,
            proofs,
            host: self.clone(),
        })
    }

    /// Counts a request that names no model that is served here.
    pub(crate) fn count(&self, outcome: &str) {
        self.nowhere.with_label_values(&[outcome]).inc();
    }

    /// The text format of Prometheus.
    pub(crate) fn render(&self) -> Result<Vec<u8>, prometheus::Error> {
        let mut out = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut out)?;
        Ok(out)
    }
}

impl Metrics {
    /// Of a worker with one model.
    pub(crate) fn alone(model: &str) -> Result<Self, prometheus::Error> {
        HostMetrics::new()?.model(model)
    }

    /// Those of the whole worker.
    pub(crate) fn host(&self) -> &HostMetrics {
        &self.host
    }

    pub(crate) fn count(&self, outcome: &str) {
        self.requests.with_label_values(&[outcome]).inc();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_model_is_counted_by_itself_under_one_name() {
        let host = HostMetrics::new().unwrap();
        let (a, b) = (host.model("a").unwrap(), host.model("b").unwrap());
        assert!(host.model("a").is_err());
        a.count("stop");
        b.active.set(3);
        host.count("refused");
        let text = String::from_utf8(host.render().unwrap()).unwrap();
        for line in [
            r#"quern_worker_requests_total{model="a",outcome="stop"} 1"#,
            r#"quern_worker_requests_total{model="",outcome="refused"} 1"#,
            r#"quern_worker_active_requests{model="a"} 0"#,
            r#"quern_worker_active_requests{model="b"} 3"#,
            "quern_worker_batches_total 0",
        ] {
            assert!(
                text.lines().any(|found| found == line),
                "{line} is not in\n{text}"
            );
        }
        let types = "# TYPE quern_worker_active_requests ";
        assert_eq!(text.matches(types).count(), 1);
    }
}
