//! gRPC status in the words that clients match: `rpc error: code = <Name> desc = <text>: <registered>`.

use quern_types::{Error, Registered, errors};

/// Errors outside codespace `sdk` whose gRPC status is NotFound (wasmd registers its own so).
const NOT_FOUND: &[(&str, u32)] = &[("beacon", 3), ("wasm", 8), ("wasm", 22), ("wasm", 28)];

/// Codespaces whose errors modules answer queries with as they are, which are no statuses; only the code shows what they
/// stand for.
const BARE: [&str; 3] = ["wasm", "staking", "distribution"];

/// Turns a handler's error into what an SDK node answers over ABCI.
pub(super) fn grpc_error(error: &Error) -> Error {
    let other_not_found = NOT_FOUND.contains(&(error.codespace(), error.code()));
    // Without a status or a code of its own, as Go's plain errors.
    if error.codespace() == "undefined" && !error.is_halt() && error.code() == 1 {
        return errors::INVALID_REQUEST.wrap(error.to_string());
    }
    let (name, row): (&str, &'static Registered) = if error.is(&errors::KEY_NOT_FOUND) || other_not_found {
        ("NotFound", &errors::KEY_NOT_FOUND)
    } else if error.is(&errors::INVALID_REQUEST) {
        ("InvalidArgument", &errors::INVALID_REQUEST)
    } else if error.is(&errors::UNAUTHORIZED) {
        ("Unauthenticated", &errors::UNAUTHORIZED)
    } else if error.is(&errors::NOT_FOUND) {
        ("Internal", &errors::UNKNOWN_REQUEST) // x/feegrant
    } else {
        ("Unknown", &errors::UNKNOWN_REQUEST)
    };
    let text = error.to_string();
    let own = if error.is(row) {
        text.strip_suffix(&format!(": {}", row.text)).unwrap_or(&text)
    } else {
        &text
    };
    // The SDK's codec of addresses has no error of its own.
    let address = format!(": {}", errors::INVALID_ADDRESS.text);
    let own = own.strip_suffix(&address).unwrap_or(own);
    if BARE.contains(&error.codespace()) || error.is(&errors::LOGIC) {
        return row.wrap(own.to_owned());
    }
    row.wrap(format!("rpc error: code = {name} desc = {own}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unknown_account_reads_as_cosmjs_expects() {
        let error = grpc_error(&errors::KEY_NOT_FOUND.wrap("account quern1x not found"));
        assert_eq!(error.code(), 22);
        assert_eq!(
            error.to_string(),
            "rpc error: code = NotFound desc = account quern1x not found: key not found"
        );
    }

    #[test]
    fn what_is_no_address_is_named_without_an_error_of_its_own() {
        let error = errors::INVALID_ADDRESS.wrap("empty address string is not allowed");
        let error = grpc_error(&errors::INVALID_REQUEST.wrap(error.to_string()));
        assert_eq!(
            error.to_string(),
            "rpc error: code = InvalidArgument desc = empty address string is not allowed: invalid request"
        );
    }

    #[test]
    fn a_contracts_failure_keeps_its_whole_text() {
        static QUERY: Registered = Registered::new("wasm", 9, "query wasm contract failed");
        let error = grpc_error(&QUERY.wrap("Generic error: no"));
        assert_eq!(error.code(), 6);
        assert_eq!(
            error.to_string(),
            "Generic error: no: query wasm contract failed: unknown request"
        );
    }
}
