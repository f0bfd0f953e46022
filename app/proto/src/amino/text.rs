//! Texts as Go's `encoding/json` writes them.

use std::fmt::Write;

use base64::{Engine, engine::general_purpose::STANDARD};

use super::AminoError;

/// A string in quotes, with HTML's characters escaped.
pub(super) fn string(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                let _ = write!(out, "\\u{:04x}", u32::from(c)); // a String takes everything
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

pub(super) fn bytes(out: &mut String, bytes: &[u8]) {
    out.push('"');
    out.push_str(&STANDARD.encode(bytes));
    out.push('"');
}

/// RFC 3339 with the fraction that is needed.
pub(super) fn timestamp(out: &mut String, seconds: i64, nanos: i64) -> Result<(), AminoError> {
    let nanos =
        u32::try_from(nanos).map_err(|_| AminoError::new("nanos must be non-negative on timestamp"))?;
    if nanos > 999_999_999 {
        return Err(AminoError::new("nanos out of range on timestamp"));
    }
    let _ = write!(out, "\"{}\"", quern_types::Timestamp { seconds, nanos });
    Ok(())
}

/// A duration as its nanoseconds in quotes.
pub(super) fn duration(out: &mut String, seconds: i64, nanos: i64) -> Result<(), AminoError> {
    /// Most seconds that 64 bits of nanoseconds hold (the SDK's `MaxDurationSeconds`).
    const MAX_SECONDS: i64 = i64::MAX / 1_000_000_000 - 1;
    let total = Some(seconds)
        .filter(|s| *s <= MAX_SECONDS)
        .and_then(|s| s.checked_mul(1_000_000_000)?.checked_add(nanos));
    let total = total.ok_or_else(|| {
        AminoError::new(format!(
            "{seconds} seconds would overflow an int64 when represented as nanoseconds"
        ))
    })?;
    let _ = write!(out, "\"{total}\"");
    Ok(())
}

/// A decimal with 18 places from the integer that the wire holds. Where it holds none that is zero: wasmd writes a message
/// again before it signs, with a zero there.
pub(super) fn decimal(out: &mut String, wire: &str) -> Result<(), AminoError> {
    const PLACES: usize = 18;
    let wire = if wire.is_empty() { "0" } else { wire };
    let (sign, digits) = match wire.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", wire),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(AminoError::new(format!("failed to unmarshal {wire:?} into Dec")));
    }
    let trimmed = digits.trim_start_matches('0');
    let padded = format!("{trimmed:0>width$}", width = PLACES + 1);
    let (whole, fraction) = padded.split_at(padded.len().saturating_sub(PLACES));
    let sign = if trimmed.is_empty() { "" } else { sign };
    let _ = write!(out, "\"{sign}{whole}.{fraction}\"");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dec(wire: &str) -> String {
        let mut out = String::new();
        decimal(&mut out, wire)
            .map(|()| out)
            .unwrap_or_else(|e| e.to_string())
    }

    #[test]
    fn decimals_have_eighteen_places() {
        assert_eq!(dec("20000000000000000"), r#""0.020000000000000000""#);
        assert_eq!(dec("-1500000000000000000"), r#""-1.500000000000000000""#);
        assert_eq!(dec("0"), r#""0.000000000000000000""#);
        assert_eq!(dec(""), dec("0"));
        assert!(dec("1.5").contains("Dec"));
    }

    #[test]
    fn strings_are_escaped_as_go_escapes_them() {
        let mut out = String::new();
        string(&mut out, "<a & \"b\">\u{2028}\u{1}\t\u{7f}é");
        assert_eq!(
            out,
            "\"\\u003ca \\u0026 \\\"b\\\"\\u003e\\u2028\\u0001\\t\u{7f}é\""
        );
    }
}
