//! What each message does.

mod batch;
mod claim;
mod close;
mod consent;
mod draw;
mod fault;
mod governance;
mod judge;
mod misses;
mod moves;
mod open;
mod reply;
mod router;

pub use batch::{commit, Given};
pub use claim::{settle, Claim};
pub use close::close;
pub use draw::end_block;
pub use fault::prove_fault;
pub use governance::{check_params, horizon, set_audits, update_params, validate_audits};
pub use judge::{convict, forfeit, freeze, set_judges, validate as validate_judges};
pub use misses::note_misses;
pub use moves::{execute_rebalance, present_release, rebalance};
pub use open::{close_session, open, Asked};
pub use reply::{claim_refund, reply};
pub use router::{defund_router, fund_router};
