//! What the chain says of the round, as last seen. Plain state.

use quern_audit::Calibration;
use quern_interface::audits::{LeafInfo, PanelInfo, Params, Phase, RoundInfo, WorkInfo};
use std::collections::BTreeMap;

/// The round that is worked on.
#[derive(Clone, Debug)]
pub(crate) struct View {
    /// Height as of which it holds.
    pub(crate) height: u64,
    pub(crate) round: RoundInfo,
    pub(crate) params: Params,
    /// Of this worker's model.
    pub(crate) calibration: Option<Calibration>,
    /// Hardware profile that this host offers the model with.
    pub(crate) profile: Option<String>,
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
