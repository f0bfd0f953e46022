//! Whether answers come in chunks, and whether these are counted.

use super::ask::Asker;
use crate::capabilities::Capabilities;
use crate::client::Events;
use crate::error::UpstreamError;
use crate::wire::{Assembly, RawAnswer};
use serde_json::{Value, json};

/// Most chunks that a probe reads.
const CHUNKS: usize = 200;

pub(super) async fn streaming(
    asker: &mut Asker<'_>,
    capabilities: &mut Capabilities,
) -> Result<(), UpstreamError> {
    for more in [
        json!({"stream": true, "stream_options": {"include_usage": true}}),
        json!({"stream": true}),
    ] {
        match read(asker, more).await {
            Ok(counted) => {
                capabilities.streaming = true;
                capabilities.stream_usage = counted;
                return Ok(());
            }
            Err(error) => asker.refused(error)?,
        }
    }
    Ok(())
}

/// Reads a stream to its end, and says whether it counted tokens.
async fn read(asker: &Asker<'_>, more: Value) -> Result<bool, UpstreamError> {
    let body = asker.body(asker.endpoint, more);
    let response = asker.upstream().post(asker.endpoint.path(), &body).await?;
    let patience = asker.upstream().config().timeouts.probe;
    let (mut events, mut assembly) = (Events::new(response.into_body()), Assembly::new(1, 0));
    for _ in 0..CHUNKS {
        match events.next(patience).await? {
            Some(data) if data != b"[DONE]" => drop(assembly.push(RawAnswer::parse(&data)?)?),
            _ if assembly.is_over() => return Ok(assembly.usage().is_some()),
            _ => break,
        }
    }
    Err(UpstreamError::Broken("a stream without an end".into()))
}
