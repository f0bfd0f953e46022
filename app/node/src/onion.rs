//! `config/beacon_onion.json`: the secret hash onions out of which this validator reveals, oldest first.
//!
//! How far each is peeled is nowhere written down: the chain's state names the layer that is next.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::SystemTime;

use quern_beacon::{Found, Hash, Onion};
use rand::RngCore;
use rand::rngs::OsRng;
use serde::{Deserialize, Serialize};

use crate::config::edit;
use crate::exit::{At, Exit, Failure, Outcome};

const VERSION: u32 = 1;

/// A node's onions, oldest first.
#[derive(Clone, Debug, Default)]
pub struct Onions(Vec<Onion>);

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    version: u32,
    onions: Vec<Kept>,
}

/// An onion as it is stored: layers 0, `every`, 2 · `every`, … and the anchor, in hexadecimal.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Kept {
    layers: u32,
    every: u32,
    kept: Vec<String>,
}

impl Onions {
    /// Reads the file; none at all if it is missing, as on a node that never validates.
    ///
    /// # Errors
    /// [`Exit::BadFile`] if it is damaged.
    pub fn load(path: &Path) -> Outcome<Self> {
        if !path.exists() {
            return Ok(Self::default());
        }
        let damaged = |why: String| {
            Failure::new(
                Exit::BadFile,
                format!(
                    "{}: {why}; restore the file from a backup. Without it this validator cannot propose until \
                     a new anchor (`quernd beacon new`) has been announced and become usable",
                    path.display()
                ),
            )
        };
        let text = fs::read(path).map_err(|error| damaged(error.to_string()))?;
        let file: File = serde_json::from_slice(&text).map_err(|error| damaged(error.to_string()))?;
        if file.version != VERSION {
            return Err(damaged(format!("version {} is unknown", file.version)));
        }
        let onions = file.onions.iter().enumerate().map(|(index, onion)| {
            let layers = onion.kept.iter().map(|text| layer(text)).collect::<Option<_>>();
            layers
                .and_then(|kept| Onion::from_kept(onion.layers, onion.every, kept))
                .ok_or_else(|| damaged(format!("onions[{index}] is damaged")))
        });
        onions.collect::<Outcome<_>>().map(Self)
    }

    /// Writes the file, readable by its owner alone.
    ///
    /// # Errors
    /// If the disk refuses; the old file is untouched then.
    pub fn save(&self, path: &Path) -> Outcome {
        let onions = self.0.iter().map(|onion| Kept {
            layers: onion.layers(),
            every: onion.every(),
            kept: onion.kept().iter().map(hex::encode).collect(),
        });
        let file = File {
            version: VERSION,
            onions: onions.collect(),
        };
        let text = serde_json::to_vec_pretty(&file).at(Exit::Failure, path.display())?;
        edit::write(path, &text, 0o600)
    }

    /// Grows one more onion from the system's randomness and returns its anchor.
    ///
    /// # Errors
    /// If the system gives no randomness.
    pub fn grow(&mut self, layers: u32) -> Outcome<Hash> {
        let mut secret = Hash::default();
        OsRng
            .try_fill_bytes(&mut secret)
            .at(Exit::Failure, "no randomness")?;
        let onion = Onion::new(secret, layers);
        let anchor = onion.anchor();
        self.0.push(onion);
        Ok(anchor)
    }

    /// The anchor of the newest onion, the one to announce.
    #[must_use]
    pub fn anchor(&self) -> Option<Hash> {
        self.0.last().map(Onion::anchor)
    }

    /// Looks for a layer, in the newest onion first, and takes the one below it. Also says how many layers
    /// its onion has.
    fn below(&self, layer: &Hash) -> (Found, u32) {
        let mut all = self
            .0
            .iter()
            .rev()
            .map(|onion| (onion.below(layer), onion.layers()));
        all.find(|(found, _)| *found != Found::Unknown)
            .unwrap_or((Found::Unknown, 0))
    }
}

fn layer(text: &str) -> Option<Hash> {
    let mut layer = Hash::default();
    hex::decode_to_slice(text, &mut layer).ok()?;
    Some(layer)
}

/// The onions of a running node. A file that changes is read again when an anchor is not found, so
/// `quernd beacon new` needs no restart.
pub struct Peeler {
    path: PathBuf,
    state: Mutex<(Option<Stamp>, Onions)>,
}

/// What tells one state of a file from another.
type Stamp = (SystemTime, u64);

impl Peeler {
    /// Reads the file for the first time.
    ///
    /// # Errors
    /// As [`Onions::load`].
    pub fn open(path: PathBuf) -> Outcome<Self> {
        let state = Mutex::new((stamp(&path), Onions::load(&path)?));
        Ok(Self { path, state })
    }

    /// The preimage of an anchor, with warnings in the log while the onion runs out.
    pub fn reveal(&self, anchor: &Hash) -> Option<Hash> {
        let mut state = self.state.lock().ok()?;
        let (_, onions) = &*state;
        let mut found = onions.below(anchor);
        let now = stamp(&self.path);
        if found.0 == Found::Unknown && now != state.0 {
            match Onions::load(&self.path) {
                Ok(onions) => {
                    found = onions.below(anchor);
                    *state = (now, onions);
                }
                Err(error) => tracing::error!(%error, "cannot read the beacon onions again"),
            }
        }
        match found {
            (Found::Preimage { preimage, left }, layers) => {
                if is_time_to_warn(left, layers) {
                    tracing::warn!(
                        left,
                        layers,
                        "the beacon onion runs out, and without one this validator cannot propose: run \
                         `quernd beacon new` and announce the new anchor at least three epochs before"
                    );
                }
                Some(preimage)
            }
            (Found::Exhausted, _) => {
                tracing::error!("the beacon onion is used up");
                None
            }
            (Found::Unknown, _) => None,
        }
    }
}

/// Once per hundredth of the onion, in its last tenth.
fn is_time_to_warn(left: u32, layers: u32) -> bool {
    left < layers / 10 && left.is_multiple_of((layers / 100).max(1))
}

fn stamp(path: &Path) -> Option<Stamp> {
    let metadata = fs::metadata(path).ok()?;
    Some((metadata.modified().ok()?, metadata.len()))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn preimage(onions: &Onions, anchor: &Hash) -> Option<Hash> {
        match onions.below(anchor).0 {
            Found::Preimage { preimage, .. } => Some(preimage),
            _ => None,
        }
    }

    #[test]
    fn what_was_saved_is_read_back_and_nobody_else_may_read_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("beacon_onion.json");
        let mut onions = Onions::default();
        let anchors = [onions.grow(50).unwrap(), onions.grow(7).unwrap()];
        onions.save(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        let read = Onions::load(&path).unwrap();
        assert_eq!(read.anchor(), Some(anchors[1]));
        for anchor in anchors {
            assert!(preimage(&read, &anchor).is_some());
            assert_eq!(preimage(&read, &anchor), preimage(&onions, &anchor));
        }
    }

    #[test]
    fn a_damaged_file_is_named_and_a_missing_one_is_no_onion() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("beacon_onion.json");
        assert_eq!(Onions::load(&path).unwrap().anchor(), None);
        let mut onions = Onions::default();
        onions.grow(9).unwrap();
        onions.save(&path).unwrap();
        let text = fs::read_to_string(&path).unwrap();
        let outermost = hex::encode(onions.anchor().unwrap());
        for damaged in [
            text.replace("\"layers\": 9", "\"layers\": 8"),
            text.replace("\"version\": 1", "\"version\": 2"),
            text.replace(&outermost, &"00".repeat(32)),
            text.replace(&outermost, "zz"),
            String::new(),
        ] {
            fs::write(&path, &damaged).unwrap();
            let error = Onions::load(&path).unwrap_err();
            assert_eq!(error.code, 10);
            assert!(error.message.contains("beacon_onion.json"), "{error}");
        }
    }

    #[test]
    fn a_running_node_finds_an_onion_that_was_grown_meanwhile() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("beacon_onion.json");
        let mut onions = Onions::default();
        let old = onions.grow(20).unwrap();
        onions.save(&path).unwrap();
        let peeler = Peeler::open(path.clone()).unwrap();
        let new = onions.grow(20).unwrap();
        assert_eq!(peeler.reveal(&new), None);
        onions.save(&path).unwrap();
        assert_eq!(peeler.reveal(&new), preimage(&onions, &new));
        assert_eq!(peeler.reveal(&old), preimage(&onions, &old));
        // what it knows it keeps, whatever becomes of the file
        fs::write(&path, "rubbish").unwrap();
        assert_eq!(peeler.reveal(&[9; 32]), None);
        assert_eq!(peeler.reveal(&old), preimage(&onions, &old));
    }

    #[test]
    fn warnings_begin_with_the_last_tenth() {
        let warnings = |layers: u32| (0..layers).filter(|left| is_time_to_warn(*left, layers)).count();
        assert_eq!(warnings(1_000_000), 10);
        assert!(is_time_to_warn(0, 1_000_000) && !is_time_to_warn(100_000, 1_000_000));
        assert_eq!(warnings(20), 2);
    }
}
