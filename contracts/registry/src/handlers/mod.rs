//! Messages, by who sends them.

mod bonding;
mod governance;
mod host;
mod judge;
mod keys;
mod maintenance;
mod offers;
mod router;

pub use bonding::{set_bond, tombstone};
pub use governance::{check_params, launch, put_model, set_model_state, update_params};
pub use host::{register, retire, update};
pub use judge::{convict, requalify};
pub use keys::{rotate_warm_key, set_beacon_anchor};
pub use maintenance::declare;
pub use offers::set as set_offers;
pub use router::{register as register_router, retire as retire_router, update as update_router};
