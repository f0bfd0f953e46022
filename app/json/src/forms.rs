//! Values whose text differs from their wire form.

use tendermint::Time;

/// Decimal places of the SDK's fixed-point decimals.
const PLACES: usize = 18;
/// Seconds of Go's zero time, the first instant of year 1.
pub(super) const YEAR_ONE: i64 = -62_135_596_800;

/// `"20000000000000000"` as `"0.020000000000000000"`; what is no integer stays as it is.
pub(super) fn decimal(wire: &str) -> String {
    let (sign, digits) = match wire.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", wire),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return if wire.is_empty() {
            "0".to_owned()
        } else {
            wire.to_owned()
        };
    }
    let digits = format!("{digits:0>width$}", width = PLACES + 1);
    let (whole, fraction) = digits.split_at(digits.len() - PLACES);
    let whole = whole.trim_start_matches('0');
    let whole = if whole.is_empty() { "0" } else { whole };
    format!("{sign}{whole}.{fraction}")
}

/// The reverse of [`decimal`]; `None` for a text that is no decimal of at most 18 places.
pub(super) fn undecimal(text: &str) -> Option<String> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", text),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty() || fraction.len() > PLACES || !all_digits(whole) || !all_digits(fraction) {
        return None;
    }
    if digits.contains('.') && fraction.is_empty() {
        return None;
    }
    let joined = format!("{whole}{fraction:0<PLACES$}");
    let joined = joined.trim_start_matches('0');
    Some(if joined.is_empty() {
        "0".to_owned()
    } else {
        format!("{sign}{joined}")
    })
}

/// RFC 3339 with no, three, six or nine places; `None` for an instant outside years 1 to 9999.
pub(super) fn timestamp(seconds: i64, nanos: i32) -> Option<String> {
    let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000)?;
    let whole = Time::from_unix_timestamp(seconds, 0).ok()?.to_rfc3339();
    Some(format!("{}{}Z", whole.trim_end_matches('Z'), fraction(nanos)))
}

/// Seconds with no, three, six or nine places and an `s`.
pub(super) fn duration(seconds: i64, nanos: i32) -> String {
    let sign = if seconds < 0 || nanos < 0 { "-" } else { "" };
    format!(
        "{sign}{}{}s",
        seconds.unsigned_abs(),
        fraction(nanos.unsigned_abs())
    )
}

fn fraction(nanos: u32) -> String {
    let text = format!(".{nanos:09}");
    let text = text.strip_suffix("000").unwrap_or(&text);
    let text = text.strip_suffix("000").unwrap_or(text);
    text.strip_suffix(".000").unwrap_or(text).to_owned()
}

/// Seconds and nanoseconds of an RFC 3339 text.
pub(super) fn parse_timestamp(text: &str) -> Option<(i64, i32)> {
    let time = Time::parse_from_rfc3339(text).ok()?;
    let nanos = time.unix_timestamp_nanos().rem_euclid(1_000_000_000);
    Some((time.unix_timestamp(), i32::try_from(nanos).ok()?))
}

/// Seconds and nanoseconds of a text such as `1.5s`.
pub(super) fn parse_duration(text: &str) -> Option<(i64, i32)> {
    let digits = text.strip_suffix('s')?;
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, digits),
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    if fraction.len() > 9 || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds: i64 = whole.parse().ok().filter(|seconds| *seconds >= 0)?;
    let nanos: i32 = format!("{fraction:0<9}").parse().ok()?;
    Some((
        seconds.checked_mul(sign)?,
        nanos.checked_mul(i32::try_from(sign).ok()?)?,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_print_with_eighteen_places_and_read_back() {
        for (wire, text) in [
            ("20000000000000000", "0.020000000000000000"),
            ("1000000000000000000", "1.000000000000000000"),
            ("-1500000000000000000", "-1.500000000000000000"),
            ("0", "0.000000000000000000"),
            ("123456789000000000000000001", "123456789.000000000000000001"),
        ] {
            assert_eq!(decimal(wire), text);
            assert_eq!(undecimal(text).as_deref(), Some(wire));
        }
        assert_eq!(undecimal("5").as_deref(), Some("5000000000000000000"));
        for wrong in ["", ".", "1.", "x", "1.0000000000000000001", "1e3"] {
            assert_eq!(undecimal(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn instants_print_with_the_places_they_need() {
        for (seconds, nanos, text) in [
            (0, 0, "1970-01-01T00:00:00Z"),
            (1, 500_000_000, "1970-01-01T00:00:01.500Z"),
            (1, 1_000, "1970-01-01T00:00:01.000001Z"),
            (1, 1, "1970-01-01T00:00:01.000000001Z"),
            (YEAR_ONE, 0, "0001-01-01T00:00:00Z"),
        ] {
            assert_eq!(timestamp(seconds, nanos).as_deref(), Some(text));
            assert_eq!(parse_timestamp(text), Some((seconds, nanos)));
        }
        assert_eq!(timestamp(i64::MAX, 0), None);
    }

    #[test]
    fn spans_print_in_seconds() {
        for (seconds, nanos, text) in [
            (1_814_400, 0, "1814400s"),
            (1, 500_000_000, "1.500s"),
            (-1, -5, "-1.000000005s"),
        ] {
            assert_eq!(duration(seconds, nanos), text);
            assert_eq!(parse_duration(text), Some((seconds, nanos)));
        }
        assert_eq!(parse_duration("5"), None);
    }
}
