//! Texts of numbers, times and names.

/// Places of a decimal.
const PLACES: usize = 18;
/// Digits of the longest integer, which has 256 bits.
const MOST_DIGITS: usize = 78;

/// Whether a text is an integer as Go prints one.
pub(super) fn is_integer(text: &str) -> bool {
    let digits = text.strip_prefix('-').unwrap_or(text);
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    plain && digits.len() <= MOST_DIGITS + PLACES && (text == "0" || !digits.starts_with('0'))
}

/// A decimal's digits on the wire from its text.
pub(super) fn decimal_from(text: &str) -> Option<String> {
    let (sign, plain) = match text.strip_prefix('-') {
        Some(plain) => ("-", plain),
        None => ("", text),
    };
    let (whole, fraction) = match plain.split_once('.') {
        Some((_, "")) => return None,
        Some(parts) => parts,
        None => (plain, ""),
    };
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if whole.is_empty()
        || whole.len() > MOST_DIGITS
        || fraction.len() > PLACES
        || !digits(whole)
        || !digits(fraction)
    {
        return None;
    }
    let all = format!("{whole}{fraction:0<PLACES$}");
    let trimmed = all.trim_start_matches('0');
    Some(match trimmed {
        "" => "0".to_owned(),
        trimmed => format!("{sign}{trimmed}"),
    })
}

/// A decimal's text from its digits on the wire.
pub(super) fn decimal_to(wire: &str) -> String {
    let (sign, digits) = match wire.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", wire),
    };
    let padded = format!("{digits:0>width$}", width = PLACES + 1);
    let (whole, fraction) = padded.split_at(padded.len().saturating_sub(PLACES));
    format!("{sign}{whole}.{fraction}")
}

/// Whether a time lies within the years 1 to 9999.
pub(super) fn in_range(seconds: i64) -> bool {
    (-62_135_596_800..=253_402_300_799).contains(&seconds)
}

/// The members of wasmd's `AccessType`.
const ACCESS: [(i64, &str); 4] = [
    (0, "Unspecified"),
    (1, "Nobody"),
    (3, "Everybody"),
    (4, "AnyOfAddresses"),
];

/// The name of a kind of access.
pub(super) fn access_name(number: i64) -> &'static str {
    let found = ACCESS.iter().find(|(known, _)| *known == number);
    found.map_or("Unspecified", |(_, name)| name)
}

/// The kind of access of a name; what nobody knows is none.
pub(super) fn access_number(name: &str) -> i64 {
    let found = ACCESS.iter().find(|(_, known)| *known == name);
    found.map_or(0, |(number, _)| *number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_survive_their_two_texts() {
        for (text, wire) in [
            ("0.020000000000000000", "20000000000000000"),
            ("-1.500000000000000000", "-1500000000000000000"),
            ("0.000000000000000000", "0"),
        ] {
            assert_eq!(decimal_from(text).as_deref(), Some(wire));
            assert_eq!(decimal_to(wire), text);
        }
        assert_eq!(decimal_from("1").as_deref(), Some("1000000000000000000"));
        for bad in ["", ".", "1.", ".5", "1e3", "+1", "0.0000000000000000001"] {
            assert_eq!(decimal_from(bad), None, "{bad}");
        }
    }
}
