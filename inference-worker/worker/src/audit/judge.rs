//! From what an auditor found to its vote.

use quern_audit::{Bucket, Finding, Vote};
use quern_evidence::Score;
use std::fmt::Debug;

/// A leaf, and what was found.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// The audited host.
    pub host: &'a str,
    /// The model.
    pub model: &'a str,
    /// What was found.
    pub found: Found<'a>,
}

/// What came of fetching and re-executing a leaf.
#[derive(Clone, Copy, Debug)]
pub enum Found<'a> {
    /// The payload could not be fetched, or does not have the receipt's hashes.
    Nothing,
    /// The payload is the receipt's, and shows that the receipt is wrong: why, in words.
    Contradiction(&'a str),
    /// It was re-executed.
    Measured {
        /// What was measured; its vote is not filled in yet.
        finding: &'a Finding,
        /// The calibration's thresholds for a leaf like this; none if no such leaf was calibrated.
        bucket: Option<&'a Bucket>,
    },
}

/// Turns what was found into a vote.
pub trait Judge: Debug + Send + Sync {
    /// The vote on a leaf.
    fn vote(&self, case: &Case<'_>) -> Vote;
}

/// Votes what follows from the calibration. A leaf for which nothing was calibrated is clean: it cannot be held
/// against a host that nobody knows how honest ones of its kind measure.
#[derive(Clone, Copy, Debug, Default)]
pub struct Honest;

impl Judge for Honest {
    fn vote(&self, case: &Case<'_>) -> Vote {
        match case.found {
            Found::Nothing => Vote::Unfetchable,
            Found::Contradiction(_) => Vote::Score(Score::FAILED),
            Found::Measured { finding, bucket } => {
                Vote::Score(bucket.map_or(Score::CLEAN, |bucket| bucket.score(finding)))
            }
        }
    }
}
