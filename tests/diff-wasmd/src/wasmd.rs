//! A wasmd node without its consensus engine, in a folder of its own.

use std::collections::BTreeMap;
use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use quern_testkit::{CHAIN_ID, Chain, GENESIS_TIME, Genesis};
use serde_json::{Value, json};
use tempfile::TempDir;
use tendermint_abci::Application;
use tendermint_proto::google::protobuf::Timestamp;
use tendermint_proto::v0_38::abci::RequestInitChain;
use tendermint_proto::v0_38::types::{
    AbciParams, BlockParams, ConsensusParams, EvidenceParams, ValidatorParams, VersionParams,
};

use crate::remote::Remote;

/// A running wasmd; it ends with this value.
pub struct Wasmd {
    child: Child,
    _home: TempDir,
    /// Its REST.
    pub rest: SocketAddr,
    /// Its gRPC.
    pub grpc: SocketAddr,
}

impl Drop for Wasmd {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The program, and the folder of its VM's library.
pub struct Program {
    /// wasmd, built with the account prefix of this chain.
    pub binary: PathBuf,
    /// Folder of `libwasmvm.x86_64.so`.
    pub library: PathBuf,
}

/// How rarely our node has CometBFT collect garbage. wasmd gets the same, so that no figure comes from that.
pub const GO_RUNTIME: [(&str, &str); 2] = [("GOGC", "400"), ("GOMEMLIMIT", "2GiB")];

impl Program {
    /// wasmd with a home.
    pub fn command(&self, home: &Path) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .env("LD_LIBRARY_PATH", &self.library)
            .envs(GO_RUNTIME)
            .arg("--home")
            .arg(home);
        command
    }

    fn run(&self, home: &Path, arguments: &[&str]) -> String {
        let output = self.command(home).args(arguments).output().expect("wasmd runs");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "wasmd {arguments:?}: {said}");
        String::from_utf8_lossy(&output.stdout).trim().to_owned()
    }

    /// Starts a node whose users have the coins that `genesis` gives them, and whose mempool asks for this price of gas.
    pub fn start(&self, genesis: &Genesis, price: &str) -> (Wasmd, Chain<Remote>) {
        self.start_with(genesis, price, |_| {})
    }

    /// As [`Program::start`], with a state that is changed in any way.
    pub fn start_with(
        &self,
        genesis: &Genesis,
        price: &str,
        change: impl FnOnce(&mut Value),
    ) -> (Wasmd, Chain<Remote>) {
        let home = tempfile::tempdir().expect("a folder");
        let state = self.genesis(home.path(), genesis, change);
        let [address, rest, grpc] = free();
        let log = fs::File::create(home.path().join("log")).expect("a file");
        let child = self
            .command(home.path())
            .args(["start", "--with-comet=false", "--transport", "socket"])
            .args([
                "--minimum-gas-prices",
                price,
                "--api.enable",
                &format!("--api.address=tcp://{rest}"),
                &format!("--grpc.address={grpc}"),
                // Nobody: no consensus engine is asked.
                "--rpc.laddr=tcp://127.0.0.1:1",
            ])
            .args([
                "--pruning",
                "custom",
                "--pruning-keep-recent",
                "1000",
                "--pruning-interval",
                "1000",
            ])
            .args([
                "--iavl-disable-fastnode=false",
                "--address",
                &format!("tcp://{address}"),
            ])
            .stdout(log.try_clone().expect("a file"))
            .stderr(Stdio::from(log))
            .spawn()
            .expect("wasmd starts");
        let node = Wasmd {
            child,
            _home: home,
            rest,
            grpc,
        };
        let remote = Remote::connect(address, Duration::from_secs(60)).expect("wasmd listens");
        let answer = remote.init_chain(state);
        let proposer = answer.validators.first().and_then(|v| v.pub_key.clone());
        assert!(proposer.is_some(), "wasmd has a validator");
        let chain = Chain {
            app: remote,
            height: 0,
            app_hash: answer.app_hash.to_vec(),
            proposer: [0; 20],
        };
        (node, chain)
    }

    /// Makes a home. The genesis is as wasmd's own commands write it, with a validator, and with our users besides.
    pub fn document(&self, home: &Path, genesis: &Genesis) -> Value {
        self.run(
            home,
            &["init", "diff", "--chain-id", CHAIN_ID, "--default-denom", "stake"],
        );
        self.run(home, &["keys", "add", "validator", "--keyring-backend", "test"]);
        let keyring = ["--keyring-backend", "test"];
        let add = ["genesis", "add-genesis-account", "validator", "100000000000stake"];
        self.run(home, &[&add[..], &keyring].concat());
        let signed = [
            "genesis",
            "gentx",
            "validator",
            "70000000000stake",
            "--chain-id",
            CHAIN_ID,
        ];
        self.run(home, &[&signed[..], &keyring].concat());
        self.run(home, &["genesis", "collect-gentxs"]);
        let path = home.join("config/genesis.json");
        let text = fs::read(&path).expect("a genesis");
        let mut document: Value = serde_json::from_slice(&text).expect("JSON");
        merge(&mut document["app_state"], genesis);
        document["app_state"]["gov"]["params"] = crate::generate::governance_params();
        document
    }

    fn genesis(&self, home: &Path, genesis: &Genesis, change: impl FnOnce(&mut Value)) -> RequestInitChain {
        let mut document = self.document(home, genesis);
        change(&mut document["app_state"]);
        RequestInitChain {
            time: Some(Timestamp {
                seconds: GENESIS_TIME,
                nanos: 0,
            }),
            chain_id: CHAIN_ID.into(),
            consensus_params: Some(ConsensusParams {
                block: Some(BlockParams {
                    max_bytes: 4 << 20,
                    max_gas: -1,
                }),
                evidence: Some(EvidenceParams {
                    max_age_num_blocks: 100_000,
                    max_age_duration: Some(tendermint_proto::google::protobuf::Duration {
                        seconds: 172_800,
                        nanos: 0,
                    }),
                    max_bytes: 1 << 20,
                }),
                validator: Some(ValidatorParams {
                    pub_key_types: vec!["ed25519".into()],
                }),
                version: Some(VersionParams::default()),
                abci: Some(AbciParams::default()),
            }),
            validators: vec![],
            app_state_bytes: document["app_state"].to_string().into_bytes().into(),
            initial_height: 1,
        }
    }
}

/// Ports that nobody listens on, held together until all are chosen.
fn free() -> [SocketAddr; 3] {
    let held = [(); 3].map(|()| TcpListener::bind("127.0.0.1:0").expect("a port"));
    held.map(|listener| listener.local_addr().expect("an address"))
}

/// Adds the users of our genesis to wasmd's.
fn merge(state: &mut Value, genesis: &Genesis) {
    let ours = serde_json::to_value(&genesis.document().app_state).expect("our own state");
    let mut supply = BTreeMap::<String, u128>::new();
    for balance in ours["bank"]["balances"].as_array().expect("balances") {
        for coin in balance["coins"].as_array().expect("coins") {
            let amount: u128 = text(&coin["amount"]).parse().expect("a number");
            *supply.entry(text(&coin["denom"])).or_default() += amount;
        }
        push(&mut state["bank"]["balances"], balance.clone());
        // Accounts of modules are made by them.
        if balance["address"] == quern_types::module_address("gov").to_string() {
            continue;
        }
        let number = state["auth"]["accounts"].as_array().map_or(0, Vec::len);
        let account = json!({
            "@type": "/cosmos.auth.v1beta1.BaseAccount", "address": balance["address"],
            "pub_key": null, "account_number": number.to_string(), "sequence": "0",
        });
        push(&mut state["auth"]["accounts"], account);
    }
    let all = &mut state["bank"]["supply"];
    for (denom, amount) in supply {
        push(all, json!({"denom": denom, "amount": amount.to_string()}));
    }
    state["bank"]["denom_metadata"] = ours["bank"]["denom_metadata"].clone();
    let all = &mut state["bank"]["supply"];
    // Genesis wants coins by name.
    if let Some(list) = all.as_array_mut() {
        list.sort_by_key(|coin| text(&coin["denom"]));
    }
}

fn text(value: &Value) -> String {
    value.as_str().expect("a text").to_owned()
}

fn push(list: &mut Value, entry: Value) {
    list.as_array_mut().expect("a list").push(entry);
}
