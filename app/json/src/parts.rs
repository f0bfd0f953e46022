//! JSON text in parts: to go into one costs its own text, and not again that of all that is inside it.

use std::collections::BTreeMap;

use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

/// Begin and end of each object and array of a text, in the order of their begins.
#[derive(Debug)]
pub(super) struct Ends(Vec<(usize, usize)>);

/// One value in a text that is known to be JSON, as it is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part<'a> {
    /// The value.
    pub(super) text: &'a str,
    /// Where it begins in the whole text.
    at: usize,
    ends: &'a [(usize, usize)],
    /// Whether members that a message does not have are passed over.
    pub(super) lenient: bool,
}

/// Bytes that a test's thread looked at.
#[cfg(test)]
pub(super) mod seen {
    use std::cell::Cell;

    thread_local!(static BYTES: Cell<usize> = const { Cell::new(0) });

    pub(super) fn more(bytes: usize) {
        BYTES.set(BYTES.get() + bytes);
    }

    pub(in super::super) fn take() -> usize {
        BYTES.take()
    }
}

#[cfg(not(test))]
mod seen {
    pub(super) const fn more(_: usize) {}
}

impl Ends {
    /// Reads a text through, with what is JSON of it.
    ///
    /// # Errors
    /// Where it is no JSON, for people.
    pub(super) fn of(text: &str) -> Result<(Self, &str), String> {
        let json: &RawValue = serde_json::from_str(text).map_err(|error| error.to_string())?;
        let text = json.get();
        seen::more(text.len());
        let bytes = text.as_bytes();
        let (mut ends, mut open) = (Vec::new(), Vec::new());
        let mut at = 0;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'"' => {
                    at = string_end(bytes, at);
                    continue;
                }
                b'{' | b'[' => {
                    open.push(ends.len());
                    ends.push((at, bytes.len()));
                }
                b'}' | b']' => {
                    let closed = open.pop().and_then(|opened: usize| ends.get_mut(opened));
                    if let Some((_, end)) = closed {
                        *end = at + 1;
                    }
                }
                _ => {}
            }
            at += 1;
        }
        Ok((Self(ends), text))
    }

    /// The whole of the text that this was read from.
    pub(super) fn whole<'a>(&'a self, text: &'a str) -> Part<'a> {
        Part {
            text,
            at: 0,
            ends: &self.0,
            lenient: false,
        }
    }
}

impl<'a> Part<'a> {
    /// JSON's null.
    pub(super) const NULL: Self = Self {
        text: "null",
        at: 0,
        ends: &[],
        lenient: false,
    };

    /// What the value is, where it is of the type.
    pub(super) fn is<T: DeserializeOwned>(self) -> Option<T> {
        seen::more(self.text.len());
        serde_json::from_str(self.text).ok()
    }

    /// The items of an array; `None` for anything else.
    pub(super) fn items(self) -> Option<Vec<Part<'a>>> {
        let mut items = Vec::new();
        let mut at = self.enter(b'[')?;
        while let Some(item) = self.value(at) {
            at = self.next(item.at - self.at + item.text.len());
            items.push(item);
        }
        Some(items)
    }

    /// The members of an object, the last of those with one name; `None` for anything else.
    pub(super) fn members(self) -> Option<BTreeMap<String, Part<'a>>> {
        let mut members = BTreeMap::new();
        let mut at = self.enter(b'{')?;
        while let Some(name) = self.value(at) {
            at = self.next(name.at - self.at + name.text.len());
            let member = self.value(at)?;
            at = self.next(member.at - self.at + member.text.len());
            members.insert(name.is::<String>()?, member);
        }
        Some(members)
    }

    fn enter(self, bracket: u8) -> Option<usize> {
        (*self.text.as_bytes().first()? == bracket).then(|| self.next(1))
    }

    /// Where the next value may begin: JSON has nothing but blanks and one separator between values.
    fn next(self, at: usize) -> usize {
        let rest = self.text.as_bytes().get(at..).unwrap_or_default();
        let between = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\n' | b'\r' | b',' | b':');
        let blanks = rest.iter().take_while(|byte| between(byte)).count();
        seen::more(blanks);
        at + blanks
    }

    /// The value that begins here; `None` at the end.
    fn value(self, at: usize) -> Option<Part<'a>> {
        let bytes = self.text.as_bytes();
        let end = match bytes.get(at)? {
            b'}' | b']' => return None,
            b'"' => string_end(bytes, at),
            b'{' | b'[' => {
                let begin = self.at + at;
                let found = self.ends.binary_search_by_key(&begin, |(begin, _)| *begin).ok()?;
                self.ends.get(found)?.1 - self.at
            }
            _ => {
                let more = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'+' | b'.');
                at + bytes.get(at..)?.iter().take_while(|byte| more(byte)).count()
            }
        };
        if !matches!(bytes.get(at), Some(b'{' | b'[')) {
            seen::more(end - at);
        }
        Some(Part {
            text: self.text.get(at..end).filter(|text| !text.is_empty())?,
            at: self.at + at,
            ends: self.ends,
            lenient: self.lenient,
        })
    }
}

/// Where the string that begins here ends.
fn string_end(bytes: &[u8], begin: usize) -> usize {
    let mut at = begin + 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::{Ends, Part};
    use serde_json::value::RawValue;
    use std::collections::BTreeMap;

    fn texts<K>(parts: impl IntoIterator<Item = (K, impl ToString)>) -> Vec<(K, String)> {
        let parts = parts.into_iter();
        parts.map(|(key, part)| (key, part.to_string())).collect()
    }

    /// Walks the whole text, and compares with what serde_json makes of it.
    fn agrees(part: Part<'_>) {
        let members: Option<BTreeMap<String, &RawValue>> = serde_json::from_str(part.text).ok();
        let found = part.members();
        assert_eq!(
            found
                .clone()
                .map(|found| texts(found.into_iter().map(|(key, part)| (key, part.text)))),
            members.map(texts),
            "{}",
            part.text
        );
        found.into_iter().flatten().for_each(|(_, part)| agrees(part));
        let items: Option<Vec<&RawValue>> = serde_json::from_str(part.text).ok();
        let found = part.items();
        assert_eq!(
            found
                .clone()
                .map(|found| texts(found.iter().map(|part| ((), part.text)))),
            items.map(|items| texts(items.into_iter().map(|raw| ((), raw)))),
            "{}",
            part.text
        );
        found.into_iter().flatten().for_each(agrees);
    }

    #[test]
    fn text_is_parted_as_serde_json_parts_it() {
        for text in [
            r#" { "a" : [ 1 , -2.5e+7,{ } , [ ] ,"}],{[:\"\\" ],"b\u0022":{"c":null,"c":true}, "d" :false } "#,
            "\n[[[]],\t[{\"\":{\"\":[\"\\\\\"]}}],\r\n0]",
            r#"{"a":1,"a":{"b":[2,3]},"a":[{}]}"#,
            r#""{\"a\":[]}""#,
            r#"{"\ud800":1}"#,
            r#"["é","\u00e9{",{"é]":"x"}]"#,
            "null",
            "-0.1E-2",
            "{}",
            "[]",
        ] {
            let (ends, text) = Ends::of(text).unwrap();
            agrees(ends.whole(text));
        }
        for wrong in ["", "{", "[1,]", "{\"a\":}", "[1]]", "nul", "\"a", "{\"a\" 1}"] {
            assert!(Ends::of(wrong).is_err(), "{wrong}");
        }
    }
}
