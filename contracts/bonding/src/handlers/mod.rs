//! Messages, by who sends them.

mod funder;
mod governance;
mod hooks;
mod income;
mod judge;
mod operator;

pub use funder::{bond, cancel_unbond, move_position, unbond, withdraw};
pub use governance::{check_params, update_params};
pub use hooks::{end_block, end_epoch, misbehavior};
pub use income::{set_commission, withdraw_commission, withdraw_host, withdraw_rewards};
pub use judge::{freeze, slash};
pub use operator::set_open;
