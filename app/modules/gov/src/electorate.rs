//! Who votes with how much.

use quern_context::Cx;
use quern_types::{AccAddress, Amount, Result};

/// Hosts whose votes count at the begin of a count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Electors {
    /// In order of their addresses.
    pub hosts: Vec<Host>,
    /// All the voting power there is, that of hosts that were not found included.
    pub total: Amount,
}

/// A host with its voting power.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Host {
    /// Operator.
    pub address: AccAddress,
    /// Voting power, in coins.
    pub power: Amount,
    /// Active coins behind it, which share the power.
    pub active: Amount,
}

/// Coins of one funder behind one host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Position {
    /// Host.
    pub host: AccAddress,
    /// Active coins.
    pub active: Amount,
}

/// Answers who votes with how much. What cannot be answered has no power: only a halt is an error.
pub trait Electorate {
    /// The hosts.
    ///
    /// # Errors
    /// Only a halt.
    fn electors(&self, cx: &Cx) -> Result<Electors>;

    /// Active coins behind a host now.
    ///
    /// # Errors
    /// Only a halt.
    fn active(&self, cx: &Cx, host: &AccAddress) -> Result<Amount>;

    /// Positions of a funder in order of their hosts, after one of them; fewer than `limit` are the last.
    ///
    /// # Errors
    /// Only a halt.
    fn positions(
        &self,
        cx: &Cx,
        funder: &AccAddress,
        after: Option<&AccAddress>,
        limit: u32,
    ) -> Result<Vec<Position>>;
}
