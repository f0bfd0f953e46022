//! Seats on panels: ballots are committed, and revealed once the position that they open is drawn.

use crate::audit::act::{AuditError, Auditor};
use crate::audit::kept::{Examined, KeptBallot};
use crate::audit::reach::{Time, Window};
use crate::audit::report::NO_CLIP;
use crate::audit::view::View;
use crate::paid::record::Record;
use quern_chain_client::Outcome;
use quern_interface::audits::{ExecuteMsg, LeafInfo, PanelInfo};

/// Ballots that go into one transaction.
const TOGETHER: usize = 8;

impl Auditor {
    /// Does what this host's seats ask for.
    pub(super) async fn ballots(&self, view: &View) -> Result<(), AuditError> {
        let (mut commits, mut commit_until) = (Vec::new(), u64::MAX);
        let (mut reveals, mut reveal_until) = (Vec::new(), u64::MAX);
        for (number, panel) in &view.panels {
            let mine = panel.seats.iter().find(|seat| seat.host == self.host());
            let (Some(seat), Some(leaf)) = (mine, view.leaves.get(number)) else {
                continue;
            };
            if !seat.committed && view.height.saturating_add(1) < panel.commit_until {
                if let Some(ballot) = self.ballot(view, leaf, panel).await? {
                    let commitment = ballot.commitment(self.office());
                    commit_until = commit_until.min(panel.commit_until);
                    commits.push(ExecuteMsg::CommitBallot {
                        round: ballot.round,
                        auditor: self.host().to_owned(),
                        leaf: *number,
                        commitment,
                    });
                }
            } else if seat.committed
                && seat.vote.is_none()
                && panel.position.is_some()
                && view.height.saturating_add(1) < panel.reveal_until
            {
                let round = view.round.number;
                let kept = self
                    .paid
                    .store
                    .book()
                    .audits
                    .ballot(round, *number, panel.stage)
                    .cloned();
                let shown = kept.and_then(|kept| kept.reveal(self.office(), panel.position));
                let Some(ballot) = shown else {
                    self.problem(format!("the ballot on leaf {number} of round {round} is lost"));
                    continue;
                };
                reveal_until = reveal_until.min(panel.reveal_until);
                reveals.push(ExecuteMsg::PanelVote {
                    round,
                    auditor: self.host().to_owned(),
                    leaf: *number,
                    ballot: Box::new(ballot),
                });
            }
        }
        self.send_all(&commits, commit_until.saturating_sub(1)).await?;
        self.send_all(&reveals, reveal_until.saturating_sub(1)).await
    }

    /// This host's ballot on a leaf: the one that is kept, or a new one once the leaf is examined. None while it is not,
    /// and if this worker cannot judge, which a panel counts as clean.
    async fn ballot(
        &self,
        view: &View,
        leaf: &LeafInfo,
        panel: &PanelInfo,
    ) -> Result<Option<KeptBallot>, AuditError> {
        let round = view.round.number;
        let kept = self
            .paid
            .store
            .book()
            .audits
            .ballot(round, leaf.number, panel.stage)
            .cloned();
        if kept.is_some() {
            return Ok(kept);
        }
        let blocks = view.params.panel_blocks;
        let window = Window {
            from: panel.commit_until.saturating_sub(blocks),
            blocks,
        };
        let time = Time::left(view.height, blocks, panel.commit_until);
        let examined = self.exams.by(time, &leaf.id, window);
        let Some(examined) = examined.filter(|examined| !matches!(**examined, Examined::Unable(_))) else {
            return Ok(None);
        };
        let ballot = KeptBallot {
            round,
            leaf: leaf.number,
            stage: panel.stage,
            clip: NO_CLIP,
            found: self.finding(view, leaf, &examined)?,
        };
        let record = Record::AuditBallot(Box::new(ballot.clone()));
        self.paid.store.append(record).await?;
        Ok(Some(ballot))
    }

    /// Sends messages some at a time. One that fails takes the others with it, so then each goes alone.
    async fn send_all(&self, messages: &[ExecuteMsg], last_height: u64) -> Result<(), AuditError> {
        for messages in messages.chunks(TOGETHER) {
            let calls = messages
                .iter()
                .map(|message| self.call(message))
                .collect::<Result<Vec<_>, _>>()?;
            if let Outcome::Included { .. } = self.send(&calls, last_height).await? {
                continue;
            }
            for message in messages {
                self.send_one(message, last_height).await?;
            }
        }
        Ok(())
    }
}
