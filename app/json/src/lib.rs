//! Protobuf as JSON, in the dialect of the Cosmos SDK's REST gateway and of its command line.
//!
//! That is gogoproto's JSON with original field names and defaults written out. It differs from the
//! canonical mapping: absent bytes and messages are `null`, fixed-point decimals are printed with their
//! point, contract messages are JSON of their own, and text is escaped as Go's encoder escapes it.

mod any;
mod fields;
mod forms;
mod parts;
mod read;
mod read_scalar;
mod text;
mod write;

pub use fields::{Field, Form, named, of as fields_of};
pub use read::{parse, parse_known, read};
pub use read_scalar::decode as read_text;
pub use text::quote;
pub use write::{NoJson, word_of, write};

/// Messages nested deeper than this are not converted: the walk's stack stays bounded.
const MAX_DEPTH: usize = 64;
