//! The home directory: one place for CometBFT and the application.

use std::fs::{self, File};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use rustix::fs::{FlockOperation, flock};

use crate::exit::{At, Exit, Failure, Outcome};

/// Socket between the two processes, relative to the home: a long home must not exceed the
/// 107 bytes of a socket address, so both processes run with the home as working directory.
pub const ABCI_SOCKET: &str = "unix://data/app.sock";

/// Lock of the supervisor.
pub const SUPERVISOR_LOCK: &str = "quernd.lock";
/// Lock of the application process.
pub const APP_LOCK: &str = "app.lock";
/// Lock of whoever changes the beacon onions.
pub const ONION_LOCK: &str = "onion.lock";
/// Lock of the CometBFT process, held for it through `exec`.
pub const COMET_LOCK: &str = "comet.lock";

/// Paths inside a home directory.
#[derive(Clone, Debug)]
pub struct Home(PathBuf);

impl Home {
    /// The home at `root`, made absolute; nothing is created.
    ///
    /// # Errors
    /// If the working directory cannot be read.
    pub fn new(root: &Path) -> Outcome<Self> {
        let root = std::path::absolute(root).at(Exit::Usage, root.display())?;
        Ok(Self(root))
    }

    /// `$HOME/.quern`, or `.quern` when there is no `HOME`.
    #[must_use]
    pub fn default_root() -> PathBuf {
        std::env::var_os("HOME")
            .map_or_else(|| PathBuf::from(".quern"), |home| Path::new(&home).join(".quern"))
    }

    /// The directory itself.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.0
    }

    /// Configuration and keys.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.0.join("config")
    }

    /// Chain data.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.0.join("data")
    }

    /// The file by which a node asks Cosmovisor for an upgrade.
    #[must_use]
    pub fn upgrade_info(&self) -> PathBuf {
        self.data().join("upgrade-info.json")
    }

    /// State of the application.
    #[must_use]
    pub fn app_data(&self) -> PathBuf {
        self.data().join("app")
    }

    /// The database in it.
    #[must_use]
    pub fn state(&self) -> PathBuf {
        self.app_data().join("state")
    }

    /// State-sync snapshots.
    #[must_use]
    pub fn snapshots(&self) -> PathBuf {
        self.data().join("snapshots")
    }

    /// CometBFT's configuration.
    #[must_use]
    pub fn config_toml(&self) -> PathBuf {
        self.config().join("config.toml")
    }

    /// The application's configuration.
    #[must_use]
    pub fn app_toml(&self) -> PathBuf {
        self.config().join("app.toml")
    }

    /// The genesis document.
    #[must_use]
    pub fn genesis(&self) -> PathBuf {
        self.config().join("genesis.json")
    }

    /// Transactions of genesis, before they are merged.
    #[must_use]
    pub fn gentx(&self) -> PathBuf {
        self.config().join("gentx")
    }

    /// The consensus key.
    #[must_use]
    pub fn validator_key(&self) -> PathBuf {
        self.config().join("priv_validator_key.json")
    }

    /// The key that the node has its peer-to-peer id from.
    #[must_use]
    pub fn node_key(&self) -> PathBuf {
        self.config().join("node_key.json")
    }

    /// What the consensus key signed last.
    #[must_use]
    pub fn signing_state(&self) -> PathBuf {
        self.data().join("priv_validator_state.json")
    }

    /// The secret onions of the beacon.
    #[must_use]
    pub fn beacon_onion(&self) -> PathBuf {
        self.config().join("beacon_onion.json")
    }

    /// Fails with what to do when the home was never initialised.
    ///
    /// # Errors
    /// [`Exit::BadFile`] if a file that `init` makes is missing.
    pub fn must_exist(&self) -> Outcome {
        for file in [self.config_toml(), self.genesis(), self.app_toml()] {
            self.must_have(&file)?;
        }
        Ok(())
    }

    /// Fails with what to do when a file is missing that `init` makes.
    ///
    /// # Errors
    /// [`Exit::BadFile`] if there is none.
    pub fn must_have(&self, file: &Path) -> Outcome {
        if file.is_file() {
            return Ok(());
        }
        let what = if file.exists() { "is no file" } else { "is missing" };
        Err(Failure::new(
            Exit::BadFile,
            format!(
                "{} {what}: run `quernd init <moniker> --chain-id <id> --home {}` first, or give the right --home",
                file.display(),
                self.0.display()
            ),
        ))
    }

    /// Fails with what to do when the application has no state yet: opening one would make it, and a command that only
    /// looks must leave nothing behind.
    ///
    /// # Errors
    /// [`Exit::BadFile`] for a home that was never initialised or whose node never ran.
    pub fn must_have_state(&self) -> Outcome {
        self.must_exist()?;
        if fs::read_dir(self.state()).is_ok_and(|mut files| files.next().is_some()) {
            return Ok(());
        }
        Err(Failure::new(
            Exit::BadFile,
            format!(
                "{} is missing: the node has no state yet. Run `quernd start` first, or give the right --home",
                self.state().display()
            ),
        ))
    }

    /// Takes every lock of the home at once, for a command that needs a stopped node.
    ///
    /// # Errors
    /// [`Exit::InUse`] if any process of a node runs.
    pub fn exclusive(&self) -> Outcome<[File; 3]> {
        Ok([
            self.lock(SUPERVISOR_LOCK, Duration::ZERO)?,
            self.lock(APP_LOCK, Duration::ZERO)?,
            self.lock(COMET_LOCK, Duration::ZERO)?,
        ])
    }

    /// Takes one of the home's locks, waiting up to `patience` for a process that is just ending.
    /// The lock is freed when the file is dropped or its process dies.
    ///
    /// # Errors
    /// [`Exit::InUse`] if another process keeps it.
    #[allow(clippy::disallowed_methods)] // patience with a process is no consensus time
    pub fn lock(&self, name: &str, patience: Duration) -> Outcome<File> {
        fs::DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(self.data())
            .at(Exit::Failure, self.data().display())?;
        let path = self.data().join(name);
        let file = File::create(&path).at(Exit::Failure, path.display())?;
        let started = Instant::now();
        while flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            if started.elapsed() >= patience {
                return Err(Failure::new(
                    Exit::InUse,
                    format!(
                        "another quernd uses {}: stop it, or give another --home",
                        self.0.display()
                    ),
                ));
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        Ok(file)
    }
}
