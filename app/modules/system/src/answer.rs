//! What a system contract answers: JSON in the data of its response.

use std::collections::BTreeSet;

use quern_interface::sudo::{ProposedSet, Removals};
use quern_types::Result;
use serde::Deserialize;

use crate::BAD_ANSWER;

/// Reads the answer to `end_block` of the contract that keeps bonds; no data is an answer without
/// removals.
///
/// # Errors
/// `system/2`.
pub fn read_removals(data: &[u8]) -> Result<Removals> {
    if data.is_empty() {
        return Ok(Removals::default());
    }
    json(data)
}

/// Reads the answer to `end_epoch`.
///
/// # Errors
/// `system/2` for rubbish, and for a key that is there twice.
pub fn read_proposed(data: &[u8]) -> Result<ProposedSet> {
    let set: ProposedSet = json(data)?;
    let mut seen = BTreeSet::new();
    match set.validators.iter().find(|v| !seen.insert(v.pubkey)) {
        None => Ok(set),
        Some(twice) => Err(BAD_ANSWER.wrap(format!("key {} is there twice", twice.pubkey))),
    }
}

fn json<'a, T: Deserialize<'a>>(data: &'a [u8]) -> Result<T> {
    serde_json::from_slice(data).map_err(|e| BAD_ANSWER.wrap(e.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

    #[test]
    fn answers_are_read_in_their_documented_form() {
        let removals = read_removals(format!(r#"{{"removed":["{KEY}"]}}"#).as_bytes()).unwrap();
        assert_eq!(removals.removed, [[1; 32].into()]);
        assert_eq!(read_removals(b"").unwrap(), Removals::default());
        let text = format!(r#"{{"validators":[{{"pubkey":"{KEY}","power":"5","anchor":null}}]}}"#);
        let proposed = read_proposed(text.as_bytes()).unwrap().validators;
        assert_eq!((proposed[0].pubkey, proposed[0].power), ([1; 32].into(), 5));
    }

    #[test]
    fn rubbish_is_refused_as_a_whole() {
        let entry = |key: &str, power: &str| format!(r#"{{"pubkey":"{key}","power":"{power}"}}"#);
        let good = entry(KEY, "1");
        for text in [
            String::new(),
            "null".into(),
            "{}".into(),
            r#"{"validators":{}}"#.into(),
            format!(r#"{{"validators":[{good},{good}]}}"#),
            format!(r#"{{"validators":[{}]}}"#, entry("AQ==", "1")),
            format!(r#"{{"validators":[{}]}}"#, entry(KEY, "-1")),
            format!(r#"{{"validators":[{}]}}"#, entry(KEY, "18446744073709551616")),
            format!(r#"{{"validators":[{}]}}"#, entry(KEY, "1.5")),
        ] {
            assert!(
                read_proposed(text.as_bytes()).unwrap_err().is(&BAD_ANSWER),
                "{text}"
            );
        }
        assert!(read_removals(br#"{"removed":["x"]}"#).is_err());
        assert!(read_removals(b"[1]").is_err());
    }
}
