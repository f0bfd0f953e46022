//! Bech32 texts, and why a text is none, in the words of the library of Cosmos chains (btcutil 1.0.5).

use bech32::{
    Bech32, Fe32, Hrp,
    primitives::{decode::CheckedHrpstring, iter::Fe32IterExt},
};

/// Longest text that the SDK decodes.
const MAX_TEXT: usize = 1023;
/// Characters of a checksum.
const CHECKSUM: usize = 6;

/// Human-readable part in lower case, and the bytes behind it. There is one text of each case for given bytes.
pub(crate) fn decode(text: &str) -> Result<(String, Vec<u8>), String> {
    let failed = |cause: String| format!("decoding bech32 failed: {cause}");
    if text.len() > MAX_TEXT {
        return Err(failed(cause(text)));
    }
    let checked = CheckedHrpstring::new::<Bech32>(text).map_err(|_| failed(cause(text)))?;
    let hrp = checked.hrp().to_lowercase();
    // what follows the human-readable part and its separator, without the checksum
    let data = text.len().saturating_sub(hrp.len() + 1 + CHECKSUM);
    let last = text.chars().rev().nth(CHECKSUM);
    if !is_complete(data, last) {
        return Err(failed("invalid incomplete group".to_owned()));
    }
    Ok((hrp, checked.byte_iter().collect()))
}

/// Whether groups of five bits end with a byte: less than five bits are over, and those are zeros. The library
/// passes over them, which would give an address many texts.
fn is_complete(data: usize, last: Option<char>) -> bool {
    let over = data * 5 % 8;
    let bits = last.and_then(|c| Fe32::from_char(c).ok()).map_or(0, Fe32::to_u8);
    over < 5 && bits & ((1 << over) - 1) == 0
}

/// Why a text is refused, checked in btcutil's order.
fn cause(text: &str) -> String {
    let length = text.len();
    if !(8..=MAX_TEXT).contains(&length) {
        return format!("invalid bech32 string length {length}");
    }
    let (mut lower, mut upper) = (false, false);
    for byte in text.bytes() {
        if !(33..=126).contains(&byte) {
            return format!("invalid character in string: '{}'", char::from(byte));
        }
        lower |= byte.is_ascii_lowercase();
        upper |= byte.is_ascii_uppercase();
        if lower && upper {
            return "string not all lowercase or all uppercase".to_owned();
        }
    }
    let text = text.to_ascii_lowercase();
    let Some((hrp, data)) = text.rsplit_once('1') else {
        return "invalid separator index -1".to_owned();
    };
    if hrp.is_empty() || data.len() < CHECKSUM {
        return format!("invalid separator index {}", hrp.len());
    }
    if let Some(byte) = data.bytes().find(|b| Fe32::from_char(char::from(*b)).is_err()) {
        return format!("invalid character not part of charset: {byte}");
    }
    let (values, actual) = data.split_at(data.len() - CHECKSUM);
    match checksum(hrp, values) {
        Some(expected) => format!("invalid checksum (expected {expected} got {actual})"),
        // a human-readable part longer than Bech32 allows
        None => format!("invalid bech32 string length {length}"),
    }
}

fn checksum(hrp: &str, values: &str) -> Option<String> {
    let hrp = Hrp::parse(hrp).ok()?;
    let values = values.chars().map(Fe32::from_char).collect::<Result<Vec<_>, _>>();
    let text: String = values
        .ok()?
        .into_iter()
        .with_checksum::<Bech32>(&hrp)
        .chars()
        .collect();
    Some(text.get(text.len().checked_sub(CHECKSUM)?..)?.to_owned())
}

#[cfg(test)]
mod tests {
    use bech32::primitives::iter::ByteIterExt;

    use super::*;

    #[test]
    fn refusals_read_as_in_btcutil() {
        let good = crate::module_address("fee_collector").to_string();
        let wrong = format!("{}qqqqqq", &good[..good.len() - 6]);
        let actual = &good[good.len() - 6..];
        for (text, cause) in [
            ("quern1", "invalid bech32 string length 6".to_owned()),
            (
                "Quern1qqqqqq",
                "string not all lowercase or all uppercase".to_owned(),
            ),
            ("quern 1qqqqqq", "invalid character in string: ' '".to_owned()),
            ("quernqqqqqqqq", "invalid separator index -1".to_owned()),
            ("quern1qqqqq", "invalid separator index 5".to_owned()),
            ("1qqqqqqqqqq", "invalid separator index 0".to_owned()),
            (
                "quern1notanaddress",
                "invalid character not part of charset: 111".to_owned(),
            ),
            (
                wrong.as_str(),
                format!("invalid checksum (expected {actual} got qqqqqq)"),
            ),
        ] {
            assert_eq!(
                decode(text),
                Err(format!("decoding bech32 failed: {cause}")),
                "{text}"
            );
        }
        assert!(decode(&good).is_ok() && decode(&good.to_uppercase()).is_ok());
    }

    #[test]
    fn bits_beyond_the_last_byte_are_refused() {
        let hrp = Hrp::parse("quern").unwrap();
        let text =
            |fes: Vec<Fe32>| -> String { fes.into_iter().with_checksum::<Bech32>(&hrp).chars().collect() };
        let bytes = [7u8; 32];
        let mut fes: Vec<Fe32> = bytes.iter().copied().bytes_to_fes().collect();
        assert_eq!(decode(&text(fes.clone())).unwrap().1, bytes);
        // a bit that no byte holds
        let last = fes.pop().unwrap();
        fes.push(Fe32::try_from(last.to_u8() | 1).unwrap());
        let refused = decode(&text(fes.clone())).unwrap_err();
        assert_eq!(refused, "decoding bech32 failed: invalid incomplete group");
        // 20 bytes fill their groups: one more holds five bits of no byte
        let mut fes: Vec<Fe32> = [7u8; 20].iter().copied().bytes_to_fes().collect();
        fes.push(Fe32::Q);
        assert_eq!(decode(&text(fes)).unwrap_err(), refused);
        assert_eq!(decode(&text(vec![])).unwrap().1, Vec::<u8>::new());
    }
}
