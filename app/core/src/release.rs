//! What a binary brings beside the modules of this crate: how it differs from the one before.

use quern_context::Cx;
use quern_types::Result;
use quern_upgrade::Handlers;

/// Answers a query by its gRPC path, or says by `None` that it is another's.
pub type Answer = fn(&Cx, &str, &[u8]) -> Option<Result<Vec<u8>>>;

/// What a binary is built with. All validators of a height run binaries of which these agree.
#[derive(Clone, Debug, Default)]
pub struct Release {
    /// The upgrades that it carries. The last that a chain has made must be among them.
    pub handlers: Handlers,
    /// Versions of the modules that it changes, and of those that it adds.
    pub versions: Vec<(&'static str, u64)>,
    /// Queries that it answers beside those of this crate.
    pub answer: Option<Answer>,
}

/// Versions of the modules: those of SDK 0.53 and wasmd 0.61 where they have the module, 1 for our own.
const VERSIONS: &[(&str, u64)] = &[
    ("auth", 5),
    ("authz", 2),
    ("bank", 4),
    ("beacon", 1),
    ("consensus", 1),
    ("distribution", 3),
    ("emission", 1),
    ("evidence", 1),
    ("feegrant", 2),
    ("gov", 5),
    ("mint", 2),
    ("slashing", 4),
    ("staking", 5),
    ("system", 1),
    ("upgrade", 2),
    ("validators", 1),
    ("vesting", 1),
    ("wasm", 4),
];

impl Release {
    /// Versions of all modules.
    pub(crate) fn versions(&self) -> Vec<(&'static str, u64)> {
        let kept = VERSIONS
            .iter()
            .filter(|(module, _)| !self.versions.iter().any(|(changed, _)| changed == module));
        kept.chain(&self.versions).copied().collect()
    }
}
