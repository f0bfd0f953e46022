//! Hosts that begin a chain by gentx, with the shipped contracts.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use quern_node::config::comet::Pace;
use quern_node::devnet::{Devnet, Plan};
use serde_json::Value;

/// Chain id.
pub const CHAIN: &str = "quern-gentx-1";
/// How long a busy machine may take.
pub const PATIENCE: Duration = Duration::from_secs(120);

fn contracts() -> &'static str {
    concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/artifacts")
}

/// The release after this one, which carries the upgrade `v2`: `examples/quernd-next.rs`, as its sources are now.
pub fn next_release() -> PathBuf {
    let program = Path::new(env!("CARGO_BIN_EXE_quernd")).with_file_name("examples/quernd-next");
    let build = "run `cargo build --locked --workspace --bins --examples` first";
    if let Some(stale) = stale(&program) {
        panic!("{}: {stale}: {build}", program.display());
    }
    program
}

/// Why a program is not what its sources say; `None` where it is. Cargo lists them beside it.
fn stale(program: &Path) -> Option<String> {
    let changed = |path: &Path| fs::metadata(path).and_then(|data| data.modified());
    let Ok(built) = changed(program) else {
        return Some("it is not built".into());
    };
    let Ok(list) = fs::read_to_string(program.with_extension("d")) else {
        return Some("the list of its sources is missing".into());
    };
    // `program: source source`, with blanks of paths behind backslashes
    let sources = list.split_once(": ").map_or("", |(_, sources)| sources);
    let sources = sources.trim_end().replace("\\ ", "\0");
    let mut sources = sources.split(' ').map(|source| source.replace('\0', " "));
    sources.find_map(|source| match changed(Path::new(&source)) {
        Ok(changed) if changed <= built => None,
        Ok(_) => Some(format!("{source} is newer")),
        Err(error) => Some(format!("{source}: {error}")),
    })
}

#[test]
fn a_program_that_is_older_than_one_of_its_sources_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let [program, source] = [path("program"), path("a source.rs")];
    assert_eq!(stale(&program).as_deref(), Some("it is not built"));
    fs::write(&source, "fn main() {}").unwrap();
    fs::write(&program, "made of it").unwrap();
    assert!(stale(&program).unwrap().contains("list"));
    let listed = source.display().to_string().replace(' ', "\\ ");
    fs::write(path("program.d"), format!("{}: {listed}\n", program.display())).unwrap();
    let built = fs::metadata(&program).unwrap().modified().unwrap();
    let set = |time| fs::File::open(&source).unwrap().set_modified(time).unwrap();
    set(built - Duration::from_secs(1));
    assert_eq!(stale(&program), None);
    set(built + Duration::from_secs(1));
    assert!(stale(&program).unwrap().ends_with("a source.rs is newer"));
    fs::remove_file(&source).unwrap();
    assert!(stale(&program).is_some());
}

/// A home with free ports.
pub fn node(moniker: &str) -> Devnet {
    let plan = Plan {
        moniker: moniker.to_owned(),
        chain_id: CHAIN.to_owned(),
        pace: Pace::Local,
        program: Some(env!("CARGO_BIN_EXE_quernd").into()),
        ..Plan::default()
    };
    Devnet::prepare(plan).unwrap()
}

/// What a command prints, or its error.
pub fn quernd(home: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new(env!("CARGO_BIN_EXE_quernd"))
        .args(arguments)
        .arg("--home")
        .arg(home)
        .env("QUERN_KEYRING_PASSWORD", "correct horse")
        .output()
        .unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match output.status.success() {
        true => Ok(text(&output.stdout)),
        false => Err(text(&output.stderr)),
    }
}

/// What a command answers as JSON.
pub fn json_of(home: &Path, arguments: &[&str]) -> Value {
    let said = quernd(home, &[arguments, &["-o", "json"]].concat()).unwrap();
    serde_json::from_str(&said).unwrap()
}

/// Waits until a node ends by itself and gives its exit status.
pub fn ended(net: &mut Devnet) -> i32 {
    let started = Instant::now();
    // A process that nobody has waited for keeps its number, but no program.
    let gone = |pid| fs::read_link(format!("/proc/{pid}/exe")).is_err();
    while !gone(net.pid().unwrap()) {
        assert!(
            started.elapsed() < PATIENCE,
            "it does not end:\n{}",
            net.log_tail()
        );
        std::thread::sleep(Duration::from_millis(50));
    }
    net.stop().unwrap().code().unwrap()
}

/// Makes the host's key and returns its address.
pub fn key(node: &Devnet) -> String {
    let said = quernd(node.home().root(), &["keys", "add", "host", "-o", "json"]).unwrap();
    let said: Value = serde_json::from_str(&said).unwrap();
    said["address"].as_str().unwrap().to_owned()
}

/// A host's transaction, signed.
pub fn gentx(node: &Devnet, amount: &str) -> Result<String, String> {
    gentx_with(node, amount, &[])
}

fn gentx_with(node: &Devnet, amount: &str, more: &[&str]) -> Result<String, String> {
    let home = node.home().root();
    let _ = quernd(home, &["keys", "add", "warm"]); // there already the second time
    let warm_key = quernd(home, &["keys", "show", "warm", "-p"]).unwrap();
    let warm_key = warm_key.trim();
    let transport_key = "07".repeat(32); // nobody serves here
    let arguments = [
        "genesis",
        "gentx",
        "host",
        "--amount",
        amount,
        "--endpoint",
        "https://127.0.0.1:8443",
    ];
    let keys = ["--transport-key", &transport_key, "--warm-key", warm_key];
    quernd(home, &[&arguments[..], &keys[..], more].concat())
}

/// Gives every node the genesis document of the first.
pub fn share(nodes: &[Devnet]) {
    let genesis = fs::read(nodes[0].home().genesis()).unwrap();
    for node in &nodes[1..] {
        fs::write(node.home().genesis(), &genesis).unwrap();
    }
}

/// Two hosts up to their signed transactions, which lie in the first one's folder. The first keeps a tenth of its rewards.
pub fn two_hosts() -> (Vec<Devnet>, Vec<String>) {
    let nodes = vec![node("north"), node("south")];
    let first = nodes[0].home().root().to_owned();
    let addresses = nodes.iter().map(key).collect::<Vec<_>>();
    for address in &addresses {
        json_of(&first, &["genesis", "add-account", address, "1000000000000nqrn"]);
    }
    let system = [
        "genesis",
        "add-system",
        "--profile",
        "localnet",
        "--epoch-blocks",
        "5",
    ];
    json_of(&first, &[&system[..], &["--contracts", contracts()]].concat());
    share(&nodes);
    gentx_with(&nodes[0], "200qrn", &["--commission-rate", "0.1"]).unwrap();
    gentx(&nodes[1], "100qrn").unwrap();
    for node in &nodes[1..] {
        for file in fs::read_dir(node.home().gentx()).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), nodes[0].home().gentx().join(file.file_name())).unwrap();
        }
    }
    (nodes, addresses)
}

/// Both hosts up and beyond `height`, each the other's peer.
pub fn running(height: u64) -> (Vec<Devnet>, Vec<String>) {
    let (nodes, _) = two_hosts();
    run(nodes, height)
}

/// Lets hosts whose gentxs lie in the first one's folder begin their chain, and waits for `height`.
pub fn run(mut nodes: Vec<Devnet>, height: u64) -> (Vec<Devnet>, Vec<String>) {
    let said = json_of(nodes[0].home().root(), &["genesis", "collect"]);
    assert!(said.as_str().unwrap().contains("2 validators"), "{said}");
    share(&nodes);
    for node in &nodes {
        quernd(node.home().root(), &["genesis", "validate"]).unwrap();
    }
    let peers = nodes.iter().map(|n| n.peer().unwrap()).collect::<Vec<_>>();
    for node in &mut nodes {
        node.dial(&peers).unwrap();
        node.launch().unwrap();
    }
    nodes[0].wait_for_height(height, PATIENCE).unwrap();
    (nodes, peers)
}
