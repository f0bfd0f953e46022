//! `rewards`: divides what the chain mints among hosts.

use quern_protocol::Amount;
use serde::{Deserialize, Serialize};

/// One in the fixed point of [`Status::lambda`].
pub const LAMBDA_ONE: u32 = 1_000_000;

/// Parameters; governance changes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Denomination of every amount.
    pub denom: String,
    /// Epochs over which a reward vests, in equal parts.
    pub vesting_epochs: u64,
    /// To the community pool out of every epoch's emission, in basis points.
    pub tax_bps: u32,
    /// The protocol's m: who pays himself loses at least this part of what the payment burned, in basis points.
    pub margin_bps: u32,
    /// Utilisation from which an epoch counts towards rewards by fees, in basis points of capacity.
    pub high_bps: u32,
    /// Utilisation below which the share of fees falls again, in basis points of capacity.
    pub low_bps: u32,
    /// Epochs in a row at or above `high_bps` before the share of fees leaves zero.
    pub sustain_epochs: u32,
    /// Epochs in which the share of fees goes from zero to one, and from one to zero.
    pub ramp_epochs: u32,
    /// Most hosts that are read in one block: what bounds the work of an epoch's end.
    pub step_hosts: u32,
}

/// First message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstantiateMsg {
    /// Who changes parameters: governance.
    pub authority: String,
    /// The registry: payout addresses.
    pub registry: String,
    /// The bonding contract: slashes.
    pub bonding: String,
    /// The settlement contract: demand, pay, burns.
    pub settlement: String,
    /// The contract `poc-weights`.
    pub weights: String,
    /// The contract `pricing`: utilisation.
    pub pricing: String,
    /// Where the tax goes: the module account `distribution`.
    pub community_pool: String,
    /// Parameters.
    pub params: Params,
}

/// Messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum ExecuteMsg {
    /// Pays a host's part of its vested rewards to its payout address: its commission, and what its own coins earned.
    /// From anyone.
    Claim {
        /// Host.
        host: String,
    },
    /// From bonding, which divides them among a host and its funders: pays out of a host's vested rewards.
    Pay {
        /// Host.
        host: String,
        /// To this address; to the host's payout address if none.
        to: Option<String>,
        /// Amount.
        amount: Amount,
    },
    /// From governance.
    UpdateParams(Params),
}

/// Questions.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum QueryMsg {
    /// [`Params`].
    Params {},
    /// [`Status`].
    Status {},
    /// `Option<EpochInfo>`, among those kept.
    Epoch {
        /// Epoch.
        epoch: u64,
    },
    /// `Vec<EpochInfo>`, the latest first.
    Epochs {
        /// Before this one.
        before: Option<u64>,
        /// At most this many.
        limit: Option<u32>,
    },
    /// [`HostInfo`]; zeros for a host that never earned.
    Host {
        /// Host.
        host: String,
    },
    /// [`Vested`].
    Vested {
        /// Host.
        host: String,
    },
    /// `Vec<HostInfo>` by host.
    Hosts {
        /// After this host.
        start_after: Option<String>,
        /// At most this many.
        limit: Option<u32>,
    },
    /// [`Totals`].
    Totals {},
}

/// What an epoch's end still has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Nothing: the last epoch is divided.
    Done,
    /// Reads slashes and burns what the slashed had not vested.
    Slashes,
    /// Reads weights.
    Weights,
    /// Reads what hosts' sessions burned.
    Burns,
}

/// Where the contract stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Status {
    /// Last epoch that ended; 0 before the first.
    pub epoch: u64,
    /// Epoch up to which rewards have vested.
    pub vested_epoch: u64,
    /// What is still to do for it.
    pub phase: Phase,
    /// Share of the emission that fees compete for, in millionths: the protocol's lambda.
    pub lambda: u32,
    /// Epochs in a row with high utilisation, as far as they count.
    pub sustained: u32,
    /// Utilisation of the last epoch, in basis points; more than one if all was sold and more was asked for.
    pub utilisation_bps: u32,
}

/// How an epoch's emission was divided: `emission = community + by_weight + by_fees` once `divided`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct EpochInfo {
    /// Epoch.
    pub epoch: u64,
    /// Height of its end.
    pub height: u64,
    /// What there was to divide: minted for it, and what an earlier epoch could not divide.
    pub emission: Amount,
    /// To the community pool: the tax, and what nobody could earn.
    pub community: Amount,
    /// To hosts by weight.
    pub by_weight: Amount,
    /// To hosts by what their sessions burned.
    pub by_fees: Amount,
    /// The protocol's lambda, in millionths.
    pub lambda: u32,
    /// Utilisation, in basis points of capacity.
    pub utilisation_bps: u32,
    /// Sum of the hosts' weights.
    pub weight: Amount,
    /// Sum of what hosts' sessions burned in the epoch.
    pub burned: Amount,
    /// Hosts with a share.
    pub hosts: u64,
    /// Whether the division is done; the amounts above are zero until then.
    pub divided: bool,
}

/// A host's part of an epoch, not yet turned into coins that vest.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Share {
    /// Epoch.
    pub epoch: u64,
    /// Weight.
    pub weight: u64,
    /// What its sessions burned in the epoch.
    pub burned: Amount,
}

/// Rewards that vest together, in equal parts per epoch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Grant {
    /// Epoch with whose end vesting begins.
    pub start: u64,
    /// Epoch with whose end all has vested.
    pub end: u64,
    /// Amount.
    pub amount: Amount,
    /// Of it, vested by now.
    pub vested: Amount,
}

/// What of a host's rewards has vested: what bonding divides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vested {
    /// Last epoch that ended; 0 before the first.
    pub epoch: u64,
    /// Vested so far, paid or not: it never falls.
    pub vested: Amount,
}

/// A host's rewards: `by_weight + by_fees = vesting + claimable + claimed + clawed_back`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostInfo {
    /// Host.
    pub host: String,
    /// Earned by weight so far.
    pub by_weight: Amount,
    /// Earned by fees so far.
    pub by_fees: Amount,
    /// Not vested yet.
    pub vesting: Amount,
    /// Vested and not paid; a part of it may be its funders', which bonding knows.
    pub claimable: Amount,
    /// Paid so far, to it and to its funders.
    pub claimed: Amount,
    /// Burned by slashes so far, before it vested.
    pub clawed_back: Amount,
    /// What vests.
    pub grants: Vec<Grant>,
    /// Share of an epoch that is not divided yet.
    pub open: Option<Share>,
}

/// Sums over everything, for reconciliation: `received = undivided + to_community + to_hosts`, and the
/// contract's balance is `undivided + to_hosts - claimed - clawed_back`, plus what was sent to it since the
/// last epoch ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Received so far.
    pub received: Amount,
    /// Received and not divided yet.
    pub undivided: Amount,
    /// Sent to the community pool so far.
    pub to_community: Amount,
    /// Earned by hosts so far, vested or not.
    pub to_hosts: Amount,
    /// Paid to hosts and their funders so far.
    pub claimed: Amount,
    /// Burned by slashes so far.
    pub clawed_back: Amount,
}
