//! `quern-worker`: serves a model over HTTP, or runs it once from the command line.

#[cfg(test)]
mod documented;

use clap::{Parser, Subcommand};
use quern_worker::{Attach, CheckRemote, FetchModel, Keys, LogitsCommand, ModelHash, Run, Serve};
use std::process::ExitCode;

/// A host's inference worker.
#[derive(Debug, Parser)]
#[command(name = "quern-worker", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve one model or several over an OpenAI-compatible HTTP interface.
    Serve(Serve),
    /// Serve a model that another OpenAI-compatible server computes; never for pay.
    Attach(Attach),
    /// Compare another server's tokens and log-probabilities with the model in a folder.
    CheckRemote(CheckRemote),
    /// Generate text once and print it.
    Run(Run),
    /// Write the logits of token ids to a .npy file: float32, [positions, vocabulary].
    Logits(LogitsCommand),
    /// Bring a model's files here, from hosts that serve it or from a folder, verified against the chain.
    FetchModel(FetchModel),
    /// Print the hash that names a model on chain.
    ModelHash(ModelHash),
    /// Make a host's keys, or read those that exist, and print their public parts as JSON.
    Keys(Keys),
}

fn main() -> ExitCode {
    // Logs go to stderr, so that `run` can be piped.
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let result = match Cli::parse().command {
        Command::Serve(command) => command.run(),
        Command::Attach(command) => command.run(),
        Command::CheckRemote(command) => command.run(),
        Command::Run(command) => command.run(),
        Command::Logits(command) => command.run(),
        Command::FetchModel(command) => command.run(),
        Command::ModelHash(command) => command.run(),
        Command::Keys(command) => command.run(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
