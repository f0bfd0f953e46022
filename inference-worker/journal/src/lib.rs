//! A durable append-only journal, encrypted at rest.
//!
//! A journal is a folder: a key file, a lock, and segments named by the number of their first record. Each record is
//! sealed with ChaCha20-Poly1305; its number, the segment's header and the tag of the record before it are
//! authenticated with it, so records cannot be changed, moved, repeated or taken out of the middle. (An older copy of
//! the whole folder is a valid journal; whoever needs to notice that compares it with the chain.)
//!
//! An append is acknowledged after fsync; appends that arrive together share one. What a crash left half-written at
//! the end was never acknowledged: it is cut off and reported when the journal is opened. Damage to acknowledged
//! records is an error, and [`salvage()`] reads what is left around it. A full disk fails appends, and nothing else:
//! once there is room they succeed again.

mod cipher;
mod error;
mod index;
mod journal;
mod recover;
mod salvage;
mod segment;
mod writer;

pub use error::JournalError;
pub use journal::{Journal, Opened, Options, Record};
pub use recover::Torn;
pub use salvage::{Salvage, salvage, set_aside};
