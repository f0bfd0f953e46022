//! A network on one machine: the rules of the standard profile with delays that a person can wait for.
//!
//! Panels are drawn among as few as four hosts, and verdicts of three independent ones cut coins. With so few a
//! single hostile host frames an honest one now and then: for trying things out, not for money.

use quern_interface::audits::StageRule;
use quern_protocol::Amount;

use super::{Profile, standard};

/// Blocks of a round of audits: about half a minute.
const AUDIT_ROUND: u64 = 80;

pub(super) fn profile() -> Profile {
    let mut profile = standard::profile();
    profile.epoch_blocks = 60;
    profile.registry.requalify_blocks = 40;
    profile.registry.maintenance_credit = 50;
    profile.registry.maintenance_window = 500;
    profile.registry.bond_per_capacity = Amount(1_000_000);
    // seven epochs: longer than a validator that leaves takes to fade
    profile.bonding.unbonding_blocks = 420;
    profile.bonding.bucket_blocks = 30;
    // longer than settlement's appeal
    profile.bonding.freeze_blocks = 3 * AUDIT_ROUND;
    profile.bonding.max_freeze_blocks = 420;
    profile.bonding.min_validator_bond = Amount(1_000_000_000);
    profile.settlement.open_fee = Amount(1_000_000);
    profile.settlement.min_escrow = Amount(1_000_000);
    profile.settlement.lapse_blocks = 60;
    profile.settlement.appeal_blocks = 2 * AUDIT_ROUND + 6;
    profile.settlement.max_session_blocks = 2_000;
    // nobody waits here for the first sessions to be paid before prices move: ten times what the demonstration asks of a host
    profile.settlement.free_demand = Amount(10_000_000);
    profile.audits.round_blocks = AUDIT_ROUND;
    // 64 blocks of waiting in 80: the rest is for work that lags
    profile.audits.draw_delay = 2;
    profile.audits.reveal_blocks = 12;
    profile.audits.commit_blocks = 14;
    profile.audits.vote_blocks = 4;
    profile.audits.panel_blocks = 8;
    profile.audits.max_draws = 32;
    profile.audits.proof_draws = 2;
    profile.audits.mean_capture = Amount(2_000);
    profile.audits.max_candidates = 64;
    profile.audits.openings = 4;
    profile.audits.check_every = 3;
    profile.audits.profile.panel = StageRule { seats: 3, needed: 2 };
    profile.audits.profile.review = StageRule { seats: 5, needed: 3 };
    profile.audits.profile.min_independent = 3;
    profile.audits.evidence.processes = 2;
    // on a busy machine a commit takes blocks: time for one at half time, and one before the deadline
    profile.poc_weights.sprint_blocks = 10;
    profile.poc_weights.window_start = 10;
    profile.poc_weights.window_sprints = 1;
    // one in an epoch
    profile.poc_weights.confirm_every = 45;
    profile.poc_weights.kept_blocks = 8 * AUDIT_ROUND;
    profile.poc_weights.weights.bond_per_weight = Amount(10_000_000);
    profile.pricing.keep_blocks = 2_000 + 60 + 2 * (2 * AUDIT_ROUND + 6);
    profile.pricing.block_ms = 500;
    // what an epoch earns is claimed within two minutes
    profile.bonding.commission_rise_bps = 100;
    profile.rewards.vesting_epochs = 4;
    profile.rewards.sustain_epochs = 2;
    profile.rewards.ramp_epochs = 4;
    // 100 QRN in the first epoch, 10,000 in all
    profile.emission.cap = 10_000_000_000_000;
    profile.emission.next = 100_000_000_000;
    profile.emission.retained = 990_000_000_000_000_000;
    profile
}
