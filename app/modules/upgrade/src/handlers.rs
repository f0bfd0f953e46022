//! What this binary does for upgrades, by name.

use std::collections::BTreeMap;

use quern_context::Cx;
use quern_types::Result;

/// Changes the state for an upgrade. An error stops the node before the block.
pub type Handler = fn(&Cx) -> Result<()>;

/// The upgrades that a binary carries.
#[derive(Clone, Debug, Default)]
pub struct Handlers(BTreeMap<String, Handler>);

impl Handlers {
    /// Adds one.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, handler: Handler) -> Self {
        self.0.insert(name.into(), handler);
        self
    }

    /// Adds one that needs no change of the state.
    #[must_use]
    pub fn without_migration(self, name: impl Into<String>) -> Self {
        self.with(name, |_| Ok(()))
    }

    /// The handler of an upgrade.
    pub fn get(&self, name: &str) -> Option<Handler> {
        self.0.get(name).copied()
    }
}
