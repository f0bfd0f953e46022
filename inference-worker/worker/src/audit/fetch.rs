//! Fetching payloads from audited hosts.

use crate::audit::act::Auditor;
use crate::audit::exam::Watch;
use http::StatusCode;
use http_body_util::{BodyExt, Limited};
use quern_chain_client::ChainError;
use quern_transport::ClientError;
use serde::de::DeserializeOwned;
use std::time::Duration;

/// For one attempt.
const PATIENCE: Duration = Duration::from_secs(10);
/// Least time of silence that counts as a failure, however fast blocks are.
const SILENCE: Duration = Duration::from_millis(400);
/// Largest payload: a request's body of [`quern_inference_api::MAX_BODY`], escaped once more, and its tokens.
const MOST: usize = 4 * quern_inference_api::MAX_BODY;

/// Why a payload is not here yet.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Client(#[from] ClientError),
    #[error("the host answers {0}")]
    Status(StatusCode),
    #[error("the host's answer cannot be read: {0}")]
    Answer(String),
    #[error("the host takes too long")]
    Late,
    #[error("what the host gives is not the leaf's")]
    OtherLeaf,
}

impl Auditor {
    /// Gets JSON from another host. Where a window is so short that few whole attempts fit in, a host that lets a share of
    /// it pass has failed already; what it gives after all still counts.
    pub(super) async fn fetch<T: DeserializeOwned>(
        &self,
        host: &str,
        path: &str,
        watch: &Watch,
    ) -> Result<T, FetchError> {
        let place = self.paid.audits.place(&self.paid, host).await?;
        let url = format!("{}{path}", place.endpoint.trim_end_matches('/'));
        let attempt = async {
            let answer = self.client.get(&url, place.transport_key).await?;
            if answer.status() != StatusCode::OK {
                return Err(FetchError::Status(answer.status()));
            }
            let body = Limited::new(answer.into_body(), MOST).collect().await;
            let body = body
                .map_err(|error| FetchError::Answer(error.to_string()))?
                .to_bytes();
            serde_json::from_slice(&body).map_err(|error| FetchError::Answer(error.to_string()))
        };
        let mut attempt = std::pin::pin!(tokio::time::timeout(PATIENCE, attempt));
        loop {
            tokio::select! {
                answer = &mut attempt => return answer.map_err(|_| FetchError::Late)?,
                () = self.blocks(watch.share) => watch.silent(self.paid.follow.height()),
            }
        }
    }

    /// Waits for so many blocks.
    async fn blocks(&self, blocks: u64) {
        let mut heights = self.paid.follow.heights();
        let until = self.paid.follow.height().saturating_add(blocks);
        tokio::time::sleep(SILENCE).await;
        if heights.wait_for(|height| *height >= until).await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}
