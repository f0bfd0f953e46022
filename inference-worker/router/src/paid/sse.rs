//! What the events of a host's stream say.

use quern_inference_api::paid::RECEIPT_PENDING;
pub(crate) use quern_inference_api::sse::{Event, Splitter};

/// What an OpenAI chunk says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Chunk {
    /// It carries output, or says why there is no more.
    pub(crate) token: bool,
    /// It tells of tokens, also of such as show no text.
    pub(crate) told: bool,
    /// It reports a failure.
    pub(crate) error: bool,
    /// The failure is the request's own.
    pub(crate) fault: bool,
    /// What the host did is paid all the same, once its receipt can be kept.
    pub(crate) pending: bool,
    /// Prompt and completion tokens of a usage chunk.
    pub(crate) usage: Option<(u32, u32)>,
}

/// Reads the data of an unnamed event.
pub(crate) fn chunk(event: &Event) -> Chunk {
    let Ok(value) = serde_json::from_str::<serde_json::Value>(&event.data) else {
        return Chunk::default();
    };
    let choice = &value["choices"][0];
    let delta = &choice["delta"];
    let texts = [
        &delta["content"],
        &delta["reasoning_content"],
        &delta["reasoning"],
        &choice["text"],
    ];
    let told = ["content", "tokens"].map(|name| choice["logprobs"][name].as_array());
    let says = |text: &serde_json::Value| text.as_str().is_some_and(|text| !text.is_empty());
    Chunk {
        token: texts.into_iter().any(says)
            || choice["delta"]["tool_calls"].is_array()
            || choice["finish_reason"].is_string(),
        told: told.into_iter().flatten().any(|told| !told.is_empty()),
        error: value.get("error").is_some_and(|error| !error.is_null()),
        fault: value["error"]["type"] == "invalid_request_error",
        pending: is_pending(&value),
        usage: usage(&value),
    }
}

/// Whether an error says that a receipt comes later.
pub(crate) fn is_pending(answer: &serde_json::Value) -> bool {
    answer["error"]["code"] == RECEIPT_PENDING
}

/// Prompt and completion tokens that an answer reports.
pub(crate) fn usage(answer: &serde_json::Value) -> Option<(u32, u32)> {
    let count = |name: &str| u32::try_from(answer["usage"][name].as_u64()?).ok();
    Some((count("prompt_tokens")?, count("completion_tokens")?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use quern_inference_api::sse::parse;

    #[test]
    fn the_opening_chunk_of_a_chat_is_no_token_and_an_error_is_told_apart() {
        let read = |data: &str| chunk(&parse(Bytes::from(format!("data: {data}\n\n"))));
        assert_eq!(
            read(r#"{"choices":[{"delta":{"role":"assistant","content":""},"finish_reason":null}]}"#),
            Chunk::default()
        );
        for (logprobs, told) in [
            ("null", false),
            (r#"{"content":[]}"#, false),
            (r#"{"content":[{"token":"<s>"}]}"#, true),
            (r#"{"tokens":["<s>"]}"#, true),
        ] {
            let chunk = read(&format!(r#"{{"choices":[{{"text":"","logprobs":{logprobs}}}]}}"#));
            assert_eq!((chunk.told, chunk.token), (told, false), "{logprobs}");
        }
        let error = read(r#"{"error":{"message":"x"}}"#);
        assert!(error.error && !error.pending && !error.fault);
        let fault = read(r#"{"error":{"message":"x","type":"invalid_request_error"}}"#);
        assert!(fault.error && fault.fault);
        assert!(read(r#"{"error":{"message":"x","code":"receipt_pending"}}"#).pending);
        assert!(read(r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#).token);
        for name in ["reasoning_content", "reasoning"] {
            let thought = |text: &str| read(&format!(r#"{{"choices":[{{"delta":{{"{name}":"{text}"}}}}]}}"#));
            assert!(
                thought("so").token && !thought("").token,
                "thoughts are tokens like others"
            );
        }
        let usage =
            read(r#"{"choices":[],"usage":{"prompt_tokens":3,"completion_tokens":4,"total_tokens":7}}"#);
        assert_eq!(usage.usage, Some((3, 4)));
    }
}
