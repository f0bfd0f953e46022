//! What a contract's refusal is in the words of the SDK.

use quern_types::{Error, Registered, errors};

use crate::error;

/// Names with which contracts' refusals begin, and the SDK's error for each.
const NAMES: &[(&str, &Registered)] = &[
    ("amount_too_small", &errors::INVALID_REQUEST),
    ("bad_params", &errors::INVALID_REQUEST),
    ("commission_too_high", &error::COMMISSION_STEP),
    ("consensus_key_fixed", &error::KEY_EXISTS),
    ("consensus_key_taken", &error::KEY_EXISTS),
    ("already_registered", &error::OWNER_EXISTS),
    ("host_closed", &errors::UNAUTHORIZED),
    ("host_inactive", &error::JAILED),
    ("insufficient_position", &errors::INVALID_REQUEST),
    ("move_conflict", &error::MAX_REDELEGATIONS),
    ("operator_share", &error::SELF_DELEGATION),
    ("overflow", &errors::INVALID_REQUEST),
    ("same_host", &error::SELF_REDELEGATION),
    ("tombstoned", &error::JAILED),
    ("too_many_buckets", &error::MAX_ENTRIES),
    ("unknown_host", &error::NO_VALIDATOR),
    ("wrong_funds", &errors::INVALID_REQUEST),
];

/// Refusal that each message has its own answer to.
const NOTHING: &str = "nothing_earned";

/// The stable name of a contract's refusal; `None` for any other failure.
pub(crate) fn name(error: &Error) -> Option<&'static str> {
    row(error)
        .map(|(name, _)| *name)
        .or_else(|| was(error, NOTHING).then_some(NOTHING))
}

fn row(error: &Error) -> Option<&'static (&'static str, &'static Registered)> {
    if error.is_halt() || error.codespace() != "wasm" {
        return None;
    }
    let text = error.to_string();
    let words = || text.split(": ");
    words().find_map(|word| NAMES.iter().find(|(name, _)| *name == word))
}

/// The SDK's error for a contract's refusal, with the contract's words; others stay as they are.
pub(crate) fn translate(error: Error) -> Error {
    let Some((_, registered)) = row(&error) else {
        return error;
    };
    let text = error.to_string();
    let end = format!(": {}", error.registered_text());
    registered.wrap(text.strip_suffix(&end).unwrap_or(&text).to_owned())
}

/// Whether a translated error came from the contract's refusal of this name.
pub(crate) fn was(error: &Error, name: &str) -> bool {
    error.to_string().split(": ").any(|word| word == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    static EXECUTE: Registered = Registered::new("wasm", 5, "execute wasm contract failed");

    #[test]
    fn a_refusal_gets_the_sdks_code_and_keeps_its_words() {
        let error = translate(EXECUTE.wrap("host_closed: quern1x is closed to other funders"));
        assert!(error.is(&errors::UNAUTHORIZED));
        assert_eq!(
            error.to_string(),
            "host_closed: quern1x is closed to other funders: unauthorized"
        );
    }

    #[test]
    fn other_failures_stay() {
        for error in [
            EXECUTE.wrap("std: something"),
            errors::OUT_OF_GAS.wrap("host_closed"),
        ] {
            assert_eq!(translate(error.clone()), error);
        }
    }
}
