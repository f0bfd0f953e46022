//! Files that hold one 32-byte secret as 64 hex digits, with access for their owner only: transport keys, warm
//! keys, journal keys.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use zeroize::{Zeroize, Zeroizing};

/// A secret, overwritten in memory when dropped.
pub type Secret = Zeroizing<[u8; 32]>;

/// Why a key file is of no use.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It cannot be read or written.
    #[error("{path}: {error}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        error: std::io::Error,
    },
    /// Others than the owner may read it.
    #[error("{0} is open to others than its owner; run: chmod 600 {0}")]
    Open(PathBuf),
    /// It holds something else.
    #[error(
        "{0} does not hold 64 hex digits; restore it from a copy, or remove it if a new key may replace it"
    )]
    Content(PathBuf),
    /// The system gave no random bytes.
    #[error("no randomness from the system")]
    Randomness,
}

/// Reads a secret.
///
/// # Errors
/// When the file is missing, open to others, or not 64 hex digits with at most white space around them.
pub fn load(path: &Path) -> Result<Secret, KeyFileError> {
    let io = |error| KeyFileError::Io {
        path: path.to_owned(),
        error,
    };
    let file = File::open(path).map_err(io)?;
    if file.metadata().map_err(io)?.permissions().mode() & 0o077 != 0 {
        return Err(KeyFileError::Open(path.to_owned()));
    }
    let mut text = Zeroizing::new(Vec::with_capacity(256));
    file.take(256).read_to_end(&mut text).map_err(io)?;
    let mut secret = Secret::default();
    hex::decode_to_slice(text.trim_ascii(), secret.as_mut_slice())
        .map_err(|_| KeyFileError::Content(path.to_owned()))?;
    Ok(secret)
}

/// Reads a secret, or makes a random one if there is no such file.
///
/// # Errors
/// As [`load`], and when the file cannot be made.
pub fn load_or_create(path: &Path) -> Result<Secret, KeyFileError> {
    match load(path) {
        Err(KeyFileError::Io { error, .. }) if error.kind() == ErrorKind::NotFound => {
            let mut secret = Secret::default();
            getrandom::fill(secret.as_mut_slice()).map_err(|_| KeyFileError::Randomness)?;
            create(path, &secret)?;
            Ok(secret)
        }
        other => other,
    }
}

/// Writes a secret durably into a new file; one that exists is left as it is.
///
/// # Errors
/// When there is such a file, or it cannot be written.
pub fn create(path: &Path, secret: &[u8; 32]) -> Result<(), KeyFileError> {
    let io = |error| KeyFileError::Io {
        path: path.to_owned(),
        error,
    };
    let folder = match path.parent() {
        Some(folder) if folder != Path::new("") => folder,
        _ => Path::new("."),
    };
    // Complete under another name first: a crash must not leave half a key under this one.
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    let fresh = folder.join(name);
    let _ = std::fs::remove_file(&fresh);
    let mut options = OpenOptions::new();
    let mut file = options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&fresh)
        .map_err(io)?;
    // The process's mask may have taken more away.
    file.set_permissions(Permissions::from_mode(0o600)).map_err(io)?;
    let mut text = hex::encode(secret);
    text.push('\n');
    let written = file.write_all(text.as_bytes()).and_then(|()| file.sync_all());
    text.zeroize();
    let linked = written.and_then(|()| std::fs::hard_link(&fresh, path));
    let _ = std::fs::remove_file(&fresh);
    linked.and_then(|()| File::open(folder)?.sync_all()).map_err(io)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_made_once_and_read_back_by_its_owner_only() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        let made = load_or_create(&path).unwrap();
        assert_eq!(*made, *load_or_create(&path).unwrap());
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(create(&path, &[1; 32]).is_err());
        assert_eq!(*made, *load(&path).unwrap());
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_damaged_is_refused_and_never_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("key");
        load_or_create(&path).unwrap();
        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(load_or_create(&path), Err(KeyFileError::Open(_))));
        for text in [&b""[..], b"00", &[b'0'; 65], &[b'g'; 64], &[b'0'; 1000]] {
            std::fs::write(&path, text).unwrap();
            std::fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
            assert!(matches!(load_or_create(&path), Err(KeyFileError::Content(_))));
            assert_eq!(std::fs::read(&path).unwrap(), text);
        }
    }
}
