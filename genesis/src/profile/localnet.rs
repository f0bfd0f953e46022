//! A network on one machine: the rules of the standard profile with delays that a person can wait for.

use quern_protocol::Amount;

use super::{Profile, standard};

pub(super) fn profile() -> Profile {
    let mut profile = standard::profile();
    profile.epoch_blocks = 20;
    profile.registry.requalify_blocks = 40;
    profile.registry.maintenance_credit = 50;
    profile.registry.maintenance_window = 500;
    profile.registry.bond_per_capacity = Amount(1_000_000);
    // ten epochs: longer than a validator that leaves takes to fade
    profile.bonding.unbonding_blocks = 200;
    profile.bonding.bucket_blocks = 10;
    profile.bonding.min_validator_bond = Amount(1_000_000_000);
    profile.settlement.open_fee = Amount(1_000_000);
    profile.settlement.min_escrow = Amount(1_000_000);
    profile.settlement.lapse_blocks = 60;
    profile.settlement.appeal_blocks = 20;
    profile.settlement.max_session_blocks = 2_000;
    profile
}
