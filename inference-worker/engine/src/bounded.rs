//! Texts with more tokens than anybody wants: told before all of them is encoded.
//!
//! The library takes some 400 bytes of memory for each token until it is done. A text whose bytes are more than that many of
//! the longest token is refused as it stands. Any other long one is counted in pieces until it is past the bound; only what is
//! not is encoded, whole, so that the tokens of what is accepted are always those of the whole text.

use crate::tokenizer::TokenizerError;
use serde_json::{Value, json};
use tokenizers::models::ModelWrapper;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;

/// Bytes of a piece.
const PIECE: usize = 1 << 14;
/// A text of no more is encoded at once.
const SHORT: usize = 2 * PIECE;
/// Bytes before a piece's end in which it is looked for a place between words.
const LOOK: usize = 256;
/// Tokens that a cut may add to a count: one that is cut in two falls into several.
const CUT: usize = 8;
/// A count by pieces is too high by no more than one in so many, and by [`CUT`] for each cut.
const DOUBT: usize = 16;
/// Bytes of text for each byte of what a composing normalizer makes of them: three and a half, as of U+1FBE U+0308 U+0301.
const COMPOSED: usize = 4;

/// The most bytes of a text that become one token; none if a token may stand for any number of them, or if that is not known:
/// where blanks are dropped, or what the vocabulary lacks becomes one token.
pub(crate) fn longest(tokenizer: &tokenizers::Tokenizer) -> Option<usize> {
    let ModelWrapper::BPE(model) = tokenizer.get_model() else {
        return None;
    };
    let added = tokenizer.get_added_tokens_decoder();
    if added.values().any(|token| token.lstrip || token.rstrip) {
        return None;
    }
    let factor = match tokenizer.get_normalizer() {
        None => 1,
        Some(normalizer) => composed(&serde_json::to_value(normalizer).ok()?)?,
    };
    let splits = match tokenizer.get_pre_tokenizer() {
        None => Value::Null,
        Some(splits) => serde_json::to_value(splits).ok()?,
    };
    let words = tokenizer.get_vocab(false);
    let mut bytes = false;
    keeps_all(&splits, &mut bytes).then_some(())?;
    let whole = match (bytes, model.byte_fallback) {
        (true, _) => ByteLevel::alphabet()
            .iter()
            .all(|letter| words.contains_key(&letter.to_string())),
        (false, true) => (0..=255).all(|byte| words.contains_key(&format!("<0x{byte:02X}>"))),
        (false, false) => false,
    };
    // A letter stands for a byte there.
    let length = |word: &String| if bytes { word.chars().count() } else { word.len() };
    let longest = words.keys().map(length).max()?;
    let names = added.values().map(|token| token.content.len()).max();
    whole.then(|| longest.max(names.unwrap_or(0)).saturating_mul(factor))
}

/// Bytes for each byte of a normalized text; none if there is no bound.
fn composed(normalizer: &Value) -> Option<usize> {
    match normalizer["type"].as_str()? {
        "NFC" => Some(COMPOSED),
        // Both write more than there was.
        "NFD" | "Prepend" => Some(1),
        "Replace" if normalizer["pattern"] == json!({"String": " "}) => {
            (!normalizer["content"].as_str()?.is_empty()).then_some(1)
        }
        "Sequence" => {
            let parts = normalizer["normalizers"].as_array()?;
            parts
                .iter()
                .try_fold(1_usize, |all, part| all.checked_mul(composed(part)?))
        }
        _ => None,
    }
}

/// Whether the way in which a text is split keeps all of it; `bytes` if it writes bytes as letters.
fn keeps_all(splits: &Value, bytes: &mut bool) -> bool {
    match splits["type"].as_str() {
        None => splits.is_null(),
        Some("ByteLevel") => {
            *bytes = true;
            true
        }
        Some("Split" | "Punctuation") => splits["behavior"] != "Removed",
        Some("Digits" | "Metaspace") => true,
        Some("Sequence") => splits["pretokenizers"]
            .as_array()
            .is_some_and(|parts| parts.iter().all(|part| keeps_all(part, bytes))),
        Some(_) => false,
    }
}

/// Fails where a text has more tokens than `most` for sure. `count` gives the tokens of a piece.
pub(crate) fn check(
    text: &str,
    longest: Option<usize>,
    most: usize,
    mut count: impl FnMut(&str) -> Result<usize, TokenizerError>,
) -> Result<(), TokenizerError> {
    let least = longest.map_or(0, |longest| text.len() / longest.max(1));
    if least > most {
        return Err(TokenizerError::Long(least));
    }
    if text.len() <= most.max(SHORT) {
        return Ok(());
    }
    let (mut rest, mut tokens, mut cuts) = (text, 0_usize, 0_usize);
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(cut(rest));
        tokens = tokens.saturating_add(count(piece)?);
        cuts += 1;
        let least = (tokens - tokens / DOUBT).saturating_sub(cuts * CUT);
        if least > most {
            return Err(TokenizerError::Long(least));
        }
        rest = after;
    }
    Ok(())
}

/// Where a piece of a text ends: before a blank between words if there is one near.
fn cut(text: &str) -> usize {
    if text.len() <= PIECE {
        return text.len();
    }
    let bytes = text.as_bytes();
    let between = |at: &usize| {
        let (before, here) = (bytes.get(at.saturating_sub(1)), bytes.get(*at));
        before.is_some_and(u8::is_ascii_alphanumeric) && here == Some(&b' ')
    };
    let words = (PIECE - LOOK..PIECE).rev().find(between);
    let letters = || (0..=PIECE).rev().find(|at| text.is_char_boundary(*at));
    words.or_else(letters).unwrap_or(text.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tokenizer::Tokenizer;
    use std::path::Path;

    fn packaged() -> Tokenizer {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/quern-small");
        Tokenizer::load(&model).unwrap()
    }

    fn texts() -> Vec<String> {
        let words = "In the beginning God created the heaven and the earth. ".repeat(3000);
        vec![
            words,
            "a ".repeat(60_000),
            "a".repeat(90_000),
            " ".repeat(90_000),
            "日本🙂é\n".repeat(9_000),
            "1+1=2;".repeat(20_000),
            (0..120_000_u64)
                .map(|i| char::from((33 + i * i % 90) as u8))
                .collect(),
        ]
    }

    #[test]
    fn what_is_accepted_has_the_tokens_of_the_whole_text_and_what_is_refused_has_more() {
        let tokenizer = packaged();
        for text in texts() {
            let whole = tokenizer.encode(&text, true).unwrap();
            let count = whole.len();
            for most in [count, count + 1, usize::MAX] {
                assert_eq!(tokenizer.encode_within(&text, true, most).unwrap(), whole);
            }
            for most in [1, count / 9, count / 2, count * 3 / 4] {
                let Err(TokenizerError::Long(least)) = tokenizer.encode_within(&text, true, most) else {
                    panic!("{count} tokens are within {most}");
                };
                assert!(
                    least > most && least <= count,
                    "{least} of {count}, {most} allowed"
                );
            }
        }
    }

    #[test]
    fn no_more_is_counted_than_the_bound_and_a_piece_and_nothing_of_what_is_longer_than_any_tokens() {
        let text = "x".repeat(4 << 20);
        let counted = |longest, most| {
            let mut counted = 0;
            let found = check(&text, longest, most, |piece| {
                counted += piece.len();
                Ok(piece.len())
            });
            assert!(matches!(found, Err(TokenizerError::Long(least)) if least > most));
            counted
        };
        assert_eq!(counted(Some(17), 8192), 0);
        assert_eq!(counted(None, 8192), PIECE);
        let most = counted(None, 100_000);
        assert!(most <= 100_000 + 100_000 / 14 + 2 * PIECE, "{most}");
    }

    #[test]
    fn the_longest_token_is_known_where_every_byte_becomes_part_of_one() {
        let tokenizer = packaged();
        // `<|begin_of_text|>`.
        assert_eq!(tokenizer.longest(), Some(17));
        let bytes = std::fs::read(
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/quern-small/tokenizer.json"),
        );
        let file: Value = serde_json::from_slice(&bytes.unwrap()).unwrap();
        let of = |change: &dyn Fn(&mut Value)| {
            let mut file = file.clone();
            change(&mut file);
            longest(&tokenizers::Tokenizer::from_bytes(file.to_string()).unwrap())
        };
        assert_eq!(of(&|_| {}), Some(17));
        assert_eq!(of(&|file| file["normalizer"] = json!({"type": "NFC"})), Some(68));
        for normalizer in [
            json!({"type": "Strip", "strip_left": true, "strip_right": true}),
            json!({"type": "Replace", "pattern": {"Regex": " +"}, "content": " "}),
            json!({"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "StripAccents"}]}),
        ] {
            assert_eq!(of(&|file| file["normalizer"] = normalizer.clone()), None);
        }
        assert_eq!(
            of(&|file| file["pre_tokenizer"] = json!({"type": "WhitespaceSplit"})),
            None
        );
        assert_eq!(of(&|file| file["pre_tokenizer"] = Value::Null), None);
        assert_eq!(of(&|file| file["added_tokens"][1]["rstrip"] = true.into()), None);
        let lacking = |file: &mut Value| {
            let words = file["model"]["vocab"].as_object_mut().unwrap();
            words.remove("!");
            file["model"]["merges"] = json!([]);
        };
        assert_eq!(of(&lacking), None);
    }
}
