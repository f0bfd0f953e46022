//! The execution context.

use std::sync::Arc;

use quern_store::Branch;
use quern_types::{Event, Timestamp};

use crate::{CallFrame, EventLog, GasMeter, Kv};

/// Why code runs. Only the ante handler may behave differently by mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Genesis.
    Genesis,
    /// Admission of a new transaction to the mempool.
    Check,
    /// Repeated admission after a block.
    Recheck,
    /// Gas estimation: no signatures, no limit.
    Simulate,
    /// Building or judging a proposal.
    Proposal,
    /// Execution in a block.
    Finalize,
    /// A read-only query.
    Query,
}

/// Facts of the block, all from the consensus request.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BlockFacts {
    /// Chain identifier.
    pub chain_id: String,
    /// Height; 0 in genesis.
    pub height: u64,
    /// Header time.
    pub time: Timestamp,
    /// Consensus address of the proposer, 20 bytes, or empty if unknown.
    pub proposer: Vec<u8>,
}

/// Facts of the running transaction.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TxFacts {
    /// Position among the block's transactions that passed the ante handler.
    pub index: u32,
    /// SHA-256 of the raw bytes.
    pub hash: [u8; 32],
}

/// What code may see and change. Clones share state, gas and events.
#[derive(Clone)]
pub struct Cx {
    branch: Branch,
    /// The meter that state access charges.
    pub gas: GasMeter,
    /// Events emitted so far in this branch.
    pub events: EventLog,
    /// The block.
    pub block: Arc<BlockFacts>,
    /// The transaction, absent in hooks and queries.
    pub tx: Option<Arc<TxFacts>>,
    /// Why this runs.
    pub mode: Mode,
    /// The contract calls around this point.
    pub calls: CallFrame,
}

impl Cx {
    /// A context on `branch` without a transaction and without a gas limit.
    pub fn new(branch: Branch, block: Arc<BlockFacts>, mode: Mode) -> Self {
        Self {
            branch,
            gas: GasMeter::infinite(),
            events: EventLog::default(),
            block,
            tx: None,
            mode,
            calls: CallFrame::default(),
        }
    }

    /// The part of the state that belongs to `module`.
    pub fn kv(&self, module: &str) -> Kv {
        Kv::new(self.branch.clone(), self.gas.clone(), module)
    }

    /// The part of the state that belongs to `module`, without charging gas.
    pub fn kv_unmetered(&self, module: &str) -> Kv {
        Kv::new(self.branch.clone(), GasMeter::infinite(), module)
    }

    /// Appends an event.
    pub fn emit(&self, event: Event) {
        self.events.emit(event);
    }

    /// An inner context: own writes and events, the same gas meter.
    #[must_use]
    pub fn fork(&self) -> Self {
        Self {
            branch: self.branch.fork(),
            events: EventLog::default(),
            ..self.clone()
        }
    }

    /// The same context charging another meter.
    #[must_use]
    pub fn with_gas(&self, gas: GasMeter) -> Self {
        Self { gas, ..self.clone() }
    }

    /// The same context inside a transaction.
    #[must_use]
    pub fn with_tx(&self, tx: TxFacts) -> Self {
        Self {
            tx: Some(Arc::new(tx)),
            calls: CallFrame::of_transaction(),
            ..self.clone()
        }
    }

    /// The same context with an event list of its own, for a caller that filters events.
    #[must_use]
    pub fn with_own_events(&self) -> Self {
        Self {
            events: EventLog::default(),
            ..self.clone()
        }
    }

    /// Writes this fork's changes into the context it was forked from, and returns its events
    /// for the caller to pass on.
    pub fn merge(self) -> Vec<Event> {
        let events = self.events.take();
        self.branch.merge();
        events
    }

    /// The state branch itself, for the application alone.
    pub fn branch(&self) -> &Branch {
        &self.branch
    }
}
