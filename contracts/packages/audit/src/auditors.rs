//! Who audits: drawn by weight among hosts that are independent of the audited one.

use crate::{AuditError, StageRule, MAX_SEATS};
use quern_protocol::{hash_fields, Draw, Fields, Hash};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Most hosts of a group.
pub const MAX_CANDIDATES: usize = 1_024;
/// Most funders of a host that count.
pub const MAX_FUNDERS: usize = 10;

/// A host of the model's group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Candidate {
    /// Host.
    pub host: String,
    /// Weight in draws.
    pub weight: u64,
    /// Who holds at least [`crate::Profile::shared_funder_bps`] of its bond. The host itself always counts.
    pub funders: Vec<String>,
}

impl Candidate {
    fn owners(&self) -> impl Iterator<Item = &str> {
        std::iter::once(self.host.as_str()).chain(self.funders.iter().map(String::as_str))
    }

    fn shares_owner(&self, other: &Self) -> bool {
        self.owners()
            .any(|mine| other.owners().any(|theirs| mine == theirs))
    }
}

/// Seats of one host on a panel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seat {
    /// Host.
    pub host: String,
    /// How many it holds.
    pub seats: u32,
}

/// Seed of the auditors of a host's leaves in a round.
pub fn auditor_seed(chain_id: &str, host: &str, round: u64, beacon: &Hash) -> Hash {
    Fields::new("quern.audit-auditor/1", chain_id)
        .bytes(host.as_bytes())
        .u64(round)
        .bytes(beacon.as_ref())
        .finish()
}

/// Seed of a panel on a leaf. `stage` is 1 for the panel that hears the accusation, 2 for the review, 3 for
/// the panel on availability; each has a beacon of its own, later than the last.
pub fn panel_seed(chain_id: &str, leaf: &Hash, stage: u32, beacon: &Hash) -> Hash {
    Fields::new("quern.audit-panel/1", chain_id)
        .bytes(leaf.as_ref())
        .u64(stage.into())
        .bytes(beacon.as_ref())
        .finish()
}

/// Those of a group who may audit `host`: with weight, not the host, and without a common owner.
///
/// # Errors
/// [`AuditError::TooMany`], [`AuditError::Unsorted`] unless hosts rise, [`AuditError::Overflow`] if weights
/// do not fit.
pub fn eligible<'a>(host: &Candidate, group: &'a [Candidate]) -> Result<Vec<&'a Candidate>, AuditError> {
    check(group)?;
    let may = |other: &&Candidate| other.weight > 0 && !other.shares_owner(host);
    Ok(group.iter().filter(may).collect())
}

fn check(group: &[Candidate]) -> Result<(), AuditError> {
    if group.len() > MAX_CANDIDATES || group.iter().any(|host| host.funders.len() > MAX_FUNDERS) {
        return Err(AuditError::TooMany("candidates or funders"));
    }
    if !group
        .iter()
        .zip(group.iter().skip(1))
        .all(|(a, b)| a.host < b.host)
    {
        return Err(AuditError::Unsorted("candidates"));
    }
    total(group.iter()).map(|_| ())
}

fn total<'a>(group: impl IntoIterator<Item = &'a Candidate>) -> Result<u64, AuditError> {
    group
        .into_iter()
        .try_fold(0_u64, |sum, host| sum.checked_add(host.weight))
        .ok_or(AuditError::Overflow)
}

fn pick<'a>(draw: &mut Draw, eligible: &[&'a Candidate], total: u64) -> Result<&'a Candidate, AuditError> {
    let mut target = draw.below(total).ok_or(AuditError::NoAuditor)?;
    for host in eligible {
        match target.checked_sub(host.weight) {
            Some(rest) => target = rest,
            None => return Ok(host),
        }
    }
    Err(AuditError::NoAuditor)
}

/// The auditor of the leaf with number `index` in its draw, by weight among the [`eligible`].
///
/// # Errors
/// [`AuditError::NoAuditor`] if none has weight.
pub fn choose<'a>(seed: &Hash, index: u64, eligible: &[&'a Candidate]) -> Result<&'a Candidate, AuditError> {
    let seed = hash_fields(&[b"quern.audit-choice/1", seed.as_ref(), &index.to_be_bytes()]);
    pick(&mut Draw::new(seed), eligible, total(eligible.iter().copied())?)
}

/// A panel: each seat is drawn by weight on its own, so a host may hold several, and the hostile seats are
/// binomial with the hostile part of the weight, however it is spread over hosts. (Seats for distinct hosts
/// would let many small hosts outnumber few large ones.) Sorted by host.
///
/// # Errors
/// [`AuditError::NoAuditor`], and [`AuditError::TooMany`] above [`MAX_SEATS`].
pub fn panel(seed: &Hash, rule: StageRule, eligible: &[&Candidate]) -> Result<Vec<Seat>, AuditError> {
    if rule.seats > MAX_SEATS {
        return Err(AuditError::TooMany("seats"));
    }
    let total = total(eligible.iter().copied())?;
    let mut draw = Draw::new(*seed);
    let mut seats: Vec<Seat> = Vec::new();
    for _ in 0..rule.seats {
        let host = &pick(&mut draw, eligible, total)?.host;
        let at = seats.partition_point(|seat| seat.host < *host);
        match seats.get_mut(at).filter(|seat| seat.host == *host) {
            Some(seat) => seat.seats = seat.seats.saturating_add(1),
            None => seats.insert(
                at,
                Seat {
                    host: host.clone(),
                    seats: 1,
                },
            ),
        }
    }
    Ok(seats)
}

/// Independent hosts of a group: hosts with weight, counting those that common owners connect as one.
///
/// # Errors
/// As [`eligible`].
pub fn independent(group: &[Candidate]) -> Result<u32, AuditError> {
    check(group)?;
    // each host leads to another of its cluster, the last to itself
    let mut leads: Vec<usize> = Vec::new();
    let mut host_of: BTreeMap<&str, usize> = BTreeMap::new();
    let mut clusters = 0_u32;
    for host in group.iter().filter(|host| host.weight > 0) {
        let number = leads.len();
        leads.push(number);
        clusters = clusters.saturating_add(1);
        for owner in host.owners() {
            let Some(other) = host_of.insert(owner, number) else {
                continue;
            };
            let (other, this) = (last(&mut leads, other), last(&mut leads, number));
            if let Some(lead) = leads.get_mut(other).filter(|_| other != this) {
                *lead = this;
                clusters = clusters.saturating_sub(1);
            }
        }
    }
    Ok(clusters)
}

/// Where the leads from a host end; halves the way for the next search.
fn last(leads: &mut [usize], from: usize) -> usize {
    let mut at = from;
    while let Some(next) = leads.get(at).copied().filter(|next| *next != at) {
        let after = leads.get(next).copied().unwrap_or(next);
        if let Some(lead) = leads.get_mut(at) {
            *lead = after;
        }
        at = next;
    }
    at
}
