//! Error tables of codespaces `staking`, `distribution` and `slashing`, as in the Cosmos SDK, as far as the
//! chain's own contracts can fail so.

use quern_types::Registered;
pub use quern_types::errors::NO_VALIDATOR;

macro_rules! table {
    ($space:literal: $($name:ident = $code:literal, $text:literal;)*) => {
        $(#[doc = concat!("`", $space, "/", $code, "`: ", $text, ".")]
        pub static $name: Registered = Registered::new($space, $code, $text);)*
    };
}

table! { "staking":
    OWNER_EXISTS = 4, "validator already exist for this operator address; must use new validator operator address";
    KEY_EXISTS = 5, "validator already exist for this pubkey; must use new validator pubkey";
    KEY_TYPE = 6, "validator pubkey type is not supported";
    JAILED = 7, "validator for this address is currently jailed";
    COMMISSION_NEGATIVE = 9, "commission must be positive";
    COMMISSION_HUGE = 10, "commission cannot be more than 100%";
    COMMISSION_ABOVE_MAX = 11, "commission cannot be more than the max rate";
    STEP_NEGATIVE = 13, "commission change rate must be positive";
    STEP_ABOVE_MAX = 14, "commission change rate cannot be more than the max rate";
    COMMISSION_STEP = 15, "commission cannot be changed more than max change rate";
    SELF_DELEGATION = 16, "validator's self delegation must be greater than their minimum self delegation";
    NO_DELEGATION = 19, "no delegation for (address, validator) tuple";
    MAX_ENTRIES = 27, "too many unbonding delegation entries for (delegator, validator) tuple";
    SELF_REDELEGATION = 29, "cannot redelegate to the same validator";
    BAD_DESTINATION = 31, "redelegation destination validator not found";
    MAX_REDELEGATIONS = 33, "too many redelegation entries for (delegator, src-validator, dst-validator) tuple";
    EMPTY_KEY = 39, "empty validator public key";
}

table! { "distribution":
    NO_COMMISSION = 7, "no validator commission to withdraw";
}

table! { "slashing":
    NOT_A_VALIDATOR = 2, "address is not associated with any known validator";
    STILL_JAILED = 4, "validator still jailed; cannot be unjailed";
    NOT_JAILED = 5, "validator not jailed; cannot be unjailed";
}
