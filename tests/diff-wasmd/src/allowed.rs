//! Differences that are meant, each with its reason.

use crate::compare::{Difference, Kind};

/// A rule: what it covers, and why this chain differs there.
pub struct Rule {
    /// Why.
    pub reason: &'static str,
    covers: fn(&Difference) -> bool,
}

/// All of them.
pub const RULES: &[Rule] = &[];

/// The rule that covers a difference.
pub fn rule(difference: &Difference) -> Option<&'static Rule> {
    RULES.iter().find(|rule| (rule.covers)(difference))
}

#[allow(dead_code)]
const fn _kind(kind: Kind) -> Kind {
    kind
}
