//! Every key of this contract.

use cosmwasm_std::{Addr, Empty};
use cw_storage_plus::{Item, Map};
use quern_interface::bonding::{Params, SlashRecord, Totals};
use quern_protocol::{Amount, Bytes};
use serde::{Deserialize, Serialize};

use crate::freeze::Freeze;
use crate::math::{Pool, Stake};
use crate::sharing::{Earner, Income};

/// Who may call what.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Config {
    /// Governance.
    pub authority: Addr,
    /// The registry.
    pub registry: Addr,
    /// Contracts that may slash and freeze.
    pub judges: Vec<Addr>,
    /// The contract `rewards`, if there is one.
    pub rewards: Option<Addr>,
}

/// Two pools that lose one after the other: the operator's first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tranches {
    /// The operator's.
    pub operator: Pool,
    /// All others'.
    pub funders: Pool,
}

impl Tranches {
    /// The pool that holds a funder's coins behind a host.
    pub fn of(&mut self, host: &Addr, funder: &Addr) -> &mut Pool {
        match host == funder {
            true => &mut self.operator,
            false => &mut self.funders,
        }
    }

    /// Coins in both.
    pub fn coins(&self) -> Option<Amount> {
        self.operator.coins.checked_add(self.funders.coins)
    }
}

/// A host's bond.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Host {
    /// Active coins.
    pub active: Tranches,
    /// What of them counts; the key in [`BY_BOND`].
    pub counted: Amount,
    /// Whether others may fund.
    pub open: bool,
    /// What holds back what leaves.
    pub freeze: Freeze,
    /// Whether it is out for good.
    pub tombstoned: bool,
    /// Ends of the buckets that can still be slashed, ascending.
    pub buckets: Vec<u64>,
}

impl Default for Host {
    fn default() -> Self {
        Self {
            active: Tranches::default(),
            counted: Amount::ZERO,
            open: true,
            freeze: Freeze::default(),
            tombstoned: false,
            buckets: vec![],
        }
    }
}

/// A funder's part of a bucket.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// To be paid out.
    pub leaving: Stake,
    /// To be bonded to `to`.
    pub moving: Stake,
    /// Where the moving part goes.
    pub to: Option<Addr>,
}

/// Configuration.
pub const CONFIG: Item<Config> = Item::new("config");
/// Parameters.
pub const PARAMS: Item<Params> = Item::new("params");
/// Sums over everything.
pub const TOTALS: Item<Totals> = Item::new("totals");
/// Bonds by host.
pub const HOSTS: Map<&Addr, Host> = Map::new("hosts");
/// Hosts with active coins by falling counted bond: `u128::MAX - counted`, host.
pub const BY_BOND: Map<(u128, &Addr), Empty> = Map::new("by_bond");
/// Coins on their way out by host and last block in which they can be slashed.
pub const BUCKETS: Map<(&Addr, u64), Tranches> = Map::new("buckets");
/// Active stakes by host and funder; kept, if only with nothing in it, while an entry is left.
pub const POSITIONS: Map<(&Addr, &Addr), Stake> = Map::new("positions");
/// Funders' stakes by host, generation of its pool, and falling shares: `u128::MAX - shares`, funder.
pub const BY_STAKE: Map<(&Addr, u32, (u128, &Addr)), Empty> = Map::new("by_stake");
/// The same pairs by funder and host.
pub const BY_FUNDER: Map<(&Addr, &Addr), Empty> = Map::new("by_funder");
/// Parts of buckets by host, funder and bucket.
pub const ENTRIES: Map<(&Addr, &Addr, u64), Entry> = Map::new("entries");
/// Rewards by host.
pub const INCOMES: Map<&Addr, Income> = Map::new("incomes");
/// What funders earned, by host and funder; of those that ever had a stake behind it and were not forgotten.
pub const EARNERS: Map<(&Addr, &Addr), Earner> = Map::new("earners");
/// Index of a host's rewards at which a generation of its funders' pool lost everything.
pub const ENDS: Map<(&Addr, u32), Amount> = Map::new("ends");
/// Number of the slash by host and offence.
pub const OFFENCES: Map<(&Addr, &str), u64> = Map::new("offences");
/// Number of slashes so far.
pub const SLASH_COUNT: Item<u64> = Item::new("slash_count");
/// Slashes by number.
pub const SLASHES: Map<u64, SlashRecord> = Map::new("slashes");
/// Slashes by host and number.
pub const SLASHES_OF: Map<(&Addr, u64), Empty> = Map::new("slashes_of");
/// Consensus keys to remove at this block's end.
pub const REMOVALS: Item<Vec<Bytes<32>>> = Item::new("removals");
