//! A public network with blocks of about a second.

use quern_interface::{audits, bonding, poc_weights, pricing, registry, rewards, settlement};
use quern_protocol::{Amount, Price};
use quern_types::{BASE_DENOM, Denom};

use super::Profile;
use crate::{EmissionGenesis, HookGas};

/// One QRN in base units.
const QRN: u128 = 1_000_000_000;
const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
/// Blocks of a round of audits.
const AUDIT_ROUND: u64 = HOUR / 6;

pub(super) fn profile() -> Profile {
    let denom = || BASE_DENOM.to_owned();
    Profile {
        epoch_blocks: HOUR,
        max_validators: 64,
        hook_gas: HookGas::default(),
        registry: registry::Params {
            denom: denom(),
            entry_fee: Amount(QRN),
            bond_per_capacity: Amount(QRN / 10),
            max_offers: 16,
            requalify_blocks: DAY,
            maintenance_credit: 4 * HOUR,
            maintenance_window: 7 * DAY,
        },
        bonding: bonding::Params {
            denom: denom(),
            // longer than evidence of a double signature stays valid (48 hours)
            unbonding_blocks: 14 * DAY,
            bucket_blocks: DAY,
            // longer than settlement's appeal: what was committed by then is judged
            freeze_blocks: DAY,
            max_freeze_blocks: 14 * DAY,
            min_operator_bps: 1_000,
            min_validator_bond: Amount(100 * QRN),
            max_validators: 64,
            max_power_bps: 3_000,
            double_sign_bps: 500,
            // some 1.2 % a day
            commission_rise_bps: 5,
        },
        settlement: settlement::Params {
            denom: denom(),
            open_fee: Amount(QRN / 100),
            min_escrow: Amount(QRN / 10),
            committee_size: 8,
            draw_delay: 8,
            max_draws: 4,
            batch_blocks: 10,
            // two minutes: longer than a long answer, and what a commit needs
            lapse_blocks: 120,
            // two rounds of audits and a little more
            appeal_blocks: 2 * AUDIT_ROUND + AUDIT_ROUND / 10,
            max_session_blocks: DAY,
            max_router_fee_bps: 2_000,
            burn_bps: 500,
            audit_bps: 200,
            fault_slash_bps: 1_000,
            // Void claims go back to their payers out of the escrow, which makes them whole. More, out of the bond,
            // would let an operator that pays itself convict itself and take its funders' coins.
            restitution_bps: 0,
            // what a host may say before it was paid, of each model: a thousandth of what its entry fee burned
            free_demand: Amount(QRN / 1_000),
        },
        audits: audits::Params {
            denom: denom(),
            round_blocks: AUDIT_ROUND,
            // with five beacons, three votes and two panels 530 blocks: the rest is for work that lags
            draw_delay: 8,
            reveal_blocks: 60,
            commit_blocks: 160,
            vote_blocks: 30,
            panel_blocks: 90,
            max_draws: 128,
            proof_draws: 8,
            mean_capture: Amount(10_000),
            max_candidates: 512,
            steps: 64,
            openings: 8,
            check_every: 8,
            token_pay: Price::FLOOR,
            // settlement's burn: nobody gains by paying its own host for what its own auditor verifies
            leaf_pay_bps: 500,
            round_budget: Amount(10 * QRN),
            profile: audits::Profile::DEFAULT,
            evidence: audits::EvidenceParams {
                processes: 9,
                ..audits::EvidenceParams::DEFAULT
            },
            rates: audits::RateParams::DEFAULT,
        },
        poc_weights: poc_weights::Params {
            // shorter than it takes to rent a machine and load a model
            sprint_blocks: 30,
            window_start: HOUR / 12,
            window_sprints: 4,
            // six in an epoch
            confirm_every: 600,
            judged_sprints: 16,
            // rounds of audits that judge a sprint, and some that they may be late
            kept_blocks: 6 * AUDIT_ROUND,
            weights: poc_weights::WeightParams {
                // 1,000 tokens of work a block need 50 QRN
                bond_per_weight: Amount(50_000),
                max_validators: 64,
                ..poc_weights::WeightParams::DEFAULT
            },
        },
        pricing: pricing::Params {
            // settlement's batch_blocks: shorter periods would see batches come and go
            period_blocks: 10,
            max_updates: 4,
            // longer than the longest session with its lapse and both appeals
            keep_blocks: DAY + 2 * HOUR,
            block_ms: 1_000,
            smoothing: 500_000,
            low: 400_000,
            high: 600_000,
            steepness: 100_000,
            max_step: 50_000,
            // nobody posts until governance names who: then at least three of them, of the last six hours
            quote: pricing::QuoteParams {
                posters: Vec::new(),
                least: 3,
                max_age: 6 * HOUR,
                hysteresis: 20_000,
            },
        },
        rewards: rewards::Params {
            denom: denom(),
            // ninety days: longer than it takes to convict, to unbond and to appeal
            vesting_epochs: 90 * DAY / HOUR,
            tax_bps: 200,
            margin_bps: 2_000,
            high_bps: 4_000,
            low_bps: 3_000,
            // a week
            sustain_epochs: 168,
            // thirty days
            ramp_epochs: 720,
            step_hosts: 40,
        },
        emission: EmissionGenesis {
            denom: Denom::base(),
            // docs/adr/0010-emission.md: half in four years of hours, and never more than the cap
            cap: 800_000_000 * QRN,
            next: 15_825_121_571_366,
            retained: 999_980_218_598_035_792,
            minted: 0,
            genesis_supply: None,
        },
    }
}
