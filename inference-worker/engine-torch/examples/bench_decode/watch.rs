//! Time by the clock, or by what a thread has computed.

use std::time::Instant;

/// Since when something runs.
#[derive(Debug)]
pub(crate) struct Watch {
    started: Instant,
    computed: Option<f64>,
}

impl Watch {
    /// With `cpu` the time that this thread computes counts, which stands still while others have the processor.
    pub(crate) fn start(cpu: bool) -> Self {
        Self {
            started: Instant::now(),
            computed: cpu.then(computed),
        }
    }

    pub(crate) fn seconds(&self) -> f64 {
        match self.computed {
            Some(before) => computed() - before,
            None => self.started.elapsed().as_secs_f64(),
        }
    }
}

/// Seconds that this thread has computed; 0 where the system does not tell.
fn computed() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds: Option<f64> = text.split_whitespace().next().and_then(|n| n.parse().ok());
    nanoseconds.unwrap_or(0.0) / 1e9
}
