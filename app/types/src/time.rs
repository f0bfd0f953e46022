//! Block time.

use std::fmt;

/// A point in time of the block header, never of this machine's clock.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Seconds since the Unix epoch.
    pub seconds: i64,
    /// Nanoseconds within the second, 0 to 999,999,999.
    pub nanos: u32,
}

impl Timestamp {
    /// Nanoseconds since the Unix epoch; `None` before 1970 or past 2554.
    pub fn unix_nanos(self) -> Option<u64> {
        u64::try_from(self.seconds)
            .ok()?
            .checked_mul(1_000_000_000)?
            .checked_add(u64::from(self.nanos))
    }

    /// This time moved by `seconds` and `nanos`, which may be negative; `None` where no time is.
    pub fn checked_add(self, seconds: i64, nanos: i32) -> Option<Self> {
        let nanos = i64::from(self.nanos).checked_add(i64::from(nanos))?;
        let seconds = self
            .seconds
            .checked_add(seconds)?
            .checked_add(nanos.div_euclid(1_000_000_000))?;
        Some(Self {
            seconds,
            nanos: u32::try_from(nanos.rem_euclid(1_000_000_000)).ok()?,
        })
    }

    /// Bytes that sort as times do, for keys of the state.
    pub fn sort_key(self) -> [u8; 12] {
        let mut key = [0; 12];
        let (seconds, nanos) = key.split_at_mut(8);
        let shifted = self.seconds.to_be_bytes();
        seconds.copy_from_slice(&shifted);
        if let Some(first) = seconds.first_mut() {
            *first ^= 0x80; // negative numbers sort before positive ones
        }
        nanos.copy_from_slice(&self.nanos.to_be_bytes());
        key
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with as many digits of the fraction as needed (Go's `time.RFC3339Nano`).
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let days = self.seconds.div_euclid(86_400);
        let second = self.seconds.rem_euclid(86_400);
        let (year, month, day) = civil_from_days(days);
        write!(
            f,
            "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}",
            second / 3600,
            second % 3600 / 60,
            second % 60
        )?;
        if self.nanos != 0 {
            let digits = format!("{:09}", self.nanos);
            write!(f, ".{}", digits.trim_end_matches('0'))?;
        }
        f.write_str("Z")
    }
}

/// Proleptic Gregorian date of a day count since 1970-01-01 (Hinnant, "chrono-compatible low-level
/// date algorithms").
fn civil_from_days(days: i64) -> (i64, i64, i64) {
    let z = days.saturating_add(719_468);
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let day = doy - (153 * mp + 2) / 5 + 1;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_rfc3339_with_trimmed_fraction() {
        let t = Timestamp {
            seconds: 1_700_000_000,
            nanos: 120_000_000,
        };
        assert_eq!(t.to_string(), "2023-11-14T22:13:20.12Z");
        assert_eq!(Timestamp::default().to_string(), "1970-01-01T00:00:00Z");
        assert_eq!(
            Timestamp {
                seconds: 951_782_400,
                nanos: 0
            }
            .to_string(),
            "2000-02-29T00:00:00Z"
        );
    }

    #[test]
    fn keys_sort_as_times_and_sums_carry() {
        let at = |seconds, nanos| Timestamp { seconds, nanos };
        let times = [
            at(i64::MIN, 0),
            at(-1, 5),
            at(0, 0),
            at(0, 1),
            at(1, 0),
            at(i64::MAX, 999_999_999),
        ];
        assert!(times.is_sorted_by_key(|t| t.sort_key()));
        assert_eq!(
            at(1, 900_000_000).checked_add(1, 200_000_000),
            Some(at(3, 100_000_000))
        );
        assert_eq!(at(1, 0).checked_add(0, -1), Some(at(0, 999_999_999)));
        assert_eq!(at(i64::MAX, 0).checked_add(1, 0), None);
    }

    #[test]
    fn nanoseconds_before_1970_are_refused() {
        assert_eq!(
            Timestamp {
                seconds: -1,
                nanos: 0
            }
            .unix_nanos(),
            None
        );
    }
}
