//! Encoding as Go's `json.Marshal` does: compact, and with characters of HTML escaped.

use std::io;

use quern_types::{Result, errors as sdk};
use serde::Serialize;
use serde_json::ser::Formatter;

/// Encodes `value`.
///
/// # Errors
/// `sdk/16`; the types of this crate never cause it.
pub fn to_vec<T: Serialize>(value: &T) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    let mut serializer = serde_json::Serializer::with_formatter(&mut out, GoFormatter);
    value
        .serialize(&mut serializer)
        .map_err(|_| quern_types::Error::from(&sdk::JSON_MARSHAL))?;
    Ok(out)
}

struct GoFormatter;

impl Formatter for GoFormatter {
    fn write_string_fragment<W: ?Sized + io::Write>(&mut self, out: &mut W, text: &str) -> io::Result<()> {
        let mut rest = text;
        while let Some(at) = rest.find(['<', '>', '&', '\u{2028}', '\u{2029}']) {
            let (plain, tail) = rest.split_at(at);
            out.write_all(plain.as_bytes())?;
            let mut chars = tail.chars();
            if let Some(c) = chars.next() {
                write!(out, "\\u{:04x}", u32::from(c))?;
            }
            rest = chars.as_str();
        }
        out.write_all(rest.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::to_vec;

    #[test]
    fn html_characters_and_line_separators_are_escaped_as_in_go() {
        let text = "a<b>&\u{2028}\u{2029}\"\\\n\u{1}\u{e9}";
        let json = String::from_utf8(to_vec(&text).unwrap()).unwrap();
        assert_eq!(json, r#""a\u003cb\u003e\u0026\u2028\u2029\"\\\n\u0001é""#);
    }
}
