//! What the module does at a block's end.

use quern_context::{Cx, Router};
use quern_types::Result;

use crate::{completion, pace};

/// Pays what is due and notes the pace of blocks.
///
/// # Errors
/// A halt.
pub fn end_block(cx: &Cx, router: &dyn Router) -> Result<()> {
    completion::pay(cx, router)?;
    pace::tick(cx)
}
