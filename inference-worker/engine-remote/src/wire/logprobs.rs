//! Log-probabilities in the shapes that engines send.

use quern_inference_api::logprobs::Token;
use serde_json::Value;

/// A token of an output, as an engine reports it.
#[derive(Clone, Debug, PartialEq)]
pub struct TokenReport {
    /// Its text and log-probability.
    pub token: Token,
    /// Its id, where the engine tells.
    pub id: Option<u32>,
}

/// The tokens of `choices[].logprobs`: OpenAI's shape for chats, which llama.cpp sends for completions too, or the
/// older one of completions. Tokens without a number are left out.
pub fn tokens(value: &Value) -> Vec<TokenReport> {
    if let Some(content) = value.get("content").and_then(Value::as_array) {
        return content.iter().filter_map(entry).collect();
    }
    let list = |name: &str| value.get(name).and_then(Value::as_array);
    let (Some(texts), Some(numbers)) = (list("tokens"), list("token_logprobs")) else {
        return Vec::new();
    };
    let tops = list("top_logprobs");
    let report = |(index, (text, number)): (usize, (&Value, &Value))| {
        let text = text.as_str()?;
        let top = tops.and_then(|tops| tops.get(index)).and_then(Value::as_object);
        let top = top
            .into_iter()
            .flatten()
            .filter_map(|(text, number)| Some((bytes(text), finite(number)?)));
        let mut top: Vec<_> = top.collect();
        top.sort_by(|a, b| b.1.total_cmp(&a.1));
        Some(TokenReport {
            id: id_in_text(text),
            token: Token {
                bytes: bytes(text),
                logprob: Some(finite(number)?),
                top,
            },
        })
    };
    texts.iter().zip(numbers).enumerate().filter_map(report).collect()
}

fn entry(value: &Value) -> Option<TokenReport> {
    let text = value.get("token").and_then(Value::as_str)?;
    let own = |value: &Value| {
        let listed = value.get("bytes").and_then(Value::as_array);
        let listed = listed.map(|all| {
            let byte = |byte: &Value| byte.as_u64().and_then(|byte| u8::try_from(byte).ok());
            all.iter().filter_map(byte).collect::<Vec<u8>>()
        });
        let text = value.get("token").and_then(Value::as_str).unwrap_or_default();
        listed
            .filter(|all| !all.is_empty())
            .unwrap_or_else(|| bytes(text))
    };
    let top = value.get("top_logprobs").and_then(Value::as_array);
    let top = top
        .into_iter()
        .flatten()
        .filter_map(|other| Some((own(other), finite(other.get("logprob")?)?)));
    let named = value
        .get("id")
        .and_then(Value::as_u64)
        .and_then(|id| u32::try_from(id).ok());
    Some(TokenReport {
        id: named.or_else(|| id_in_text(text)),
        token: Token {
            bytes: own(value),
            logprob: Some(finite(value.get("logprob")?)?),
            top: top.collect(),
        },
    })
}

fn finite(value: &Value) -> Option<f64> {
    value.as_f64().filter(|number| number.is_finite())
}

/// vLLM writes ids in place of texts where it was started so.
fn id_in_text(text: &str) -> Option<u32> {
    text.strip_prefix("token_id:")?.parse().ok()
}

fn bytes(text: &str) -> Vec<u8> {
    text.as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn all_shapes_are_read_alike() {
        let chat = json!({"content": [
            {"token": " a", "bytes": [32, 97], "logprob": -0.5, "id": 7,
             "top_logprobs": [{"token": " a", "bytes": [32, 97], "logprob": -0.5}]}]});
        let old = json!({"tokens": [" a"], "token_logprobs": [-0.5], "top_logprobs": [{" a": -0.5}],
                         "text_offset": [0]});
        let (chat, old) = (tokens(&chat), tokens(&old));
        assert_eq!(chat[0].token, old[0].token);
        assert_eq!((chat[0].id, old[0].id), (Some(7), None));
        assert_eq!(chat[0].token.top, [(b" a".to_vec(), -0.5)]);
        let named = json!({"tokens": ["token_id:12"], "token_logprobs": [-1.0]});
        assert_eq!(tokens(&named)[0].id, Some(12));
    }

    #[test]
    fn nonsense_is_left_out() {
        for value in [
            json!(null),
            json!([1]),
            json!({"content": 3}),
            json!({"content": [{}, 1, null]}),
            json!({"tokens": ["a"], "token_logprobs": [null]}),
            json!({"tokens": "a"}),
        ] {
            assert!(tokens(&value).is_empty(), "{value}");
        }
    }
}
