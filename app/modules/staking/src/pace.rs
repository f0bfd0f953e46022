//! The pace of blocks. Contracts count blocks, wallets show times: what is due at a height is due at about
//! the time that the last thousand blocks or more foretell.

use prost::Message;
use quern_context::Cx;
use quern_types::{Error, Result, Timestamp};

use crate::{MODULE, keys};

/// Blocks between two notes of height and time.
const WINDOW: u64 = 1_000;
/// Nanoseconds of a block while none was seen.
const FIRST: u64 = 5_000_000_000;
/// Nanoseconds of a second.
const SECOND: u64 = 1_000_000_000;
/// Seconds of a year of 365 days.
const YEAR: u128 = 31_536_000;

/// A height and its time.
#[derive(Clone, Copy, PartialEq, Message)]
struct Note {
    #[prost(uint64, tag = "1")]
    height: u64,
    #[prost(int64, tag = "2")]
    seconds: i64,
    #[prost(uint32, tag = "3")]
    nanos: u32,
}

/// The last two notes.
#[derive(Clone, Copy, PartialEq, Message)]
struct Notes {
    #[prost(message, optional, tag = "1")]
    older: Option<Note>,
    #[prost(message, optional, tag = "2")]
    newer: Option<Note>,
}

fn notes(cx: &Cx) -> Result<Notes> {
    let Some(bytes) = cx.kv(MODULE).get(keys::PACE)? else {
        return Ok(Notes::default());
    };
    Notes::decode(bytes.as_slice()).map_err(|e| Error::halt(format!("corrupt pace in state: {e}")))
}

/// Notes height and time, once in a while.
///
/// # Errors
/// A halt.
pub(crate) fn tick(cx: &Cx) -> Result<()> {
    let now = Note {
        height: cx.block.height,
        seconds: cx.block.time.seconds,
        nanos: cx.block.time.nanos,
    };
    let before = notes(cx)?;
    let older = match before.newer {
        Some(newer) if now.height.saturating_sub(newer.height) < WINDOW => return Ok(()),
        Some(newer) => newer,
        None => now,
    };
    let next = Notes {
        older: Some(older),
        newer: Some(now),
    };
    cx.kv(MODULE).set(keys::PACE, next.encode_to_vec())
}

/// How fast blocks come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pace {
    /// Nanoseconds of a block, at least one.
    nanos: u64,
    height: u64,
    time: Timestamp,
}

impl Pace {
    /// The pace as of this block.
    pub fn at(cx: &Cx) -> Result<Self> {
        let (height, time) = (cx.block.height, cx.block.time);
        let nanos = notes(cx)?.older.and_then(|older| {
            let blocks = height.checked_sub(older.height)?;
            let then = Timestamp {
                seconds: older.seconds,
                nanos: older.nanos,
            };
            let elapsed = time.unix_nanos()?.checked_sub(then.unix_nanos()?)?;
            elapsed.checked_div(blocks).filter(|nanos| *nanos > 0)
        });
        Ok(Self {
            nanos: nanos.unwrap_or(FIRST),
            height,
            time,
        })
    }

    /// About when a height is reached; now if it was.
    pub fn time_of(&self, height: u64) -> Timestamp {
        let (seconds, nanos) = self.lasts(height.saturating_sub(self.height));
        self.time.checked_add(seconds, nanos).unwrap_or(self.time)
    }

    /// About how many nanoseconds so many blocks take.
    pub fn nanos_of(&self, blocks: u64) -> u128 {
        u128::from(self.nanos).saturating_mul(blocks.into())
    }

    /// About how many blocks take at least so many nanoseconds; `None` if no number counts them.
    pub fn blocks_in(&self, nanos: u128) -> Option<u64> {
        u64::try_from(nanos.div_ceil(u128::from(self.nanos.max(1)))).ok()
    }

    /// About how long so many blocks take, in seconds and nanoseconds.
    pub fn lasts(&self, blocks: u64) -> (i64, i32) {
        let nanos = self.nanos_of(blocks);
        let seconds = i64::try_from(nanos / u128::from(SECOND)).unwrap_or(i64::MAX);
        let rest = i32::try_from(nanos % u128::from(SECOND)).unwrap_or(0);
        (seconds, rest)
    }

    /// About how many blocks a year of 365 days has.
    pub fn blocks_per_year(&self) -> u64 {
        let year = YEAR.saturating_mul(SECOND.into());
        u64::try_from(year / u128::from(self.nanos.max(1))).unwrap_or(u64::MAX)
    }
}

/// A time on the wire.
pub(crate) fn wire(time: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp {
        seconds: time.seconds,
        nanos: i32::try_from(time.nanos).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use quern_context::{BlockFacts, Mode};

    use super::*;

    fn at(cx: &Cx, height: u64, seconds: i64) -> Cx {
        let mut cx = cx.clone();
        cx.block = Arc::new(BlockFacts {
            height,
            time: Timestamp { seconds, nanos: 0 },
            ..Default::default()
        });
        cx
    }

    #[test]
    fn the_pace_follows_the_last_blocks_and_forgets_older_ones() {
        let snapshot = quern_store::Snapshot::in_memory(0, Default::default());
        let branch = quern_store::Branch::new(snapshot);
        let cx = Cx::new(branch, Arc::default(), Mode::Finalize);
        let first = at(&cx, 1, 1_000);
        assert_eq!(Pace::at(&first).unwrap().lasts(2), (10, 0));
        tick(&first).unwrap();
        let third = at(&cx, 3, 1_003);
        assert_eq!(Pace::at(&third).unwrap().lasts(1), (1, 500_000_000));
        assert_eq!(Pace::at(&third).unwrap().blocks_in(3_000_000_001), Some(3));
        assert_eq!(Pace::at(&third).unwrap().blocks_in(u128::MAX), None);
        assert_eq!(Pace::at(&third).unwrap().time_of(5).seconds, 1_006);
        assert_eq!(Pace::at(&third).unwrap().time_of(1).seconds, 1_003);
        // the chain stood still for long, and then went on at a block a second
        for n in 0..3_u64 {
            tick(&at(
                &cx,
                2_000 + 1_000 * n,
                900_000 + 1_000 * i64::try_from(n).unwrap(),
            ))
            .unwrap();
        }
        assert_eq!(Pace::at(&at(&cx, 4_000, 902_000)).unwrap().lasts(1), (1, 0));
        assert_eq!(
            Pace::at(&at(&cx, 4_000, 902_000)).unwrap().blocks_per_year(),
            31_536_000
        );
    }
}
