//! What of an error a contract may see (wasmd `x/wasm/keeper/msg_dispatcher.go`).

use quern_context::GasMeter;
use quern_types::{Error, errors as sdk};

/// An error's text if it is the same on every node, else its codespace and code alone.
pub(crate) fn redact(error: &Error) -> String {
    if error.is_deterministic() {
        error.to_string()
    } else {
        format!("codespace: {}, code: {}", error.codespace(), error.code())
    }
}

/// Whether a meter has nothing left: using exactly its limit counts, as in the SDK.
pub(crate) fn is_spent(meter: &GasMeter) -> bool {
    meter.limit().is_some_and(|limit| meter.consumed() >= limit)
}

/// Whether a failure ends the whole transaction, whatever the contract asked for: the node failed,
/// the SDK would have panicked, or the gas of this level is gone.
pub(crate) fn is_final(error: &Error, meter: &GasMeter) -> bool {
    error.is_halt() || error.is(&sdk::PANIC) || error.is(&sdk::OUT_OF_GAS) && is_spent(meter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::errors;

    #[test]
    fn text_is_shown_only_while_it_is_the_contracts_own() {
        let own = errors::EXECUTE_FAILED.wrap("too poor").deterministic();
        assert_eq!(redact(&own), "too poor: execute wasm contract failed");
        assert_eq!(redact(&own.wrap("dispatch")), "codespace: wasm, code: 5");
        assert_eq!(
            redact(&sdk::INSUFFICIENT_FUNDS.wrap("1 < 2")),
            "codespace: sdk, code: 5"
        );
    }

    #[test]
    fn only_the_levels_own_exhaustion_and_panics_are_final() {
        let meter = GasMeter::limited(10);
        let inner = sdk::OUT_OF_GAS.wrap("SubMsg hit gas limit");
        assert!(!is_final(&inner, &meter));
        meter.consume(10, "all").unwrap();
        assert!(is_final(&inner, &meter));
        assert!(is_final(&Error::halt("disk"), &GasMeter::infinite()));
        assert!(is_final(&sdk::PANIC.wrap("Int overflow"), &GasMeter::infinite()));
        assert!(!is_final(&(&errors::VM).into(), &meter));
    }
}
