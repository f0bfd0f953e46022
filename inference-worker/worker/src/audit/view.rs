//! What the chain says of the round, as last seen. Plain state.

use quern_audit::Calibration;
use quern_interface::audits::{LeafInfo, PanelInfo, Params, Phase, RoundInfo, WorkInfo};
use std::collections::{BTreeMap, BTreeSet};

/// Assigned leaves for which the contract counts one step more when it checks their auditor.
const LEAVES_PER_STEP: usize = 8;
/// Blocks that a node may be behind.
const LAG: u64 = 2;

/// By what leaves of one model are judged.
#[derive(Clone, Debug, Default)]
pub(crate) struct ModelTerms {
    pub(crate) calibration: Option<Calibration>,
    /// Hardware profile that this host offers the model with.
    pub(crate) profile: Option<String>,
}

/// The round that is worked on.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// Height as of which it holds.
    pub(crate) height: u64,
    pub(crate) round: RoundInfo,
    pub(crate) params: Params,
    /// This worker's models.
    pub(crate) models: BTreeMap<String, ModelTerms>,
    /// Leaves by number.
    pub(crate) leaves: BTreeMap<u64, LeafInfo>,
    /// Panels of this phase by leaf.
    pub(crate) panels: BTreeMap<u64, PanelInfo>,
    /// This host's work.
    pub(crate) work: Option<WorkInfo>,
}

impl View {
    /// First height after the blocks of a phase that has some of its own.
    pub(crate) fn until(&self) -> Option<u64> {
        let blocks = match self.round.phase {
            Phase::Reveal => self.params.reveal_blocks,
            Phase::Commit => self.params.commit_blocks,
            Phase::Vote => self.params.vote_blocks,
            _ => return None,
        };
        self.round.since.checked_add(blocks)
    }

    /// Blocks in which the contract draws the auditors that are checked, from the beacon of the first panels on: a step for
    /// each auditor and some for the leaves of those that are checked, `steps` a block. Leaves get a panel on the way.
    pub(crate) fn check_blocks(&self) -> u64 {
        if self.params.check_every == 0 {
            return 0;
        }
        let assigned = self.leaves.values().filter_map(|leaf| leaf.auditor.as_deref());
        let auditors: BTreeSet<&str> = assigned.clone().collect();
        let steps = auditors.len() + assigned.count() / LEAVES_PER_STEP + 1;
        (steps as u64)
            .div_ceil(self.params.steps.max(1).into())
            .saturating_add(LAG)
    }

    /// Whether leaves and what is said of them are to be looked at.
    pub(crate) fn is_judging(phase: Phase) -> bool {
        (Phase::Reveal..=Phase::Review).contains(&phase)
    }

    /// Leaves that `auditor` has to examine now: its assignments until it reported, and those of its panels.
    pub(crate) fn to_examine<'a>(&'a self, auditor: &'a str) -> impl Iterator<Item = &'a LeafInfo> + 'a {
        let reporting = self.round.phase < Phase::Vote;
        let mut leaves: Vec<&LeafInfo> = self.leaves.values().collect();
        leaves.retain(|leaf| {
            let assigned = reporting && leaf.auditor.as_deref() == Some(auditor);
            let panel = self.panels.get(&leaf.number);
            let seat = panel.and_then(|panel| panel.seats.iter().find(|seat| seat.host == auditor));
            assigned || seat.is_some_and(|seat| !seat.committed)
        });
        leaves.into_iter()
    }

    /// Hosts that may read the payload of what `host` was drawn for.
    pub(crate) fn readers<'a>(
        &'a self,
        host: &'a str,
        is_asked: impl Fn(&LeafInfo) -> bool + 'a,
    ) -> impl Iterator<Item = &'a str> + 'a {
        let leaves = self.leaves.values();
        let asked = leaves.filter(move |leaf| leaf.host == host && is_asked(leaf));
        asked.flat_map(|leaf| {
            let panel = self.panels.get(&leaf.number);
            let seats = panel.into_iter().flat_map(|panel| &panel.seats);
            let seats = seats.map(|seat| seat.host.as_str());
            // Once votes are out, a leaf is the panel's alone.
            let auditor = leaf.auditor.as_deref();
            auditor
                .filter(|_| self.round.phase < Phase::Vote)
                .into_iter()
                .chain(seats)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::audit::tests::contract::{params, silent_leaf};
    use quern_interface::audits::RoundInfo;

    #[test]
    fn leaves_are_looked_at_until_every_auditor_of_a_large_round_was_drawn_for_a_check_or_not() {
        let leaf = |number: u64| LeafInfo {
            auditor: Some(format!("quern1auditor{}", number % 1_000)),
            ..silent_leaf(number)
        };
        let mut view = View {
            height: 1,
            round: RoundInfo {
                number: 1,
                start: 1,
                end: 2,
                phase: Phase::Panel,
                since: 1,
                beacon: None,
                leaves: 4_000,
            },
            params: params(),
            models: BTreeMap::new(),
            leaves: (1..=4_000).map(|number| (number, leaf(number))).collect(),
            panels: BTreeMap::new(),
            work: None,
        };
        assert_eq!(view.check_blocks(), 0, "this chain checks nobody");
        view.params.check_every = 8;
        view.params.steps = 64;
        // 1,000 auditors and 4,000 leaves: 1,501 steps.
        assert_eq!(view.check_blocks(), 24 + LAG);
        view.leaves.retain(|number, _| *number <= 20);
        assert_eq!(view.check_blocks(), 1 + LAG);
    }
}
