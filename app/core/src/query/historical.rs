//! `HistoricalInfo` of x/staking, which is answered from the state of then.

use quern_context::Cx;
use quern_staking::{HistoricalRequest, historical_info};
use quern_types::Result;

use crate::app::Shared;

pub(super) fn answer(shared: &Shared, cx: &Cx, path: &str, request: &[u8]) -> Option<Result<Vec<u8>>> {
    (path == HistoricalRequest::PATH).then(|| {
        let request = HistoricalRequest::read(request)?;
        let height = request.height(cx.block.height)?;
        let past = |height| match shared.query_cx(height) {
            Err(error) if error.is_halt() => Err(error),
            past => Ok(past.ok()),
        };
        // a pruned height is not found either
        let left = past(height)?.ok_or_else(|| request.none())?;
        let found = past(height.saturating_sub(1).max(1))?.unwrap_or_else(|| left.clone());
        historical_info(&left, &found, shared.router.as_ref())
    })
}
