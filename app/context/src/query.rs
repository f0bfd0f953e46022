//! Requests and answers of module queries, which are messages of a gRPC service.

use prost::Message;
use quern_types::{Result, errors};

/// Decodes a request, hands it to `handle` and encodes the answer.
///
/// # Errors
/// `sdk/18` for bytes that are no such request; those of `handle`.
pub fn answer<Q, A>(request: &[u8], handle: impl FnOnce(Q) -> Result<A>) -> Result<Vec<u8>>
where
    Q: Message + Default,
    A: Message,
{
    let request = Q::decode(request).map_err(|e| errors::INVALID_REQUEST.wrap(e.to_string()))?;
    Ok(handle(request)?.encode_to_vec())
}
