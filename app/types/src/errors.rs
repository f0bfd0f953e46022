//! The root error table of the Cosmos SDK, codespace `sdk` (`types/errors` of v0.53), plus `undefined` and what several modules share.

use crate::Registered;

macro_rules! table {
    ($space:literal: $($name:ident = $code:literal, $text:literal;)*) => {
        $(#[doc = concat!("`", $space, "/", $code, "`: ", $text, ".")]
        pub static $name: Registered = Registered::new($space, $code, $text);)*

        /// Every row of the table, in code order.
        pub static ALL: &[&Registered] = &[$(&$name),*];
    };
}

table! { "sdk":
    TX_DECODE = 2, "tx parse error";
    INVALID_SEQUENCE = 3, "invalid sequence";
    UNAUTHORIZED = 4, "unauthorized";
    INSUFFICIENT_FUNDS = 5, "insufficient funds";
    UNKNOWN_REQUEST = 6, "unknown request";
    INVALID_ADDRESS = 7, "invalid address";
    INVALID_PUB_KEY = 8, "invalid pubkey";
    UNKNOWN_ADDRESS = 9, "unknown address";
    INVALID_COINS = 10, "invalid coins";
    OUT_OF_GAS = 11, "out of gas";
    MEMO_TOO_LARGE = 12, "memo too large";
    INSUFFICIENT_FEE = 13, "insufficient fee";
    TOO_MANY_SIGNATURES = 14, "maximum number of signatures exceeded";
    NO_SIGNATURES = 15, "no signatures supplied";
    JSON_MARSHAL = 16, "failed to marshal JSON bytes";
    JSON_UNMARSHAL = 17, "failed to unmarshal JSON bytes";
    INVALID_REQUEST = 18, "invalid request";
    TX_IN_MEMPOOL_CACHE = 19, "tx already in mempool";
    MEMPOOL_IS_FULL = 20, "mempool is full";
    TX_TOO_LARGE = 21, "tx too large";
    KEY_NOT_FOUND = 22, "key not found";
    WRONG_PASSWORD = 23, "invalid account password";
    INCORRECT_SIGNER = 24, "tx intended signer does not match the given signer";
    INVALID_GAS_ADJUSTMENT = 25, "invalid gas adjustment";
    INVALID_HEIGHT = 26, "invalid height";
    INVALID_VERSION = 27, "invalid version";
    INVALID_CHAIN_ID = 28, "invalid chain-id";
    INVALID_TYPE = 29, "invalid type";
    TX_TIMEOUT_HEIGHT = 30, "tx timeout height";
    UNKNOWN_EXTENSION_OPTIONS = 31, "unknown extension options";
    WRONG_SEQUENCE = 32, "incorrect account sequence";
    PACK_ANY = 33, "failed packing protobuf message to Any";
    UNPACK_ANY = 34, "failed unpacking protobuf message from Any";
    LOGIC = 35, "internal logic error";
    CONFLICT = 36, "conflict";
    NOT_SUPPORTED = 37, "feature not supported";
    NOT_FOUND = 38, "not found";
    IO = 39, "Internal IO error";
    APP_CONFIG = 40, "error in app.toml";
    INVALID_GAS_LIMIT = 41, "invalid gas limit";
    TX_TIMEOUT = 42, "tx timeout";
}

/// `staking/3`: asked for a validator that is none. The contract host says so too, on a chain without validators.
pub static NO_VALIDATOR: Registered = Registered::new("staking", 3, "validator does not exist");
/// `undefined/1`: a failure that no module registered.
pub static INTERNAL: Registered = Registered::new("undefined", 1, "internal error");
/// `undefined/111222`: a panic that was caught at the transaction's border.
pub static PANIC: Registered = Registered::new("undefined", 111_222, "panic");

#[cfg(test)]
mod tests {
    use super::ALL;

    #[test]
    fn codes_are_contiguous_and_unique() {
        for (expected, row) in (2..).zip(ALL) {
            assert_eq!(row.code, expected, "{}", row.text);
        }
        assert_eq!(ALL.len(), 41);
    }
}
