//! Prometheus metrics of the application process.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use prometheus::{Encoder, HistogramOpts, HistogramVec, IntGauge, IntGaugeVec, Opts, Registry, TextEncoder};

use crate::exit::{At, Exit, Outcome};

/// Buckets from 50 microseconds to ten seconds.
const SECONDS: &[f64] = &[0.000_05, 0.000_2, 0.001, 0.005, 0.025, 0.1, 0.5, 2.0, 10.0];

/// The application's metrics.
#[derive(Clone)]
pub struct Metrics {
    registry: Registry,
    calls: HistogramVec,
    height: IntGauge,
    oldest: IntGauge,
    snapshot: IntGauge,
}

/// What is looked up when the page is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sample {
    /// Last height that the application committed.
    pub height: u64,
    /// Oldest height whose state is kept.
    pub oldest: u64,
    /// Height of the latest state-sync snapshot, 0 without one.
    pub snapshot: u64,
}

impl Metrics {
    /// Registers every metric.
    ///
    /// # Errors
    /// If two metrics share a name.
    pub fn new() -> Outcome<Self> {
        let registry = Registry::new();
        let make = || -> prometheus::Result<Self> {
            let calls = HistogramVec::new(
                HistogramOpts::new(
                    "quern_abci_call_seconds",
                    "Time the application took for ABCI calls, by method.",
                )
                .buckets(SECONDS.to_vec()),
                &["method"],
            )?;
            let height = IntGauge::new("quern_app_height", "Last height that the application committed.")?;
            let oldest = IntGauge::new("quern_app_oldest_height", "Oldest height whose state is kept.")?;
            let snapshot = IntGauge::new(
                "quern_snapshot_height",
                "Height of the latest state-sync snapshot, 0 without one.",
            )?;
            let build = IntGaugeVec::new(
                Opts::new("quern_build_info", "Always 1; the version is a label."),
                &["version"],
            )?;
            build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
            registry.register(Box::new(calls.clone()))?;
            registry.register(Box::new(height.clone()))?;
            registry.register(Box::new(oldest.clone()))?;
            registry.register(Box::new(snapshot.clone()))?;
            registry.register(Box::new(build))?;
            registry.register(Box::new(
                prometheus::process_collector::ProcessCollector::for_self(),
            ))?;
            Ok(Self {
                registry: registry.clone(),
                calls,
                height,
                oldest,
                snapshot,
            })
        };
        make().at(Exit::Failure, "metrics")
    }

    /// Notes one ABCI call.
    pub fn observe(&self, method: &'static str, took: Duration) {
        self.calls
            .with_label_values(&[method])
            .observe(took.as_secs_f64());
    }

    /// All of them, in Prometheus' text format.
    ///
    /// # Errors
    /// If they cannot be written.
    pub fn text(&self, sample: Sample) -> Result<Vec<u8>, prometheus::Error> {
        for (gauge, value) in [
            (&self.height, sample.height),
            (&self.oldest, sample.oldest),
            (&self.snapshot, sample.snapshot),
        ] {
            gauge.set(i64::try_from(value).unwrap_or(i64::MAX));
        }
        let mut text = Vec::new();
        TextEncoder::new().encode(&self.registry.gather(), &mut text)?;
        Ok(text)
    }
}

/// Serves `/metrics` until the future that it returns is dropped.
///
/// # Errors
/// [`Exit::InUse`] when the address is taken.
pub async fn serve(
    address: SocketAddr,
    metrics: Metrics,
    sample: Arc<dyn Fn() -> Sample + Send + Sync>,
) -> Outcome<impl Future<Output = std::io::Result<()>>> {
    let listener = tokio::net::TcpListener::bind(address).await.at(
        Exit::InUse,
        format!("cannot listen on {address} ([telemetry] address in app.toml)"),
    )?;
    let page = move || async move {
        match metrics.text(sample()) {
            Ok(text) => ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text).into_response(),
            Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
        }
    };
    let router = Router::new().route("/metrics", get(page));
    Ok(async move { axum::serve(listener, router).await })
}
