//! The bytes that each token stands for: what grammars match and log-probabilities name.

use serde_json::Value;
use std::collections::BTreeMap;

/// Bytes of every token of a tokenizer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Vocabulary {
    /// By id; empty where there is no such token.
    pub(crate) bytes: Vec<Vec<u8>>,
    /// Tokens that decoding leaves out, by what they are called.
    pub(crate) special: BTreeMap<String, u32>,
}

/// How a decoder makes bytes of a token's name.
#[derive(Clone, Copy, Debug, Default)]
struct Decoder {
    byte_level: bool,
    byte_fallback: bool,
    /// The character that stands for a space.
    space: Option<char>,
}

impl Decoder {
    /// Reads the decoder as `tokenizer.json` writes it; its fields are not public in Rust.
    fn read(value: &Value) -> Self {
        let text = |name: &str| value.get(name).and_then(Value::as_str);
        match text("type") {
            Some("ByteLevel") => Self {
                byte_level: true,
                ..Self::default()
            },
            Some("ByteFallback") => Self {
                byte_fallback: true,
                ..Self::default()
            },
            Some("Metaspace") => Self {
                space: text("replacement").and_then(|text| text.chars().next()),
                ..Self::default()
            },
            Some("Replace") if text("content") == Some(" ") => {
                let pattern = value.get("pattern").and_then(|pattern| pattern.get("String"));
                let pattern = pattern.and_then(Value::as_str).unwrap_or_default();
                Self {
                    space: pattern.chars().next(),
                    ..Self::default()
                }
            }
            Some("Sequence") => {
                let parts = value.get("decoders").and_then(Value::as_array);
                parts.into_iter().flatten().fold(Self::default(), |all, part| {
                    let part = Self::read(part);
                    Self {
                        byte_level: all.byte_level || part.byte_level,
                        byte_fallback: all.byte_fallback || part.byte_fallback,
                        space: all.space.or(part.space),
                    }
                })
            }
            _ => Self::default(),
        }
    }

    fn is_known(self) -> bool {
        self.byte_level || self.byte_fallback || self.space.is_some()
    }

    fn bytes(self, name: &str) -> Vec<u8> {
        if self.byte_level {
            let bytes: Option<Vec<u8>> = name.chars().map(byte_of).collect();
            return bytes.unwrap_or_else(|| name.as_bytes().to_vec());
        }
        let code = name.strip_prefix("<0x").and_then(|rest| rest.strip_suffix('>'));
        match code.and_then(|code| u8::from_str_radix(code, 16).ok()) {
            Some(byte) if self.byte_fallback && name.len() == 6 => vec![byte],
            _ => match self.space {
                Some(space) => name.replace(space, " ").into_bytes(),
                None => name.as_bytes().to_vec(),
            },
        }
    }
}

/// The byte that a character stands for in byte-level vocabularies (GPT-2's table): printable ones for themselves,
/// the others in order from U+0100 on.
fn byte_of(character: char) -> Option<u8> {
    let printable = |byte: u8| matches!(byte, b'!'..=b'~' | 0xA1..=0xAC | 0xAE..=0xFF);
    match u32::from(character) {
        code @ 0..0x100 => u8::try_from(code).ok().filter(|byte| printable(*byte)),
        code => (0..=255)
            .filter(|byte| !printable(*byte))
            .nth((code - 0x100) as usize),
    }
}

impl Vocabulary {
    /// Of a tokenizer; none if it is not known how its decoder makes text of tokens.
    pub(crate) fn of(tokenizer: &tokenizers::Tokenizer) -> Option<Self> {
        let decoder = serde_json::to_value(tokenizer.get_decoder()?).ok()?;
        let decoder = Decoder::read(&decoder);
        if !decoder.is_known() {
            return None;
        }
        let added = tokenizer.get_added_tokens_decoder();
        let (mut bytes, mut special) = (Vec::new(), BTreeMap::new());
        for (name, id) in tokenizer.get_vocab(true) {
            let index = id as usize;
            if index >= bytes.len() {
                bytes.resize(index + 1, Vec::new());
            }
            bytes[index] = match added.get(&id) {
                Some(token) if token.special => {
                    special.insert(token.content.clone(), id);
                    token.content.clone().into_bytes()
                }
                Some(token) => token.content.clone().into_bytes(),
                None => decoder.bytes(&name),
            };
        }
        Some(Self { bytes, special })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_has_one_character() {
        let codes = (0x21..=0x143).filter_map(char::from_u32);
        let bytes: std::collections::BTreeSet<u8> = codes.filter_map(byte_of).collect();
        assert_eq!(bytes.len(), 256);
        assert_eq!(
            (byte_of('Ġ'), byte_of('Ċ'), byte_of('a')),
            (Some(32), Some(10), Some(97))
        );
        assert_eq!(byte_of('字'), None);
    }

    #[test]
    fn sentence_pieces_have_spaces_and_bytes() {
        let decoder = serde_json::json!({"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"},
        ]});
        let decoder = Decoder::read(&decoder);
        assert_eq!(decoder.bytes("▁the"), b" the");
        assert_eq!(decoder.bytes("<0x0A>"), b"\n");
        assert_eq!(decoder.bytes("<0xZZ>"), b"<0xZZ>");
    }
}
