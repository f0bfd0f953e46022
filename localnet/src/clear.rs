//! Making room for a network: what another one left is removed, and nothing else.

use crate::claim::{self, Claim};
use crate::plan::pid_file;
use anyhow::{Context, bail};
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

/// What lies in a network's folder besides its claim and its hosts' homes: the supervisor's, then the demonstration's.
const NAMES: [&str; 11] = [
    "accounts",
    "localnet.new",
    "localnet.pid",
    "logs",
    "models.json",
    "net.json",
    "net.new",
    "router",
    "evidence",
    "report.json",
    "sixth",
];

/// Removes what a network that has ended left in its folder.
///
/// # Errors
/// If one runs there, or the folder was never claimed by one, or holds anything that none writes: nothing is removed
/// then.
pub fn clear(dir: &Path) -> anyhow::Result<()> {
    let what = || dir.display().to_string();
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        other => other.with_context(what)?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry.with_context(what)?;
        if !entry.file_name().to_str().is_some_and(is_a_networks) {
            bail!(
                "{} holds {:?}, which no network writes: nothing was removed. Choose another folder by LOCALNET_DIR",
                dir.display(),
                entry.file_name()
            );
        }
        found.push(entry);
    }
    if found.is_empty() {
        return Ok(());
    }
    let _held = Claim::of_ended(dir)?;
    // last of all, so that what an interruption leaves can still be cleared
    found.sort_by_key(|entry| entry.file_name() == claim::FILE);
    if let Ok(text) = fs::read_to_string(pid_file(dir)) {
        println!(
            "the network in {} ended without being stopped (its process {} is gone): cleared",
            dir.display(),
            text.trim()
        );
    }
    for entry in found {
        let path = entry.path();
        match entry.file_type().with_context(what)?.is_dir() {
            true => fs::remove_dir_all(&path),
            false => fs::remove_file(&path),
        }
        .with_context(|| path.display().to_string())?;
    }
    Ok(())
}

fn is_a_networks(name: &str) -> bool {
    let host = name.strip_prefix("host");
    host.is_some_and(|number| !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit()))
        || NAMES.contains(&name)
        || name == claim::FILE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_is_removed_and_a_folder_with_anything_else_is_left_alone() {
        let dir = std::env::temp_dir().join(format!("quern-clear-{}", std::process::id()));
        clear(&dir).unwrap(); // there is none
        let claim = Claim::new(&dir).unwrap();
        fs::create_dir_all(dir.join("host12/node/data")).unwrap();
        for name in NAMES {
            fs::write(dir.join(name), "1").unwrap();
        }
        let refused = clear(&dir).unwrap_err().to_string();
        assert!(refused.contains("runs in"), "{refused}");
        assert_eq!(fs::read_dir(&dir).unwrap().count(), NAMES.len() + 2);
        drop(claim);
        for other in ["thesis.tex", "host", "hostel", "host1.bak"] {
            fs::write(dir.join(other), "").unwrap();
            let refused = clear(&dir).unwrap_err().to_string();
            assert!(refused.contains(&format!("{other:?}")), "{refused}");
            fs::remove_file(dir.join(other)).unwrap();
        }
        clear(&dir).unwrap();
        assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
        clear(&dir).unwrap();
        fs::remove_dir(&dir).unwrap();
    }

    #[test]
    fn a_folder_that_no_network_claimed_is_left_alone_whatever_its_content_is_called() {
        let dir = std::env::temp_dir().join(format!("quern-clear-unclaimed-{}", std::process::id()));
        for name in ["logs", "evidence", "router", "accounts"] {
            fs::create_dir_all(dir.join(name)).unwrap();
            fs::write(dir.join(name).join("mine"), "years of work").unwrap();
        }
        let refused = clear(&dir).unwrap_err().to_string();
        assert!(refused.contains("no claim"), "{refused}");
        assert!(dir.join("logs/mine").is_file() && dir.join("accounts/mine").is_file());
        fs::remove_dir_all(&dir).unwrap();
    }
}
