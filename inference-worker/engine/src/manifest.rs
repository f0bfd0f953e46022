//! `SHA256SUMS`: the hashes that a model folder's files must have.

use crate::tokenizer::{TokenizerError, read};
use sha2::{Digest, Sha256};
use std::fs::File;
use std::io::Read;
use std::path::Path;

/// The manifest's name in a model folder.
pub const MANIFEST: &str = "SHA256SUMS";

/// Compares every file that the folder's manifest names with its hash; a folder without a manifest passes. Files may lie
/// in folders below it, as an encoder's `1_Pooling/config.json` does.
///
/// # Errors
/// Names the file that is missing or changed, or the line of the manifest that is not valid.
pub fn check(folder: &Path) -> Result<(), TokenizerError> {
    let manifest = folder.join(MANIFEST);
    if !manifest.exists() {
        return Ok(());
    }
    let text = String::from_utf8_lossy(&read(&manifest)?).into_owned();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let invalid = |reason: String| TokenizerError::Invalid {
            path: manifest.clone(),
            reason,
        };
        let (wanted, name) = line
            .split_once("  ")
            .or_else(|| line.split_once(" *"))
            .ok_or_else(|| invalid(format!("line {line:?} is not a hash and a name")))?;
        if !is_within(name) {
            return Err(invalid(format!("{name:?} is not a path within the model folder")));
        }
        let path = folder.join(name);
        let found = hash(&path)?;
        if !found.eq_ignore_ascii_case(wanted) {
            return Err(TokenizerError::Invalid {
                reason: format!("its SHA-256 is {found}, but {MANIFEST} says {wanted}"),
                path,
            });
        }
    }
    Ok(())
}

/// Whether a name is a file's below the folder, in one way of writing it: `1_Pooling/config.json`.
fn is_within(name: &str) -> bool {
    let plain = |part: &str| !matches!(part, "" | "." | "..") && !part.contains(['\\', ':', '\0']);
    name.split('/').all(plain)
}

fn hash(path: &Path) -> Result<String, TokenizerError> {
    let failed = |why| TokenizerError::Read {
        path: path.to_owned(),
        why,
    };
    let mut file = File::open(path).map_err(failed)?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0; 1 << 20]);
    loop {
        match file.read(&mut buffer).map_err(failed)? {
            0 => break,
            n => hasher.update(buffer.get(..n).unwrap_or_default()),
        }
    }
    Ok(hasher
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect())
}
