use std::fmt;
use std::sync::Arc;

/// Which messages the chain executes, by type URL.
#[derive(Clone)]
pub struct Messages(Arc<dyn Fn(&str) -> bool + Send + Sync>);

impl Messages {
    /// The messages that `executes` says yes to.
    pub fn new(executes: impl Fn(&str) -> bool + Send + Sync + 'static) -> Self {
        Self(Arc::new(executes))
    }

    /// Whether the chain executes messages of this type.
    #[must_use]
    pub fn executes(&self, type_url: &str) -> bool {
        (self.0)(type_url)
    }
}

impl fmt::Debug for Messages {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Messages")
    }
}
