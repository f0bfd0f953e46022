//! `/v1/embeddings`: texts become vectors.

use crate::error::ApiError;
use crate::fields::label;
use crate::params::{integer, text};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

/// Most inputs of one request, as OpenAI has it.
pub const MAX_INPUTS: usize = 2048;
/// Most tokens of one request, all inputs together.
pub const MAX_INPUT_TOKENS: usize = 262_144;
/// Most numbers of one answer: 2,048 vectors of 4,096. Each is about twelve bytes of JSON.
pub const MAX_NUMBERS: usize = 8_388_608;

/// What becomes one vector.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EmbeddingInput {
    /// A text; the tokenizer adds its special tokens.
    Text(String),
    /// Token ids, taken as they are.
    Tokens(Vec<u32>),
}

/// How vectors are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EncodingFormat {
    /// JSON numbers.
    Float,
    /// Base64 of little-endian 32-bit floats.
    Base64,
}

/// A request whose parameters are all within bounds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EmbeddingsRequest {
    /// Model id.
    pub model: String,
    /// One vector each, in this order; 1 to [`MAX_INPUTS`].
    pub inputs: Vec<EmbeddingInput>,
    /// How vectors are written.
    pub encoding: EncodingFormat,
    /// How many of a vector's numbers are wanted, the first ones; all if none.
    pub dimensions: Option<u32>,
}

impl EmbeddingsRequest {
    /// Parses and checks a body.
    ///
    /// # Errors
    /// The first parameter that is wrong, unsupported or unknown, by name.
    pub fn parse(body: &[u8]) -> Result<Self, ApiError> {
        let mut fields = crate::json::fields(body)?;
        let model = text(&mut fields, "model")?.ok_or_else(|| ApiError::missing("model"))?;
        let inputs = inputs(&mut fields)?;
        let encoding = match text(&mut fields, "encoding_format")?.as_deref() {
            None | Some("float") => EncodingFormat::Float,
            Some("base64") => EncodingFormat::Base64,
            Some(_) => {
                let message = "'encoding_format' must be 'float' or 'base64'.";
                return Err(ApiError::invalid("encoding_format", message));
            }
        };
        let dimensions = integer(&mut fields, "dimensions", 1, i64::from(u32::MAX))?;
        for (name, value) in &fields {
            label(name, value).unwrap_or_else(|| Err(ApiError::unknown(name)))?;
        }
        Ok(Self {
            model,
            inputs,
            encoding,
            dimensions: dimensions.and_then(|number| u32::try_from(number).ok()),
        })
    }
}

fn inputs(fields: &mut Map<String, Value>) -> Result<Vec<EmbeddingInput>, ApiError> {
    let refused = || {
        let message = format!(
            "'input' must be a string, a list of token ids, or a list of at most {MAX_INPUTS} strings or lists of \
             token ids, none empty."
        );
        ApiError::invalid("input", message)
    };
    let ids = |items: &[Value]| -> Option<Vec<u32>> {
        let id = |item: &Value| item.as_u64().and_then(|id| u32::try_from(id).ok());
        items.iter().map(id).collect()
    };
    let one = |item: Value| match item {
        Value::String(text) if !text.is_empty() => Ok(EmbeddingInput::Text(text)),
        Value::Array(items) if !items.is_empty() => {
            ids(&items).map(EmbeddingInput::Tokens).ok_or_else(refused)
        }
        _ => Err(refused()),
    };
    match fields.remove("input").ok_or_else(|| ApiError::missing("input"))? {
        Value::Array(items) if items.first().is_some_and(Value::is_number) => {
            Ok(vec![one(Value::Array(items))?])
        }
        Value::Array(items) if (1..=MAX_INPUTS).contains(&items.len()) => {
            items.into_iter().map(one).collect()
        }
        Value::Array(_) => Err(refused()),
        item => Ok(vec![one(item)?]),
    }
}

/// The answer: vectors in the order of the inputs, and how many tokens were read.
pub fn embeddings(model: &str, vectors: &[Vec<f32>], encoding: EncodingFormat, tokens: usize) -> Value {
    let written = |vector: &Vec<f32>| match encoding {
        EncodingFormat::Float => json!(vector),
        EncodingFormat::Base64 => {
            let bytes: Vec<u8> = vector.iter().flat_map(|number| number.to_le_bytes()).collect();
            STANDARD.encode(bytes).into()
        }
    };
    let entry =
        |(index, vector)| json!({"object": "embedding", "index": index, "embedding": written(vector)});
    let data: Vec<Value> = vectors.iter().enumerate().map(entry).collect();
    json!({"object": "list", "data": data, "model": model,
           "usage": {"prompt_tokens": tokens, "total_tokens": tokens}})
}

/// The first numbers of a vector. One that had length 1 has it again.
#[allow(clippy::cast_possible_truncation, reason = "a quotient of floats of 32 bits")]
pub fn shortened(mut vector: Vec<f32>, dimensions: usize, unit: bool) -> Vec<f32> {
    if dimensions >= vector.len() {
        return vector;
    }
    vector.truncate(dimensions);
    let length = vector.iter().map(|x| f64::from(*x).powi(2)).sum::<f64>().sqrt();
    if unit && length > 0.0 {
        for number in &mut vector {
            *number = (f64::from(*number) / length) as f32;
        }
    }
    vector
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(change: Value) -> Result<EmbeddingsRequest, (Option<String>, Option<&'static str>)> {
        let mut body = json!({"model": "m", "input": "x"});
        body.as_object_mut()
            .unwrap()
            .extend(change.as_object().unwrap().clone());
        EmbeddingsRequest::parse(body.to_string().as_bytes()).map_err(|e| (e.param, e.code))
    }

    #[test]
    fn inputs_are_texts_or_tokens_one_or_many() {
        use EmbeddingInput::{Text, Tokens};
        let inputs = |input: Value| parse(json!({"input": input})).unwrap().inputs;
        assert_eq!(inputs(json!("a")), [Text("a".into())]);
        assert_eq!(inputs(json!(["a", "b"])), [Text("a".into()), Text("b".into())]);
        assert_eq!(inputs(json!([1, 2])), [Tokens(vec![1, 2])]);
        assert_eq!(
            inputs(json!([[1], [2, 3]])),
            [Tokens(vec![1]), Tokens(vec![2, 3])]
        );
    }

    #[test]
    fn what_cannot_be_is_refused_by_name() {
        let named = |change: Value| parse(change).unwrap_err();
        let many: Vec<&str> = vec!["x"; MAX_INPUTS + 1];
        for input in [
            json!([]),
            json!(""),
            json!(["a", ""]),
            json!([[]]),
            json!(5),
            json!([1, -2]),
            json!([1.5]),
            json!({"a": 1}),
            json!([["a"]]),
            json!(many),
            json!([4_294_967_296_u64]),
        ] {
            assert_eq!(
                named(json!({"input": input})),
                (Some("input".into()), Some("invalid_value"))
            );
        }
        for (name, value) in [
            ("dimensions", json!(0)),
            ("dimensions", json!(1.5)),
            ("encoding_format", json!("int8")),
        ] {
            assert_eq!(
                named(json!({name: value})),
                (Some(name.into()), Some("invalid_value"))
            );
        }
        assert_eq!(
            named(json!({"wizardry": 1})),
            (Some("wizardry".into()), Some("unknown_parameter"))
        );
        assert_eq!(
            named(json!({"input": null})),
            (Some("input".into()), Some("missing_required_parameter"))
        );
        assert!(parse(json!({"user": "u", "dimensions": 3, "encoding_format": "base64"})).is_ok());
    }

    #[test]
    fn base64_holds_the_same_bits_and_short_vectors_of_unit_length_keep_it() {
        let answer = embeddings("m", &[vec![1.0, -0.5]], EncodingFormat::Base64, 4);
        assert_eq!(answer["data"][0]["embedding"], "AACAPwAAAL8=");
        assert_eq!(answer["usage"], json!({"prompt_tokens": 4, "total_tokens": 4}));
        assert_eq!(shortened(vec![3.0, 4.0, 9.0], 2, true), [0.6, 0.8]);
        assert_eq!(shortened(vec![3.0, 4.0, 9.0], 2, false), [3.0, 4.0]);
        assert_eq!(shortened(vec![0.0, 4.0], 1, true), [0.0]);
    }
}
