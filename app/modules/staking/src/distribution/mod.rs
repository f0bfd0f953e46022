//! The delegators' side of x/distribution: what positions earned.

mod handle;
mod query;
mod withdraw_address;

pub(crate) use handle::{pay_before_change, set_withdraw_address, withdraw_commission, withdraw_reward};
pub(crate) use query::{earned, owed, params, query, rewards_of};
pub(crate) use withdraw_address::{
    all as withdraw_addresses, get as withdraw_addr, set as set_withdraw_addr,
};
