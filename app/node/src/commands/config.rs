//! `quernd config`: single settings of the two files.

use std::path::PathBuf;

use serde_json::Value;

use crate::config::app::AppConfig;
use crate::config::edit;
use crate::exit::{At, Exit, Outcome};
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
    /// Change one setting; the node reads it at its next start
    Set {
        /// File
        file: File,
        /// Dotted name
        key: String,
        /// New value, of the type that the setting has
        value: String,
    },
}

/// Runs one of them.
///
/// # Errors
/// [`Exit::BadFile`] for an unknown setting, [`Exit::Usage`] for a value that does not fit; the file
/// is unchanged then.
pub fn run(command: &ConfigCommand, home: &Home) -> Outcome<Value> {
    match command {
        ConfigCommand::Get { file, key } => {
            let document = edit::read(&path(*file, home))?;
            let value = edit::get(&document, key)?;
            Ok(Value::String(value.as_str().map_or_else(
                || value.to_string().trim().to_owned(),
                str::to_owned,
            )))
        }
        ConfigCommand::Set { file, key, value } => {
            let path = path(*file, home);
            let mut document = edit::read(&path)?;
            let value = edit::parse_like(edit::get(&document, key)?, value)?;
            edit::set(&mut document, key, value)?;
            let text = document.to_string();
            if *file == File::App {
                AppConfig::parse(&text).at(Exit::Usage, key)?;
                let notes = AppConfig::notes(&text)?;
                for note in notes.iter().filter(|note| note.contains(key.as_str())) {
                    eprintln!("{note}");
                }
            }
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
