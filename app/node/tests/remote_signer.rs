//! A validator whose key is kept by another program, which dials the node and signs.

use crate::support;

use std::fs;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signer, SigningKey};
use prost::Message;
use quern_node::devnet::{Devnet, Plan, free};
use serde_json::Value;
use tendermint_proto::v0_38::crypto::{PublicKey, public_key::Sum};
use tendermint_proto::v0_38::privval::{self, message::Sum as Call};
use tendermint_proto::v0_38::types::BlockId;
use tendermint_proto::v0_38::types::{
    CanonicalBlockId, CanonicalPartSetHeader, CanonicalProposal, CanonicalVote,
};

/// A signer without memory, for this test alone: a real one refuses to sign a height twice.
struct Remote {
    key: SigningKey,
    signed: Arc<AtomicU64>,
}

fn canonical(id: Option<BlockId>) -> Option<CanonicalBlockId> {
    id.filter(|id| !id.hash.is_empty()).map(|id| CanonicalBlockId {
        hash: id.hash,
        part_set_header: id.part_set_header.map(|parts| CanonicalPartSetHeader {
            total: parts.total,
            hash: parts.hash,
        }),
    })
}

impl Remote {
    fn answer(&self, call: Call) -> Call {
        let sign = |bytes: Vec<u8>| {
            self.signed.fetch_add(1, Ordering::SeqCst);
            self.key.sign(&bytes).to_bytes().to_vec()
        };
        match call {
            Call::PingRequest(_) => Call::PingResponse(privval::PingResponse {}),
            Call::PubKeyRequest(_) => Call::PubKeyResponse(privval::PubKeyResponse {
                pub_key: Some(PublicKey {
                    sum: Some(Sum::Ed25519(self.key.verifying_key().to_bytes().to_vec())),
                }),
                error: None,
            }),
            Call::SignVoteRequest(request) => {
                let mut vote = request.vote.unwrap();
                let canonical = CanonicalVote {
                    r#type: vote.r#type,
                    height: vote.height,
                    round: vote.round.into(),
                    block_id: canonical(vote.block_id.clone()),
                    timestamp: vote.timestamp,
                    chain_id: request.chain_id,
                };
                vote.signature = sign(canonical.encode_length_delimited_to_vec());
                Call::SignedVoteResponse(privval::SignedVoteResponse {
                    vote: Some(vote),
                    error: None,
                })
            }
            Call::SignProposalRequest(request) => {
                let mut proposal = request.proposal.unwrap();
                let canonical = CanonicalProposal {
                    r#type: 32, // a proposal
                    height: proposal.height,
                    round: proposal.round.into(),
                    pol_round: proposal.pol_round.into(),
                    block_id: canonical(proposal.block_id.clone()),
                    timestamp: proposal.timestamp,
                    chain_id: request.chain_id,
                };
                proposal.signature = sign(canonical.encode_length_delimited_to_vec());
                Call::SignedProposalResponse(privval::SignedProposalResponse {
                    proposal: Some(proposal),
                    error: None,
                })
            }
            other => panic!("unexpected {other:?}"),
        }
    }

    fn serve(&self, mut stream: UnixStream) -> std::io::Result<()> {
        loop {
            let mut length = Vec::new();
            while length.last().is_none_or(|byte| byte & 0x80 != 0) {
                let mut byte = [0];
                stream.read_exact(&mut byte)?;
                length.extend(byte);
            }
            let length = prost::decode_length_delimiter(length.as_slice())?;
            let mut message = vec![0; length];
            stream.read_exact(&mut message)?;
            let call = privval::Message::decode(message.as_slice())?.sum.unwrap();
            let answer = privval::Message {
                sum: Some(self.answer(call)),
            };
            stream.write_all(&answer.encode_length_delimited_to_vec())?;
        }
    }

    /// Dials again whenever the connection ends, as signers do.
    fn run(self, socket: PathBuf) {
        std::thread::spawn(move || {
            loop {
                if let Ok(stream) = UnixStream::connect(&socket) {
                    let _ = self.serve(stream);
                }
                std::thread::sleep(Duration::from_millis(50));
            }
        });
    }
}

/// The secret of CometBFT's key file, moved out of the home.
fn take_key(file: &Path) -> SigningKey {
    let text: Value = serde_json::from_slice(&fs::read(file).unwrap()).unwrap();
    fs::remove_file(file).unwrap();
    let secret = text.pointer("/priv_key/value").unwrap().as_str().unwrap();
    let secret = STANDARD.decode(secret).unwrap();
    SigningKey::from_keypair_bytes(secret.as_slice().try_into().unwrap()).unwrap()
}

#[test]
fn a_validator_signs_by_a_remote_signer_and_needs_no_key_of_its_own() {
    let mut net = Devnet::prepare(Plan {
        program: Some(env!("CARGO_BIN_EXE_quernd").into()),
        ..Plan::default()
    })
    .unwrap();
    let home = net.home().root().to_owned();
    let signed = Arc::new(AtomicU64::new(0));
    let remote = Remote {
        key: take_key(&net.home().validator_key()),
        signed: Arc::clone(&signed),
    };
    // Without a signer the missing key is told before anything runs.
    let refused = support::hosts::quernd(&home, &["start"]).unwrap_err();
    assert!(refused.contains("priv_validator_key.json"), "{refused}");

    let socket = home.join("data/signer.sock");
    let address = format!("unix://{}", socket.display());
    support::hosts::quernd(
        &home,
        &["config", "set", "config", "priv_validator_laddr", &address],
    )
    .unwrap();
    remote.run(socket);
    net.launch().unwrap();
    let height = net.wait_for_height(3, Duration::from_secs(120)).unwrap();
    // A proposal and two votes for each block.
    assert!(signed.load(Ordering::SeqCst) >= 3 * height.saturating_sub(1));
    assert!(net.stop().unwrap().success(), "{}", net.log_tail());
}

/// CometBFT's own signer, with a key and a memory in files.
struct Program {
    process: Child,
    state: PathBuf,
}

impl Program {
    /// Dials the node, which must listen: after a few attempts in vain it tries no more.
    fn dial(address: SocketAddr, folder: &Path) -> Self {
        listening(address);
        let log = fs::File::options()
            .create(true)
            .append(true)
            .open(folder.join("log"))
            .unwrap();
        let state = folder.join("state.json");
        let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.deps/bin/priv_val_server");
        let process = Command::new(tool)
            .args(["-addr", &format!("tcp://{address}"), "-chain-id", "quern-dev-1"])
            .arg("-priv-key")
            .arg(folder.join("key.json"))
            .arg("-priv-state")
            .arg(&state)
            .stdin(Stdio::null())
            .stdout(log)
            .spawn()
            .expect("run `make setup` first");
        Self { process, state }
    }

    /// The last height that it signed.
    fn height(&self) -> u64 {
        let state: Value = serde_json::from_slice(&fs::read(&self.state).unwrap()).unwrap();
        state["height"].as_str().unwrap().parse().unwrap()
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Waits until somebody listens there, without a connection that the node would take for its signer's.
fn listening(address: SocketAddr) {
    let line = format!(":{:04X} 00000000:0000 0A", address.port());
    let started = Instant::now();
    while !fs::read_to_string("/proc/net/tcp").unwrap().contains(&line) {
        assert!(
            started.elapsed() < Duration::from_secs(60),
            "nobody listens at {address}"
        );
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_validator_signs_by_cometbfts_own_signer_over_tcp_and_waits_for_it() {
    let mut net = Devnet::prepare(Plan {
        program: Some(env!("CARGO_BIN_EXE_quernd").into()),
        ..Plan::default()
    })
    .unwrap();
    let home = net.home().root().to_owned();
    let dir = tempfile::tempdir().unwrap();
    fs::rename(net.home().validator_key(), dir.path().join("key.json")).unwrap();
    let memory = home.join("data/priv_validator_state.json");
    fs::rename(memory, dir.path().join("state.json")).unwrap();
    let address = free().unwrap();
    let setting = [
        "config",
        "set",
        "config",
        "priv_validator_laddr",
        &format!("tcp://{address}"),
    ];
    support::hosts::quernd(&home, &setting).unwrap();

    net.launch().unwrap();
    let signer = Program::dial(address, dir.path());
    let height = net.wait_for_height(3, Duration::from_secs(120)).unwrap();
    assert!(signer.height() >= height);
    drop(signer);
    // nobody else signs
    std::thread::sleep(Duration::from_secs(2));
    let stood = net.height().unwrap();
    std::thread::sleep(Duration::from_secs(2));
    assert_eq!(net.height().unwrap(), stood);
    let signer = Program::dial(address, dir.path());
    let height = net.wait_for_height(stood + 3, Duration::from_secs(120)).unwrap();
    assert!(signer.height() >= height);
    assert!(net.stop().unwrap().success(), "{}", net.log_tail());
}
