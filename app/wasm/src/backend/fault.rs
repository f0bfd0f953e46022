//! Where a failure of the node itself waits while the VM unwinds.

use std::sync::Arc;

use cosmwasm_vm::BackendError;
use parking_lot::Mutex;
use quern_types::{Error, Result, errors as sdk};

/// The VM carries errors as text, which would turn a disk failure into a contract's failure. So the
/// first one is kept here, and the call ends with it.
#[derive(Clone, Default)]
pub(crate) struct Fault(Arc<Mutex<Option<Error>>>);

impl Fault {
    /// The error as the VM takes it.
    pub(crate) fn hand_over(&self, error: Error) -> BackendError {
        if error.is(&sdk::OUT_OF_GAS) {
            return BackendError::out_of_gas();
        }
        self.keep(error);
        BackendError::unknown("state access failed")
    }

    /// Keeps a failure of the node.
    pub(crate) fn keep(&self, error: Error) {
        self.0.lock().get_or_insert(error);
    }

    /// Fails with the kept failure, if there is one.
    pub(crate) fn check(&self) -> Result<()> {
        self.0.lock().take().map_or(Ok(()), Err)
    }
}
