//! What an auditor must not forget between a commitment and what it reveals of it. Plain state, kept in the journal.

use crate::audit::judge::{Case, Found, Judge};
use crate::paid::record::Record;
use quern_audit::{Ballot, Bucket, Finding, Margin, MarginTree, OpenedMargin, Opening, Report, Vote};
use quern_protocol::{Amount, Bytes, Hash, Node};
use quern_verifier::Measured;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Who audits.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Office<'a> {
    pub(crate) chain_id: &'a str,
    pub(crate) auditor: &'a str,
}

/// A finding and what opens it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptFinding {
    pub(crate) finding: Finding,
    pub(crate) salt: Bytes<16>,
    pub(crate) margins: Vec<Margin>,
    /// Clip of the model's calibration, in millionths of a logit; that of the whole report or ballot if none is noted, as
    /// releases with one model wrote.
    #[serde(default)]
    pub(crate) clip: Option<u32>,
}

/// A report as it was, or will be, committed: findings in the order of the assignment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptReport {
    pub(crate) round: u64,
    /// Of findings that note none.
    pub(crate) clip: u32,
    pub(crate) findings: Vec<KeptFinding>,
}

/// A panel's ballot as it was, or will be, committed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct KeptBallot {
    pub(crate) round: u64,
    /// Number of the leaf in the round.
    pub(crate) leaf: u64,
    pub(crate) stage: u32,
    /// Of a finding that notes none.
    pub(crate) clip: u32,
    pub(crate) found: KeptFinding,
}

/// What an examination of a leaf came to.
#[derive(Clone, Debug)]
pub(crate) enum Examined {
    /// The payload cannot be had, or is not the leaf's.
    Missing,
    /// The payload shows that the host did not do what it signed: why, in words.
    Contradiction(String),
    /// It was re-executed.
    Measured(Measured),
    /// This worker cannot judge: why, in words. It abstains, which counts as clean, as silence does.
    Unable(String),
}

/// What a finding is of.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Subject<'a> {
    pub(crate) leaf: &'a Hash,
    pub(crate) host: &'a str,
    pub(crate) model: &'a str,
    /// Output tokens that the leaf claims.
    pub(crate) positions: u32,
    pub(crate) bucket: Option<&'a Bucket>,
    /// Clip of the model's calibration.
    pub(crate) clip: u32,
}

impl KeptFinding {
    /// What an auditor writes down of an examination. None if margins do not make a tree, which no output of a model
    /// comes to.
    pub(crate) fn new(
        office: Office<'_>,
        subject: Subject<'_>,
        examined: &Examined,
        judge: &dyn Judge,
        salt: [u8; 16],
    ) -> Option<Self> {
        let salt = Bytes(salt);
        let measured = match examined {
            Examined::Missing | Examined::Unable(_) => Measured::default(),
            Examined::Contradiction(_) => {
                let margins = vec![Margin::CONTRADICTION; subject.positions as usize];
                Measured::new(margins, subject.clip)
            }
            Examined::Measured(measured) => measured.clone(),
        };
        let root = if measured.margins.is_empty() {
            Node {
                hash: Hash::new([0; 32]),
                sum: Amount::ZERO,
            }
        } else {
            tree(office, subject.leaf, &salt, &measured.margins, subject.clip)?.root()?
        };
        let mut finding = Finding {
            leaf: *subject.leaf,
            vote: Vote::Abstain,
            positions: measured.positions,
            clipped: measured.clipped,
            margins: root,
        };
        let found = match examined {
            Examined::Missing => Some(Found::Nothing),
            Examined::Contradiction(why) => Some(Found::Contradiction(why)),
            Examined::Measured(_) => Some(Found::Measured {
                finding: &finding,
                bucket: subject.bucket,
            }),
            Examined::Unable(_) => None,
        };
        if let Some(found) = found {
            finding.vote = judge.vote(&Case {
                host: subject.host,
                model: subject.model,
                found,
            });
        }
        Some(Self {
            finding,
            salt,
            margins: measured.margins,
            clip: Some(subject.clip),
        })
    }

    fn tree(&self, office: Office<'_>, clip: u32) -> Option<MarginTree> {
        let clip = self.clip.unwrap_or(clip);
        tree(office, &self.finding.leaf, &self.salt, &self.margins, clip)
    }
}

fn tree(
    office: Office<'_>,
    leaf: &Hash,
    salt: &Bytes<16>,
    margins: &[Margin],
    clip: u32,
) -> Option<MarginTree> {
    MarginTree::new(office.chain_id, office.auditor, leaf, salt, margins, clip)
}

impl KeptReport {
    fn report(&self, office: Office<'_>) -> Option<Report> {
        let findings = self.findings.iter().map(|kept| kept.finding.clone()).collect();
        Report::new(office.chain_id, office.auditor, self.round, findings).ok()
    }

    /// What is committed.
    pub(crate) fn root(&self, office: Office<'_>) -> Option<Node> {
        self.report(office)?.root()
    }

    /// The votes.
    pub(crate) fn votes(&self) -> Vec<Vote> {
        self.findings.iter().map(|kept| kept.finding.vote).collect()
    }

    /// Opens a drawn offset.
    pub(crate) fn open(&self, office: Office<'_>, offset: Amount) -> Option<Opening> {
        let report = self.report(office)?;
        let (finding, finding_proof, position) = report.at(offset)?;
        let kept = self.findings.get(finding_proof.index as usize)?;
        let margins = kept.tree(office, self.clip)?;
        Some(Opening {
            finding: finding.clone(),
            finding_proof,
            salt: kept.salt,
            margin: *kept.margins.get(position as usize)?,
            margin_proof: margins.prove(position)?,
        })
    }
}

impl KeptBallot {
    /// What is committed.
    pub(crate) fn commitment(&self, office: Office<'_>) -> Hash {
        let KeptFinding { finding, salt, .. } = &self.found;
        Ballot::commitment(
            office.chain_id,
            office.auditor,
            self.round,
            self.stage,
            finding,
            salt,
        )
    }

    /// What is revealed, with the margin at the drawn position. None if the position is not the finding's.
    pub(crate) fn reveal(&self, office: Office<'_>, position: Option<u32>) -> Option<Ballot> {
        let KeptFinding {
            finding,
            salt,
            margins,
            ..
        } = &self.found;
        let opened = if margins.is_empty() {
            None
        } else {
            let position = position?;
            Some(OpenedMargin {
                margin: *margins.get(position as usize)?,
                proof: self.found.tree(office, self.clip)?.prove(position)?,
            })
        };
        Some(Ballot {
            finding: finding.clone(),
            salt: *salt,
            opened,
        })
    }
}

/// What this host has said in the round that is judged.
#[derive(Clone, Debug, Default)]
pub(crate) struct Kept {
    report: Option<KeptReport>,
    ballots: BTreeMap<(u64, u32), KeptBallot>,
}

impl Kept {
    /// Forgets what was said before a round.
    pub(crate) fn begin(&mut self, round: u64) {
        self.report.take_if(|report| report.round < round);
        self.ballots.retain(|_, ballot| ballot.round >= round);
    }

    /// Takes in a report, unless a later one is there.
    pub(crate) fn keep_report(&mut self, report: KeptReport) {
        if self
            .report
            .as_ref()
            .is_none_or(|known| known.round <= report.round)
        {
            self.begin(report.round);
            self.report = Some(report);
        }
    }

    /// Takes in a ballot, unless it is of a round before those that are there.
    pub(crate) fn keep_ballot(&mut self, ballot: KeptBallot) {
        let known = self.ballots.values().map(|ballot| ballot.round);
        if known.max().is_none_or(|known| known <= ballot.round) {
            self.begin(ballot.round);
            self.ballots.insert((ballot.leaf, ballot.stage), ballot);
        }
    }

    /// The report of a round.
    pub(crate) fn report(&self, round: u64) -> Option<&KeptReport> {
        self.report.as_ref().filter(|report| report.round == round)
    }

    /// The ballot on a leaf.
    pub(crate) fn ballot(&self, round: u64, leaf: u64, stage: u32) -> Option<&KeptBallot> {
        let ballot = self.ballots.get(&(leaf, stage));
        ballot.filter(|ballot| ballot.round == round)
    }

    /// All of it, to write it again.
    pub(crate) fn records(&self) -> Vec<Record> {
        let report = self
            .report
            .iter()
            .cloned()
            .map(|report| Record::AuditReport(Box::new(report)));
        let ballots = self.ballots.values().cloned();
        report
            .chain(ballots.map(|ballot| Record::AuditBallot(Box::new(ballot))))
            .collect()
    }
}
