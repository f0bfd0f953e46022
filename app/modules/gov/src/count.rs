//! The counting of votes, which may take several blocks.
//!
//! A host's voting power is shared by the coins behind it. Who has voted takes its coins' share of every host;
//! what is left of a host's power votes as its operator does, or not at all. Votes leave the state as they are
//! counted. Coins that came to a host while a count goes on weigh against all coins behind it by then, so
//! that they count no more than if they had come a block before the voting's end.

use prost::Message;
use quern_context::Cx;
use quern_proto::cosmos::gov::v1::{Vote, WeightedVoteOption};
use quern_protocol::Amount as Wide;
use quern_types::{AccAddress, Amount, Error, Result};

use crate::{Electorate, MODULE, POSITIONS_PER_QUESTION, Position, keys, options, tally::Sums, vote};

/// Questions about voters that the first count of a block may ask, whatever the hosts took.
const PROGRESS: u32 = 50;

/// A count as the state keeps it.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Count {
    #[prost(message, repeated, tag = "1")]
    pub hosts: Vec<Counted>,
    /// All the power there is.
    #[prost(string, tag = "2")]
    pub total: String,
    /// Yes, abstain, no, veto, voted.
    #[prost(string, repeated, tag = "3")]
    pub sums: Vec<String>,
    /// The host up to which the first vote's positions are counted; empty before.
    #[prost(bytes = "vec", tag = "4")]
    pub after: Vec<u8>,
    /// Height of the last step.
    #[prost(uint64, tag = "5")]
    pub height: u64,
}

/// A host in a count.
#[derive(Clone, PartialEq, Message)]
pub(crate) struct Counted {
    #[prost(bytes = "vec", tag = "1")]
    pub address: Vec<u8>,
    #[prost(string, tag = "2")]
    pub power: String,
    /// Most active coins seen behind it.
    #[prost(string, tag = "3")]
    pub active: String,
    /// Power that went to those who voted themselves.
    #[prost(string, tag = "4")]
    pub taken: String,
    /// The operator's vote.
    #[prost(message, repeated, tag = "5")]
    pub vote: Vec<WeightedVoteOption>,
}

/// The end of a count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Done {
    pub sums: Sums,
    pub total: Amount,
}

/// Counts on as far as `budget` questions reach; `None` if more is to do in the next block. The first count of a
/// block goes on in any case, however many hosts there are.
///
/// # Errors
/// A halt; in a query also `sdk/11`.
pub(crate) fn step(
    cx: &Cx,
    electorate: &dyn Electorate,
    id: u64,
    budget: &mut u32,
    first: bool,
) -> Result<Option<Done>> {
    let mut count = match load(cx, id)? {
        Some(count) => resume(cx, electorate, count, budget)?,
        None => begin(cx, electorate, budget)?,
    };
    if first {
        *budget = (*budget).max(PROGRESS);
    }
    while let Some(next) = vote::first(cx, id)? {
        if !one(cx, electorate, &mut count, &next, budget)? {
            count.height = cx.block.height;
            cx.kv(MODULE).set(&keys::count(id), count.encode_to_vec())?;
            return Ok(None);
        }
        count.after.clear();
        vote::delete(cx, id, &vote::voter(&next)?)?;
    }
    cx.kv(MODULE).delete(&keys::count(id))?;
    count.finish().map(Some)
}

fn load(cx: &Cx, id: u64) -> Result<Option<Count>> {
    let bytes = cx.kv(MODULE).get(&keys::count(id))?;
    bytes
        .map(|bytes| Count::decode(bytes.as_slice()).map_err(Error::halt))
        .transpose()
}

/// Takes the hosts and their powers: two questions for each.
fn begin(cx: &Cx, electorate: &dyn Electorate, budget: &mut u32) -> Result<Count> {
    let electors = electorate.electors(cx)?;
    spend(budget, electors.hosts.len().saturating_mul(2).saturating_add(1));
    let hosts = electors.hosts.into_iter().map(|host| Counted {
        address: host.address.as_bytes().to_vec(),
        power: host.power.to_string(),
        active: host.active.to_string(),
        taken: "0".to_owned(),
        vote: Vec::new(),
    });
    Ok(Count {
        hosts: hosts.collect(),
        total: electors.total.to_string(),
        sums: Vec::new(),
        after: Vec::new(),
        height: cx.block.height,
    })
}

/// Looks again how many coins there are behind each host, if another block has begun.
fn resume(cx: &Cx, electorate: &dyn Electorate, mut count: Count, budget: &mut u32) -> Result<Count> {
    if count.height == cx.block.height {
        return Ok(count);
    }
    spend(budget, count.hosts.len());
    for host in &mut count.hosts {
        let now = electorate.active(cx, &address(&host.address)?)?;
        host.active = number(&host.active)?.max(now).to_string();
    }
    Ok(count)
}

fn spend(budget: &mut u32, questions: usize) {
    *budget = budget.saturating_sub(u32::try_from(questions).unwrap_or(u32::MAX));
}

/// Counts one vote; `false` if the budget did not reach.
fn one(
    cx: &Cx,
    electorate: &dyn Electorate,
    count: &mut Count,
    next: &Vote,
    budget: &mut u32,
) -> Result<bool> {
    let voter = vote::voter(next)?;
    let choice = options::stored(&next.options)?;
    if let Some(host) = count.host(&voter) {
        host.vote.clone_from(&next.options);
    }
    let mut sums = count.sums()?;
    loop {
        if *budget == 0 {
            count.set_sums(&sums);
            return Ok(false);
        }
        spend(budget, 1);
        let after = match count.after.as_slice() {
            [] => None,
            bytes => Some(address(bytes)?),
        };
        let positions = electorate.positions(cx, &voter, after.as_ref(), POSITIONS_PER_QUESTION)?;
        for position in &positions {
            let power = count.take(position)?;
            sums.add(power, &choice);
        }
        let more = positions.len() >= usize::try_from(POSITIONS_PER_QUESTION).unwrap_or(usize::MAX);
        match positions.last().filter(|_| more) {
            Some(last) => count.after = last.host.as_bytes().to_vec(),
            None => break,
        }
    }
    count.set_sums(&sums);
    Ok(true)
}

impl Count {
    fn host(&mut self, address: &AccAddress) -> Option<&mut Counted> {
        self.hosts
            .iter_mut()
            .find(|host| host.address == address.as_bytes())
    }

    /// A position's share of its host's power, no more than is left of it.
    fn take(&mut self, position: &Position) -> Result<Amount> {
        let Some(host) = self.host(&position.host) else {
            return Ok(0);
        };
        let (power, taken) = (number(&host.power)?, number(&host.taken)?);
        // a contract may answer anything: no share is above the whole
        let behind = number(&host.active)?.max(position.active);
        let share = Wide(power)
            .mul_div_floor(position.active, behind)
            .map_or(0, |s| s.0);
        let share = share.min(power.saturating_sub(taken));
        host.taken = taken.saturating_add(share).to_string();
        Ok(share)
    }

    /// Adds what is left of the hosts' power to what their operators voted for.
    fn finish(&self) -> Result<Done> {
        let mut sums = self.sums()?;
        for host in self.hosts.iter().filter(|host| !host.vote.is_empty()) {
            let left = number(&host.power)?.saturating_sub(number(&host.taken)?);
            sums.add(left, &options::stored(&host.vote)?);
        }
        Ok(Done {
            sums,
            total: number(&self.total)?,
        })
    }

    fn sums(&self) -> Result<Sums> {
        let mut numbers = self.sums.iter().map(|text| number(text));
        let mut next = || numbers.next().unwrap_or(Ok(0));
        Ok(Sums {
            yes: next()?,
            abstain: next()?,
            no: next()?,
            veto: next()?,
            voted: next()?,
        })
    }

    fn set_sums(&mut self, sums: &Sums) {
        let numbers = [sums.yes, sums.abstain, sums.no, sums.veto, sums.voted];
        self.sums = numbers.map(|n| n.to_string()).to_vec();
    }
}

fn number(text: &str) -> Result<Amount> {
    text.parse()
        .map_err(|_| Error::halt("corrupt count of votes in state"))
}

fn address(bytes: &[u8]) -> Result<AccAddress> {
    AccAddress::from_bytes(bytes).map_err(Error::halt)
}
