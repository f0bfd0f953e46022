//! Differences that are meant, each with its reason.

use crate::compare::{Difference, Kind};

/// A rule: what it covers, and why this chain differs there.
pub struct Rule {
    /// Why.
    pub reason: &'static str,
    covers: fn(&Difference) -> bool,
}

/// All of them. What no rule covers fails the run.
pub const RULES: &[Rule] = &[
    Rule {
        reason: "records are laid out otherwise, so reads and writes of other lengths cost other gas",
        covers: |d| d.kind == Kind::GasUsed,
    },
    Rule {
        reason: "wasmd prints the raw bytes of an address, this chain its Bech32 form",
        covers: |d| {
            let raw = [
                "does not exist: unknown address",
                "does not allow to pay fees for",
            ];
            d.kind == Kind::Log
                && raw
                    .iter()
                    .any(|text| d.ours.contains(text) && d.ours.contains("quern1"))
        },
    },
    Rule {
        reason: "amounts have 128 bits here and 256 there; no supply reaches either",
        covers: |d| {
            matches!(d.kind, Kind::Code | Kind::Log)
                && d.ours.contains("340282366920938463463374607431768211456")
        },
    },
];

/// The rule that covers a difference.
pub fn rule(difference: &Difference) -> Option<&'static Rule> {
    RULES.iter().find(|rule| (rule.covers)(difference))
}
