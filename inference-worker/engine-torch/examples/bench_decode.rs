//! Decoding speed beside `transformers` eager: same weights, threads, prompts and number of tokens.
//!
//! Both run in turn, five rounds, and medians are compared. Prints rows {name, ours, comparator, ratio, target, unit,
//! holds}, and writes them to a file if `--report FILE` is given:
//! `cargo run -p quern-engine-torch --example bench_decode -- --model DIR [--batch 1,8] [--target 1.0,1.5]
//! [--threads 2] [--tokens 64] [--rounds 5] [--bf16 true] [--report FILE]`
//!
//! With `--bf16 true` our weights lie in bfloat16; the comparator computes in fp32 all the same.

use quern_engine::{Engine, Slot};
use quern_engine_torch::{LlamaEngine, LoadOptions, set_threads};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

const PROMPT: usize = 32;

struct Options {
    model: PathBuf,
    batches: Vec<usize>,
    targets: Vec<f64>,
    report: Option<PathBuf>,
    threads: usize,
    tokens: usize,
    rounds: usize,
    bf16: bool,
}

type Failure = Box<dyn std::error::Error>;

fn options() -> Result<Options, Failure> {
    let mut options = Options {
        model: PathBuf::new(),
        batches: vec![1, 8],
        targets: vec![1.0, 1.5],
        report: None,
        threads: 2,
        tokens: 64,
        rounds: 5,
        bf16: false,
    };
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let value = args.next().ok_or("every option takes a value")?;
        match name.as_str() {
            "--model" => options.model = value.into(),
            "--batch" => options.batches = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "--target" => options.targets = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "--report" => options.report = Some(value.into()),
            "--threads" => options.threads = value.parse()?,
            "--tokens" => options.tokens = value.parse()?,
            "--rounds" => options.rounds = value.parse()?,
            "--bf16" => options.bf16 = value.parse()?,
            _ => return Err(format!("unknown option {name}").into()),
        }
    }
    Ok(options)
}

fn argmax(row: &[f32]) -> u32 {
    let best = row.iter().enumerate().fold(
        (0, f32::NEG_INFINITY),
        |best, (i, x)| {
            if *x > best.1 { (i, *x) } else { best }
        },
    );
    best.0 as u32
}

/// Tokens per second of all sequences together, prompts not counted.
fn ours(engine: &mut LlamaEngine, batch: usize, tokens: usize) -> Result<f64, Failure> {
    let mut state: Vec<(Slot, u32)> = Vec::new();
    for row in 0..batch {
        let slot = engine.open()?;
        let vocab = engine.prefill(slot, &[0])?.vocab;
        engine.close(slot);
        let slot = engine.open()?;
        let prompt: Vec<u32> = (0..PROMPT).map(|i| ((row * PROMPT + i) % vocab) as u32).collect();
        state.push((slot, argmax(&engine.prefill(slot, &prompt)?.values)));
    }
    let started = Instant::now();
    for _ in 0..tokens {
        let logits = engine.decode(&state)?;
        for (row, entry) in state.iter_mut().enumerate() {
            entry.1 = argmax(logits.row(row).unwrap_or_default());
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    state.iter().for_each(|(slot, _)| engine.close(*slot));
    Ok((batch * tokens) as f64 / seconds)
}

fn theirs(root: &Path, options: &Options, batch: usize) -> Result<f64, Failure> {
    let output = Command::new(root.join("../.deps/python/bin/python"))
        .arg(root.join("reference/bench_transformers.py"))
        .arg("--model")
        .arg(&options.model)
        .args(["--batch", &batch.to_string(), "--prompt", &PROMPT.to_string()])
        .args([
            "--tokens",
            &options.tokens.to_string(),
            "--threads",
            &options.threads.to_string(),
        ])
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    let report: serde_json::Value = serde_json::from_slice(&output.stdout)?;
    report["tokens_per_s"]
        .as_f64()
        .ok_or_else(|| "the comparator printed no tokens_per_s".into())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() -> Result<(), Failure> {
    let options = options()?;
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    set_threads(options.threads);
    let slots = options.batches.iter().copied().max().unwrap_or(1);
    let mut engine = LlamaEngine::load(
        &options.model,
        &LoadOptions {
            slots,
            ..LoadOptions::default()
        },
    )?;
    let precision = if options.bf16 {
        engine.multiply_in_bf16()?;
        ", bf16 weights"
    } else {
        ""
    };
    let model = options
        .model
        .file_name()
        .map_or_else(String::new, |name| name.display().to_string());
    let mut rows = Vec::new();
    for (&batch, &target) in options.batches.iter().zip(&options.targets) {
        ours(&mut engine, batch, options.tokens.min(8))?;
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            a.push(ours(&mut engine, batch, options.tokens)?);
            b.push(theirs(&root, &options, batch)?);
        }
        let (ours, theirs) = (median(a), median(b));
        let ratio = (ours / theirs * 100.0).round() / 100.0;
        let row = serde_json::json!({
            "name": format!("decode {model}{precision}, batch {batch}, {} threads, beside transformers eager", options.threads),
            "ours": (ours * 10.0).round() / 10.0, "comparator": (theirs * 10.0).round() / 10.0, "ratio": ratio, "target": target,
            "unit": "tokens/s", "holds": ratio >= target,
        });
        println!("{row}");
        rows.push(row);
    }
    if let Some(path) = &options.report {
        std::fs::write(path, serde_json::to_vec_pretty(&rows)?)?;
    }
    Ok(())
}
