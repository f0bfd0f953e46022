//! Logits of a sequence have the same bits alone and beside others, whatever the family: experts, caps and windows, norms
//! of queries and keys, biases, scaled positions, a head of its own, and weights of 16 bits.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at a surprise"
)]

mod common;
mod rows;

use common::reference;
use quern_engine_torch::{LlamaEngine, LoadOptions, set_threads};
use rows::{Company, Dice};

const FAMILIES: [&str; 12] = [
    "mixtral",
    "qwen3_moe",
    "gemma2",
    "gemma3",
    "qwen3",
    "qwen2",
    "qwen2_half",
    "gemma2_bfloat16_sharded",
    "mistral",
    "qwen2_yarn",
    "gemma3_linear",
    "llama_rope3_untied",
];
/// Of each family.
const RUNS: usize = 1000 / FAMILIES.len();

/// Prints how many runs there were.
#[test]
fn a_thousand_runs_in_mixed_batches_have_one_output_in_each_family() {
    set_threads(2);
    let folder = tempfile::tempdir().unwrap();
    let mut flags = vec!["--out", folder.path().to_str().unwrap()];
    flags.extend(FAMILIES.iter().flat_map(|family| ["--only", family]));
    reference("families.py", &flags);
    for (seed, family) in FAMILIES.iter().enumerate() {
        let options = LoadOptions {
            slots: 6,
            ..LoadOptions::default()
        };
        let mut engine = LlamaEngine::load(&folder.path().join(family), &options).unwrap();
        // A window has 24 positions, and a context 320.
        let company = Company {
            ids: 264,
            longest: 240,
            output: 12,
        };
        let outputs = company.mixed_runs(family, &mut engine, Dice(seed as u64), 75, RUNS);
        assert_eq!(outputs, 1, "{family}");
        println!("{family}: {RUNS} runs in mixed batches, {outputs} output");
    }
}
