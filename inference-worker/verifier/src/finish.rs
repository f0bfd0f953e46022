//! Whether an output ended where it had to.

use quern_engine::output::{Ended, OutputText};
use quern_engine::tokenizer::{Tokenizer, TokenizerError};
use quern_protocol::FinishReason;

/// Whether a host that wrote `output` may say that it ended for this reason. `text` is the request's, before its first
/// token, with the most tokens cut to what the context left room for. An output that went on after it was over agrees
/// with no reason; `stop` and `length` must be what the last token brought; the other reasons, which the host alone
/// knows, may end it anywhere.
///
/// # Errors
/// When the tokenizer fails.
pub fn finish_agrees(
    tokenizer: &Tokenizer,
    output: &[u32],
    mut text: OutputText,
    finish: FinishReason,
) -> Result<bool, TokenizerError> {
    let mut ended = None;
    for &token in output {
        if ended.is_some() {
            return Ok(false);
        }
        ended = text.push(tokenizer, token)?.ended;
    }
    Ok(match finish {
        FinishReason::Stop => ended == Some(Ended::Stop),
        FinishReason::Length => ended == Some(Ended::Length),
        FinishReason::Cancelled | FinishReason::Unfunded | FinishReason::Error => true,
    })
}
