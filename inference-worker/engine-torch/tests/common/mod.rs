//! What the comparisons with `transformers` share.

#![allow(dead_code, reason = "each test file uses a part")]

use quern_engine::{Engine, Slot};
use quern_engine_torch::{LlamaEngine, LoadOptions, set_threads};
use std::path::{Path, PathBuf};
use std::process::Command;

const TOLERANCE: f32 = 1e-4;

pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

pub fn reference(script: &str, args: &[&str]) {
    let python = root().join(".deps/python/bin/python");
    let output = Command::new(&python)
        .arg(root().join("inference-worker/reference").join(script))
        .args(args)
        .output()
        .unwrap_or_else(|e| panic!("cannot run {}: {e}; run 'make setup' first", python.display()));
    assert!(
        output.status.success(),
        "{script}: {}",
        String::from_utf8_lossy(&output.stderr)
    );
}

/// Reads a two-dimensional float32 array; NumPy's header says the shape.
pub fn read_npy(path: &Path) -> (usize, Vec<f32>) {
    let bytes = std::fs::read(path).unwrap();
    let header_end = 10 + u16::from_le_bytes([bytes[8], bytes[9]]) as usize;
    let header = std::str::from_utf8(&bytes[10..header_end]).unwrap();
    assert!(
        header.contains("'<f4'") && header.contains("'fortran_order': False"),
        "{header}"
    );
    let shape = header
        .split("'shape': (")
        .nth(1)
        .unwrap()
        .split(')')
        .next()
        .unwrap();
    let vocab: usize = shape.split(',').nth(1).unwrap().trim().parse().unwrap();
    let floats = bytes[header_end..]
        .as_chunks::<4>()
        .0
        .iter()
        .map(|b| f32::from_le_bytes(*b))
        .collect();
    (vocab, floats)
}

pub fn read_sequences(path: &Path) -> Vec<Vec<u32>> {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

/// Splits one sequence's rows off the concatenated reference.
pub struct Expected {
    vocab: usize,
    sequences: Vec<(Vec<u32>, Vec<f32>)>,
}

pub fn expected(tokens: &Path, logits: &Path) -> Expected {
    let (vocab, mut values) = read_npy(logits);
    let sequences = read_sequences(tokens).into_iter().map(|ids| {
        let rest = values.split_off(ids.len() * vocab);
        (ids, std::mem::replace(&mut values, rest))
    });
    Expected {
        vocab,
        sequences: sequences.collect(),
    }
}

fn assert_close(what: &str, ours: &[f32], theirs: &[f32]) {
    assert_eq!(ours.len(), theirs.len(), "{what}");
    let worst = ours
        .iter()
        .zip(theirs)
        .map(|(a, b)| (a - b).abs())
        .fold(0f32, f32::max);
    assert!(worst <= TOLERANCE, "{what}: logits differ by {worst}");
}

/// Whole sequences, sequences in uneven pieces, and one ragged batch that sequences join at different lengths and
/// leave at different times.
pub fn assert_equal_by_every_path(what: &str, folder: &Path, expected: &Expected) {
    set_threads(1);
    let vocab = expected.vocab;
    let slots = expected.sequences.len();
    let mut engine = LlamaEngine::load(
        folder,
        &LoadOptions {
            slots,
            ..LoadOptions::default()
        },
    )
    .unwrap();
    for (ids, theirs) in &expected.sequences {
        let n = ids.len();
        assert_close(
            &format!("{what}, prefill of {n}"),
            &engine.score(ids).unwrap().values,
            theirs,
        );
        let slot = engine.open().unwrap();
        let mut done = 0;
        for piece in [1, 5, 20, n] {
            let end = (done + piece).min(n);
            if end > done {
                let last = engine.prefill(slot, &ids[done..end]).unwrap();
                assert_close(
                    &format!("{what}, piece up to {end}"),
                    &last.values,
                    row(theirs, end - 1, vocab),
                );
                done = end;
            }
        }
        engine.close(slot);
    }
    let mut alive: Vec<(usize, Slot, usize)> = Vec::new();
    for (index, (ids, theirs)) in expected.sequences.iter().enumerate() {
        let start = ids.len().min(1 + 3 * index);
        let slot = engine.open().unwrap();
        let last = engine.prefill(slot, &ids[..start]).unwrap();
        assert_close(
            &format!("{what}, start of {index}"),
            &last.values,
            row(theirs, start - 1, vocab),
        );
        alive.push((index, slot, start));
    }
    // Not in the order of slots, as a scheduler's list may be.
    alive.reverse();
    while !alive.is_empty() {
        alive.retain(|(index, slot, at)| {
            let goes_on = *at < expected.sequences[*index].0.len();
            if !goes_on {
                engine.close(*slot);
            }
            goes_on
        });
        let batch: Vec<_> = alive
            .iter()
            .map(|(i, slot, at)| (*slot, expected.sequences[*i].0[*at]))
            .collect();
        if batch.is_empty() {
            break;
        }
        let step = engine.decode(&batch).unwrap();
        for (place, (index, _, at)) in alive.iter_mut().enumerate() {
            let theirs = row(&expected.sequences[*index].1, *at, vocab);
            assert_close(
                &format!("{what}, ragged {index} at {at}"),
                step.row(place).unwrap(),
                theirs,
            );
            *at += 1;
        }
    }
}

fn row(values: &[f32], index: usize, vocab: usize) -> &[f32] {
    &values[index * vocab..(index + 1) * vocab]
}
