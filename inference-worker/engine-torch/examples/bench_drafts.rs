//! Decoding with drafts beside decoding without: same engine, tokens and positions, in turn, medians of the rounds.
//!
//! An *edit* repeats the prompt's passage with one token in sixteen changed; *prose* goes on with the text after it. Both
//! texts are given, as random weights write none: each token is sampled, and the text's put in its place. With
//! `--own TEMPERATURE` a trained model also writes a text of its own.
//! `cargo run -p quern-engine-torch --example bench_drafts -- --model DIR --text FILE [--tokenizer DIR] [--prompt 256]
//! [--tokens 64] [--rounds 5] [--threads 2] [--cpu true] [--own 1.0] [--report FILE]`
//!
//! On a machine that others use too, `--cpu true` compares one thread by the time that it has computed.

#[path = "bench_decode/watch.rs"]
mod watch;

use quern_engine::draft::{Drafter, Drawn, Tried, draw_rows};
use quern_engine::sampler::{Draw, History, Noise, Position, SamplingParams, TokenMask, sample};
use quern_engine::seed::Seed;
use quern_engine::tokenizer::Tokenizer;
use quern_engine::{Engine, Part};
use quern_engine_torch::{LlamaEngine, LoadOptions, set_threads};
use std::path::PathBuf;
use watch::Watch;

type Failure = Box<dyn std::error::Error>;

struct Options {
    model: PathBuf,
    tokenizer: Option<PathBuf>,
    text: PathBuf,
    report: Option<PathBuf>,
    prompt: usize,
    tokens: usize,
    rounds: usize,
    threads: usize,
    cpu: bool,
    own: Vec<f64>,
}

fn options() -> Result<Options, Failure> {
    let mut options = Options {
        model: PathBuf::new(),
        tokenizer: None,
        text: PathBuf::new(),
        report: None,
        prompt: 256,
        tokens: 64,
        rounds: 5,
        threads: 2,
        cpu: false,
        own: Vec::new(),
    };
    let mut args = std::env::args().skip(1);
    while let Some(name) = args.next() {
        let value = args.next().ok_or("every option takes a value")?;
        match name.as_str() {
            "--model" => options.model = value.into(),
            "--tokenizer" => options.tokenizer = Some(value.into()),
            "--text" => options.text = value.into(),
            "--report" => options.report = Some(value.into()),
            "--prompt" => options.prompt = value.parse()?,
            "--tokens" => options.tokens = value.parse()?,
            "--rounds" => options.rounds = value.parse()?,
            "--threads" => options.threads = value.parse()?,
            "--cpu" => options.cpu = value.parse()?,
            "--own" => options.own = value.split(',').map(str::parse).collect::<Result<_, _>>()?,
            _ => return Err(format!("unknown option {name}").into()),
        }
    }
    if options.cpu {
        options.threads = 1;
    }
    Ok(options)
}

/// What is written after a prompt.
#[derive(Clone, Copy)]
struct Task<'a> {
    prompt: &'a [u32],
    /// What comes in the place of the sampled tokens, if anything does.
    given: Option<&'a [u32]>,
    tokens: usize,
    temperature: f64,
}

/// What came of it.
#[derive(Default)]
struct Run {
    output: Vec<u32>,
    rate: f64,
    steps: usize,
    drafts: usize,
    right: usize,
}

/// Writes a task's text as a worker does for its only request. The prompt is not counted.
fn write(engine: &mut LlamaEngine, task: &Task<'_>, drafting: bool, cpu: bool) -> Result<Run, Failure> {
    let params = SamplingParams {
        temperature: task.temperature,
        ..SamplingParams::default()
    };
    let noise = Noise::new(&Seed([7; 32]));
    let slot = engine.open()?;
    let first = engine.prefill(slot, task.prompt)?;
    let known = TokenMask::first(first.vocab as u32);
    let draw = |row: Option<&[f32]>, output: &mut Vec<u32>| -> Result<u32, Failure> {
        let draw = Draw {
            params: &params,
            noise: &noise,
            at: Position {
                t: output.len() as u32,
                c: 0,
            },
            history: History {
                prompt: task.prompt,
                output,
            },
            tokens: &known,
            grammar: None,
        };
        let sampled = std::hint::black_box(sample(row.unwrap_or_default(), &draw)?);
        let given = task.given.and_then(|given| given.get(output.len()).copied());
        let token = given.unwrap_or(sampled);
        output.push(token);
        Ok(token)
    };
    let mut run = Run::default();
    let mut drafter = Drafter::default();
    let mut token = draw(first.row(0), &mut run.output)?;
    let watch = Watch::start(cpu);
    while run.output.len() < task.tokens {
        let left = task.tokens - run.output.len() - 1;
        let most = left.min(engine.draft_rows().saturating_sub(1));
        let drafts = if drafting {
            drafter.propose(task.prompt, &run.output, most)
        } else {
            Vec::new()
        };
        let part = Part {
            slot,
            tokens: &[token],
            drafts: &drafts,
        };
        let logits = engine.try_drafts(&[part])?;
        let mut failed = None;
        let Tried { right, refused, .. } = draw_rows(&drafts, |row| {
            let drawn = draw(logits.row(row), &mut run.output);
            let drawn = drawn.map_err(|error| failed = Some(error)).ok();
            token = drawn.unwrap_or(token);
            drawn.map_or(Drawn::Last, Drawn::Token)
        });
        if let Some(error) = failed {
            return Err(error);
        }
        if !drafts.is_empty() {
            drafter.learn(right, refused);
            engine.keep(slot, right)?;
        }
        run.steps += 1;
        run.drafts += drafts.len();
        run.right += right;
    }
    run.rate = (task.tokens - 1) as f64 / watch.seconds();
    engine.close(slot);
    Ok(run)
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn main() -> Result<(), Failure> {
    let options = options()?;
    set_threads(options.threads);
    let load = LoadOptions {
        slots: 1,
        ..LoadOptions::default()
    };
    let mut engine = LlamaEngine::load(&options.model, &load)?;
    let tokenizer = Tokenizer::load(options.tokenizer.as_ref().unwrap_or(&options.model))?;
    let text = tokenizer.encode(&std::fs::read_to_string(&options.text)?, false)?;
    let (prompt, tokens) = (options.prompt, options.tokens);
    let passage = text.get(..prompt).ok_or("the text is shorter than the prompt")?;
    let after = text.get(prompt..prompt + tokens).ok_or("the text is too short")?;
    // What replaces a token is the text's own, from elsewhere in it.
    let edit: Vec<u32> = (0..tokens)
        .map(|i| {
            text[if i % 16 == 15 {
                text.len() - 1 - i
            } else {
                i % prompt
            }]
        })
        .collect();
    let task = |given| Task {
        prompt: passage,
        given,
        tokens,
        temperature: 1.0,
    };
    let mut tasks = vec![
        ("an edit of the prompt".to_owned(), task(Some(&edit[..])), 1.5),
        ("prose".to_owned(), task(Some(after)), 0.97),
    ];
    for temperature in &options.own {
        let own = Task {
            temperature: *temperature,
            ..task(None)
        };
        tasks.push((format!("its own text, temperature {temperature}"), own, 0.97));
    }
    let model = options
        .model
        .file_name()
        .unwrap_or_default()
        .display()
        .to_string();
    let clock = if options.cpu { ", by its own clock" } else { "" };
    let mut rows = Vec::new();
    for (name, task, target) in tasks {
        let (mut with, mut without) = (Vec::new(), Vec::new());
        let mut last = Run::default();
        for _ in 0..options.rounds.max(1) {
            let plain = write(&mut engine, &task, false, options.cpu)?;
            last = write(&mut engine, &task, true, options.cpu)?;
            if plain.output != last.output {
                return Err(format!("{name}: drafts changed the output").into());
            }
            with.push(last.rate);
            without.push(plain.rate);
        }
        let (ours, comparator) = (median(with), median(without));
        let ratio = (ours / comparator * 100.0).round() / 100.0;
        let row = serde_json::json!({
            "name": format!("decode {model}, {name}, with drafts beside without, {} threads{clock}", options.threads),
            "ours": (ours * 10.0).round() / 10.0, "comparator": (comparator * 10.0).round() / 10.0, "ratio": ratio,
            "target": target, "unit": "tokens/s", "holds": ratio >= target,
        });
        println!("{row}");
        let Run {
            steps, drafts, right, ..
        } = last;
        println!("{tokens} tokens in {steps} steps; {right} of {drafts} drafts were right");
        rows.push(row);
    }
    if let Some(path) = &options.report {
        std::fs::write(path, serde_json::to_vec_pretty(&rows)?)?;
    }
    Ok(())
}
