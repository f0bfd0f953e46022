//! `quern-worker serve` for a sentence encoder.

use crate::checkpoint;
use crate::embed::Queue;
use crate::http::embeddings::{Encoding, router};
use crate::metrics::Metrics;
use crate::models::Entry;
use crate::serve::{FILES_EACH, Serve, bind, terminated};
use anyhow::{Context, bail};
use quern_inference_api::origins::with_origins;
use quern_transport::{PlainListener, served};
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

impl Serve {
    /// Serves vectors until it is told to end.
    pub(crate) fn run_encoder(&self, entry: Entry) -> anyhow::Result<()> {
        let Entry { id, args, queue, .. } = entry;
        if self.chain.is_some() {
            bail!("a sentence encoder is not served for pay: receipts are of text; leave out --chain");
        }
        let tokenizer = Arc::new(args.tokenizer()?);
        let (queue, serving) = Queue::new(queue);
        let (ready, loaded) = sync_channel(1);
        let load = args.clone();
        // The encoder is made and used on one thread and never leaves it.
        let engine = std::thread::Builder::new().name("engine".into()).spawn(move || {
            let mut encoder = match load.encoder() {
                Ok(encoder) => encoder,
                Err(error) => return drop(ready.send(Err(error))),
            };
            let facts = (encoder.context(), encoder.width(), encoder.is_normalised());
            if ready.send(Ok(facts)).is_ok() {
                serving.run(&mut encoder);
            }
        })?;
        let (context, width, unit) = loaded.recv().context("the engine thread ended early")??;
        let encoding = Encoding {
            metrics: Metrics::alone(&id)?,
            model_id: id,
            created: SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .map_or(0, |age| age.as_secs()),
            context: args.cut(context),
            width,
            unit,
            precision: checkpoint::precision(&args.model),
            tokenizer,
            queue,
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        runtime.block_on(self.listen_encoder(encoding))?;
        drop(runtime);
        engine
            .join()
            .map_err(|_| anyhow::anyhow!("the engine thread panicked"))
    }

    async fn listen_encoder(&self, encoding: Encoding) -> anyhow::Result<()> {
        let listener = bind(self.listen).await?;
        let address = listener.local_addr()?;
        let (stopping, mut stopped) = tokio::sync::watch::channel(false);
        let signal = async move {
            terminated().await;
            tracing::info!("shutting down; running requests may finish");
            let _ = stopping.send(true);
        };
        tracing::info!(%address, model = encoding.model_id, context = encoding.context, "serving vectors");
        println!("listening on http://{address}");
        let router = with_origins(router(encoding), &self.allow_origin);
        let listener = PlainListener::new(listener, FILES_EACH);
        let server = axum::serve(listener, served(router)).with_graceful_shutdown(signal);
        tokio::select! {
            result = async { server.await } => result.context("the HTTP server failed"),
            () = async move {
                let _ = stopped.wait_for(|stopping| *stopping).await;
                tokio::time::sleep(Duration::from_secs(self.grace)).await;
            } => Ok(()),
        }
    }
}
