//! The `quernd` program, whose binaries differ by what they are built with.

use std::io::IsTerminal;
use std::process::ExitCode;

use clap::Parser;
use quern_core::Release;
use tracing_subscriber::EnvFilter;

use crate::cli::{Cli, LogFormat, run};
use crate::hints;

/// Does what the command line asks, as a binary of this release.
#[must_use]
pub fn program(release: Release) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            let words: Vec<String> = std::env::args().skip(1).collect();
            if error.use_stderr()
                && let Some(hint) = hints::of(&words)
            {
                eprintln!("\n{hint}");
            }
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let filter = EnvFilter::try_new(&cli.log.log_level).unwrap_or_else(|_| EnvFilter::new("info"));
    let log = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    match cli.log.log_format {
        LogFormat::Plain => log.init(),
        LogFormat::Json => log.json().flatten_event(true).init(),
    }
    match run(cli, release) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("Error: {failure}");
            ExitCode::from(failure.code)
        }
    }
}
