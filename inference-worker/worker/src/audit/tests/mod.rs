//! What an audited host, its auditor, a panel and a stranger would notice. Two workers with real transport, journal,
//! scheduler and model follow a node that speaks the real RPC; behind it is a small audits contract that checks what it
//! is given by the arithmetic that the real one uses.

pub(crate) mod contract;
mod course;
pub(crate) mod node;
mod receipts;
mod thinking;
pub(crate) mod workers;

use crate::paid::tests::session;
use quern_interface::settlement::SessionInfo;

pub(super) const CHAIN: &str = "quern-test-1";
pub(super) const MODEL: &str = "quern-small";
pub(super) const HOST: &str = "quern1audited";
pub(super) const AUDITOR: &str = "quern1auditor";
pub(super) const PROFILE: &str = "cpu-fp32";
/// Height of every voucher.
pub(super) const HEIGHT: u64 = 200;
pub(super) const SESSION: u64 = 3;
/// A second model, and the session that pays for it.
pub(super) const OTHER: &str = "other";
pub(super) const OTHER_SESSION: u64 = 4;

/// A session, of the model that it pays for.
pub(super) fn session_info(id: u64) -> SessionInfo {
    let model = if id == OTHER_SESSION { OTHER } else { MODEL };
    SessionInfo {
        id,
        model: model.into(),
        model_hash: receipts::model_hash(model),
        ..session()
    }
}
