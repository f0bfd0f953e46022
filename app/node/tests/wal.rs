//! What a validator signed before it was killed is found again, also where CometBFT never marked the height before.

use crate::support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use prost::Message;
use quern_node::devnet::{Devnet, Plan};
use serde_json::Value;
use tendermint_proto::v0_38::consensus::message::Sum as Content;
use tendermint_proto::v0_38::consensus::wal_message::Sum;
use tendermint_proto::v0_38::consensus::{EndHeight, TimedWalMessage};
use tendermint_proto::v0_38::types::CanonicalVote;

use support::{http, processes};

/// `SignedMsgType` of the vote that commits.
const PRECOMMIT: i32 = 2;
/// The signer's first step that is a vote.
const PREVOTED: i64 = 2;

/// What the consensus key signed last.
struct Signed {
    height: i64,
    /// Hash of the block that it voted for.
    block: Vec<u8>,
}

#[test]
fn a_lone_validator_killed_twice_around_the_end_of_a_height_goes_on_with_the_block_that_it_signed() {
    let plan = Plan {
        program: Some(env!("CARGO_BIN_EXE_quernd").into()),
        ..Plan::default()
    };
    let mut net = Devnet::start(plan).unwrap();
    net.wait_for_height(3, Duration::from_secs(30)).unwrap();
    let signed = kill_between_vote_and_block(&mut net);

    // The first kill: after block N - 1 was stored and before its end was written. Consensus went on at N all the same.
    let log = net.home().data().join("cs.wal/wal");
    let bytes = fs::read(&log).unwrap();
    let cut = records(&bytes)
        .find(|record| matches!(record.says, Sum::EndHeight(EndHeight { height }) if height == signed.height - 1))
        .unwrap();
    fs::write(&log, [&bytes[..cut.begin], &bytes[cut.end..]].concat()).unwrap();

    net.launch().unwrap();
    let height = u64::try_from(signed.height).unwrap();
    net.wait_for_height(height + 2, Duration::from_secs(20)).unwrap();
    let said = fs::read_to_string(net.log()).unwrap();
    assert!(said.contains("mended CometBFT's write-ahead log"), "{said}");
    let block: Value =
        serde_json::from_str(&http::get(&format!("{}/block?height={height}", net.rpc()))).unwrap();
    let hash = hex::decode(block["result"]["block_id"]["hash"].as_str().unwrap()).unwrap();
    assert_eq!(hash, signed.block, "block {height}");
    assert!(net.stop().unwrap().success());
}

/// Kills the node when its key has voted for a block at a height that nothing but the log knows of.
fn kill_between_vote_and_block(net: &mut Devnet) -> Signed {
    let started = Instant::now();
    let comet = processes::children(net.pid().unwrap())
        .into_iter()
        .find_map(|(pid, line)| line.contains("--proxy_app").then_some(pid))
        .unwrap();
    let mut pause = Duration::from_millis(3);
    while started.elapsed() < Duration::from_secs(20) {
        processes::hold(comet);
        // What it was just writing is written.
        std::thread::sleep(Duration::from_millis(2));
        if let Some(signed) = voted_without_block(net.home().root()) {
            net.kill();
            return voted_without_block(net.home().root()).unwrap_or(signed);
        }
        processes::resume(comet);
        // Blocks come at a steady pace: another phase each time.
        pause = Duration::from_micros(3_000 + (u64::try_from(pause.as_micros()).unwrap() * 7) % 11_003);
        std::thread::sleep(pause);
    }
    panic!("the node was never found between its vote and its block");
}

/// What was signed last, if it is a vote at a height whose precommit the log does not have: its block is not stored then.
fn voted_without_block(home: &Path) -> Option<Signed> {
    let text = fs::read_to_string(home.join("data/priv_validator_state.json")).ok()?;
    let state: Value = serde_json::from_str(&text).ok()?;
    if state["step"].as_i64()? < PREVOTED {
        return None;
    }
    let bytes = hex::decode(state["signbytes"].as_str()?).ok()?;
    let vote = CanonicalVote::decode_length_delimited(bytes.as_slice()).ok()?;
    let signed = Signed {
        height: vote.height,
        block: vote.block_id?.hash,
    };
    let log = fs::read(home.join("data/cs.wal/wal")).ok()?;
    let begun = records(&log).any(
        |record| matches!(record.says, Sum::EndHeight(EndHeight { height }) if height == signed.height - 1),
    );
    let committed = records(&log).any(|record| match record.says {
        Sum::EndHeight(end) => end.height == signed.height,
        Sum::MsgInfo(info) => match info.msg.and_then(|message| message.sum) {
            Some(Content::Vote(message)) => message
                .vote
                .is_some_and(|vote| vote.height == signed.height && vote.r#type == PRECOMMIT),
            _ => false,
        },
        _ => false,
    });
    (begun && !committed).then_some(signed)
}

struct Record {
    begin: usize,
    end: usize,
    says: Sum,
}

/// The records of a log up to the first that is incomplete.
fn records(log: &[u8]) -> impl Iterator<Item = Record> + '_ {
    let mut begin = 0;
    std::iter::from_fn(move || {
        let length = u32::from_be_bytes(log.get(begin + 4..begin + 8)?.try_into().unwrap());
        let end = begin + 8 + usize::try_from(length).unwrap();
        let message = TimedWalMessage::decode(log.get(begin + 8..end)?).ok()?;
        let record = Record {
            begin,
            end,
            says: message.msg?.sum?,
        };
        begin = end;
        Some(record)
    })
}
