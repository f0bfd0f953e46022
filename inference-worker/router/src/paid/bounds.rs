//! Bounds that are known before a request is sent: tokens and cost.

use quern_inference_api::{ApiError, Input, Request};
use quern_protocol::{Amount, Coefficients, Price, Usage, cost};

/// Tokens that a chat template may add to each message, and once.
const PER_MESSAGE: usize = 32;
const PER_CHAT: usize = 128;
/// Special tokens around a plain prompt.
const PER_TEXT: usize = 8;

/// Most tokens of prompt and output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bounds {
    pub(crate) prompt: u32,
    pub(crate) output: u32,
    pub(crate) context: u32,
}

impl Bounds {
    /// Of a request. Every token of a text has at least one byte, whatever the tokenizer.
    pub(crate) fn of(request: &Request, context: u32) -> Self {
        let prompt = match &request.input {
            Input::Chat(messages) => messages
                .iter()
                .fold(PER_CHAT, |sum, _| sum.saturating_add(PER_MESSAGE))
                .saturating_add(request.template_bytes()),
            Input::Text(text) => text.len().saturating_add(PER_TEXT),
            Input::Tokens(ids) => ids.len(),
        };
        let most = context.saturating_sub(1).max(1);
        Self {
            prompt: u32::try_from(prompt).unwrap_or(u32::MAX).min(most),
            output: request.max_tokens.unwrap_or(most).min(most),
            context,
        }
    }

    /// The dearest usage within the bounds, prompt and output together fitting the context, with at most `output`
    /// output tokens.
    fn dearest(&self, coefficients: &Coefficients, output: u32) -> Usage {
        let output = output.min(self.output);
        let (mut prompt, mut completion) = (self.prompt, output);
        let over = prompt.saturating_add(completion).saturating_sub(self.context);
        // What does not fit comes off the cheaper side.
        if coefficients.input > coefficients.output {
            completion = completion.saturating_sub(over);
        } else {
            prompt = prompt.saturating_sub(over);
        }
        Usage {
            prompt,
            cached: 0,
            completion,
        }
    }

    /// Most that the request can cost with at most `output` output tokens; none if it does not fit any amount.
    pub(crate) fn cost(&self, coefficients: &Coefficients, price: Price, output: u32) -> Option<Amount> {
        // A cached token may be dearer than a computed one only by a strange package; then all may be cached.
        let coefficients = Coefficients {
            input: coefficients.input.max(coefficients.cached),
            ..*coefficients
        };
        cost(price, &coefficients, &self.dearest(&coefficients, output))
    }
}

/// Refuses token ids that a host would refuse for their number, before it is asked and others are paid for.
pub(crate) fn check_tokens(request: &Request, context: u32) -> Result<(), ApiError> {
    let Input::Tokens(ids) = &request.input else {
        return Ok(());
    };
    let (context, output) = (context as usize, request.max_tokens.unwrap_or(1) as usize);
    match ids.len().saturating_add(output) > context {
        true => {
            let param = request.endpoint.input_param();
            Err(ApiError::context(param, context, ids.len(), output))
        }
        false => Ok(()),
    }
}

/// Whether a text may have more tokens than leave room for the output.
pub(crate) fn may_exceed(request: &Request, context: u32) -> bool {
    let Input::Text(text) = &request.input else {
        return false;
    };
    let output = request.max_tokens.unwrap_or(1) as usize;
    text.len().saturating_add(PER_TEXT).saturating_add(output) > context as usize
}

/// Output tokens that should be paid for when `done` are there: the slice under way, and the next one from its half on,
/// so that a stream does not pause while the signature travels.
pub(crate) fn paid_ahead(done: u32) -> u32 {
    let slice = quern_inference_api::paid::SLICE_TOKENS;
    (done.saturating_add(slice / 2) / slice)
        .saturating_add(1)
        .saturating_mul(slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use quern_inference_api::Endpoint;

    proptest! {
        #[test]
        fn no_possible_usage_costs_more_than_the_ceiling(
            prompt in 1_u32..64, output in 1_u32..64, input_c in 0_u32..3_000_000, output_c in 0_u32..3_000_000,
            used_p in 1_u32..64, used_c in 0_u32..64,
        ) {
            let bounds = Bounds { prompt, output, context: 64 };
            let model = Coefficients { input: input_c, cached: 0, output: output_c };
            let ceiling = bounds.cost(&model, Price::FLOOR, output).unwrap();
            let usage = Usage { prompt: used_p.min(prompt), cached: 0, completion: used_c.min(output) };
            prop_assume!(usage.prompt + usage.completion <= 64);
            prop_assert!(cost(Price::FLOOR, &model, &usage).unwrap() <= ceiling);
        }
    }

    #[test]
    fn a_stream_is_paid_half_a_slice_ahead() {
        assert_eq!(
            [0, 127, 128, 256, 383, 384].map(paid_ahead),
            [256, 256, 512, 512, 512, 768]
        );
        assert_eq!(paid_ahead(u32::MAX) % 2, 1);
    }

    #[test]
    fn a_prompt_has_at_most_as_many_tokens_as_bytes_and_never_more_than_the_context() {
        let text = |body: &str| Request::parse(Endpoint::Completions, body.as_bytes()).unwrap();
        let request = text(r#"{"model": "m", "prompt": "hello"}"#);
        let bounds = Bounds::of(&request, 2048);
        assert_eq!((bounds.prompt, bounds.output), (5 + 8, 16));
        let request = text(r#"{"model": "m", "prompt": "hello", "max_tokens": 9999}"#);
        let bounds = Bounds::of(&request, 16);
        assert_eq!((bounds.prompt, bounds.output), (13, 15));
    }
}
