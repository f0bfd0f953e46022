//! The dialect of JSON of [`quern_json`], with gRPC's status for what has none.

use prost_reflect::DynamicMessage;
use tonic::Status;

pub(crate) use quern_json::{Field, Form, fields_of, named, parse_known, quote, read, read_text, word_of};

/// A message as JSON.
///
/// # Errors
/// `Internal`, as in the SDK, for what has no JSON.
pub(crate) fn write(message: &DynamicMessage) -> Result<String, Status> {
    quern_json::write(message).map_err(|error| Status::internal(error.0))
}
