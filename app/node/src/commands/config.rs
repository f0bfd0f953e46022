//! `quernd config`: single settings of the two files.

use std::path::PathBuf;

use serde_json::Value;

use crate::config::{edit, judge};
use crate::exit::Outcome;
use crate::home::Home;

/// The files that can be read and changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum File {
    /// app.toml: the application
    App,
    /// config.toml: CometBFT
    Config,
}

/// Commands of `quernd config`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum ConfigCommand {
    /// Print one setting, such as `config rpc.laddr`
    Get {
        /// File
        file: File,
        /// Dotted name; for config, a name without its table is one of the top
        key: String,
    },
    /// Change one setting, or add one that is missing; the node reads it at its next start
    Set {
        /// File
        file: File,
        /// Dotted name
        key: String,
        /// New value, of the type that the setting has
        #[arg(allow_hyphen_values = true)]
        value: String,
    },
}

/// Runs one of them.
///
/// # Errors
/// [`crate::exit::Exit::BadFile`] for an unknown setting, [`crate::exit::Exit::Usage`] for a value that does not fit; the
/// file is unchanged then.
pub fn run(command: &ConfigCommand, home: &Home) -> Outcome<Value> {
    match command {
        ConfigCommand::Get { file, key } => {
            let path = path(*file, home);
            home.must_have(&path)?;
            let document = edit::read(&path)?;
            let value = edit::get(&document, key)?;
            Ok(Value::String(value.as_str().map_or_else(
                || value.to_string().trim().to_owned(),
                str::to_owned,
            )))
        }
        ConfigCommand::Set { file, key, value } => {
            let path = path(*file, home);
            home.must_have(&path)?;
            let mut document = edit::read(&path)?;
            let value = match file {
                File::App => judge::read_app(&document, key, value)?,
                File::Config => judge::read_comet(&document, key, value)?,
            };
            edit::put(&mut document, key, value)?;
            let note = match file {
                File::App => judge::app(&document, key)?,
                File::Config => judge::comet(&document, key)?,
            };
            if let Some(note) = note {
                eprintln!("{note}");
            }
            let text = document.to_string();
            edit::write(&path, text.as_bytes(), 0o644)?;
            Ok(Value::Null)
        }
    }
}

fn path(file: File, home: &Home) -> PathBuf {
    match file {
        File::App => home.app_toml(),
        File::Config => home.config_toml(),
    }
}
