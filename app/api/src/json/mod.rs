//! Protobuf as JSON, in the dialect of the Cosmos SDK's REST gateway.
//!
//! That is gogoproto's JSON with original field names and defaults written out. It differs from the
//! canonical mapping: absent bytes and messages are `null`, fixed-point decimals are printed with their
//! point, contract messages are JSON of their own, and text is escaped as Go's encoder escapes it.

mod any;
mod fields;
mod forms;
mod read;
mod read_scalar;
mod text;
mod write;

pub(crate) use fields::{Field, Form, named, of as fields_of};
pub(crate) use read::read;
pub(crate) use read_scalar::decode as read_text;
pub(crate) use text::quote;
pub(crate) use write::{word_of, write};

/// Messages nested deeper than this are not converted: the walk's stack stays bounded.
const MAX_DEPTH: usize = 64;
