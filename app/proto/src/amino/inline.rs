//! JSON of a contract's message inside the document: parsed and written again, keys sorted.
//!
//! What the SDK does is Go's `json.Unmarshal` into an empty interface and `json.Marshal`: of equal keys the
//! last counts, broken UTF-8 becomes U+FFFD, and numbers pass through a 64-bit float. The text of a number is
//! read and written by the standard library's correctly rounded routines; nothing is computed with it.

use std::collections::BTreeMap;

use super::{AminoError, comma, text};

/// Deepest nesting, so that the stack stays bounded (contracts themselves parse 128 levels).
const MAX_DEPTH: usize = 256;

/// Appends `json` with sorted keys and without blanks.
pub(super) fn sorted(out: &mut String, json: &[u8]) -> Result<(), AminoError> {
    let text = String::from_utf8_lossy(json);
    let mut parser = Parser { rest: &text };
    let parsed = parser.value(0).filter(|_| parser.blank().is_empty());
    let value = parsed.ok_or_else(|| AminoError::new("could not normalize JSON: invalid JSON bytes"))?;
    write(out, &value);
    Ok(())
}

enum Json {
    Literal(&'static str),
    Number(String),
    Text(String),
    List(Vec<Json>),
    Object(BTreeMap<String, Json>),
}

fn write(out: &mut String, value: &Json) {
    match value {
        Json::Literal(word) => out.push_str(word),
        Json::Number(digits) => out.push_str(digits),
        Json::Text(s) => text::string(out, s),
        Json::List(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                comma(out, i);
                write(out, item);
            }
            out.push(']');
        }
        Json::Object(members) => {
            out.push('{');
            for (i, (key, member)) in members.iter().enumerate() {
                comma(out, i);
                text::string(out, key);
                out.push(':');
                write(out, member);
            }
            out.push('}');
        }
    }
}

struct Parser<'a> {
    rest: &'a str,
}

impl<'a> Parser<'a> {
    /// Skips blanks and returns what follows.
    fn blank(&mut self) -> &'a str {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
        self.rest
    }

    fn take(&mut self, word: &str) -> bool {
        match self.rest.strip_prefix(word) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }

    fn value(&mut self, depth: usize) -> Option<Json> {
        if depth > MAX_DEPTH {
            return None;
        }
        match self.blank().chars().next()? {
            '{' => self.object(depth),
            '[' => self.list(depth),
            '"' => self.string().map(Json::Text),
            '-' | '0'..='9' => self.number(),
            _ => ["true", "false", "null"]
                .into_iter()
                .find(|word| self.take(word))
                .map(Json::Literal),
        }
    }

    fn object(&mut self, depth: usize) -> Option<Json> {
        self.take("{");
        let mut members = BTreeMap::new();
        self.blank();
        if self.take("}") {
            return Some(Json::Object(members));
        }
        loop {
            self.blank();
            let key = self.string()?;
            self.blank();
            if !self.take(":") {
                return None;
            }
            let member = self.value(depth.saturating_add(1))?;
            members.insert(key, member);
            self.blank();
            if self.take("}") {
                return Some(Json::Object(members));
            }
            if !self.take(",") {
                return None;
            }
        }
    }

    fn list(&mut self, depth: usize) -> Option<Json> {
        self.take("[");
        let mut items = Vec::new();
        self.blank();
        if self.take("]") {
            return Some(Json::List(items));
        }
        loop {
            items.push(self.value(depth.saturating_add(1))?);
            self.blank();
            if self.take("]") {
                return Some(Json::List(items));
            }
            if !self.take(",") {
                return None;
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        if !self.take("\"") {
            return None;
        }
        let mut out = String::new();
        loop {
            match self.next()? {
                '"' => return Some(out),
                '\\' => out.push(self.escape()?),
                c if c < ' ' => return None,
                c => out.push(c),
            }
        }
    }

    fn next(&mut self) -> Option<char> {
        let c = self.rest.chars().next()?;
        self.rest = self.rest.get(c.len_utf8()..)?;
        Some(c)
    }

    fn escape(&mut self) -> Option<char> {
        Some(match self.next()? {
            '"' => '"',
            '\\' => '\\',
            '/' => '/',
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'u' => {
                let first = self.hex()?;
                if !(0xd800..0xdc00).contains(&first) {
                    return Some(char::from_u32(first).unwrap_or(char::REPLACEMENT_CHARACTER));
                }
                let before = self.rest;
                let second = if self.take("\\u") { self.hex()? } else { 0 };
                if (0xdc00..0xe000).contains(&second) {
                    let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                    return char::from_u32(code);
                }
                self.rest = before; // half a pair stands for nothing; what follows is read by itself
                char::REPLACEMENT_CHARACTER
            }
            _ => return None,
        })
    }

    fn hex(&mut self) -> Option<u32> {
        let digits = self.rest.get(..4)?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return None;
        }
        self.rest = self.rest.get(4..)?;
        u32::from_str_radix(digits, 16).ok()
    }

    fn number(&mut self) -> Option<Json> {
        let start = self.rest;
        self.take("-");
        if !self.take("0") && self.digits() == 0 {
            return None;
        }
        if self.take(".") && self.digits() == 0 {
            return None;
        }
        if self.take("e") || self.take("E") {
            let _ = self.take("+") || self.take("-");
            if self.digits() == 0 {
                return None;
            }
        }
        let len = start.len().checked_sub(self.rest.len())?;
        go_number(start.get(..len)?).map(Json::Number)
    }

    fn digits(&mut self) -> usize {
        let before = self.rest.len();
        self.rest = self.rest.trim_start_matches(|c: char| c.is_ascii_digit());
        before.saturating_sub(self.rest.len())
    }
}

/// A number as Go prints the 64-bit float that it is read into; `None` if there is no such float.
fn go_number(text: &str) -> Option<String> {
    let value: f64 = text.parse().ok()?;
    if !value.is_finite() {
        return None;
    }
    let size = value.abs();
    if size != 0.0 && !(1e-6..1e21).contains(&size) {
        let shown = format!("{value:e}");
        return Some(match shown.split_once("e-") {
            Some(_) => shown,
            None => shown.replacen('e', "e+", 1),
        });
    }
    Some(format!("{value}"))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn run(json: &str) -> Option<String> {
        let mut out = String::new();
        sorted(&mut out, json.as_bytes()).ok().map(|()| out)
    }

    #[test]
    fn keys_are_sorted_and_the_last_of_equal_keys_counts() {
        assert_eq!(
            run(" {\"b\": [1, {\"z\":null,\"a\":\"<\"}], \"a\":true, \"b\":2} ").unwrap(),
            r#"{"a":true,"b":2}"#
        );
        assert_eq!(
            run(r#"{"\u0061":"\ud83d\ude00\ud800x"}"#).unwrap(),
            "{\"a\":\"😀\u{fffd}x\"}"
        );
    }

    #[test]
    fn numbers_pass_through_a_float_as_in_go() {
        for (json, shown) in [
            ("1", "1"),
            ("-0", "-0"),
            ("1.50", "1.5"),
            ("1e3", "1000"),
            ("12345678901234567890", "12345678901234567000"),
            ("1e21", "1e+21"),
            ("0.0000001", "1e-7"),
            ("1.0e-6", "0.000001"),
        ] {
            assert_eq!(run(json).as_deref(), Some(shown));
        }
        assert_eq!(run("1e999"), None);
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for bad in [
            "",
            "{",
            "{\"a\":1,}",
            "[1,]",
            "01",
            "+1",
            "1.",
            "nul",
            "\"\u{1}\"",
            "{} {}",
            "'a'",
            "\"\\x\"",
        ] {
            assert_eq!(run(bad), None, "{bad}");
        }
        assert_eq!(run(&"[".repeat(100_000)), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = sorted(&mut String::new(), &bytes);
        }
    }
}
