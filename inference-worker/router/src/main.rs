//! `quern-router`: the OpenAI-compatible gateway in front of workers.

mod affinity;
mod body;
mod books;
mod chain;
mod consent;
mod dialects;
#[cfg(test)]
#[path = "../../worker/src/documented.rs"]
mod documented;
mod forward;
mod http_api;
mod keeper;
mod keys;
mod ledger;
mod listings;
mod metered;
mod metrics;
mod once;
mod paid;
mod pool;
mod rates;
mod receipts;
#[cfg(test)]
mod scenarios;
mod serve;
mod setup;
mod texts;
mod view;

use clap::{Parser, Subcommand};
use std::process::ExitCode;

/// The OpenAI-compatible gateway.
#[derive(Debug, Parser)]
#[command(name = "quern-router", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the gateway.
    Serve(Box<serve::Serve>),
    /// Make an API key: prints the key, which is shown once, and the line for the keys file.
    NewKey {
        /// Whom the key is for.
        name: String,
    },
    /// Agree to a session whose key this router holds: prints the consent that its opening needs.
    Consent(consent::Flags),
}

fn main() -> ExitCode {
    let filter = tracing_subscriber::EnvFilter::try_from_default_env().unwrap_or_else(|_| "info".into());
    tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .init();
    let result = match Cli::parse().command {
        Command::Serve(command) => command.run(),
        Command::NewKey { name } => keys::new_key(&name).map(|(key, line)| {
            println!("key: {key}\nline for the keys file: {line}");
        }),
        Command::Consent(flags) => flags.print(),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
