//! `bonding`: coins behind hosts.

use quern_protocol::Amount;
use serde::{Deserialize, Serialize};

/// Parameters; governance changes them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    /// Denomination of every amount.
    pub denom: String,
    /// Blocks from unbonding to maturity, rounded up to a bucket.
    pub unbonding_blocks: u64,
    /// Blocks of one bucket: what unbonds in the same one matures together. At most 32 buckets are open.
    pub bucket_blocks: u64,
    /// Blocks that a freeze lasts from a judge's last word on, and for which at least it holds a bucket that ends
    /// while it lasts: no less than judges may need for what was committed by then.
    pub freeze_blocks: u64,
    /// Most blocks by which freezes, however many, hold one bucket back.
    pub max_freeze_blocks: u64,
    /// The operator's own share of a host's bond must stay at least this, in basis points.
    pub min_operator_bps: u32,
    /// Bond from which a host may validate.
    pub min_validator_bond: Amount,
    /// Most validators that an epoch proposes.
    pub max_validators: u32,
    /// Most of a set's power that one host is proposed with, in basis points (or the least feasible).
    pub max_power_bps: u32,
    /// Slashed for signing two blocks, in basis points.
    pub double_sign_bps: u32,
    /// Most by which a host may raise its commission in an epoch, in basis points.
    pub commission_rise_bps: u32,
}

/// First message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InstantiateMsg {
    /// Who changes parameters: governance.
    pub authority: String,
    /// The registry.
    pub registry: String,
    /// Contracts that may slash and freeze: settlement, later the audits.
    pub judges: Vec<String>,
    /// The contract `rewards`; none if hosts earn nothing that funders share.
    pub rewards: Option<String>,
    /// Parameters.
    pub params: Params,
}

/// Messages.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "snake_case")]
pub enum ExecuteMsg {
    /// Adds the funds to the sender's position behind a host.
    Bond {
        /// Host.
        host: String,
    },
    /// Takes from the sender's position; the coins mature after the delay and can be slashed until then.
    Unbond {
        /// Host.
        host: String,
        /// Amount, at most the position's value.
        amount: Amount,
    },
    /// Pays out what has matured.
    Withdraw {
        /// Host.
        host: String,
    },
    /// Moves part of a position to another host. It stays in the first host's bucket, slashable for its past
    /// offences, and is bonded to the other by the `Withdraw` after it matured.
    Move {
        /// From this host.
        from: String,
        /// To this host.
        to: String,
        /// Amount.
        amount: Amount,
    },
    /// Bonds again what the sender took out behind a host and is not on its way to another, as far as it can
    /// still be slashed: what has matured is withdrawn instead.
    CancelUnbond {
        /// Host.
        host: String,
        /// [`UnbondingEntry::bucket`].
        bucket: u64,
        /// Amount, at most what of the entry is leaving.
        amount: Amount,
    },
    /// The sender, a host, opens or closes itself to other funders. New hosts are open.
    SetOpen {
        /// Whether others may fund.
        open: bool,
    },
    /// The sender, a host, sets the part of its rewards that it keeps before the rest is divided by coins. Of a host
    /// that never set it, all. Lower at any time; higher by at most `commission_rise_bps` in an epoch, counted from
    /// the lowest of that epoch.
    SetCommission {
        /// In basis points, at most 10,000.
        rate_bps: u32,
    },
    /// Pays the sender's, a host's, commission to its payout address.
    WithdrawCommission {},
    /// Pays what the sender's position behind a host earned; of an operator, what its own coins earned.
    WithdrawRewards {
        /// Host.
        host: String,
        /// To this address; to the sender if none.
        to: Option<String>,
    },
    /// Pays a host's commission and what its operator's own coins earned to its payout address. From anyone.
    WithdrawHost {
        /// Host.
        host: String,
    },
    /// From a judge: slashes once per offence. The answer's data is the [`SlashRecord`] in JSON.
    Slash {
        /// Host.
        host: String,
        /// Identity of the offence, such as `quern-small/0` (model and generation) for a conviction.
        offence: String,
        /// Fraction of active and unbonding coins, in basis points.
        fraction_bps: u32,
        /// Sent to the judge out of the slash, as far as it reaches, to make payers whole; the rest burns.
        restitution: Amount,
    },
    /// From a judge: no unbonding matures while evidence is high. Lasts `freeze_blocks`; said again, it is renewed.
    Freeze {
        /// Host.
        host: String,
        /// Whether frozen.
        frozen: bool,
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
    /// [`HostBond`].
    HostBond {
        /// Host.
        host: String,
    },
    /// `Vec<HostBond>` of hosts with active coins, by falling counted bond.
    HostBonds {
        /// After this host.
        start_after: Option<String>,
        /// At most this many.
        limit: Option<u32>,
    },
    /// `Vec<CountedBond>` of hosts with active coins, by falling counted bond, ties to the lower address.
    CountedBonds {
        /// After this one.
        start_after: Option<CountedBond>,
        /// At most this many, and at most 512.
        limit: u32,
    },
    /// `Vec<Backing>` of the named hosts, in their order: what a list of validators needs of each.
    Backings {
        /// Hosts, at most 100.
        hosts: Vec<String>,
    },
    /// [`Position`].
    Position {
        /// Host.
        host: String,
        /// Funder.
        funder: String,
    },
    /// `Vec<Position>` of one funder.
    PositionsOf {
        /// Funder.
        funder: String,
        /// After this host.
        start_after: Option<String>,
        /// At most this many.
        limit: Option<u32>,
    },
    /// `Vec<Position>` behind one host.
    Positions {
        /// Host.
        host: String,
        /// After this funder.
        start_after: Option<String>,
        /// At most this many.
        limit: Option<u32>,
    },
    /// [`HostIncome`].
    Commission {
        /// Host.
        host: String,
    },
    /// [`FunderRewards`].
    FunderRewards {
        /// Host.
        host: String,
        /// Funder.
        funder: String,
    },
    /// `Vec<FunderRewards>` of one funder's positions, by host; those that earned nothing too.
    RewardsOf {
        /// Funder.
        funder: String,
        /// After this host.
        start_after: Option<String>,
        /// At most this many.
        limit: Option<u32>,
    },
    /// [`LargestFunders`] of one host.
    LargestFunders {
        /// Host.
        host: String,
        /// At most this many, and at most 100.
        limit: u32,
    },
    /// `Vec<SlashRecord>` of one host, or of all, oldest first.
    Slashes {
        /// Host.
        host: Option<String>,
        /// After this number.
        start_after: Option<u64>,
        /// At most this many.
        limit: Option<u32>,
    },
    /// [`Totals`].
    Totals {},
}

/// What stands behind a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostBond {
    /// Host.
    pub host: String,
    /// Active coins, operator's and others'.
    pub active: Amount,
    /// The operator's part of it.
    pub operator: Amount,
    /// What counts for capacity and power: the active coins as far as the operator's part supports them.
    pub counted: Amount,
    /// Coins on their way out that can still be slashed.
    pub unbonding: Amount,
    /// Whether others may fund.
    pub open: bool,
    /// Whether unbonding is frozen.
    pub frozen: bool,
    /// Whether it is out for good.
    pub tombstoned: bool,
}

/// What counts of a host's bond, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CountedBond {
    /// Host.
    pub host: String,
    /// [`HostBond::counted`].
    pub counted: Amount,
}

/// A host's bond and the commission on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Backing {
    /// Host.
    pub host: String,
    /// [`HostBond::active`].
    pub active: Amount,
    /// [`HostBond::operator`].
    pub operator: Amount,
    /// [`HostIncome::rate_bps`].
    pub rate_bps: u32,
}

/// One funder's part behind one host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    /// Host.
    pub host: String,
    /// Funder.
    pub funder: String,
    /// Active value.
    pub active: Amount,
    /// On its way out.
    pub unbonding: Vec<UnbondingEntry>,
}

/// How a host's vested rewards are divided: `vested = commission + own + funders` and what was paid out of each.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostIncome {
    /// Host.
    pub host: String,
    /// What it keeps of its rewards before the rest is divided by coins, in basis points.
    pub rate_bps: u32,
    /// Highest rate that it may set in this epoch, in basis points.
    pub may_set_bps: u32,
    /// Epoch of the rate's last change; 0 before the first.
    pub changed_epoch: u64,
    /// Rewards that ever vested.
    pub vested: Amount,
    /// Commission, not paid yet.
    pub commission: Amount,
    /// Earned by the operator's own coins, not paid yet.
    pub own: Amount,
    /// Earned by other funders' coins, not paid yet. What rounding keeps from each stays in it.
    pub funders: Amount,
}

/// What a position earned and was not paid yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunderRewards {
    /// Host.
    pub host: String,
    /// Funder.
    pub funder: String,
    /// Amount.
    pub amount: Amount,
}

/// Who holds most of a host's active coins, its operator left out. Takes as much work as there are funders in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LargestFunders {
    /// Active coins of the host, operator's and others'.
    pub active: Amount,
    /// By falling value, ties to the lower address.
    pub funders: Vec<FunderStake>,
}

/// The active part of a funder behind a host.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FunderStake {
    /// Funder.
    pub funder: String,
    /// Active value.
    pub active: Amount,
}

/// Coins on their way out.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnbondingEntry {
    /// Last block in which it can be slashed unless a freeze holds it: what names the entry.
    pub bucket: u64,
    /// Value.
    pub amount: Amount,
    /// The part of it that is bonded to [`UnbondingEntry::to`] in the end; the rest is paid out.
    pub moving: Amount,
    /// Where that part goes.
    pub to: Option<String>,
    /// First height at which it can be withdrawn and no longer slashed, unless a freeze begins or is renewed.
    pub matures_at: u64,
}

/// A slash that happened.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SlashRecord {
    /// Number, from 1.
    pub number: u64,
    /// Host.
    pub host: String,
    /// Offence.
    pub offence: String,
    /// Height.
    pub height: u64,
    /// Fraction in basis points.
    pub fraction_bps: u32,
    /// Coins taken.
    pub slashed: Amount,
    /// Of them, sent to payers.
    pub restitution: Amount,
    /// Of them, burned.
    pub burned: Amount,
}

/// Sums over everything, for reconciliation: the contract's balance is `active + unbonding`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Totals {
    /// Active coins.
    pub active: Amount,
    /// Coins on their way out, matured or not, that were not withdrawn.
    pub unbonding: Amount,
    /// Burned by slashes so far.
    pub burned: Amount,
    /// Sent to payers so far.
    pub restitution: Amount,
}
