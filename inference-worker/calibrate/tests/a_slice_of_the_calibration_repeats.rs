//! The packaged calibration, and a small part of the run behind it done again on this machine.

#![allow(clippy::unwrap_used, reason = "a test stops at a surprise")]

use quern_audit::Calibration;
use quern_calibrate::block::{Block, block};
use quern_calibrate::corpus::{Corpus, Split};
use quern_calibrate::kept::{keep, remeasure};
use quern_calibrate::report::{FRAMING, Report, failed};
use quern_calibrate::round::Rounding;
use quern_calibrate::variants::{Cheat, Seen, engine, host, see, tasks};
use quern_evidence::calibration::null_from_held_out;
use quern_verifier::gap_rule;
use sha2::{Digest, Sha256};
use std::path::{Path, PathBuf};

const SLOTS: usize = 64;

fn model() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/quern-small")
}

fn corpus() -> Corpus {
    Corpus::load(&model(), &model().join("../prompts")).unwrap()
}

fn calibration() -> Calibration {
    serde_json::from_slice(&std::fs::read(model().join("calibration.json")).unwrap()).unwrap()
}

fn report() -> Report {
    serde_json::from_slice(&std::fs::read(model().join("calibration-report.json")).unwrap()).unwrap()
}

#[test]
fn the_packaged_calibration_is_what_its_report_supports() {
    let (calibration, report) = (calibration(), report());
    calibration.validate().unwrap();
    assert_eq!(calibration, report.calibration);
    let null = null_from_held_out(report.failures, report.held_out, FRAMING);
    assert_eq!(calibration.null.micro(), null);
    let held_out = report
        .distributions
        .iter()
        .filter(|row| row.split == Split::HeldOut);
    assert_eq!(
        held_out.clone().map(|row| row.leaves).sum::<u64>(),
        report.held_out
    );
    assert_eq!(held_out.map(|row| row.failed).sum::<u64>(), report.failures);
    let weights = std::fs::read(model().join("model.safetensors")).unwrap();
    assert_eq!(
        report.weights,
        hex::encode(Sha256::digest(weights)),
        "calibrated on other weights"
    );
}

#[test]
fn the_documents_quote_the_report() {
    let report = report();
    let number = |n: u64| {
        let digits: Vec<u8> = n.to_string().into_bytes();
        let groups: Vec<&str> = digits
            .rchunks(3)
            .rev()
            .map(|g| std::str::from_utf8(g).unwrap())
            .collect();
        groups.join(",")
    };
    let page = |name: &str| std::fs::read_to_string(model().join("../../docs/spec").join(name)).unwrap();
    let calibration = page("calibration.md");
    for page in [&calibration, &page("evidence.md")] {
        assert!(page.contains(&number(report.held_out)), "held-out leaves");
        assert!(
            page.contains(&format!("{} millionths", report.calibration.null.micro())),
            "null"
        );
    }
    assert!(calibration.contains(&number(report.tokens)));
    for seen in &report.variants {
        assert!(
            calibration.contains(&format!("| {} |", seen.host)),
            "{}",
            seen.host
        );
    }
}

/// The first leaves of some blocks of the run, measured twice: at once, and from what was kept.
#[test]
fn honest_leaves_pass_however_they_are_batched() {
    let (corpus, calibration) = (corpus(), calibration());
    let rule = gap_rule(&calibration);
    let mut engine = engine(&model(), SLOTS).unwrap();
    let mut kept = Vec::new();
    let mut first = |number: u64| {
        block(&corpus, &mut engine, 1, number, &rule, 24, |task, output| {
            keep(&mut kept, task, output)
        })
        .unwrap()
    };
    let blocks: Vec<Block> = (0..6).map(&mut first).collect();
    let leaves = |block: &Block| block.counts.iter().map(|(.., n)| n).sum::<u64>();
    assert_eq!(blocks.iter().map(leaves).sum::<u64>(), 6 * 24);
    let modes: std::collections::BTreeSet<_> = blocks.iter().map(|block| block.mode).collect();
    assert!(modes.len() > 1, "one way of batching only");
    for gap in blocks.iter().flat_map(|block| &block.gaps) {
        assert!(!failed(&calibration, gap), "{gap:?}");
    }
    let apart = blocks.iter().map(|block| block.agreement.margin).max().unwrap();
    assert!(apart <= u64::from(calibration.tolerance), "{apart}");

    let again = remeasure(&corpus, &mut engine, 1, &rule, &kept[..]).unwrap();
    let positions = blocks.iter().map(|block| block.positions).sum::<u64>();
    assert_eq!(again.positions, positions);
    assert!(again.gaps.iter().all(|gap| !failed(&calibration, gap)));
}

fn seen(corpus: &Corpus, cheat: Cheat, temperature: f64) -> Seen {
    let calibration = calibration();
    let scratch = tempfile::tempdir().unwrap();
    let mut cheater = host(&model(), cheat, SLOTS, scratch.path()).unwrap();
    let mut verifier = engine(&model(), 1).unwrap();
    let tasks = tasks(corpus, 1, 48, temperature, cheat).unwrap();
    let rule = gap_rule(&calibration);
    see(
        corpus,
        &mut verifier,
        &mut cheater,
        "",
        &tasks,
        &rule,
        &calibration,
    )
    .unwrap()
}

#[test]
fn four_bits_and_a_wrong_seed_show_as_often_as_the_report_says_and_an_honest_host_never() {
    let corpus = corpus();
    let failed = |seen: &Seen| seen.failed.iter().map(|(_, failed)| *failed).collect::<Vec<_>>();
    for temperature in [0.0, 1.0] {
        let honest = seen(&corpus, Cheat::None, temperature);
        assert_eq!((failed(&honest), honest.tokens_off), (vec![0; 4], 0));
        let coarse = seen(&corpus, Cheat::Weights(Rounding::Bits(4)), temperature);
        let of = failed(&coarse);
        assert!(of[0] >= 8 && of[0] <= 44 && of[3] >= 38, "{coarse:?}");
        assert!(of.is_sorted(), "a longer leaf shows more: {coarse:?}");
        assert!((1_000..100_000).contains(&coarse.mean_gap), "{coarse:?}");
    }
    assert_eq!(failed(&seen(&corpus, Cheat::WrongSeed, 1.0))[1..], [48; 3]);
}
