//! The handle that the application holds, and what each message does.

mod admin;
mod authority;
mod call;
mod code_store;
mod execute;
mod funds;
mod instantiate;
mod migrate;
mod pin;
mod reports;
mod store_code;
mod sync;

use std::{path::PathBuf, sync::Arc};

use cosmwasm_vm::{CacheOptions, Size, capabilities_from_csv};
use quern_context::{Cx, MsgOutput, Router};
use quern_types::{AccAddress, Result};

use crate::{
    Msg,
    backend::Vm,
    keys, limits,
    msg::check_code,
    staking::{NoStaking, Staking},
};

pub(crate) use admin::{add_uploaders, remove_uploaders, set_admin, set_instantiate_config, set_label};
pub(crate) use authority::{Authority, require_governance};
use code_store::CodeStore;
pub(crate) use execute::{execute, reply, smart_query};
pub(crate) use instantiate::{Instantiate, Naming};
pub(crate) use migrate::migrate;
use reports::Reports;
pub(crate) use store_code::{is_gzip, store as store_code, unpack};

/// What wasmd 0.61 offers to contracts (`x/wasm/keeper/capabilities.go`).
const CAPABILITIES: &str = "iterator,staking,stargate,cosmwasm_1_1,cosmwasm_1_2,cosmwasm_1_3,cosmwasm_1_4,\
                            cosmwasm_2_0,cosmwasm_2_1,cosmwasm_2_2,ibc2";

/// Settings of the node. None of them may change results.
#[derive(Clone, Debug)]
pub struct Options {
    /// Folder of codes and compiled modules, used by one process at a time.
    pub dir: PathBuf,
    /// Memory for compiled modules that are not pinned, in MiB.
    pub memory_cache_mib: usize,
}

impl Options {
    /// wasmd's defaults in `dir`.
    pub fn new(dir: impl Into<PathBuf>) -> Self {
        Self {
            dir: dir.into(),
            memory_cache_mib: 100,
        }
    }
}

/// Why the host cannot start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be used.
    #[error("cannot use the contract folder {dir}: {reason}; check its permissions and free space")]
    Dir {
        /// The folder.
        dir: PathBuf,
        /// What failed.
        reason: String,
    },
    /// A code that the chain has is not there, or broken.
    #[error(
        "the code {checksum} of code id {id} is missing or broken in {dir}; copy the folder from a node \
         of this chain, or remove the data directory and sync again"
    )]
    MissingCode {
        /// Code id.
        id: u64,
        /// SHA-256 in hex.
        checksum: String,
        /// Where it should be.
        dir: PathBuf,
    },
    /// The state cannot be read.
    #[error("cannot read the contracts' state: {0}")]
    State(String),
}

/// The contract host. A handle: clones share everything.
#[derive(Clone)]
pub struct Wasm {
    inner: Arc<Inner>,
    staking: Arc<dyn Staking>,
}

struct Inner {
    vm: Vm,
    codes: CodeStore,
    reports: Reports,
}

impl Wasm {
    /// Opens the host's folder, making it if it is new.
    ///
    /// # Errors
    /// If the folder cannot be used.
    pub fn open(options: Options) -> Result<Self, OpenError> {
        let codes = CodeStore::open(&options.dir)?;
        let cache = CacheOptions::new(
            options.dir.clone(),
            capabilities_from_csv(CAPABILITIES),
            Size::mebi(options.memory_cache_mib),
            Size::mebi(limits::INSTANCE_MEMORY_MIB),
        );
        // SAFETY: the VM trusts compiled modules that it finds in its folder. Only this process writes
        // there, under names that include a hash of the compiler's version.
        #[allow(unsafe_code)]
        let vm = unsafe { Vm::new(cache) }.map_err(|e| OpenError::Dir {
            dir: options.dir,
            reason: e.to_string(),
        })?;
        let inner = Inner {
            vm,
            codes,
            reports: Reports::default(),
        };
        Ok(Self {
            inner: Arc::new(inner),
            staking: Arc::new(NoStaking),
        })
    }

    /// The same host on a chain with validators, of which contracts are told so. All handles that messages and
    /// queries go through must be this one or clones of it.
    #[must_use]
    pub fn with_staking(self, staking: Arc<dyn Staking>) -> Self {
        Self { staking, ..self }
    }

    /// Executes a validated message on behalf of its signers.
    ///
    /// # Errors
    /// Codespaces `wasm` and `sdk` as in wasmd, and those of the messages that contracts send.
    pub fn execute(&self, cx: &Cx, router: &Arc<dyn Router>, msg: Msg) -> Result<MsgOutput> {
        crate::msg::handle(self, cx, router, msg)
    }

    /// Calls a contract as the chain itself. Its messages run with the contract's own rights.
    ///
    /// A context without a gas limit lets the contract run for ever: a hook must set one.
    ///
    /// # Errors
    /// `wasm/22` for an unknown contract, `wasm/5` for the contract's own failure, `wasm/29` for one of
    /// the VM, and those of the messages that it sends.
    pub fn sudo(
        &self,
        cx: &Cx,
        router: &Arc<dyn Router>,
        contract: &AccAddress,
        msg: &[u8],
    ) -> Result<Vec<u8>> {
        let data = execute::sudo(self, cx, router, contract, msg)?;
        Ok(data.unwrap_or_default())
    }

    /// Stores a code on behalf of the chain itself and returns its id. As in genesis it may be larger than
    /// what a message may carry.
    ///
    /// # Errors
    /// `wasm/12` for none, `wasm/13` for too many bytes, `wasm/2` for a code that the VM refuses.
    pub fn store_code(&self, cx: &Cx, creator: &AccAddress, code: &[u8]) -> Result<u64> {
        check_code(code, limits::GENESIS_WASM_BYTES)?;
        Ok(store_code(self, cx, creator, code, None)?.0)
    }

    /// Answers a query of `cosmwasm.wasm.v1.Query`; `None` if the path is another module's.
    ///
    /// # Errors
    /// As wasmd's, by code.
    pub fn query(
        &self,
        cx: &Cx,
        router: &Arc<dyn Router>,
        path: &str,
        request: &[u8],
    ) -> Option<Result<Vec<u8>>> {
        crate::query::answer(self, cx, router, path, request)
    }

    /// Counts a transaction that passed the ante handler and returns its position in the block.
    ///
    /// # Errors
    /// `sdk/11` out of gas, or a halt.
    pub fn ante_count_tx(&self, cx: &Cx) -> Result<u32> {
        let kv = cx.kv(keys::STORE);
        let height = cx.block.height.to_be_bytes();
        let stored = kv.get(keys::TX_COUNTER)?;
        let index = stored
            .as_deref()
            .and_then(|bytes| bytes.strip_prefix(&height))
            .and_then(|count| Some(u32::from_be_bytes(count.try_into().ok()?)))
            .unwrap_or(0);
        let next = index.saturating_add(1).to_be_bytes();
        kv.set(keys::TX_COUNTER, [height.as_slice(), &next].concat())?;
        Ok(index)
    }

    pub(crate) fn vm(&self) -> &Vm {
        &self.inner.vm
    }

    pub(crate) fn codes(&self) -> &CodeStore {
        &self.inner.codes
    }

    pub(crate) fn staking(&self) -> &dyn Staking {
        self.staking.as_ref()
    }
}

impl std::fmt::Debug for Wasm {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Wasm")
            .field("codes", &self.inner.codes)
            .finish_non_exhaustive()
    }
}
