use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::frame::DEFAULT_MAX_MESSAGE_BYTES;

/// Asked after every call: a reason to stop instead of sending the call's answer.
pub type HaltCheck = Arc<dyn Fn() -> Option<String> + Send + Sync>;

/// Told about every call and its duration, for metrics. Must be quick and must not panic.
pub type Observer = Arc<dyn Fn(&'static str, Duration) + Send + Sync>;

/// Limits and hooks of a [`crate::Server`].
#[derive(Clone)]
pub struct Options {
    /// Longest accepted request in bytes.
    pub max_message_bytes: usize,
    /// Most connections at a time; CometBFT opens four.
    pub max_connections: usize,
    /// Stack of a connection's thread in bytes. Contracts that call contracts nest on it.
    pub stack_bytes: usize,
    /// See [`HaltCheck`].
    pub halted: Option<HaltCheck>,
    /// See [`Observer`].
    pub observer: Option<Observer>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            max_message_bytes: DEFAULT_MAX_MESSAGE_BYTES,
            max_connections: 32,
            stack_bytes: 8 << 20,
            halted: None,
            observer: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("max_message_bytes", &self.max_message_bytes)
            .field("max_connections", &self.max_connections)
            .finish_non_exhaustive()
    }
}
