//! Software upgrades that all nodes make at one height (Cosmos SDK x/upgrade).
//!
//! Owns the plan, what was applied at which height, and the versions of the modules. A binary that has no
//! handler for a plan stops before the plan's block and says so as Cosmovisor reads it; one that has a handler
//! runs it before that block. [`check()`] is the only place that decides.

mod before_block;
mod error;
mod genesis;
mod handlers;
mod info;
mod keys;
mod msg;
mod plan;
mod query;
mod versions;

pub use before_block::{Verdict, apply, check, skip};
pub use error::{INVALID_SIGNER, NO_PLAN};
pub use genesis::{export_genesis, init_genesis};
pub use handlers::{Handler, Handlers, Upgrade};
pub use info::info_json;
pub use msg::Msg;
pub use plan::{Plan, current, needed, schedule};
pub use query::query;
pub use versions::{ModuleVersion, set as set_versions};

/// Name of the module and of its part of the state.
pub const MODULE: &str = "upgrade";
/// The file that says which upgrade a stopped node needs, in the folder of the data.
pub const INFO_FILE: &str = "upgrade-info.json";
