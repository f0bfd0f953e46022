use bytes::Bytes;
use prost::Message;
use prost_reflect::{DynamicMessage, ReflectMessage, Value};
use tonic::Status;

use super::query;
use super::routes::{Body, Route};
use crate::json;

/// The encoded request message of a REST request.
///
/// # Errors
/// `InvalidArgument` for a body, a path or a query that does not fit.
pub(crate) fn encode(
    route: &Route,
    variables: &[(impl AsRef<str>, String)],
    search: &str,
    body: &[u8],
) -> Result<Bytes, Status> {
    let kind = route.method.input();
    let mut message = DynamicMessage::new(kind.clone());
    if route.body != Body::None && !body.iter().all(u8::is_ascii_whitespace) {
        let wrong = |error: serde_json::Error| Status::invalid_argument(error.to_string());
        match &route.body {
            Body::Field(name) => set_body(&mut message, name, serde_json::from_slice(body).map_err(wrong)?)?,
            Body::Whole | Body::None => {
                // what is no JSON is told before what does not fit
                serde_json::from_slice::<serde::de::IgnoredAny>(body).map_err(wrong)?;
                let text = std::str::from_utf8(body).map_err(|e| Status::invalid_argument(e.to_string()))?;
                message = json::parse_known(&kind, text).map_err(Status::invalid_argument)?;
            }
        }
    }
    for (name, value) in variables {
        let name = name.as_ref();
        query::set(&mut message, name, std::slice::from_ref(value)).map_err(|error| {
            Status::invalid_argument(format!("type mismatch, parameter: {name}, error: {error}"))
        })?;
    }
    if route.body != Body::Whole {
        let taken: Vec<&str> = variables.iter().map(|(name, _)| name.as_ref()).collect();
        query::fill(&mut message, search, &taken).map_err(Status::invalid_argument)?;
    }
    Ok(message.encode_to_vec().into())
}

fn set_body(message: &mut DynamicMessage, name: &str, body: serde_json::Value) -> Result<(), Status> {
    // Through an object of one member: the field may be of any type.
    let whole = serde_json::Value::Object([(name.to_owned(), body)].into_iter().collect());
    let read =
        json::parse_known(&message.descriptor(), &whole.to_string()).map_err(Status::invalid_argument)?;
    let values: Vec<_> = read
        .fields()
        .map(|(field, value)| (field, Value::clone(value)))
        .collect();
    for (field, value) in values {
        message
            .try_set_field(&field, value)
            .map_err(|error| Status::invalid_argument(error.to_string()))?;
    }
    Ok(())
}
