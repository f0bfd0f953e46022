//! A model's files as a package: what they hash to, giving them to other hosts, fetching them.
//!
//! The chain holds one hash for each model. A manifest lists the files with their own hashes and is valid if it hashes
//! to what the chain holds, so it does not matter who gave it, or the files.

pub(crate) mod fetch;
pub(crate) mod give;
pub(crate) mod manifest;
#[cfg(test)]
mod tests;
