//! The error table of codespace `wasm` (wasmd `x/wasm/types/errors.go`).

use quern_types::Registered;

macro_rules! table {
    ($($name:ident = $code:literal, $text:literal;)*) => {
        $(#[doc = concat!("`wasm/", $code, "`: ", $text, ".")]
        pub static $name: Registered = Registered::new("wasm", $code, $text);)*

        /// Every row of the table, in code order.
        pub static ALL: &[&Registered] = &[$(&$name),*];
    };
}

table! {
    CREATE_FAILED = 2, "create wasm contract failed";
    ACCOUNT_EXISTS = 3, "contract account already exists";
    INSTANTIATE_FAILED = 4, "instantiate wasm contract failed";
    EXECUTE_FAILED = 5, "execute wasm contract failed";
    GAS_LIMIT = 6, "insufficient gas";
    INVALID_GENESIS = 7, "invalid genesis";
    NOT_FOUND = 8, "not found";
    QUERY_FAILED = 9, "query wasm contract failed";
    INVALID_MSG = 10, "invalid CosmosMsg from the contract";
    MIGRATION_FAILED = 11, "migrate wasm contract failed";
    EMPTY = 12, "empty";
    LIMIT = 13, "exceeds limit";
    INVALID = 14, "invalid";
    DUPLICATE = 15, "duplicate";
    MAX_IBC_CHANNELS = 16, "max transfer channels";
    UNSUPPORTED_FOR_CONTRACT = 17, "unsupported for this contract";
    PIN_FAILED = 18, "pinning contract failed";
    UNPIN_FAILED = 19, "unpinning contract failed";
    UNKNOWN_MSG = 20, "unknown message from the contract";
    INVALID_EVENT = 21, "invalid event";
    NO_SUCH_CONTRACT = 22, "no such contract";
    QUERY_STACK = 27, "max query stack size exceeded";
    NO_SUCH_CODE = 28, "no such code";
    VM = 29, "wasmvm error";
    CALL_DEPTH = 30, "max call depth exceeded";
    SYNC_PINNED = 31, "syncing pinned codes failed";
}

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn codes_ascend_and_leave_out_what_wasmd_retired() {
        assert!(ALL.is_sorted_by(|a, b| a.code < b.code));
        assert!(ALL.iter().all(|row| !(23..=26).contains(&row.code)));
    }
}
