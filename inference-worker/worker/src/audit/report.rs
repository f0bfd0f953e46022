//! An auditor's report: committed, its votes revealed, drawn positions opened.

use crate::audit::act::{AuditError, Auditor};
use crate::audit::kept::{Examined, KeptFinding, KeptReport, Subject};
use crate::audit::reach::{Time, Window};
use crate::audit::view::View;
use crate::paid::record::Record;
use quern_audit::{Vote, pack};
use quern_evidence::Score;
use quern_interface::audits::{ExecuteMsg, LeafInfo, WorkInfo};
use std::sync::Arc;

/// Votes of one message.
const VOTES: usize = 64;
/// Blocks that an opening gets, which can be sent again at any time.
const OPEN_BLOCKS: u64 = 6;
/// Clip of a finding without margins.
pub(super) const NO_CLIP: u32 = 1;

impl Auditor {
    /// Commits the report once every leaf is examined, or there is no more time.
    pub(super) async fn report(&self, view: &View) -> Result<(), AuditError> {
        let Some(work) = view.work.as_ref().filter(|work| work.root.is_none()) else {
            return Ok(());
        };
        let round = view.round.number;
        let Some(until) = view
            .until()
            .filter(|until| view.height.saturating_add(1) < *until)
        else {
            return Ok(());
        };
        let kept = self.paid.store.book().audits.report(round).cloned();
        let report = match kept {
            Some(report) => report,
            None => {
                let time = Time::left(view.height, view.params.commit_blocks, until);
                let Some(report) = self.draft(view, work, time)? else {
                    return Ok(());
                };
                let record = Record::AuditReport(Box::new(report.clone()));
                self.paid.store.append(record).await?;
                report
            }
        };
        let root = report.root(self.office());
        let message = ExecuteMsg::CommitReport {
            round,
            auditor: self.host().to_owned(),
            root: root.ok_or(AuditError::State("the report has no root"))?,
            findings: report.findings.len() as u32,
        };
        if self.send_one(&message, until.saturating_sub(1)).await? {
            let votes = report.votes();
            tracing::info!(round, findings = votes.len(), "committed an audit report");
            for vote in votes {
                self.count(vote);
            }
        }
        Ok(())
    }

    /// The report, if of every leaf is known what can be known in the time that is left.
    fn draft(&self, view: &View, work: &WorkInfo, time: Time) -> Result<Option<KeptReport>, AuditError> {
        let window = Window {
            from: view.round.since,
            blocks: view.params.commit_blocks,
        };
        let mut findings = Vec::with_capacity(work.leaves.len());
        for number in &work.leaves {
            let leaf = view.leaves.get(number);
            let leaf = leaf.ok_or(AuditError::State("an assigned leaf is not known yet"))?;
            let Some(examined) = self.exams.by(time, &leaf.id, window) else {
                return Ok(None);
            };
            findings.push(self.finding(view, leaf, &examined)?);
        }
        Ok(Some(KeptReport {
            round: view.round.number,
            clip: NO_CLIP,
            findings,
        }))
    }

    /// What this host says of a leaf.
    pub(super) fn finding(
        &self,
        view: &View,
        leaf: &LeafInfo,
        examined: &Arc<Examined>,
    ) -> Result<KeptFinding, AuditError> {
        let mut salt = [0; 16];
        getrandom::fill(&mut salt).map_err(|_| AuditError::State("no randomness from the system"))?;
        let model = view.models.get(&leaf.model);
        let calibration = model.and_then(|model| model.calibration.as_ref());
        let profile = model.and_then(|model| model.profile.as_deref());
        let bucket = profile.zip(calibration).and_then(|(auditor, calibration)| {
            calibration.bucket_of(leaf.host_profile.as_deref(), auditor, leaf.greedy, leaf.positions)
        });
        let subject = Subject {
            leaf: &leaf.id,
            host: &leaf.host,
            model: &leaf.model,
            positions: leaf.positions,
            bucket,
            clip: calibration.map_or(NO_CLIP, |calibration| calibration.clip),
        };
        let finding = KeptFinding::new(self.office(), subject, examined, &*self.paid.judge, salt);
        finding.ok_or(AuditError::State("the margins of a leaf make no tree"))
    }

    fn count(&self, vote: Vote) {
        let vote = match vote {
            Vote::Score(Score::CLEAN) => "clean",
            Vote::Score(_) => "failed",
            Vote::Unfetchable => "unfetchable",
            Vote::Abstain => "abstained",
        };
        self.paid.metrics.audits.leaves.with_label_values(&[vote]).inc();
    }

    /// The committed report of this round, and this host's work in it; none if nothing was committed.
    fn committed<'a>(&self, view: &'a View) -> Option<(KeptReport, &'a WorkInfo)> {
        let work = view.work.as_ref()?;
        let root = work.root?;
        let report = self.paid.store.book().audits.report(view.round.number).cloned();
        let found = report.filter(|report| report.root(self.office()) == Some(root));
        if found.is_none() {
            self.problem(format!("the report of round {} is lost", view.round.number));
        }
        found.map(|report| (report, work))
    }

    /// Reveals the votes that are missing.
    pub(super) async fn votes(&self, view: &View) -> Result<(), AuditError> {
        let (Some((report, work)), Some(until)) = (self.committed(view), view.until()) else {
            return Ok(());
        };
        let votes = report.votes();
        let mut from = work.revealed as usize;
        while let Some(rest) = votes.get(from..).filter(|rest| !rest.is_empty()) {
            if self.paid.follow.height().saturating_add(1) >= until {
                return Ok(());
            }
            let part = rest.get(..VOTES).unwrap_or(rest);
            let message = ExecuteMsg::RevealVotes {
                round: view.round.number,
                auditor: self.host().to_owned(),
                from: from as u32,
                votes: base64(&pack(part)),
            };
            if !self.send_one(&message, until.saturating_sub(1)).await? {
                return Ok(());
            }
            from += part.len();
        }
        Ok(())
    }

    /// Opens the positions that are drawn.
    pub(super) async fn open(&self, view: &View) -> Result<(), AuditError> {
        let mut opening = view.work.as_ref().and_then(|work| work.opening);
        let Some(_) = opening else { return Ok(()) };
        let Some((report, work)) = self.committed(view) else {
            return Ok(());
        };
        if (work.revealed as usize) < work.leaves.len() {
            return Ok(());
        }
        let round = view.round.number;
        while let Some(offset) = opening {
            let found = report.open(self.office(), offset);
            let message = ExecuteMsg::Open {
                round,
                auditor: self.host().to_owned(),
                opening: Box::new(
                    found.ok_or(AuditError::State("the report does not cover a drawn position"))?,
                ),
            };
            let last_height = self.paid.follow.height().saturating_add(OPEN_BLOCKS);
            if !self.send_one(&message, last_height).await? {
                return Ok(());
            }
            opening = self.work().await?.and_then(|work| work.opening);
        }
        Ok(())
    }
}

/// As contract messages have bytes.
fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}
