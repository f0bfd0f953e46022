//! Whether the engine is well, and what it can do after it came back.

use super::Remote;
use crate::capabilities::Capabilities;
use crate::probe;
use crate::tier::TrustTier;
use std::sync::Arc;
use std::time::Duration;

/// Looks that must fail, one after the other, before an engine that no request found gone counts as down.
const FAILURES: u32 = 2;

/// What is known of an engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// What it was seen to honour last.
    pub capabilities: Capabilities,
    /// Why it is not asked now, if it is not.
    pub problem: Option<String>,
}

impl Remote {
    /// Looks after the engine until the task is dropped. An engine that comes back is probed again: it may have come
    /// back as another.
    pub async fn watch(self) {
        let mut failures = 0;
        loop {
            let doubted = tokio::select! {
                () = tokio::time::sleep(self.pause()) => false,
                () = self.doubt.notified() => true,
            };
            let known = self.known();
            let busy = self.slots.available_permits() < self.options.slots;
            // Answers under way are proof enough, and one server of llama.cpp ends them when it is asked anything.
            if busy && known.problem.is_none() {
                continue;
            }
            let look = probe::is_well(&self.upstream, &known.capabilities.model).await;
            match (look, &known.problem) {
                (Ok(()), None) => failures = 0,
                (Ok(()), Some(_)) => self.come_back(&known).await,
                (Err(error), problem) => {
                    failures += 1;
                    if problem.is_none() && (doubted || failures >= FAILURES) {
                        tracing::warn!(engine = self.upstream.config().label(), %error, "the engine is down");
                        self.set(known.capabilities.clone(), Some(error.to_string()));
                    }
                }
            }
        }
    }

    /// Looks more often at an engine that is down.
    fn pause(&self) -> Duration {
        match self.known().problem {
            None => self.options.look,
            Some(_) => self.options.look.min(Duration::from_secs(1)),
        }
    }

    async fn come_back(&self, known: &Known) {
        let label = self.upstream.config().label();
        let probed = probe::probe(&self.upstream, self.vocabulary.as_deref()).await;
        match probed {
            Err(error) => {
                tracing::warn!(engine = label, %error, "the engine is back, but cannot be used");
                self.set(known.capabilities.clone(), Some(error.to_string()));
            }
            Ok(capabilities) => {
                let tier = TrustTier::of(&capabilities);
                if capabilities == known.capabilities {
                    tracing::info!(engine = label, "the engine is back");
                } else {
                    tracing::warn!(
                        engine = label,
                        tier = tier.as_str(),
                        "the engine is back with other capabilities"
                    );
                }
                self.set(capabilities, None);
            }
        }
    }

    fn set(&self, capabilities: Capabilities, problem: Option<String>) {
        self.metrics.up.set(i64::from(problem.is_none()));
        self.known.send_replace(Arc::new(Known {
            capabilities,
            problem,
        }));
    }
}
