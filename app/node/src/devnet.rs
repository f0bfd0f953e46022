//! A network of one real node for tests and benchmarks: temporary home, free ports, funded
//! accounts, and no process left behind.
// Patience with a process is no consensus time.
#![allow(clippy::disallowed_methods)]

use std::ffi::OsString;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicU16, Ordering};
use std::time::{Duration, Instant};

use quern_types::AccAddress;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tendermint_rpc::{Client as _, HttpClient};

use crate::comet::locate;
use crate::config::comet::Pace;
use crate::config::edit;
use crate::exit::{At, Exit, Failure, Outcome};
use crate::home::Home;
use crate::init::{InitArgs, init};

/// What the network is made of.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Name of the node.
    pub moniker: String,
    /// Chain id.
    pub chain_id: String,
    /// Addresses with their coins at genesis, such as `1000000nqrn`.
    pub accounts: Vec<(AccAddress, String)>,
    /// Pace of consensus.
    pub pace: Pace,
    /// The `quernd` program; `None` looks for it beside the running test or benchmark.
    pub program: Option<PathBuf>,
    /// More arguments of `quernd start`.
    pub arguments: Vec<OsString>,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            moniker: "dev".to_owned(),
            chain_id: "quern-dev-1".to_owned(),
            accounts: Vec::new(),
            pace: Pace::Fast,
            program: None,
            arguments: Vec::new(),
        }
    }
}

/// A home with free ports, whose node may run. Dropping it stops the node and removes the home.
#[derive(Debug)]
pub struct Devnet {
    plan: Plan,
    program: PathBuf,
    home: Home,
    rpc: SocketAddr,
    p2p: SocketAddr,
    grpc: SocketAddr,
    telemetry: SocketAddr,
    node: Option<Child>,
    _dir: TempDir,
}

/// Tried last by this process, so that no two of its nodes are given the same.
static TRIED: AtomicU16 = AtomicU16::new(0);

/// A port that nobody listens on, below those that systems give to outgoing connections: it is used long after it is
/// chosen, and no connection may take it meanwhile.
///
/// # Errors
/// If none is left.
pub fn free() -> Outcome<SocketAddr> {
    const FIRST: u16 = 12_000;
    const COUNT: u16 = 20_000;
    let begin = std::process::id().wrapping_mul(7_919) % u32::from(COUNT);
    for _ in 0..COUNT {
        let step = u32::from(TRIED.fetch_add(1, Ordering::Relaxed));
        let place = u16::try_from((begin + step) % u32::from(COUNT)).unwrap_or_default();
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, FIRST + place));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    Err(Failure::new(Exit::InUse, "no free port on 127.0.0.1"))
}

impl Devnet {
    /// Makes the home without starting the node.
    ///
    /// # Errors
    /// If CometBFT or `quernd` is missing, or an account is malformed.
    pub fn prepare(plan: Plan) -> Outcome<Self> {
        let program = match &plan.program {
            Some(program) => program.clone(),
            None => find_program()?,
        };
        let dir = tempfile::Builder::new()
            .prefix("quern-devnet-")
            .tempdir()
            .at(Exit::Failure, "temporary folder")?;
        let home = Home::new(dir.path())?;
        let [rpc, p2p, grpc, telemetry] = [free()?, free()?, free()?, free()?];
        let args = InitArgs {
            moniker: plan.moniker.clone(),
            chain_id: plan.chain_id.clone(),
            power: 1_000_000,
            rpc_port: rpc.port(),
            p2p_port: p2p.port(),
            grpc_port: grpc.port(),
            api_port: None,
            telemetry_port: telemetry.port(),
            pace: plan.pace,
        };
        let comet = std::env::var_os("QUERN_COMETBFT").map(PathBuf::from);
        init(&args, &home, &locate(comet.as_deref())?)?;
        for (address, coins) in &plan.accounts {
            let command = quern_genesis::cli::GenesisCommand::AddAccount(quern_genesis::cli::AddAccount {
                address: address.to_string(),
                coins: coins.clone(),
                append: false,
            });
            quern_genesis::cli::run(command, home.root()).at(Exit::Usage, "genesis")?;
        }
        Ok(Self {
            plan,
            program,
            home,
            rpc,
            p2p,
            grpc,
            telemetry,
            node: None,
            _dir: dir,
        })
    }

    /// Makes the home, starts the node and waits for its first block.
    ///
    /// # Errors
    /// As [`Devnet::prepare`], and if no block comes within a minute.
    pub fn start(plan: Plan) -> Outcome<Self> {
        let mut net = Self::prepare(plan)?;
        net.launch()?;
        net.wait_for_height(1, Duration::from_secs(60))?;
        Ok(net)
    }

    /// Starts the node again after [`Devnet::stop`] or [`Devnet::kill`].
    ///
    /// # Errors
    /// If the process cannot be made.
    pub fn launch(&mut self) -> Outcome {
        let log = File::options()
            .create(true)
            .append(true)
            .open(self.log())
            .at(Exit::Failure, self.log().display())?;
        let errors = log.try_clone().at(Exit::Failure, self.log().display())?;
        let node = Command::new(&self.program)
            .arg("start")
            .arg("--home")
            .arg(self.home.root())
            .args(&self.plan.arguments)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            .spawn()
            .at(Exit::Failure, self.program.display())?;
        self.node = Some(node);
        Ok(())
    }

    /// Replaces the further arguments of `quernd start` for the next launch.
    pub fn set_arguments(&mut self, arguments: Vec<OsString>) {
        self.plan.arguments = arguments;
    }

    /// Replaces the `quernd` program for the next launch, such as by what runs it.
    pub fn set_program(&mut self, program: PathBuf) {
        self.program = program;
    }

    /// The node's home.
    #[must_use]
    pub const fn home(&self) -> &Home {
        &self.home
    }

    /// What the node and CometBFT printed.
    #[must_use]
    pub fn log(&self) -> PathBuf {
        self.home.root().join("node.log")
    }

    /// URL of CometBFT's RPC.
    #[must_use]
    pub fn rpc(&self) -> String {
        format!("http://{}", self.rpc)
    }

    /// How other nodes dial this one.
    ///
    /// # Errors
    /// If the node's key cannot be read.
    pub fn peer(&self) -> Outcome<String> {
        let comet = std::env::var_os("QUERN_COMETBFT").map(PathBuf::from);
        let id = locate(comet.as_deref())?.run(self.home.root(), &["show-node-id"])?;
        Ok(format!("{}@{}", id.trim(), self.p2p))
    }

    /// Lets the stopped node dial these peers, and only these, when it starts.
    ///
    /// # Errors
    /// If its configuration cannot be changed.
    pub fn dial(&self, peers: &[String]) -> Outcome {
        let mut config = edit::read(&self.home.config_toml())?;
        edit::set(&mut config, "p2p.persistent_peers", peers.join(",").into())?;
        edit::set(&mut config, "p2p.pex", false.into())?;
        edit::write(&self.home.config_toml(), config.to_string().as_bytes(), 0o644)
    }

    /// URL of gRPC.
    #[must_use]
    pub fn grpc(&self) -> String {
        format!("http://{}", self.grpc)
    }

    /// URL of the application's metrics.
    #[must_use]
    pub fn metrics(&self) -> String {
        format!("http://{}/metrics", self.telemetry)
    }

    /// Process id of the supervisor, while it runs.
    #[must_use]
    pub fn pid(&self) -> Option<u32> {
        self.node.as_ref().map(Child::id)
    }

    /// The latest height that the application has committed, as the RPC reports it; `None` while
    /// it does not answer. CometBFT's own height is a block ahead while that block is executed.
    #[must_use]
    pub fn height(&self) -> Option<u64> {
        let client = HttpClient::new(self.rpc().as_str()).ok()?;
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .ok()?;
        let info = runtime.block_on(client.abci_info()).ok()?;
        Some(info.last_block_height.value())
    }

    /// Waits until the chain is at least this high.
    ///
    /// # Errors
    /// With the end of the log when it is not in time, or when the node ended.
    pub fn wait_for_height(&mut self, height: u64, patience: Duration) -> Outcome<u64> {
        let started = Instant::now();
        loop {
            if let Some(now) = self.height().filter(|now| *now >= height) {
                return Ok(now);
            }
            let ended = self.node.as_mut().and_then(|node| node.try_wait().ok().flatten());
            if ended.is_some() || started.elapsed() > patience {
                let state = ended.map_or_else(
                    || "is not there in time".to_owned(),
                    |status| format!("ended with {status}"),
                );
                let text = format!(
                    "the node {state}, waiting for height {height}:\n{}",
                    self.log_tail()
                );
                return Err(Failure::new(Exit::Failure, text));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// The last lines of the log.
    #[must_use]
    pub fn log_tail(&self) -> String {
        let text = std::fs::read(self.log()).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<_> = text.lines().collect();
        lines
            .iter()
            .skip(lines.len().saturating_sub(25))
            .copied()
            .collect::<Vec<_>>()
            .join("\n")
    }

    /// Stops the node as an operator does, with SIGTERM.
    ///
    /// # Errors
    /// If it does not end within a minute; it is killed then.
    pub fn stop(&mut self) -> Outcome<ExitStatus> {
        let Some(mut node) = self.node.take() else {
            return Err(Failure::new(Exit::Failure, "the node is not running"));
        };
        signal(&node, Signal::TERM);
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(60) {
            if let Some(status) = node.try_wait().at(Exit::Failure, "wait")? {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        let _ = node.kill();
        let _ = node.wait();
        Err(Failure::new(
            Exit::Failure,
            format!("the node did not stop:\n{}", self.log_tail()),
        ))
    }

    /// Ends the supervisor with SIGKILL; the kernel ends the application and CometBFT with it.
    pub fn kill(&mut self) {
        if let Some(mut node) = self.node.take() {
            let _ = node.kill();
            let _ = node.wait();
        }
    }
}

impl Drop for Devnet {
    fn drop(&mut self) {
        if self.node.is_some() && self.stop().is_err() {
            self.kill();
        }
    }
}

fn signal(node: &Child, signal: Signal) {
    let pid = i32::try_from(node.id()).ok().and_then(Pid::from_raw);
    let _ = pid.map(|pid| kill_process(pid, signal));
}

/// `quernd` as named by `QUERND`, or in one of the folders above the running program.
fn find_program() -> Outcome<PathBuf> {
    if let Some(path) = std::env::var_os("QUERND") {
        return Ok(PathBuf::from(path));
    }
    let here = std::env::current_exe().at(Exit::Failure, "own path")?;
    let found = here
        .ancestors()
        .skip(1)
        .take(3)
        .map(|folder| folder.join("quernd"))
        .find(|path| Path::is_file(path));
    found.ok_or_else(|| {
        Failure::new(
            Exit::Failure,
            "quernd is not built: run `cargo build -p quern-node`, or name it with QUERND",
        )
    })
}
