//! What happens at a block's borders, in order. Each table is the only place that says so.

use quern_context::Cx;
use quern_types::Result;

/// Work at a border. An error stops the node: only storage can cause one.
pub(crate) type Hook = fn(&Cx) -> Result<()>;

/// Before the block's transactions.
pub(crate) const BEGIN_BLOCK: &[(&str, Hook)] = &[];

/// After the block's transactions.
pub(crate) const END_BLOCK: &[(&str, Hook)] = &[];

/// Runs a table.
pub(crate) fn run(cx: &Cx, table: &[(&'static str, Hook)]) -> Result<()> {
    for (name, hook) in table {
        hook(cx).map_err(|error| error.wrap(*name))?;
    }
    Ok(())
}
