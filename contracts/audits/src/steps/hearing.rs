//! From auditors' words to panels, from panels' words to verdicts.

use cosmwasm_std::{Addr, Order, StdResult};
use quern_audit::{final_score, stage_score, unfetchable, Margin, SeatVote, Vote};
use quern_evidence::Score;
use quern_interface::audits::{Phase, Verdict};

use super::Worker;
use crate::assign::{rule, ACCUSATION, AVAILABILITY, REVIEW};
use crate::error::Result;
use crate::state::{Cast, Leaf, BALLOTS, CALIBRATIONS, LEAVES};
use crate::table::Table;

impl Worker<'_> {
    /// An accusation and a missing payload go to a panel. An auditor's silence counts as clean: if such
    /// leaves stayed out, whoever is silent would choose which leaves enter.
    pub(super) fn hear_auditors(&mut self) -> Result<()> {
        let leaves = self.next_leaves()?;
        if leaves.is_empty() {
            self.enter(Phase::Panel);
            return Ok(());
        }
        // each is written again
        self.spend(leaves.len());
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
            LEAVES.write(self.deps.storage, number, &leaf)?;
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
        let mut written = 0_usize;
        for (number, mut leaf) in leaves {
            if let (Some(stage), None) = (leaf.stage, leaf.verdict) {
                let cast = self.ballots(number, stage)?;
                // the leaf, and what each host on the panel earns
                written = written.saturating_add(cast.len()).saturating_add(1);
                self.judge(&mut leaf, stage, &cast);
                self.credit(&mut leaf, stage, &cast)?;
                if leaf.verdict == Some(Verdict::Missing) {
                    written = written.saturating_add(self.credit_first(number, &leaf)?);
                }
                LEAVES.write(self.deps.storage, number, &leaf)?;
            }
        }
        self.spend(written);
        Ok(())
    }

    fn ballots(&self, number: u64, stage: u32) -> Result<Vec<(Addr, Cast)>> {
        let hosts = BALLOTS
            .prefix((number, stage))
            .keys(self.deps.storage, None, None, Order::Ascending);
        let ballots = hosts.map(|host| {
            let host = host?;
            let cast = BALLOTS.read(self.deps.storage, (number, stage, &host))?;
            Ok((host, cast))
        });
        Ok(ballots.collect::<StdResult<_>>()?)
    }

    /// Pays for the re-execution, once however many seats: who opened a margin that agrees with the seats'
    /// median, or could not fetch what the panel finds missing. A margin cannot be guessed.
    fn credit(&mut self, leaf: &mut Leaf, stage: u32, cast: &[(Addr, Cast)]) -> Result<()> {
        let calibration = CALIBRATIONS.may_load(self.deps.storage, &leaf.model)?;
        let (median, seats) = median(cast);
        // too few seats say nothing about an auditor
        if leaf.checked_at(stage).is_some() && seats >= rule(&self.params.profile, stage).needed {
            leaf.measured = median;
        }
        for (auditor, cast) in cast {
            let agrees = match (cast.margin, median, &calibration) {
                (Some(margin), Some(median), Some(calibration)) => {
                    margin.agrees(median, calibration.tolerance, calibration.margin_bound)
                }
                _ => cast.vote == Some(Vote::Unfetchable) && leaf.verdict == Some(Verdict::Missing),
            };
            if agrees && leaf.paid > 0 {
                self.earn(auditor, leaf.paid)?;
            }
        }
        Ok(())
    }

    /// Pays the first panel's hosts that could not fetch what the review finds missing too; how many ballots it had.
    fn credit_first(&mut self, number: u64, leaf: &Leaf) -> Result<usize> {
        let mut cast = self.ballots(number, ACCUSATION)?;
        cast.extend(self.ballots(number, AVAILABILITY)?);
        for (auditor, cast) in &cast {
            if cast.vote == Some(Vote::Unfetchable) && leaf.paid > 0 {
                self.earn(auditor, leaf.paid)?;
            }
        }
        Ok(cast.len())
    }

    /// A payload that neither panel can fetch is missing, whatever one auditor could fetch before. One that the
    /// auditor alone could not fetch is judged by what the panels find in it: a host that hid it from its
    /// auditor gains nothing. A panel on a leaf that is clean only checks the auditor. Nothing is held against a
    /// host that the review did not confirm.
    fn judge(&self, leaf: &mut Leaf, stage: u32, cast: &[(Addr, Cast)]) {
        let rule = rule(&self.params.profile, stage);
        let votes: Vec<SeatVote> = cast
            .iter()
            .map(|(_, cast)| SeatVote {
                seats: cast.seats,
                vote: cast.vote,
            })
            .collect();
        let found = stage_score(rule, &votes);
        let missing = found == Score::CLEAN && unfetchable(rule, &votes);
        if missing && stage == REVIEW {
            leaf.verdict = Some(Verdict::Missing);
            return;
        }
        if stage == AVAILABILITY && leaf.vote != Some(Vote::Unfetchable) {
            // the auditor found it clean, and that stands
            leaf.scores.push(Score::CLEAN);
        } else if !missing {
            leaf.scores.push(found);
        }
        let score = final_score(&leaf.scores);
        if stage != REVIEW && (missing || score > Score::CLEAN) {
            leaf.stage = Some(REVIEW);
        } else {
            leaf.verdict = Some(Verdict::Score(score));
        }
    }
}

/// The least margin that half of the seats with one do not exceed, none without any, and how many seats have one:
/// at most 64.
fn median(cast: &[(Addr, Cast)]) -> (Option<Margin>, u32) {
    let seats = |most: Margin| {
        let below = cast.iter().filter(|(_, cast)| cast.margin <= Some(most));
        let below = below.filter(|(_, cast)| cast.margin.is_some());
        below.fold(0_u32, |sum, (_, cast)| sum.saturating_add(cast.seats))
    };
    let total = seats(Margin(i32::MAX));
    let margins = cast.iter().filter_map(|(_, cast)| cast.margin);
    let half = |margin: &Margin| seats(*margin).saturating_mul(2) >= total;
    (margins.filter(half).min(), total)
}
