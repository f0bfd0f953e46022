//! Encrypted keys, one file each, in `<home>/keyring`.

mod crypt;
mod file;
mod store;

pub use file::KeyFile;
pub(crate) use file::Secret;
pub use store::Keyring;
