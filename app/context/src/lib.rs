//! What a message handler may see and change: state branch, gas meter, events, block facts.
//!
//! A [`Cx`] is a cheap handle. [`Cx::fork`] opens an inner branch whose writes and events reach
//! the outer one only by [`Cx::merge`]; dropping it undoes everything but the gas it used.

mod cx;
mod events;
mod frame;
mod gas;
mod kv;
mod page;
mod query;
mod router;

pub use cx::{BlockFacts, Cx, Mode, TxFacts};
pub use events::EventLog;
pub use frame::CallFrame;
pub use gas::{Gas, GasMeter};
pub use kv::{Kv, KvRange};
pub use page::paginate;
pub use query::answer;
pub use router::{AnyMsg, MsgOutput, Router};

/// Converts a storage failure, which no transaction can cause, into the error that stops the node.
pub fn halt(error: quern_store::StoreError) -> quern_types::Error {
    quern_types::Error::halt(error)
}
