//! How long a server takes until it has room again, by what it was seen to take.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Longest wait that anybody is told of, in seconds. Clients do not bear longer ones.
pub const LONGEST_WAIT: u32 = 60;
/// Weight of the past in an average, of eight parts.
const PAST: u64 = 7;

/// Time for which a piece of work keeps its place, on average; the latest weigh most. Clones share it.
#[derive(Clone, Debug, Default)]
pub struct Pace(Arc<AtomicU64>);

impl Pace {
    /// Notes a piece of work that is over.
    pub fn note(&self, took: Duration) {
        // Never 0, which stands for none.
        let took = u64::try_from(took.as_micros())
            .unwrap_or(u64::MAX / 8)
            .clamp(1, u64::MAX / 8);
        let next = |mean: u64| match mean {
            0 => Some(took),
            mean => Some(mean.saturating_mul(PAST).saturating_add(took) / (PAST + 1)),
        };
        let _ = self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
    }

    /// Seconds after which so many pieces are through, where so many are at work together: 1 to [`LONGEST_WAIT`], and 1
    /// where none is over yet.
    pub fn wait(&self, ahead: usize, together: usize) -> u32 {
        let mean = self.0.load(Ordering::Relaxed);
        let all = u128::from(mean).saturating_mul(ahead as u128);
        let seconds = all.div_ceil(1_000_000 * (together.max(1) as u128));
        u32::try_from(seconds)
            .unwrap_or(LONGEST_WAIT)
            .clamp(1, LONGEST_WAIT)
    }
}

/// What another server says that is to be waited for, within the bounds of what anybody is told.
pub fn told(headers: &http::HeaderMap) -> Option<u32> {
    let value = headers.get(http::header::RETRY_AFTER)?.to_str().ok()?;
    let seconds: u32 = value.parse().ok()?;
    Some(seconds.clamp(1, LONGEST_WAIT))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_is_what_is_ahead_at_the_measured_pace_within_bounds() {
        let pace = Pace::default();
        assert_eq!(pace.wait(1_000, 1), 1);
        pace.note(Duration::from_secs(4));
        assert_eq!((pace.wait(16, 8), pace.wait(16, 1), pace.wait(1, 8)), (8, 60, 1));
        assert_eq!(
            (pace.wait(0, 8), pace.wait(3, 0), pace.wait(usize::MAX, 1)),
            (1, 12, 60)
        );
        let other = pace.clone();
        for _ in 0..64 {
            other.note(Duration::from_millis(500));
        }
        assert_eq!(pace.wait(16, 8), 2);
        pace.note(Duration::MAX);
        assert_eq!(pace.wait(1, 1), 60);
        pace.note(Duration::ZERO);
        assert_eq!(pace.wait(1, 1), 60);
    }

    #[test]
    fn what_another_server_says_is_held_to_the_bounds() {
        let of = |value: &'static str| {
            let header = (http::header::RETRY_AFTER, http::HeaderValue::from_static(value));
            told(&http::HeaderMap::from_iter([header]))
        };
        assert_eq!((of("7"), of("0"), of("86400")), (Some(7), Some(1), Some(60)));
        assert_eq!((of("-1"), of("Wed, 21 Oct 2026 07:28:00 GMT")), (None, None));
        assert_eq!(told(&http::HeaderMap::new()), None);
    }
}
