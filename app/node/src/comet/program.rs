use std::ffi::OsStr;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::config::{comet_keys, edit};
use crate::exit::{At, Exit, Failure, Outcome};
use crate::home::Home;

/// Lowest version of CometBFT 0.38 without a known consensus security bug.
pub const MIN_VERSION: Version = Version { minor: 38, patch: 21 };

/// A version `0.minor.patch` of CometBFT.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    minor: u32,
    patch: u32,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0.{}.{}", self.minor, self.patch)
    }
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim().trim_start_matches('v');
        let mut parts = text.split(['.', '-', '+']);
        (parts.next()? == "0").then_some(())?;
        Some(Self {
            minor: parts.next()?.parse().ok()?,
            patch: parts.next()?.parse().ok()?,
        })
    }
}

/// A CometBFT program whose version fits.
#[derive(Clone, Debug)]
pub struct Comet {
    program: PathBuf,
    version: Version,
}

impl Comet {
    /// Asks the program for its version.
    ///
    /// # Errors
    /// [`Exit::NoComet`] if it cannot run or is another version than 0.38.21 or a later 0.38.
    pub fn open(program: &Path) -> Outcome<Self> {
        let output = command(program)
            .arg("version")
            .output()
            .at(Exit::NoComet, format!("cannot run {}", program.display()))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let unfit = || {
            Failure::new(
                Exit::NoComet,
                format!(
                    "{} is version {:?}, but Quern needs CometBFT 0.38, {MIN_VERSION} or later: run `make setup`, or name another with --comet-bin",
                    program.display(),
                    text.trim()
                ),
            )
        };
        let version = Version::parse(&text).ok_or_else(unfit)?;
        if version.minor != MIN_VERSION.minor || version < MIN_VERSION {
            return Err(unfit());
        }
        Ok(Self {
            program: program.to_owned(),
            version,
        })
    }

    /// Path of the program.
    #[must_use]
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Its version.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// Runs a one-shot command over a home and returns what it printed.
    ///
    /// # Errors
    /// [`Exit::Failure`] with the command's own words.
    pub fn run(&self, home: &Path, arguments: &[&str]) -> Outcome<String> {
        let output = command(&self.program)
            .args(arguments)
            .arg("--home")
            .arg(home)
            .output()
            .at(Exit::NoComet, format!("cannot run {}", self.program.display()))?;
        if !output.status.success() {
            let text = format!("cometbft {} failed: {}", arguments.join(" "), last_words(&output));
            return Err(Failure::new(Exit::Failure, text));
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    /// Whether this build keeps its data in the database that `config.toml` of a fresh home names. Its builds differ in
    /// this, and only what opens a database tells, so one is opened in a folder that goes again.
    ///
    /// # Errors
    /// If the folder cannot be made, or CometBFT writes no home.
    pub fn keeps(&self, backend: &str) -> Outcome<bool> {
        let folder = tempfile::tempdir().at(Exit::Failure, "a folder to try a database in")?;
        let home = Home::new(folder.path())?;
        self.run(home.root(), &["init"])?;
        for database in ["blockstore.db", "state.db"] {
            let path = home.root().join("data").join(database);
            std::fs::create_dir_all(&path).at(Exit::Failure, path.display())?;
        }
        let mut config = edit::read(&home.config_toml())?;
        edit::set(&mut config, "db_backend", backend.into())?;
        edit::write(&home.config_toml(), config.to_string().as_bytes(), 0o600)?;
        // It fails either way: what it could open is empty. Any other words leave the database that every build knows.
        let words = self.run(home.root(), &["rollback"]).err();
        Ok(words.is_some_and(|failure| failure.to_string().contains("no state found")))
    }

    /// Whether CometBFT can read the home's settings, before anything of the home is changed for a command of its own: it
    /// is asked for a key that nobody uses.
    ///
    /// # Errors
    /// [`Exit::BadFile`] with its words.
    pub fn must_read(&self, home: &Home) -> Outcome {
        self.run(home.root(), &["gen-validator"])
            .map(drop)
            .map_err(|failure| {
                let text = format!("{}: {failure}. Nothing was changed", home.config_toml().display());
                Failure::new(Exit::BadFile, text)
            })
    }

    /// Runs a one-shot command over an initialised home.
    ///
    /// # Errors
    /// As [`Comet::run`], and [`Exit::BadFile`] for a home that was never initialised.
    pub fn run_in(&self, home: &Home, arguments: &[&str]) -> Outcome<String> {
        home.must_exist()?;
        self.run(home.root(), arguments)
    }
}

/// Runs a program without the variables by which CometBFT would look for a node's files elsewhere.
pub fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for variable in comet_keys::variables() {
        command.env_remove(variable);
    }
    command
}

fn last_words(output: &Output) -> String {
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let lines: Vec<_> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines
        .iter()
        .rev()
        .take(3)
        .rev()
        .copied()
        .collect::<Vec<_>>()
        .join("; ")
}

#[cfg(test)]
mod tests {
    use super::{MIN_VERSION, Version};

    #[test]
    fn versions_compare_by_number() {
        assert!(Version::parse("0.38.9\n").unwrap() < MIN_VERSION);
        assert!(Version::parse("v0.38.26").unwrap() > MIN_VERSION);
        assert!(Version::parse("0.38.21-dev").unwrap() == MIN_VERSION);
        assert!(Version::parse("1.0.0").is_none());
        assert!(Version::parse("nonsense").is_none());
    }
}
