//! Contract codes on their way into state-sync snapshots and out of them.

use std::collections::BTreeSet;

use quern_context::Cx;
use quern_proto::cosmwasm::wasm::v1::CodeInfo;
use quern_store::Order;
use quern_types::{Error, Result};

use super::Wasm;
use crate::{iterate::Entries, keys, state};

impl Wasm {
    /// SHA-256 of every code of the state, each once, in order.
    ///
    /// # Errors
    /// A halt if the state cannot be read.
    pub fn code_hashes(&self, cx: &Cx) -> Result<BTreeSet<[u8; 32]>> {
        let mut entries = Entries::open(cx, &[keys::CODE], None, None, Order::Ascending)?;
        let mut hashes = BTreeSet::new();
        while let Some((_, value)) = entries.step()? {
            let info: CodeInfo = state::decode(&value)?;
            let hash = info.code_hash.as_slice().try_into();
            hashes.insert(hash.map_err(|_| Error::halt("corrupt checksum in the wasm store"))?);
        }
        Ok(hashes)
    }

    /// Compiles and stores a code that the chain has accepted already, durable when this returns.
    ///
    /// # Errors
    /// If the VM refuses it, or the disk fails.
    pub fn restore_code(&self, code: &[u8]) -> Result<()> {
        self.compile(code, false, true).map(drop)
    }
}
