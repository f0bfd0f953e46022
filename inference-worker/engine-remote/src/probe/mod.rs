//! What an engine honours, found out by asking it: a few small requests, each of which an engine that ignores a
//! parameter answers otherwise than one that honours it.

mod ask;
mod formats;
mod kind;
mod proofs;
mod sampling;
mod stream;

use crate::capabilities::Capabilities;
use crate::client::Upstream;
use crate::error::UpstreamError;
use crate::tokens::Vocabulary;
use ask::Asker;

/// Why an engine cannot be attached.
#[derive(Debug, thiserror::Error)]
pub enum ProbeError {
    /// It could not be asked.
    #[error("the engine at {label} {cause}{hint}")]
    Upstream {
        /// Host and port.
        label: String,
        /// What went wrong.
        cause: UpstreamError,
        /// What to do.
        hint: &'static str,
    },
    /// It has another model, or several.
    #[error("the engine at {label} has {has}; name one of them with --engine-model")]
    Model {
        /// Host and port.
        label: String,
        /// What it has.
        has: String,
    },
    /// It does not tell the model's context.
    #[error(
        "the engine at {label} does not tell how long the model's context is; say it with --context TOKENS"
    )]
    Context {
        /// Host and port.
        label: String,
    },
    /// It answers neither endpoint.
    #[error(
        "the engine at {label} lists '{model}' but answers neither /v1/completions nor /v1/chat/completions: {reason}"
    )]
    Mute {
        /// Host and port.
        label: String,
        /// Id of the model.
        model: String,
        /// Its words.
        reason: String,
    },
}

impl ProbeError {
    /// Whether another attempt may go better without anybody doing something.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Upstream { cause, .. } => !matches!(
                cause,
                UpstreamError::Status {
                    status: 401 | 403 | 404,
                    ..
                }
            ),
            _ => false,
        }
    }
}

/// Asks an engine for all that it can do.
///
/// # Errors
/// When it does not answer, or has no such model.
pub async fn probe(upstream: &Upstream, vocabulary: Option<&Vocabulary>) -> Result<Capabilities, ProbeError> {
    let label = upstream.config().label().to_owned();
    let failed = |cause: UpstreamError| ProbeError::Upstream {
        hint: match &cause {
            UpstreamError::Unreachable(_) => "; is it running there?",
            UpstreamError::Status {
                status: 401 | 403, ..
            } => "; put its key into QUERN_ENGINE_KEY",
            UpstreamError::Status { status: 404, .. } => "; is the URL the one before /v1?",
            _ => "",
        },
        label: label.clone(),
        cause,
    };
    let list = upstream.get("/v1/models").await.map_err(failed)?;
    let mut capabilities = kind::identify(upstream, &list).await?;
    capabilities.counted_here = vocabulary.is_some();
    let mut asker = Asker::new(upstream, &capabilities.model);
    let greedy = asker.begin(&mut capabilities).await.map_err(failed)?;
    let Some(greedy) = greedy else {
        return Err(ProbeError::Mute {
            label,
            model: capabilities.model,
            reason: asker.refusal,
        });
    };
    proofs::logprobs(&mut asker, &mut capabilities, vocabulary, &greedy)
        .await
        .map_err(failed)?;
    stream::streaming(&mut asker, &mut capabilities)
        .await
        .map_err(failed)?;
    sampling::sampling(&mut asker, &mut capabilities, &greedy)
        .await
        .map_err(failed)?;
    formats::formats(&mut asker, &mut capabilities)
        .await
        .map_err(failed)?;
    Ok(capabilities)
}

/// Whether the engine still answers and has the model.
///
/// # Errors
/// When it does not.
pub async fn is_well(upstream: &Upstream, model: &str) -> Result<(), UpstreamError> {
    let list = upstream.get("/v1/models").await?;
    match kind::ids(&list).iter().any(|id| id == model) {
        true => Ok(()),
        false => Err(UpstreamError::Down(format!("it has no model '{model}' any more"))),
    }
}
