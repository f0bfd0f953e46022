//! The end of a run at an upgrade, when Cosmovisor is to act on it.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::time::Duration;

use crate::home::Home;
use crate::start::supervisor::Signals;

/// What Cosmovisor requires in its own environment, which a node under it inherits.
const COSMOVISOR: &str = "DAEMON_HOME";
/// How long it may take to see the file: it looks every 300 ms unless told otherwise, and asks the node's status.
const PATIENCE: Duration = Duration::from_secs(60);

/// The file by which a node asks for an upgrade, as it was when a run began.
pub(super) struct Upgrade {
    file: PathBuf,
    before: Option<Stamp>,
}

/// Tells one writing of a file from another.
type Stamp = (u64, i64, i64);

impl Upgrade {
    pub(super) fn watch(home: &Home) -> Self {
        let file = home.upgrade_info();
        let before = stamp(&file);
        Self { file, before }
    }

    /// Whether the run wrote the file.
    pub(super) fn was_asked_for(&self) -> bool {
        stamp(&self.file) != self.before
    }

    /// Under Cosmovisor, stays until it ends this process: both of the node's processes have ended and closed their
    /// files. Cosmovisor expects a node that hangs at an upgrade; where one ends by itself while it looks at the file,
    /// it finds the file seen already, and ends instead of starting the new binary.
    pub(super) async fn wait_for_cosmovisor(&self, signals: &mut Signals) {
        if std::env::var_os(COSMOVISOR).is_none_or(|home| home == OsStr::new("")) {
            return;
        }
        tracing::info!(file = %self.file.display(), "the node has stopped; waiting for Cosmovisor to start the upgrade");
        tokio::select! {
            () = signals.next() => {}
            () = tokio::time::sleep(PATIENCE) => {
                tracing::error!(patience = ?PATIENCE, "Cosmovisor did not act: is its DAEMON_HOME this home, and does the binary that it has for the upgrade carry it?");
            }
        }
    }
}

fn stamp(file: &std::path::Path) -> Option<Stamp> {
    let found = fs::metadata(file).ok()?;
    Some((found.ino(), found.mtime(), found.mtime_nsec()))
}
