//! From what an auditor measured to a score: the thresholds of a model's calibration.

use crate::{AuditError, Finding, Vote};
use quern_evidence::{Null, Score};
use serde::{Deserialize, Serialize};

/// Most buckets of a calibration.
pub const MAX_BUCKETS: usize = 256;

/// What was calibrated together.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BucketKey {
    /// Hardware profile of the host.
    pub host_profile: String,
    /// Hardware profile of the auditor.
    pub auditor_profile: String,
    /// Whether the temperature is 0: no noise, and a wrong seed does not show.
    pub greedy: bool,
    /// Positions from which on the bucket holds, up to the next one.
    pub positions: u32,
}

/// Thresholds of one bucket. A leaf fails above either.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bucket {
    /// Where it holds.
    pub key: BucketKey,
    /// Highest mean clipped gap of a clean leaf, in millionths of a logit.
    pub mean_gap: u32,
    /// Most positions above the clip in a clean leaf.
    pub clipped: u32,
}

/// A model's calibration, chosen on one split and tested on another.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Calibration {
    /// Where a gap is clipped, in millionths of a logit: the protocol's D.
    pub clip: u32,
    /// How far two measurements of a margin may differ, in millionths of a logit.
    pub tolerance: u32,
    /// Margins count as alike beyond this, in millionths of a logit.
    pub margin_bound: u32,
    /// Null of the scores.
    pub null: Null,
    /// Buckets by rising key.
    pub buckets: Vec<Bucket>,
}

impl Calibration {
    /// Checks the bounds.
    ///
    /// # Errors
    /// [`AuditError::TooMany`], [`AuditError::Unsorted`], [`AuditError::Params`] for a clip of zero or a
    /// threshold that nothing can pass.
    pub fn validate(&self) -> Result<(), AuditError> {
        if self.buckets.len() > MAX_BUCKETS {
            return Err(AuditError::TooMany("buckets"));
        }
        if !self
            .buckets
            .iter()
            .zip(self.buckets.iter().skip(1))
            .all(|(a, b)| a.key < b.key)
        {
            return Err(AuditError::Unsorted("buckets"));
        }
        if self.clip == 0 {
            return Err(AuditError::Params("clip must be at least 1"));
        }
        if self.buckets.iter().any(|bucket| bucket.mean_gap >= self.clip) {
            return Err(AuditError::Params("mean_gap must be below the clip"));
        }
        Ok(())
    }

    /// The bucket for a leaf: of its profiles and kind, the longest that is not longer than the leaf. None for
    /// a leaf that is too short, or a pair that was never calibrated.
    pub fn bucket(
        &self,
        host_profile: &str,
        auditor_profile: &str,
        greedy: bool,
        positions: u32,
    ) -> Option<&Bucket> {
        let alike = |key: &BucketKey| {
            key.greedy == greedy && key.host_profile == host_profile && key.auditor_profile == auditor_profile
        };
        self.buckets
            .iter()
            .filter(|bucket| alike(&bucket.key) && bucket.key.positions <= positions)
            .max_by_key(|bucket| bucket.key.positions)
    }
}

impl Calibration {
    /// As [`Calibration::bucket`] for a host whose profile nobody knows: the most tolerant bucket of all
    /// profiles, so that a host which takes its offer back for a moment does not become impossible to judge.
    pub fn widest(&self, auditor_profile: &str, greedy: bool, positions: u32) -> Option<&Bucket> {
        let longest = |bucket: &&Bucket| {
            let found = self.bucket(&bucket.key.host_profile, auditor_profile, greedy, positions);
            found.is_some_and(|found| found.key == bucket.key)
        };
        let found = self.buckets.iter().filter(longest);
        found.max_by_key(|bucket| (bucket.mean_gap, bucket.clipped))
    }

    /// [`Calibration::bucket`], or [`Calibration::widest`] without a host's profile.
    pub fn bucket_of(
        &self,
        host_profile: Option<&str>,
        auditor_profile: &str,
        greedy: bool,
        positions: u32,
    ) -> Option<&Bucket> {
        match host_profile {
            Some(host) => self.bucket(host, auditor_profile, greedy, positions),
            None => self.widest(auditor_profile, greedy, positions),
        }
    }
}

impl Bucket {
    /// The score of a finding: failed if its mean clipped gap or its number of clipped positions is above
    /// the threshold.
    pub fn score(&self, finding: &Finding) -> Score {
        let most = u128::from(self.mean_gap).saturating_mul(finding.positions.into());
        if finding.margins.sum.0 > most || finding.clipped > self.clipped {
            Score::FAILED
        } else {
            Score::CLEAN
        }
    }

    /// Whether a finding's vote is the one that follows from what it committed to.
    pub fn confirms(&self, finding: &Finding) -> bool {
        finding.vote == Vote::Score(self.score(finding))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quern_protocol::{Amount, Hash, Node};

    fn bucket(profile: &str, greedy: bool, positions: u32, mean_gap: u32) -> Bucket {
        Bucket {
            key: BucketKey {
                host_profile: "cpu".to_owned(),
                auditor_profile: profile.to_owned(),
                greedy,
                positions,
            },
            mean_gap,
            clipped: 1,
        }
    }

    fn calibration() -> Calibration {
        Calibration {
            clip: 1_000_000,
            tolerance: 50,
            margin_bound: 2_000_000,
            null: Null::from_micro(300).unwrap(),
            buckets: vec![
                bucket("cpu", false, 8, 4_000),
                bucket("cpu", false, 32, 1_000),
                bucket("cpu", true, 8, 2_000),
                bucket("gpu", false, 8, 9_000),
            ],
        }
    }

    fn finding(positions: u32, sum: u128, clipped: u32) -> Finding {
        Finding {
            leaf: Hash::new([1; 32]),
            vote: Vote::Score(Score::CLEAN),
            positions,
            clipped,
            margins: Node {
                hash: Hash::new([2; 32]),
                sum: Amount(sum),
            },
        }
    }

    #[test]
    fn a_leaf_is_judged_by_the_longest_bucket_that_it_fills() {
        let calibration = calibration();
        assert_eq!(calibration.validate(), Ok(()));
        let mean = |profile, greedy, positions| {
            calibration
                .bucket("cpu", profile, greedy, positions)
                .map(|bucket| bucket.mean_gap)
        };
        assert_eq!(mean("cpu", false, 7), None);
        assert_eq!(
            (mean("cpu", false, 31), mean("cpu", false, 32)),
            (Some(4_000), Some(1_000))
        );
        assert_eq!(
            (mean("cpu", true, 900), mean("gpu", false, 900)),
            (Some(2_000), Some(9_000))
        );
        assert_eq!(mean("tpu", false, 900), None);
        // a host that took its offer back is judged all the same
        let mut two = calibration.clone();
        let mut other = bucket("cpu", false, 16, 7_000);
        other.key.host_profile = "other".to_owned();
        two.buckets.push(other);
        let wide = |positions| two.widest("cpu", false, positions).map(|bucket| bucket.mean_gap);
        assert_eq!((wide(7), wide(12), wide(40)), (None, Some(4_000), Some(7_000)));
    }

    #[test]
    fn either_threshold_fails_a_leaf_and_a_vote_must_follow_from_its_commitment() {
        let bucket = bucket("cpu", false, 8, 4_000);
        assert_eq!(bucket.score(&finding(10, 40_000, 1)), Score::CLEAN);
        assert_eq!(bucket.score(&finding(10, 40_001, 1)), Score::FAILED);
        assert_eq!(bucket.score(&finding(10, 0, 2)), Score::FAILED);
        assert!(bucket.confirms(&finding(10, 40_000, 1)));
        // who measured a failure and says clean contradicts itself
        assert!(!bucket.confirms(&finding(10, 40_001, 1)));
        assert_eq!(bucket.score(&finding(u32::MAX, u128::MAX, 0)), Score::FAILED);
    }

    #[test]
    fn calibrations_that_judge_nothing_are_refused() {
        let edits: [fn(&mut Calibration); 4] = [
            |c| c.clip = 0,
            |c| c.buckets[0].mean_gap = 1_000_000,
            |c| c.buckets.swap(0, 1),
            |c| c.buckets = vec![c.buckets[0].clone(); 257],
        ];
        for edit in edits {
            let mut wrong = calibration();
            edit(&mut wrong);
            assert!(wrong.validate().is_err());
        }
    }
}
