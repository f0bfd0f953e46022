//! From blocks of honest leaves to thresholds, their failures on the other split, and the null.

use crate::block::{Agreement, Block, LeafGap, class};
use crate::corpus::{Kind, Split};
use crate::host::Mode;
use crate::variants::Seen;
use anyhow::{Context, bail};
use quern_audit::{Bucket, BucketKey, Calibration};
use quern_evidence::calibration::{clopper_pearson_upper, null_from_held_out};
use quern_evidence::{Null, Score};
use quern_protocol::{Amount, Hash, Node};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Where buckets begin, and for which hardware.
#[derive(Clone, Copy, Debug)]
pub struct Buckets {
    /// Hardware profile of host and auditor.
    pub profile: &'static str,
    /// Least numbers of positions.
    pub positions: [u32; 3],
}

/// The buckets of this measurement.
pub const BUCKETS: Buckets = Buckets {
    profile: "cpu-fp32",
    positions: [1, 8, 32],
};

/// Probability that panels condemn an honest leaf at 30 % hostile weight (`docs/spec/audit.md`, "Scores"), rounded up.
pub const FRAMING: f64 = 9.3e-5;
/// The confidence of the bound is 1 less this.
pub const MISS: f64 = 1e-6;
/// A leaf passes at which every position is off by so many times the largest difference between two executions.
const SAFETY: u64 = 2;
/// A threshold is at least so many times the largest mean gap of the calibration split.
const ABOVE_SEEN: u64 = 4;
/// Margins beyond it are not compared, in millionths of a logit.
const MARGIN_BOUND: u32 = 16_000_000;

/// One bucket of one split.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Distribution {
    /// Split.
    pub split: Split,
    /// Whether drawn without noise.
    pub greedy: bool,
    /// Least number of positions.
    pub positions: u32,
    /// Leaves.
    pub leaves: u64,
    /// Leaves with any gap.
    pub with_gap: u64,
    /// Largest mean clipped gap, in thousandths of a millionth of a logit.
    pub largest_mean_gap_nano: u64,
    /// Most positions above the clip in one leaf.
    pub most_clipped: u32,
    /// Leaves above the thresholds.
    pub failed: u64,
}

/// Tokens a second while the run was on, one host mode beside the verifier.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Speed {
    /// How the host computed.
    pub mode: Mode,
    /// Output tokens generated a second.
    pub generated: u64,
    /// Output tokens measured a second.
    pub measured: u64,
}

/// All that the run showed.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Report {
    /// What the chain takes.
    pub calibration: Calibration,
    /// Model's id.
    pub model: String,
    /// SHA-256 of the weights.
    pub weights: String,
    /// Where it ran.
    pub machine: String,
    /// Seed of the run.
    pub seed: u64,
    /// Blocks of the run that are in it.
    pub blocks: u64,
    /// Leaves of the held-out split.
    pub held_out: u64,
    /// Of those, failed.
    pub failures: u64,
    /// Upper bound of an honest leaf's failure at confidence 1 - 1e-6, in billionths.
    pub upper_bound_nano: u64,
    /// Held-out leaves by kind of prompt.
    pub kinds: BTreeMap<Kind, u64>,
    /// Blocks by mode and threads.
    pub modes: Vec<(Mode, usize, u64)>,
    /// Output tokens of all leaves.
    pub tokens: u64,
    /// How far two executions differ.
    pub agreement: Agreement,
    /// Distributions.
    pub distributions: Vec<Distribution>,
    /// Speeds.
    pub speed: Vec<Speed>,
    /// Kept outputs measured with other instructions: leaves, and how many failed.
    pub other_instructions: Vec<(String, u64, u64)>,
    /// Hosts that cheat.
    pub variants: Vec<Seen>,
}

/// Least positions of the bucket that holds a class of lengths.
fn begin(positions: u32) -> u32 {
    let least = BUCKETS
        .positions
        .into_iter()
        .rev()
        .find(|least| *least <= positions);
    least.unwrap_or(0)
}

/// Largest mean gap and most clipped positions of the leaves in a bucket.
fn worst<'a>(gaps: impl Iterator<Item = &'a LeafGap>) -> (u64, u32) {
    gaps.fold((0, 0), |(mean, clipped), gap| {
        let nano = gap.sum * 1_000 / u64::from(gap.positions.max(1));
        (mean.max(nano), clipped.max(gap.clipped))
    })
}

fn of(blocks: &[Block], split: Split, greedy: bool, positions: u32) -> impl Iterator<Item = &LeafGap> {
    let blocks = blocks.iter().filter(move |block| block.split == split);
    let gaps = blocks.flat_map(|block| &block.gaps);
    gaps.filter(move |gap| gap.greedy == greedy && begin(gap.positions) == positions)
}

/// Thresholds from the calibration split alone. The null is set later.
pub fn thresholds(blocks: &[Block], clip: u32, tolerance: u32) -> anyhow::Result<Calibration> {
    let seen = blocks.iter().filter(|block| block.split == Split::Calibration);
    let agreement = seen.fold(Agreement::default(), |all, block| all.join(&block.agreement));
    if agreement.positions == 0 {
        bail!("no block of the calibration split has been run");
    }
    if u64::from(tolerance) < SAFETY * agreement.margin {
        bail!(
            "margins of two executions differ by {} millionths of a logit; run again with a --tolerance of at least {}",
            agreement.margin,
            SAFETY * agreement.margin
        );
    }
    let mut buckets = Vec::new();
    for greedy in [false, true] {
        for positions in BUCKETS.positions {
            let (mean, clipped) = worst(of(blocks, Split::Calibration, greedy, positions));
            let mean_gap = (SAFETY * agreement.margin).max((ABOVE_SEEN * mean).div_ceil(1_000));
            buckets.push(Bucket {
                key: BucketKey {
                    host_profile: BUCKETS.profile.to_owned(),
                    auditor_profile: BUCKETS.profile.to_owned(),
                    greedy,
                    positions,
                },
                mean_gap: mean_gap.next_multiple_of(10) as u32,
                clipped,
            });
        }
    }
    Ok(Calibration {
        clip,
        tolerance,
        margin_bound: MARGIN_BOUND,
        null: Null::from_micro(999_999)?,
        buckets,
    })
}

/// Whether a leaf with a gap fails.
pub fn failed(calibration: &Calibration, gap: &LeafGap) -> bool {
    let bucket = calibration.bucket(BUCKETS.profile, BUCKETS.profile, gap.greedy, gap.positions);
    let zero = Hash::new([0; 32]);
    let finding = quern_audit::Finding {
        leaf: zero,
        vote: quern_audit::Vote::Unfetchable,
        positions: gap.positions,
        clipped: gap.clipped,
        margins: Node {
            hash: zero,
            sum: Amount(gap.sum.into()),
        },
    };
    bucket.is_some_and(|bucket| bucket.score(&finding) == Score::FAILED)
}

impl Report {
    /// The report of a run; `calibration` comes from [`thresholds`] over the same blocks.
    pub fn new(blocks: &[Block], mut calibration: Calibration) -> anyhow::Result<Self> {
        let held_out = || blocks.iter().filter(|block| block.split == Split::HeldOut);
        let leaves = held_out().flat_map(|block| &block.counts).map(|(.., n)| n).sum();
        let gaps = held_out().flat_map(|block| &block.gaps);
        let failures = gaps.filter(|gap| failed(&calibration, gap)).count() as u64;
        let null = null_from_held_out(failures, leaves, FRAMING);
        calibration.null = Null::from_micro(null).context("too few leaves, or too many of them failed")?;
        calibration.validate()?;
        let mut kinds = BTreeMap::new();
        for (.., kind, count) in held_out().flat_map(|block| &block.counts) {
            *kinds.entry(*kind).or_default() += count;
        }
        let mut modes: BTreeMap<(Mode, usize), u64> = BTreeMap::new();
        for block in blocks {
            *modes.entry((block.mode, block.threads)).or_default() += 1;
        }
        Ok(Self {
            model: String::new(),
            weights: String::new(),
            machine: String::new(),
            seed: 0,
            blocks: blocks.len() as u64,
            held_out: leaves,
            failures,
            upper_bound_nano: (clopper_pearson_upper(failures, leaves, MISS) * 1e9).ceil() as u64,
            kinds,
            speed: speed(blocks, &modes),
            modes: modes
                .into_iter()
                .map(|((mode, threads), n)| (mode, threads, n))
                .collect(),
            tokens: blocks.iter().map(|block| block.positions).sum(),
            agreement: blocks
                .iter()
                .fold(Agreement::default(), |all, block| all.join(&block.agreement)),
            distributions: distributions(blocks, &calibration),
            other_instructions: Vec::new(),
            variants: Vec::new(),
            calibration,
        })
    }

    /// As JSON, each field on a line, and each row of a table on one.
    pub fn lines(&self) -> anyhow::Result<String> {
        let serde_json::Value::Object(fields) = serde_json::to_value(self)? else {
            bail!("a report is an object");
        };
        let field = |(name, value): (&String, &serde_json::Value)| match value {
            serde_json::Value::Array(rows) if rows.len() > 1 => {
                let rows: Vec<String> = rows.iter().map(|row| format!("    {row}")).collect();
                format!("  {}: [\n{}\n  ]", serde_json::json!(name), rows.join(",\n"))
            }
            value => format!("  {}: {value}", serde_json::json!(name)),
        };
        let fields: Vec<String> = fields.iter().map(field).collect();
        Ok(format!("{{\n{}\n}}\n", fields.join(",\n")))
    }
}

fn distributions(blocks: &[Block], calibration: &Calibration) -> Vec<Distribution> {
    let mut rows = Vec::new();
    for split in [Split::Calibration, Split::HeldOut] {
        for greedy in [false, true] {
            for positions in BUCKETS.positions {
                let counts = blocks.iter().filter(|block| block.split == split);
                let counts = counts.flat_map(|block| &block.counts);
                let here = counts.filter(|(g, c, ..)| *g == greedy && begin(class(*c)) == positions);
                let gaps = || of(blocks, split, greedy, positions);
                let (largest_mean_gap_nano, most_clipped) = worst(gaps());
                rows.push(Distribution {
                    split,
                    greedy,
                    positions,
                    leaves: here.map(|(.., count)| count).sum(),
                    with_gap: gaps().count() as u64,
                    largest_mean_gap_nano,
                    most_clipped,
                    failed: gaps().filter(|gap| failed(calibration, gap)).count() as u64,
                });
            }
        }
    }
    rows
}

fn speed(blocks: &[Block], modes: &BTreeMap<(Mode, usize), u64>) -> Vec<Speed> {
    let one = modes.keys().filter(|(_, threads)| *threads == 1);
    let row = |(mode, _): &(Mode, usize)| {
        let alike = blocks
            .iter()
            .filter(|block| block.mode == *mode && block.threads == 1);
        let sum = alike.fold((0, 0.0, 0.0), |(n, g, m), block| {
            (n + block.positions, g + block.seconds.0, m + block.seconds.1)
        });
        let rate = |seconds: f64| (sum.0 as f64 / seconds.max(1e-9)) as u64;
        Speed {
            mode: *mode,
            generated: rate(sum.1),
            measured: rate(sum.2),
        }
    };
    one.map(row).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test stops at a surprise")]

    use super::*;

    fn block(number: u64, split: Split, gaps: &[(u64, u32)]) -> Block {
        let gap = |(sum, clipped): &(u64, u32)| LeafGap {
            number: 0,
            kind: Kind::Chat,
            greedy: true,
            positions: 40,
            sum: *sum,
            clipped: *clipped,
            lowest: -1,
        };
        Block {
            block: number,
            split,
            mode: Mode::Batch(8),
            threads: 1,
            positions: 40 * 20_000,
            seconds: (1.0, 1.0),
            counts: vec![(true, 32, Kind::Chat, 20_000)],
            gaps: gaps.iter().map(gap).collect(),
            agreement: Agreement {
                positions: 10,
                logit: 1e-5,
                margin: 7,
                edges: 0,
            },
        }
    }

    fn report(calibration: &[(u64, u32)], held_out: &[(u64, u32)]) -> Report {
        let blocks = [
            block(0, Split::Calibration, calibration),
            block(1, Split::HeldOut, held_out),
        ];
        Report::new(&blocks, thresholds(&blocks, 1_000_000, 100).unwrap()).unwrap()
    }

    fn greedy_long(report: &Report) -> &Bucket {
        report.calibration.buckets.last().unwrap()
    }

    #[test]
    fn the_held_out_split_chooses_no_threshold_and_its_failures_raise_the_null() {
        let clean = report(&[(400, 0)], &[(300, 0)]);
        // 10 millionths a position were seen; a threshold is four times that
        assert_eq!(
            (greedy_long(&clean).mean_gap, greedy_long(&clean).clipped),
            (40, 0)
        );
        assert_eq!((clean.held_out, clean.failures), (20_000, 0));
        let worse = report(&[(400, 0)], &[(1_601, 0), (1_600, 0), (90, 1)]);
        assert_eq!(greedy_long(&worse), greedy_long(&clean));
        assert_eq!(worse.failures, 2);
        assert!(worse.calibration.null > clean.calibration.null);
    }

    #[test]
    fn without_a_gap_the_threshold_is_twice_what_two_executions_differ_by() {
        let report = report(&[], &[]);
        assert!(
            report
                .calibration
                .buckets
                .iter()
                .all(|bucket| bucket.mean_gap == 20)
        );
        assert_eq!(
            u64::from(report.calibration.null.micro()),
            3 * report.upper_bound_nano / 1_000 + 94
        );
    }

    #[test]
    fn a_tolerance_below_what_was_seen_and_a_run_without_a_split_are_refused() {
        let blocks = [block(0, Split::Calibration, &[])];
        assert!(thresholds(&blocks, 1_000_000, 13).is_err());
        assert!(thresholds(&[block(1, Split::HeldOut, &[])], 1_000_000, 100).is_err());
    }
}
