//! `quern-calibrate`: measures hosts, honest and not, and chooses a model's thresholds.

use anyhow::{Context, bail};
use clap::{Parser, Subcommand};
use quern_calibrate::block::{Block, LEAVES, block};
use quern_calibrate::corpus::Corpus;
use quern_calibrate::kept;
use quern_calibrate::report::{Report, failed, thresholds};
use quern_calibrate::round::{Rounding, round_weights};
use quern_calibrate::variants::{CHEATS, Cheat, engine, host, see, tasks};
use quern_engine::sampler::GapRule;
use quern_verifier::gap_rule;
use serde::de::DeserializeOwned;
use sha2::{Digest, Sha256};
use std::fs::{File, OpenOptions};
use std::io::{BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Sequences that the widest host batches.
const SLOTS: usize = 64;

/// Measures what an auditor sees of hosts, honest and not, and chooses a model's thresholds.
#[derive(Debug, Parser)]
#[command(name = "quern-calibrate", version)]
struct Cli {
    /// Model folder.
    #[arg(long, default_value = "models/quern-small", global = true)]
    model: PathBuf,
    /// Folder of calibration.jsonl and holdout.jsonl.
    #[arg(long, default_value = "models/prompts", global = true)]
    prompts: PathBuf,
    /// Seed of the run: every leaf follows from it and its number.
    #[arg(long, default_value_t = 1, global = true)]
    seed: u64,
    /// Clip of a gap, in millionths of a logit.
    #[arg(long, default_value_t = 1_000_000, global = true)]
    clip: u32,
    /// How far two measurements of a margin may differ, in millionths of a logit.
    #[arg(long, default_value_t = 100, global = true)]
    tolerance: u32,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Generate and measure honest leaves in blocks of 256, one JSON line each. Blocks that the file holds are
    /// not run again, so a run may be stopped at any time and continued.
    Honest {
        /// File of blocks.
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
        /// First block.
        #[arg(long, default_value_t = 0)]
        from: u64,
        /// Blocks.
        #[arg(long, default_value_t = 1_000)]
        blocks: u64,
        /// Run every so many blocks only, so that several processes can share the work.
        #[arg(long, default_value_t = 1)]
        step: u64,
        /// Keep outputs here, for `remeasure`.
        #[arg(long, value_name = "FILE")]
        keep: Option<PathBuf>,
    },
    /// Measure kept outputs again, on another machine or with other instructions
    /// (`ATEN_CPU_CAPABILITY=avx2 MKL_ENABLE_INSTRUCTIONS=AVX2`), and print the counts.
    Remeasure {
        /// File that `honest --keep` wrote.
        #[arg(long, value_name = "FILE")]
        kept: PathBuf,
    },
    /// Measure hosts that cheat, by the thresholds that files of blocks give, and print a JSON line for each.
    Variants {
        /// Files of blocks, of one seed and tolerance; those of the calibration split are enough.
        #[arg(required = true)]
        blocks: Vec<PathBuf>,
        /// Requests to each cheating host at each temperature.
        #[arg(long, default_value_t = 256)]
        requests: usize,
    },
    /// Choose thresholds and the null from files of blocks, and write `calibration.json` and
    /// `calibration-report.json`.
    Report {
        /// Files of blocks, of one seed and tolerance.
        #[arg(required = true)]
        blocks: Vec<PathBuf>,
        /// File of lines that `variants` printed.
        #[arg(long, value_name = "FILE")]
        variants: PathBuf,
        /// Counts that `remeasure` printed, as NAME=FILE.
        #[arg(long, value_name = "NAME=FILE")]
        other: Vec<String>,
        /// What the machine is, in words.
        #[arg(long, default_value = "")]
        machine: String,
        /// Folder to write to.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Write a copy of the model with coarser projections.
    RoundWeights {
        /// Bits of a weight, 2 to 8; bfloat16 without it.
        #[arg(long)]
        bits: Option<u32>,
        /// Folder to write.
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
}

fn main() -> ExitCode {
    match Cli::parse().run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

impl Cli {
    fn run(&self) -> anyhow::Result<()> {
        match &self.command {
            Command::Honest {
                out,
                from,
                blocks,
                step,
                keep,
            } => self.honest(
                out,
                (*from..from + blocks).step_by((*step).max(1) as usize),
                keep.as_deref(),
            ),
            Command::Remeasure { kept } => {
                let file = BufReader::new(open(kept)?);
                let mut engine = engine(&self.model, 1)?;
                quern_engine_torch::set_threads(1);
                let found = kept::remeasure(&self.corpus()?, &mut engine, self.seed, &self.rule(), file)?;
                println!("{}", serde_json::to_string(&found)?);
                Ok(())
            }
            Command::Variants { blocks, requests } => self.variants(blocks, *requests),
            Command::Report {
                blocks,
                variants,
                other,
                machine,
                out,
            } => {
                let mut report = self.report(blocks, other)?;
                report.machine = machine.clone();
                report.variants = lines(variants)?;
                let mut calibration = serde_json::to_string_pretty(&report.calibration)?;
                calibration.push('\n');
                std::fs::write(out.join("calibration.json"), calibration)?;
                std::fs::write(out.join("calibration-report.json"), report.lines()?)?;
                Ok(())
            }
            Command::RoundWeights { bits, out } => {
                round_weights(&self.model, bits.map_or(Rounding::Bf16, Rounding::Bits), out)
            }
        }
    }

    fn rule(&self) -> GapRule {
        GapRule {
            clip: f64::from(self.clip) / 1e6,
            slack: f64::from(self.tolerance) / 2e6,
        }
    }

    fn corpus(&self) -> anyhow::Result<Corpus> {
        Corpus::load(&self.model, &self.prompts)
    }

    fn honest(
        &self,
        out: &Path,
        numbers: impl Iterator<Item = u64>,
        keep: Option<&Path>,
    ) -> anyhow::Result<()> {
        let (corpus, mut engine, rule) = (self.corpus()?, engine(&self.model, SLOTS)?, self.rule());
        let done: Vec<u64> = if out.exists() {
            lines::<Block>(out)?.iter().map(|block| block.block).collect()
        } else {
            Vec::new()
        };
        let mut file = OpenOptions::new().create(true).append(true).open(out)?;
        let mut keep = keep.map(File::create).transpose()?.map(BufWriter::new);
        for number in numbers.filter(|number| !done.contains(number)) {
            let found = block(
                &corpus,
                &mut engine,
                self.seed,
                number,
                &rule,
                LEAVES,
                |task, output| {
                    keep.as_mut()
                        .map_or(Ok(()), |file| kept::keep(file, task, output))
                },
            )?;
            let mut line = serde_json::to_vec(&found)?;
            line.push(b'\n');
            file.write_all(&line)?;
        }
        keep.map_or(Ok(()), |mut file| Ok(file.flush()?))
    }

    fn variants(&self, files: &[PathBuf], requests: usize) -> anyhow::Result<()> {
        let calibration = thresholds(&self.blocks(files)?, self.clip, self.tolerance)?;
        let (corpus, rule) = (self.corpus()?, gap_rule(&calibration));
        let mut verifier = engine(&self.model, 1)?;
        quern_engine_torch::set_threads(1);
        for (name, cheat) in CHEATS {
            let scratch = tempfile::tempdir()?;
            let mut host = host(&self.model, cheat, SLOTS, scratch.path())?;
            // At T = 0 neither noise nor temperature plays a part.
            let blind = cheat == Cheat::Cooler || cheat == Cheat::WrongSeed;
            for temperature in if blind { &[1.0][..] } else { &[1.0, 0.0] } {
                let tasks = tasks(&corpus, self.seed, requests, *temperature, cheat)?;
                let seen = see(
                    &corpus,
                    &mut verifier,
                    &mut host,
                    name,
                    &tasks,
                    &rule,
                    &calibration,
                )?;
                println!("{}", serde_json::to_string(&seen)?);
            }
        }
        Ok(())
    }

    fn report(&self, files: &[PathBuf], other: &[String]) -> anyhow::Result<Report> {
        let all = self.blocks(files)?;
        let mut report = Report::new(&all, thresholds(&all, self.clip, self.tolerance)?)?;
        report.seed = self.seed;
        let folder = self.model.canonicalize()?;
        let name = folder.file_name().and_then(|name| name.to_str());
        report.model = name.unwrap_or_default().to_owned();
        report.weights = hex::encode(Sha256::digest(std::fs::read(folder.join("model.safetensors"))?));
        for pair in other {
            let (name, file) = pair.split_once('=').context("--other takes NAME=FILE")?;
            for block in lines::<Block>(Path::new(file))? {
                let leaves = block.counts.iter().map(|(.., count)| count).sum();
                let failed = block
                    .gaps
                    .iter()
                    .filter(|gap| failed(&report.calibration, gap))
                    .count();
                report
                    .other_instructions
                    .push((name.to_owned(), leaves, failed as u64));
            }
        }
        Ok(report)
    }

    /// The blocks of several files in their order.
    fn blocks(&self, files: &[PathBuf]) -> anyhow::Result<Vec<Block>> {
        let mut all: Vec<Block> = Vec::new();
        for file in files {
            all.extend(lines(file)?);
        }
        all.sort_by_key(|block| block.block);
        if all.windows(2).any(|pair| pair[0].block == pair[1].block) {
            bail!("a block is there twice: name each file once");
        }
        Ok(all)
    }
}

fn open(path: &Path) -> anyhow::Result<File> {
    File::open(path).with_context(|| path.display().to_string())
}

/// The JSON lines of a file; a last one that was cut off is left out.
fn lines<T: DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<T>> {
    let mut found = Vec::new();
    for line in BufReader::new(open(path)?).lines() {
        match serde_json::from_str(&line?) {
            Ok(value) => found.push(value),
            Err(error) if error.is_eof() => break,
            Err(error) => return Err(error).with_context(|| path.display().to_string()),
        }
    }
    Ok(found)
}
