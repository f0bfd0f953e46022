//! What a network shall be made of, and where its parts lie.

use crate::cheat::Cheat;
use crate::layout::Layout;
use std::path::{Path, PathBuf};

/// Coins of an account at genesis, in nqrn: a million QRN.
pub const FUNDS: u128 = 1_000_000_000_000_000;
/// What each operator bonds behind its host.
pub const BOND: u128 = 100_000_000_000_000;
/// Tokens a second that each host declares for each of its models.
pub const CAPACITY: u64 = 1_000;

/// File of a worker's warm key in its home.
pub const WARM_KEY: &str = "warm.key";
/// File of a transport key in a worker's or router's home.
pub const TRANSPORT_KEY: &str = "transport.key";

/// A network to make.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Checkout with the programs and contracts.
    pub root: PathBuf,
    /// Folder of everything that the network writes.
    pub dir: PathBuf,
    /// Chain id.
    pub chain_id: String,
    /// Hosts, each a node, a validator and a worker, and what they serve.
    pub layout: Layout,
    /// Payers: each an account with sessions and an API key of its own.
    pub payers: usize,
    /// Hosts whose workers are not honest.
    pub cheats: Vec<Cheat>,
}

impl Plan {
    /// How many hosts there are.
    pub fn hosts(&self) -> usize {
        self.layout.hosts.len()
    }

    /// Home of a node.
    pub fn node_home(&self, host: usize) -> PathBuf {
        self.dir.join(moniker(host)).join("node")
    }

    /// Home of a worker.
    pub fn worker_home(&self, host: usize) -> PathBuf {
        self.dir.join(moniker(host)).join("worker")
    }

    /// Home of the router.
    pub fn router_home(&self) -> PathBuf {
        self.dir.join("router")
    }

    /// Keyring of accounts that are no host's.
    pub fn accounts_home(&self) -> PathBuf {
        self.dir.join("accounts")
    }

    /// Log of a process.
    pub fn log(&self, name: &str) -> PathBuf {
        self.dir.join("logs").join(format!("{name}.log"))
    }
}

/// Name of a payer's account and of its API key's holder.
pub fn payer(number: usize) -> String {
    match number {
        0 => "payer".to_owned(),
        _ => format!("payer{}", number + 1),
    }
}

/// Name of a host.
pub fn moniker(host: usize) -> String {
    format!("host{host}")
}

/// The file that describes the running network.
pub fn net_file(dir: &Path) -> PathBuf {
    dir.join("net.json")
}

/// The file with the supervisor's process id.
pub fn pid_file(dir: &Path) -> PathBuf {
    dir.join("localnet.pid")
}
