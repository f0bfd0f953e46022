//! `quern-adversary`: **a test tool, for nobody's network but a local one.** It is the worker with two differences that
//! flags choose: it computes with coarser weights while it claims the real model, and it lies as an auditor. Networks on
//! one machine run it to show that they find both out. Who runs it for money loses his bond.

mod lies;

use anyhow::Context;
use clap::{Parser, Subcommand};
use lies::{Liar, Lie};
use quern_calibrate::round::{Rounding, round_weights};
use quern_worker::{Serve, ServeOptions, model_hash};
use std::process::ExitCode;
use std::sync::Arc;

/// A test tool: a worker that cheats.
#[derive(Debug, Parser)]
#[command(name = "quern-adversary", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve as `quern-worker serve` does, but not honestly.
    Serve(Cheat),
}

#[derive(Debug, clap::Args)]
struct Cheat {
    #[command(flatten)]
    serve: Serve,
    /// Compute with weights rounded to so many bits, 2 to 8, in groups of 32, and claim the model as it is.
    #[arg(long, value_name = "BITS")]
    weight_bits: Option<u32>,
    /// What to vote as an auditor, whatever was found.
    #[arg(long, value_name = "LIE")]
    audit: Option<Lie>,
}

impl Cheat {
    fn run(self) -> anyhow::Result<()> {
        let mut options = ServeOptions::default();
        if let Some(lie) = self.audit {
            options.judge = Arc::new(Liar(lie));
        }
        let Some(bits) = self.weight_bits else {
            return self.serve.run_with(options);
        };
        let model = self.serve.model_folder();
        let model = model.context("the weights of one model are rounded: name its folder with --model")?;
        options.model_hash = Some(model_hash(model)?);
        // Under the real one's name, which is the model's id unless another is given.
        let folder = tempfile::tempdir()?;
        let name = model.canonicalize()?;
        let copy = folder
            .path()
            .join(name.file_name().context("the model folder has no name")?);
        round_weights(model, Rounding::Bits(bits), &copy)?;
        tracing::warn!(bits, "serving coarser weights than claimed");
        self.serve.with_model_folder(copy).run_with(options)
    }
}

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let Command::Serve(cheat) = Cli::parse().command;
    match cheat.run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
