//! Messages, by who sends them.

mod claim;
mod governance;
mod hooks;

pub use claim::{claim, pay};
pub use governance::{check_params, update_params};
pub use hooks::{end_block, end_epoch};
