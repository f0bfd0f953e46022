//! Decoding and prompt speed beside `transformers` eager: same weights, threads, prompts and number of tokens.
//!
//! Both run in turn, five rounds, and medians are compared; with `--bandwidth true` decoding at batch 1 is compared with
//! reading as many bytes as the weights have from memory, in the same rounds. Prints rows {name, ours, comparator, ratio, target, unit,
//! holds}, and writes them to a file if `--report FILE` is given:
//! `cargo run -p quern-engine-torch --example bench_decode -- --model DIR [--batch 1,8] [--target 1.0,2.0]
//! [--prefill 512] [--bandwidth true] [--threads 2] [--cpu true] [--tokens 64] [--rounds 5] [--bf16 true]
//! [--report FILE]`
//!
//! On a machine that others use too, `--cpu true` compares one thread each by the time that it has computed.
//!
//! A checkpoint in bfloat16 is kept so, and computed in fp32 by both. With `--bf16 true` ours also multiplies in bfloat16,
//! as a calibration does.

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
    prefill: Vec<usize>,
    bandwidth: bool,
    cpu: bool,
}

/// Since when something runs, by the clock or by what this thread has computed.
struct Watch {
    started: Instant,
    computed: Option<f64>,
}

impl Watch {
    fn start(cpu: bool) -> Self {
        Self {
            started: Instant::now(),
            computed: cpu.then(computed),
        }
    }

    fn seconds(&self) -> f64 {
        match self.computed {
            Some(before) => computed() - before,
            None => self.started.elapsed().as_secs_f64(),
        }
    }
}

/// Seconds that this thread has computed; 0 where the system does not tell.
fn computed() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds: Option<f64> = text.split_whitespace().next().and_then(|n| n.parse().ok());
    nanoseconds.unwrap_or(0.0) / 1e9
}

type Failure = Box<dyn std::error::Error>;

fn options() -> Result<Options, Failure> {
    let mut options = Options {
        model: PathBuf::new(),
        batches: vec![1, 8],
        targets: vec![1.0, 2.0],
        report: None,
        threads: 2,
        tokens: 64,
        rounds: 5,
        bf16: false,
        prefill: Vec::new(),
        bandwidth: false,
        cpu: false,
    };
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let value = args.next().ok_or("every option takes a value")?;
        match name.as_str() {
            "--model" => options.model = value.into(),
            "--batch" => options.batches = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "--target" => options.targets = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "--prefill" => options.prefill = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
            "--bandwidth" => options.bandwidth = value.parse()?,
            "--cpu" => options.cpu = value.parse()?,
            "--report" => options.report = Some(value.into()),
            "--threads" => options.threads = value.parse()?,
            "--tokens" => options.tokens = value.parse()?,
            "--rounds" => options.rounds = value.parse()?,
            "--bf16" => options.bf16 = value.parse()?,
            _ => return Err(format!("unknown option {name}").into()),
        }
    }
    if options.cpu {
        options.threads = 1;
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
fn ours(engine: &mut LlamaEngine, batch: usize, tokens: usize, cpu: bool) -> Result<f64, Failure> {
    let mut state: Vec<(Slot, u32)> = Vec::new();
    for row in 0..batch {
        let slot = engine.open()?;
        let vocab = engine.prefill(slot, &[0])?.vocab;
        engine.close(slot);
        let slot = engine.open()?;
        let prompt: Vec<u32> = (0..PROMPT).map(|i| ((row * PROMPT + i) % vocab) as u32).collect();
        state.push((slot, argmax(&engine.prefill(slot, &prompt)?.values)));
    }
    let watch = Watch::start(cpu);
    for _ in 0..tokens {
        let logits = engine.decode(&state)?;
        for (row, entry) in state.iter_mut().enumerate() {
            entry.1 = argmax(logits.row(row).unwrap_or_default());
        }
    }
    let seconds = watch.seconds();
    state.iter().for_each(|(slot, _)| engine.close(*slot));
    Ok((batch * tokens) as f64 / seconds)
}

/// Tokens per second of one prompt.
fn our_prompt(engine: &mut LlamaEngine, tokens: usize, cpu: bool) -> Result<f64, Failure> {
    let slot = engine.open()?;
    let vocab = engine.prefill(slot, &[0])?.vocab;
    engine.close(slot);
    let slot = engine.open()?;
    let prompt: Vec<u32> = (0..tokens).map(|i| (i % vocab) as u32).collect();
    let watch = Watch::start(cpu);
    engine.prefill(slot, &prompt)?;
    let seconds = watch.seconds();
    engine.close(slot);
    Ok(tokens as f64 / seconds)
}

/// Bytes per second of reading `numbers` from memory on several threads, or on this one.
fn bandwidth(numbers: &[u64], threads: usize, cpu: bool) -> f64 {
    fn read(numbers: &[u64]) {
        let mut sums = [0_u64; 32];
        for line in numbers.chunks_exact(sums.len()) {
            for (sum, number) in sums.iter_mut().zip(line) {
                *sum ^= number;
            }
        }
        std::hint::black_box(sums);
    }
    let watch = Watch::start(cpu);
    if threads == 1 {
        read(numbers);
    } else {
        std::thread::scope(|scope| {
            for part in numbers.chunks(numbers.len().div_ceil(threads)) {
                scope.spawn(move || read(part));
            }
        });
    }
    size_of_val(numbers) as f64 / watch.seconds()
}

fn theirs(root: &Path, options: &Options, batch: usize, prefill: usize) -> Result<f64, Failure> {
    let output = Command::new(root.join("../.deps/python/bin/python"))
        .arg(root.join("reference/bench_transformers.py"))
        .arg("--model")
        .arg(&options.model)
        .args(["--batch", &batch.to_string(), "--prompt", &PROMPT.to_string()])
        .args(["--prefill", &prefill.to_string()])
        .args([
            "--tokens",
            &options.tokens.to_string(),
            "--threads",
            &options.threads.to_string(),
        ])
        .args(options.cpu.then_some("--cpu"))
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
    let (threads, cpu) = (options.threads, options.cpu);
    let clock = if cpu { ", by its own clock" } else { "" };
    let mut rows = Vec::new();
    let mut note = |what: String, ours: f64, comparator: f64, target: f64, unit: &str| {
        let ratio = (ours / comparator * 100.0).round() / 100.0;
        let row = serde_json::json!({
            "name": format!("{what}, {threads} threads{clock}"),
            "ours": (ours * 10.0).round() / 10.0, "comparator": (comparator * 10.0).round() / 10.0, "ratio": ratio,
            "target": target, "unit": unit, "holds": ratio >= target,
        });
        println!("{row}");
        rows.push(row);
    };
    let weights = std::fs::metadata(options.model.join("model.safetensors")).map_or(0, |file| file.len());
    let numbers = vec![
        1_u64;
        if options.bandwidth {
            weights as usize / 8
        } else {
            0
        }
    ];
    for (&batch, &target) in options.batches.iter().zip(&options.targets) {
        ours(&mut engine, batch, options.tokens.min(8), cpu)?;
        let (mut a, mut b, mut read) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            a.push(ours(&mut engine, batch, options.tokens, cpu)?);
            b.push(theirs(&root, &options, batch, 0)?);
            if options.bandwidth && batch == 1 {
                read.push(bandwidth(&numbers, threads, cpu));
            }
        }
        let ours = median(a);
        let name = format!("decode {model}{precision}, batch {batch}");
        note(
            format!("{name}, beside transformers eager"),
            ours,
            median(b),
            target,
            "tokens/s",
        );
        if !read.is_empty() {
            let used = ours * weights as f64 / 1e9;
            note(
                format!("{name}, weights read beside memory"),
                used,
                median(read) / 1e9,
                0.9,
                "GB/s",
            );
        }
    }
    for &tokens in &options.prefill {
        our_prompt(&mut engine, tokens, cpu)?;
        let (mut a, mut b) = (Vec::new(), Vec::new());
        for _ in 0..options.rounds {
            a.push(our_prompt(&mut engine, tokens, cpu)?);
            b.push(theirs(&root, &options, 1, tokens)?);
        }
        let name = format!("prompt of {tokens}, {model}{precision}, beside transformers eager");
        note(name, median(a), median(b), 1.0, "tokens/s");
    }
    if let Some(path) = &options.report {
        std::fs::write(path, serde_json::to_vec_pretty(&rows)?)?;
    }
    Ok(())
}
