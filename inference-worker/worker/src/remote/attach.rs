//! `quern-worker attach`: another server's model under the worker's interface.

use super::EngineArgs;
use crate::serve::{FILES_EACH, bind, terminated};
use anyhow::{Context, bail};
use quern_engine_remote::probe::probe;
use quern_engine_remote::serve::{Options, Remote};
use quern_engine_remote::tier::NO_PAY;
use quern_engine_remote::tokens::Vocabulary;
use quern_engine_remote::{Capabilities, TrustTier, Upstream};
use quern_transport::{PlainListener, served};
use std::future::IntoFuture;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Serve a model that another OpenAI-compatible server computes: vLLM, SGLang, llama.cpp, TGI. Never for pay.
#[derive(Debug, clap::Args)]
pub struct Attach {
    #[command(flatten)]
    engine: EngineArgs,
    /// Id under which the model is served; the engine's by default.
    #[arg(long)]
    model_id: Option<String>,
    /// Folder with the model's tokenizer.json: to count tokens that the engine does not count, and to tell token ids
    /// from the texts of tokens.
    #[arg(long, value_name = "DIR")]
    tokenizer: Option<PathBuf>,
    /// The model's context, if the engine does not tell, or a shorter one.
    #[arg(long, value_name = "TOKENS")]
    context: Option<u32>,
    /// Where to listen; port 0 takes a free one, which is printed.
    #[arg(long, default_value = "127.0.0.1:8100")]
    listen: SocketAddr,
    /// Requests that the engine gets at once; beyond them comes 429. One for the server of llama-cpp-python.
    #[arg(long, default_value_t = 8)]
    slots: usize,
    /// Seconds until the first piece of an answer.
    #[arg(long, default_value_t = 120)]
    first_token: u64,
    /// Seconds between two pieces of an answer.
    #[arg(long, default_value_t = 60)]
    idle: u64,
    /// Seconds for a whole answer.
    #[arg(long, default_value_t = 1800)]
    deadline: u64,
    /// Seconds that the engine gets to start.
    #[arg(long, default_value_t = 60)]
    wait: u64,
    /// Seconds between two looks at an idle engine.
    #[arg(long, default_value_t = 5)]
    look: u64,
    /// Seconds that running requests get to finish after SIGTERM.
    #[arg(long, default_value_t = 20)]
    grace: u64,
    /// Print what the engine was seen to honour, as JSON, and end.
    #[arg(long)]
    dry_run: bool,
    /// Refused: a remote engine cannot serve for pay. `attach --chain` says why.
    #[arg(long, value_name = "FILE")]
    chain: Option<PathBuf>,
}

impl Attach {
    /// Serves until it is told to end.
    ///
    /// # Errors
    /// When the engine cannot be used, or pay is asked for.
    pub fn run(self) -> anyhow::Result<()> {
        if self.chain.is_some() {
            bail!(NO_PAY);
        }
        if !self.listen.ip().is_loopback() {
            bail!(
                "{} is not a loopback address; workers listen on loopback only",
                self.listen
            );
        }
        let vocabulary = self
            .tokenizer
            .as_deref()
            .map(Vocabulary::load)
            .transpose()?
            .map(Arc::new);
        let mut config = self.engine.config()?;
        config.context = self.context;
        config.timeouts.first = Duration::from_secs(self.first_token.max(1));
        config.timeouts.idle = Duration::from_secs(self.idle.max(1));
        config.timeouts.whole = Duration::from_secs(self.deadline.max(1));
        let upstream = Upstream::new(config).context("no connection to the engine can be made")?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let result = runtime.block_on(self.serve(upstream, vocabulary));
        // Tasks that wait for a silent engine end with it.
        runtime.shutdown_background();
        result
    }

    async fn serve(&self, upstream: Upstream, vocabulary: Option<Arc<Vocabulary>>) -> anyhow::Result<()> {
        let capabilities = self.probe(&upstream, vocabulary.as_deref()).await?;
        let tier = TrustTier::of(&capabilities);
        if self.dry_run {
            let shown = serde_json::json!({
                "engine": capabilities, "trust_tier": tier, "trust_tier_lacks": TrustTier::lacks(&capabilities),
            });
            println!("{}", serde_json::to_string_pretty(&shown)?);
            return Ok(());
        }
        tracing::info!(
            engine = capabilities.kind.as_str(),
            model = capabilities.model,
            capabilities = %serde_json::to_string(&capabilities)?,
            "probed"
        );
        tracing::info!(
            tier = tier.as_str(),
            lacks = TrustTier::lacks(&capabilities),
            "trust tier; no pay"
        );
        let options = Options {
            model_id: self
                .model_id
                .clone()
                .unwrap_or_else(|| capabilities.model.clone()),
            slots: self.slots,
            look: Duration::from_secs(self.look.max(1)),
        };
        let remote = Remote::new(upstream, capabilities, vocabulary, options)?;
        let listener = bind(self.listen).await?;
        println!("listening on http://{}", listener.local_addr()?);
        let watch = tokio::spawn(remote.clone().watch());
        let listener = PlainListener::new(listener, FILES_EACH);
        let (stopping, mut stopped) = tokio::sync::watch::channel(false);
        let mut stop = stopped.clone();
        let signal = async move { drop(stop.wait_for(|stopping| *stopping).await) };
        let server = axum::serve(listener, served(remote.router()))
            .with_graceful_shutdown(signal)
            .into_future();
        tokio::spawn(async move {
            terminated().await;
            let _ = stopping.send(true);
        });
        let out_of_time = async {
            let _ = stopped.wait_for(|stopping| *stopping).await;
            tokio::time::sleep(Duration::from_secs(self.grace)).await;
        };
        let result = tokio::select! {
            result = server => result.context("the HTTP server failed"),
            () = out_of_time => Ok(()),
        };
        watch.abort();
        result
    }

    /// Engines take minutes to load a model, and may be started together with the worker.
    async fn probe(
        &self,
        upstream: &Upstream,
        vocabulary: Option<&Vocabulary>,
    ) -> anyhow::Result<Capabilities> {
        let until = Instant::now() + Duration::from_secs(self.wait);
        loop {
            match probe(upstream, vocabulary).await {
                Err(error) if error.is_passing() && Instant::now() < until => {
                    tracing::info!(%error, "waiting for the engine");
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
                probed => return Ok(probed?),
            }
        }
    }
}
