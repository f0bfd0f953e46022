//! The folder of key files.

use std::{
    fs,
    io::{ErrorKind, Write},
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
};

use quern_types::AccAddress;

use super::{KeyFile, Secret};
use crate::{Failure, Result, failure::local};

/// Ending of a key file's name.
const ENDING: &str = ".json";

/// Keys under `<home>/keyring`, one file `<name>.json` each, readable by the owner alone.
#[derive(Clone, Debug)]
pub struct Keyring(PathBuf);

impl Keyring {
    /// The keyring of a home directory; made at the first key.
    pub fn of_home(home: &Path) -> Self {
        Self(home.join("keyring"))
    }

    /// A keyring in a folder of its own.
    pub fn in_folder(folder: &Path) -> Self {
        Self(folder.to_owned())
    }

    fn path(&self, name: &str) -> Result<PathBuf> {
        let good = (1..=64).contains(&name.len())
            && !name.starts_with(['.', '-'])
            && name
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if !good {
            let text = "a key name has 1 to 64 letters, digits, dots, hyphens or underscores, and starts with none of .-";
            return Err(Failure::Usage(format!("{text}; got {name:.80?}")));
        }
        Ok(self.0.join(format!("{name}{ENDING}")))
    }

    /// Names and files, by name.
    ///
    /// # Errors
    /// A file that is no key file, by name: a damaged key must not just disappear from the list.
    pub fn list(&self) -> Result<Vec<(String, KeyFile)>> {
        let entries = match fs::read_dir(&self.0) {
            Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
            other => other.map_err(local(self.0.display()))?,
        };
        let mut names = Vec::new();
        for entry in entries {
            let name = entry.map_err(local(self.0.display()))?.file_name();
            if let Some(name) = name
                .to_str()
                .and_then(|n| n.strip_suffix(ENDING))
                .filter(|n| !n.starts_with('.'))
            {
                names.push(name.to_owned());
            }
        }
        names.sort();
        names
            .into_iter()
            .map(|name| Ok((name.clone(), self.get(&name)?)))
            .collect()
    }

    /// The key called `name`.
    ///
    /// # Errors
    /// None of that name, or a damaged file.
    pub fn get(&self, name: &str) -> Result<KeyFile> {
        let path = self.path(name)?;
        let bytes = fs::read(&path).map_err(|e| match e.kind() {
            ErrorKind::NotFound => Failure::Key(format!(
                "{name}: key not found in {}; `quernd keys list` shows what there is",
                self.0.display()
            )),
            _ => Failure::Local(format!("{}: {e}", path.display())),
        })?;
        KeyFile::from_json(&bytes).map_err(|e| {
            Failure::Key(format!(
                "{}: {e}. Restore the file from a backup or recover the key from its words",
                path.display()
            ))
        })
    }

    /// The key called `text`, or the one with the address `text`.
    ///
    /// # Errors
    /// As [`Keyring::get`].
    pub fn find(&self, text: &str) -> Result<(String, KeyFile)> {
        if AccAddress::from_bech32(text).is_err() {
            return Ok((text.to_owned(), self.get(text)?));
        }
        let found = self.list()?.into_iter().find(|(_, file)| file.address == text);
        found.ok_or_else(|| Failure::Key(format!("{text}: no key of {} has this address", self.0.display())))
    }

    /// Decrypts the key called `name`.
    ///
    /// # Errors
    /// As [`Keyring::get`], or a wrong password.
    pub(crate) fn unlock(&self, name: &str, password: &str) -> Result<Secret> {
        self.get(name)?
            .open(password)
            .map_err(|e| Failure::Key(format!("{name}: {e}")))
    }

    /// Stores a new key durably; never over another.
    ///
    /// # Errors
    /// The name or the address is taken, or the disk refuses; nothing is changed then.
    pub(crate) fn add(&self, name: &str, file: &KeyFile) -> Result<()> {
        let path = self.path(name)?;
        if let Some((other, _)) = self
            .list()?
            .into_iter()
            .find(|(n, f)| n == name || f.address == file.address)
        {
            return Err(Failure::Key(format!(
                "key {other} already has this name or address; choose another name, or delete it first"
            )));
        }
        let mut bytes = serde_json::to_vec_pretty(file).map_err(crate::failure::usage)?;
        bytes.push(b'\n');
        let written = (|| {
            fs::DirBuilder::new()
                .recursive(true)
                .mode(0o700)
                .create(&self.0)?;
            let mut temporary = tempfile::NamedTempFile::new_in(&self.0)?; // made with mode 0600
            temporary.write_all(&bytes)?;
            temporary.as_file().sync_all()?;
            temporary.persist_noclobber(&path)?;
            fs::File::open(&self.0)?.sync_all()
        })();
        written.map_err(local(path.display()))
    }

    /// Removes a key for good.
    ///
    /// # Errors
    /// None of that name.
    pub(crate) fn delete(&self, name: &str) -> Result<()> {
        self.get(name)?;
        let path = self.path(name)?;
        fs::remove_file(&path).map_err(local(path.display()))
    }

    /// Gives a key another name; never over another key.
    ///
    /// # Errors
    /// None of that name, or the new one is taken.
    pub(crate) fn rename(&self, from: &str, to: &str) -> Result<()> {
        self.get(from)?;
        let (old, new) = (self.path(from)?, self.path(to)?);
        fs::hard_link(&old, &new).map_err(|e| match e.kind() {
            ErrorKind::AlreadyExists => Failure::Key(format!("key {to} exists already; choose another name")),
            _ => Failure::Local(format!("{}: {e}", new.display())),
        })?;
        fs::remove_file(&old).map_err(local(old.display()))
    }
}
