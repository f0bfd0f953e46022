//! x/staking: hosts as validators, positions as delegations.

mod delegations;
pub(crate) mod description;
mod handle;
mod operator;
mod params;
mod query;
mod redelegations;
mod unbonding;
mod validators;

pub(crate) use delegations::{delegations_of, fetch_of, is_delegation, position};
pub(crate) use handle::{begin_redelegate, cancel_unbonding, delegate, undelegate};
pub(crate) use operator::{create, edit};
pub(crate) use params::params;
pub(crate) use query::query;
pub(crate) use unbonding::valoper;
pub(crate) use validators::{
    backings, bonded, bonded_validators, host_of_key, own_part, owners, require, voters,
};
