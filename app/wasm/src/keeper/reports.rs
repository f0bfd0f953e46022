//! What static analysis says of a code, remembered.

use std::collections::BTreeMap;

use cosmwasm_std::Checksum;
use parking_lot::Mutex;
use quern_context::Cx;
use quern_types::Result;

use super::{Wasm, call};

/// Facts of a code.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    /// Whether it exports all entry points of IBC.
    pub ibc: bool,
    /// Version of its state that it declares.
    pub migrate_version: Option<u64>,
}

/// Analysis parses the whole code, so it is done once per code while few are in use.
#[derive(Default)]
pub(crate) struct Reports(Mutex<BTreeMap<Vec<u8>, Report>>);

const REMEMBERED: usize = 1024;

impl Wasm {
    /// Analyses a stored code.
    pub(crate) fn report(&self, cx: &Cx, checksum: &Checksum) -> Result<Report> {
        let known = &self.inner.reports.0;
        if let Some(report) = known.lock().get(checksum.as_slice()) {
            return Ok(report.clone());
        }
        let analysis = self.vm().analyze(checksum).map_err(|e| call::vm_error(cx, &e))?;
        let report = Report {
            ibc: analysis.has_ibc_entry_points,
            migrate_version: analysis.contract_migrate_version,
        };
        let mut known = known.lock();
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(checksum.as_slice().to_vec(), report.clone());
        Ok(report)
    }
}
