//! From auditors' words to panels, from panels' words to verdicts.

use cosmwasm_std::{Order, StdResult};
use quern_audit::{final_score, stage_score, unfetchable, SeatVote, Vote};
use quern_evidence::Score;
use quern_interface::audits::{Phase, Verdict};

use super::Worker;
use crate::assign::{rule, ACCUSATION, AVAILABILITY, REVIEW};
use crate::error::Result;
use crate::state::{Leaf, BALLOTS, LEAVES};

impl Worker<'_> {
    /// An accusation and a missing payload go to a panel. An auditor's silence counts as clean: if such
    /// leaves stayed out, whoever is silent would choose which leaves enter.
    pub(super) fn hear_auditors(&mut self) -> Result<()> {
        let leaves = self.next_leaves()?;
        if leaves.is_empty() {
            self.enter(Phase::Panel);
            return Ok(());
        }
        for (number, mut leaf) in leaves {
            if leaf.auditor.is_none() {
                continue;
            }
            match leaf.vote {
                Some(Vote::Score(score)) if score > Score::CLEAN => {
                    leaf.scores.push(score);
                    leaf.stage = Some(ACCUSATION);
                }
                Some(Vote::Unfetchable) => leaf.stage = Some(AVAILABILITY),
                _ => leaf.verdict = Some(Verdict::Score(Score::CLEAN)),
            }
            LEAVES.save(self.deps.storage, number, &leaf)?;
        }
        Ok(())
    }

    /// Counts the ballots of leaves whose panel has voted.
    pub(super) fn hear_panels(&mut self) -> Result<()> {
        let leaves = self.next_leaves()?;
        if leaves.is_empty() {
            let reviews = self.round.phase == Phase::Panel;
            self.enter(if reviews { Phase::Review } else { Phase::Evidence });
            return Ok(());
        }
        for (number, mut leaf) in leaves {
            if let (Some(stage), None) = (leaf.stage, leaf.verdict) {
                let votes = self.ballots(number, stage)?;
                self.judge(&mut leaf, stage, &votes);
                LEAVES.save(self.deps.storage, number, &leaf)?;
            }
        }
        Ok(())
    }

    fn ballots(&self, number: u64, stage: u32) -> Result<Vec<SeatVote>> {
        let ballots = BALLOTS
            .prefix((number, stage))
            .range(self.deps.storage, None, None, Order::Ascending);
        let ballots = ballots.map(|entry| {
            entry.map(|(_, ballot)| SeatVote {
                seats: ballot.seats,
                vote: Some(ballot.vote),
            })
        });
        Ok(ballots.collect::<StdResult<_>>()?)
    }

    /// A payload that a majority cannot fetch is missing, whatever one auditor could fetch before.
    fn judge(&self, leaf: &mut Leaf, stage: u32, votes: &[SeatVote]) {
        let rule = rule(&self.params.profile, stage);
        if unfetchable(rule, votes) {
            leaf.verdict = Some(Verdict::Missing);
            return;
        }
        if stage == AVAILABILITY {
            leaf.verdict = Some(Verdict::Score(Score::CLEAN));
            return;
        }
        leaf.scores.push(stage_score(rule, votes));
        let score = final_score(&leaf.scores);
        if stage == ACCUSATION && score > Score::CLEAN {
            leaf.stage = Some(REVIEW);
        } else {
            leaf.verdict = Some(Verdict::Score(score));
        }
    }
}
