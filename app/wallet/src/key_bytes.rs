//! Public keys and hashes as flags: hexadecimal, base64, a program's JSON, or a file with one of them.

use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};
use quern_protocol::Bytes;

/// Reads `N` bytes for clap: hexadecimal, base64, the JSON of `quernd comet show-validator` or
/// `quernd keys show -p`, or `@FILE` that holds one of these.
pub(crate) fn bytes<const N: usize>(text: &str) -> Result<Bytes<N>, String> {
    let Some(file) = text.strip_prefix('@') else {
        return from_text(text);
    };
    let content = std::fs::read_to_string(Path::new(file)).map_err(|e| format!("{file}: {e}"))?;
    from_text(content.trim()).map_err(|e| format!("{file}: {e}"))
}

fn from_text<const N: usize>(text: &str) -> Result<Bytes<N>, String> {
    if let Ok(bytes) = text.parse() {
        return Ok(bytes);
    }
    let inner = from_json(text);
    let base64 = inner.as_deref().unwrap_or(text);
    let bytes = STANDARD.decode(base64).ok().and_then(|b| b.try_into().ok());
    bytes.map(Bytes::new).ok_or_else(|| {
        format!("expected {N} bytes as hexadecimal, base64, a key's JSON, or @FILE with one of them")
    })
}

/// `{"key": ...}` as the SDK prints keys, `{"pub_key": {"value": ...}}` as CometBFT's key file has them.
/// The private half of such a file is not looked at.
fn from_json(text: &str) -> Option<String> {
    let json: serde_json::Value = serde_json::from_str(text).ok()?;
    let key = ["/key", "/value", "/pub_key/value", "/pub_key/key"]
        .into_iter()
        .find_map(|at| json.pointer(at));
    Some(key?.as_str()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

    #[test]
    fn one_key_has_many_spellings() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let comet = format!(
            r#"{{"address":"00","pub_key":{{"type":"tendermint/PubKeyEd25519","value":"{KEY}"}},
                "priv_key":{{"type":"x","value":"c2VjcmV0"}}}}"#
        );
        std::fs::write(file.path(), comet).unwrap();
        for text in [
            "01".repeat(32),
            KEY.into(),
            format!(r#"{{"@type":"/cosmos.crypto.ed25519.PubKey","key":"{KEY}"}}"#),
            format!("@{}", file.path().display()),
        ] {
            assert_eq!(bytes::<32>(&text), Ok(Bytes::new([1; 32])), "{text}");
        }
    }

    #[test]
    fn a_key_of_another_length_is_refused() {
        for bad in ["", "0101", KEY, "@/nowhere", "{}", "\"x\"", &"zz".repeat(33)] {
            assert!(bytes::<33>(bad).is_err(), "{bad}");
        }
    }
}
