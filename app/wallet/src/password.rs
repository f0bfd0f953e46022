//! Where the keyring's password comes from: a file, the environment or the terminal.

use std::{
    io::{BufRead, IsTerminal},
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use crate::{Failure, Result, failure::local};

/// Environment variable that scripts set.
pub(crate) const VARIABLE: &str = "QUERN_KEYRING_PASSWORD";
/// Shortest password of a new key.
const MIN_LENGTH: usize = 8;

/// Flags of every command that unlocks a key.
#[derive(Clone, Debug, Default, clap::Args)]
pub struct PasswordFlags {
    /// File whose first line is the keyring password (else QUERN_KEYRING_PASSWORD, else a prompt)
    #[arg(long, value_name = "FILE", global = true)]
    pub password_file: Option<PathBuf>,
}

impl PasswordFlags {
    /// The password of a key that exists.
    pub(crate) fn existing(&self, name: &str) -> Result<Zeroizing<String>> {
        self.given()?
            .map_or_else(|| prompt(&format!("Password of key {name}: ")), Ok)
    }

    /// A password for a new key; asked twice at a terminal.
    pub(crate) fn new_one(&self) -> Result<Zeroizing<String>> {
        let password = match self.given()? {
            Some(password) => password,
            None => {
                let first = prompt("New keyring password (8 characters or more): ")?;
                if *prompt("Repeat it: ")? != *first {
                    return Err(Failure::Key("the passwords differ; nothing was stored".into()));
                }
                first
            }
        };
        if password.chars().count() < MIN_LENGTH {
            return Err(Failure::Key(format!(
                "the password must have at least {MIN_LENGTH} characters"
            )));
        }
        Ok(password)
    }

    fn given(&self) -> Result<Option<Zeroizing<String>>> {
        if let Some(file) = &self.password_file {
            return first_line(file).map(Some);
        }
        Ok(std::env::var(VARIABLE).ok().map(Zeroizing::new))
    }
}

fn first_line(file: &Path) -> Result<Zeroizing<String>> {
    let text = std::fs::read_to_string(file)
        .map(Zeroizing::new)
        .map_err(local(file.display()))?;
    Ok(Zeroizing::new(text.lines().next().unwrap_or_default().to_owned()))
}

fn prompt(text: &str) -> Result<Zeroizing<String>> {
    if !std::io::stdin().is_terminal() {
        return Err(Failure::Key(format!(
            "a password is needed: set {VARIABLE}, give --password-file or use a terminal"
        )));
    }
    rpassword::prompt_password(text)
        .map(Zeroizing::new)
        .map_err(local("terminal"))
}

/// A line from standard input, prompted for at a terminal. For phrases, keys and confirmations.
pub(crate) fn read_line(text: &str) -> Result<Zeroizing<String>> {
    let stdin = std::io::stdin();
    if stdin.is_terminal() {
        eprint!("{text}");
    }
    let mut line = Zeroizing::new(String::new());
    stdin
        .lock()
        .read_line(&mut line)
        .map_err(local("standard input"))?;
    Ok(Zeroizing::new(line.trim().to_owned()))
}
