//! Whose a folder is: a network claims an empty one before it writes anything there, and holds it while it runs. What
//! bears no claim is never removed, whatever it is called.

use anyhow::{Context, bail};
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::path::Path;

/// The file that says so; whoever works in the folder has it locked.
pub const FILE: &str = "localnet.lock";
const TEXT: &str = "Everything in this folder is a network's: `quern-localnet clear` removes it.\n";

/// A folder that is held: while this lives nobody else makes, runs or clears a network there.
#[derive(Debug)]
pub struct Claim {
    _held: File,
}

impl Claim {
    /// Claims a folder that is new or empty.
    ///
    /// # Errors
    /// If it holds anything, or somebody else claimed it at the same moment.
    pub fn new(dir: &Path) -> anyhow::Result<Self> {
        let what = || dir.display().to_string();
        fs::create_dir_all(dir).with_context(what)?;
        if fs::read_dir(dir).with_context(what)?.next().is_some() {
            bail!(
                "{} is not empty: stop the network there and remove the folder",
                dir.display()
            );
        }
        let mut file = File::create_new(dir.join(FILE)).with_context(what)?;
        hold(&file, dir)?;
        file.write_all(TEXT.as_bytes()).with_context(what)?;
        Ok(Self { _held: file })
    }

    /// Holds what a network that has ended claimed.
    ///
    /// # Errors
    /// If it is not over, or the folder was never claimed.
    pub fn of_ended(dir: &Path) -> anyhow::Result<Self> {
        let mut file = match OpenOptions::new().read(true).write(true).open(dir.join(FILE)) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Err(unclaimed(dir)),
            other => other.with_context(|| dir.display().to_string())?,
        };
        hold(&file, dir)?;
        let mut text = Vec::new();
        file.read_to_end(&mut text)
            .with_context(|| dir.display().to_string())?;
        // one that was killed while it wrote has written nothing else
        match TEXT.as_bytes().starts_with(&text) {
            true => Ok(Self { _held: file }),
            false => Err(unclaimed(dir)),
        }
    }
}

fn hold(file: &File, dir: &Path) -> anyhow::Result<()> {
    match file.try_lock() {
        Ok(()) => Ok(()),
        Err(TryLockError::WouldBlock) => {
            let place = quoted(&std::path::absolute(dir)?.display().to_string());
            bail!(
                "a network runs in {}: `LOCALNET_DIR={place} make localnet-down` stops it",
                dir.display()
            )
        }
        Err(TryLockError::Error(error)) => Err(error).with_context(|| dir.display().to_string()),
    }
}

fn unclaimed(dir: &Path) -> anyhow::Error {
    anyhow::anyhow!(
        "{} bears no claim of a network ({FILE}): nothing was removed. Remove it yourself, or choose another folder by \
         LOCALNET_DIR",
        dir.display()
    )
}

/// A word as a shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |letter: char| letter.is_ascii_alphanumeric() || "/._-+".contains(letter);
    match word.chars().all(plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_an_empty_folder_is_claimed_and_only_once() {
        let dir = std::env::temp_dir().join(format!("quern-claim-{}", std::process::id()));
        let claim = Claim::new(&dir).unwrap();
        assert!(Claim::new(&dir).is_err());
        let refused = Claim::of_ended(&dir).unwrap_err().to_string();
        assert!(refused.contains("make localnet-down"), "{refused}");
        drop(claim);
        // it has ended, and what it left is still there
        assert!(Claim::new(&dir).is_err());
        drop(Claim::of_ended(&dir).unwrap());
        for other in ["somebody's own", &format!("{TEXT}and mine")] {
            fs::write(dir.join(FILE), other).unwrap();
            let refused = Claim::of_ended(&dir).unwrap_err().to_string();
            assert!(refused.contains("no claim"), "{refused}");
        }
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn a_folder_is_named_as_a_shell_reads_it() {
        assert_eq!(quoted("/work/target/demo"), "/work/target/demo");
        assert_eq!(quoted("a b's"), r"'a b'\''s'");
    }
}
