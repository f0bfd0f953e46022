//! Nodes with their consensus engines: what blocks, transactions and the node itself look like over REST. Blocks are each
//! chain's own, so that shapes are compared, and of refusals the words.
#![allow(
    clippy::disallowed_methods,
    reason = "patience with a node is no consensus time"
)]

use std::time::{Duration, Instant};

use base64::{Engine, engine::general_purpose::STANDARD};
use quern_testkit::{Mangle, User, bank_send};
use serde_json::{Value, json};

use super::cases::{self, Case};
use super::client::{Answer, ask};
use super::values::Known;
use super::{Sides, shape};
use crate::bench::{Node, Plan, account, people};
use crate::compare::{Difference, Kind};
use crate::wasmd::Program;

/// Services that need a consensus engine.
const SERVICES: [&str; 3] = [
    "cosmos.base.node.v1beta1.Service",
    "cosmos.base.tendermint.v1beta1.Service",
    "cosmos.tx.v1beta1.Service",
];

const BROADCAST: &str = "POST /cosmos/tx/v1beta1/txs";

/// A node, and what is known of it.
struct Side {
    node: Node,
    known: Known,
}

/// What stands for a height in requests, and for hashes, until a chain's own are put there.
const HEIGHT: u64 = 424_242;
const HASHES: [&str; 2] = [
    "0000000000000000000000000000000000000000000000000000000000000A11",
    "0000000000000000000000000000000000000000000000000000000000000B22",
];

/// What requests are made of.
fn anybody(users: &[User]) -> Known {
    Known {
        users: users.iter().map(|user| user.address().to_string()).collect(),
        hashes: HASHES.map(str::to_owned).to_vec(),
        height: HEIGHT,
        ..Known::default()
    }
}

/// Starts both and asks them. Returns how much was asked, and what differs.
pub fn compare(program: &Program, entries: &[quern_api::Entry]) -> (usize, Vec<Difference>) {
    let folder = tempfile::tempdir().expect("a folder");
    let users = people(3);
    let plan = Plan {
        program,
        folder: folder.path(),
        users: &users,
        max_gas: 40_000_000,
    };
    let (ours, home) = plan.ours();
    let theirs = plan.theirs(&home);
    let mut sides = [ours, theirs].map(|node| Side {
        node,
        known: Known::default(),
    });
    let mut asked = 0;
    let mut differences = Vec::new();
    let sent = sides.each_mut().map(|side| side.broadcast(&users));
    let [ours, theirs] = sent;
    for ((case, ours), (_, theirs)) in ours.iter().zip(&theirs) {
        asked += 1;
        differences.extend(difference(case, ours, theirs));
    }
    for side in &mut sides {
        side.learn();
    }
    for entry in entries
        .iter()
        .filter(|entry| SERVICES.contains(&entry.service.as_str()))
    {
        for case in cases::of(entry, &anybody(&users)) {
            asked += 1;
            let [ours, theirs] = sides.each_ref().map(|side| {
                let case = side.of_its_own(&case);
                let answer = ask(side.node.rest, &case).expect("an answer");
                (case, answer)
            });
            differences.extend(difference(&ours.0, &ours.1, &theirs.1));
        }
    }
    (asked, differences)
}

impl Side {
    /// A request about this chain's own blocks and transactions.
    fn of_its_own(&self, case: &Case) -> Case {
        let own = |text: &str| {
            let mut text = text.to_owned();
            // Those that requests have of a height, as [`cases::of`] makes them.
            for (of, height) in [
                (HEIGHT, self.known.height),
                (HEIGHT - 3, self.known.height - 3),
                (HEIGHT + 1_000, self.known.height + 1_000),
            ] {
                text = text.replace(&of.to_string(), &height.to_string());
            }
            for (of, hash) in HASHES.iter().zip(&self.known.hashes) {
                text = text.replace(of, hash);
            }
            text
        };
        let mut case = case.clone();
        case.target = own(&case.target);
        for (_, value) in &mut case.headers {
            *value = own(value);
        }
        case
    }

    /// Transactions right and wrong, by every mode.
    fn broadcast(&mut self, users: &[User]) -> Vec<(Case, Answer)> {
        self.node
            .wait("its REST server", |node| account(node, &users[0]).is_some());
        // What is sent is in none of the first blocks, which have nothing on either chain.
        let third = Case::get("", "/cosmos/base/tendermint/v1beta1/blocks/3".to_owned());
        self.node.wait("its third block", |node| {
            ask(node.rest, &third).is_ok_and(|answer| answer.status == 200)
        });
        let mut bodies = vec![
            json!({}),
            json!({"mode": "BROADCAST_MODE_SYNC"}),
            json!({"tx_bytes": "", "mode": "BROADCAST_MODE_SYNC"}),
            json!({"tx_bytes": "AQID", "mode": "BROADCAST_MODE_SYNC"}),
            json!({"tx_bytes": "!!", "mode": "BROADCAST_MODE_SYNC"}),
            json!({"tx_bytes": "AQID", "mode": "BROADCAST_MODE_UNSPECIFIED"}),
            json!({"tx_bytes": "AQID", "mode": "BROADCAST_MODE_BLOCK"}),
            json!({"tx_bytes": "AQID", "mode": "nosuch"}),
            json!({"tx_bytes": "AQID", "mode": 7}),
            json!({"tx_bytes": "AQID"}),
        ];
        for mangle in Mangle::ALL {
            let tx = self.transfer(&users[0], &users[1], mangle, "a memo");
            bodies.push(json!({"tx_bytes": STANDARD.encode(tx), "mode": "BROADCAST_MODE_SYNC"}));
        }
        let valid = bodies.len() - Mangle::ALL.len();
        assert_eq!(Mangle::ALL[0], Mangle::None);
        // The same again, which the mempool remembers.
        bodies.push(bodies[valid].clone());
        let tx = self.transfer(&users[1], &users[2], Mangle::None, "later");
        bodies.push(json!({"tx_bytes": STANDARD.encode(tx), "mode": "BROADCAST_MODE_ASYNC"}));
        let answers = bodies.into_iter().map(|body| {
            let case = Case::post(BROADCAST, body.to_string());
            let answer = ask(self.node.rest, &case).expect("an answer");
            (case, answer)
        });
        let answers: Vec<_> = answers.collect();
        for index in [valid, answers.len() - 1] {
            let json: Value = serde_json::from_slice(&answers[index].1.body).unwrap_or_default();
            let hash = json.pointer("/tx_response/txhash").and_then(Value::as_str);
            self.known.hashes.extend(hash.map(str::to_owned));
        }
        answers
    }

    fn transfer(&self, from: &User, to: &User, mangle: Mangle, memo: &str) -> Vec<u8> {
        let (number, sequence) = account(&self.node, from).expect("an account");
        let tx = quern_testkit::TxBuilder::new(0, 0)
            .gas(200_000)
            .message(bank_send(from, to, "5nqrn"))
            .fee("2000nqrn")
            .memo(memo);
        mangle.sign(&tx, from, number, sequence)
    }

    /// Waits until its transactions are in blocks, and takes down what to ask about.
    fn learn(&mut self) {
        assert_eq!(self.known.hashes.len(), 2, "{}", self.node.name);
        let started = Instant::now();
        for hash in self.known.hashes.clone() {
            let case = Case::get("", format!("/cosmos/tx/v1beta1/txs/{hash}"));
            while ask(self.node.rest, &case).expect("an answer").status != 200 {
                assert!(
                    started.elapsed() < Duration::from_secs(30),
                    "{}",
                    self.node.log_tail()
                );
                std::thread::sleep(Duration::from_millis(200));
            }
        }
        // That of the first, so that the blocks asked for have transactions on both chains.
        let case = Case::get("", format!("/cosmos/tx/v1beta1/txs/{}", self.known.hashes[0]));
        let answer = ask(self.node.rest, &case).expect("an answer");
        let found: Value = serde_json::from_slice(&answer.body).expect("JSON");
        let height = found.pointer("/tx_response/height").and_then(Value::as_str);
        self.known.height = height.and_then(|text| text.parse().ok()).expect("a height");
        // Nothing is in the latest block then.
        let later = format!("/cosmos/base/tendermint/v1beta1/blocks/{}", self.known.height + 3);
        let later = Case::get("", later);
        self.node.wait("a later block", |node| {
            ask(node.rest, &later).is_ok_and(|answer| answer.status == 200)
        });
    }
}

/// This chain's answer without the reveals, which are the first transactions of its blocks and have no message.
fn unrevealed(answer: &Answer) -> Answer {
    let Ok(mut json) = serde_json::from_slice::<Value>(&answer.body) else {
        return answer.clone();
    };
    let unsigned = |tx: &Value| tx.get("signatures").is_some_and(|all| *all == json!([]));
    for (list, tx) in [("txs", ""), ("tx_responses", "/tx")] {
        if let Some(entries) = json.get_mut(list).and_then(Value::as_array_mut) {
            entries.retain(|entry| !entry.pointer(tx).is_some_and(unsigned));
        }
    }
    for path in ["/block/data/txs", "/sdk_block/data/txs"] {
        if let Some(entries) = json.pointer_mut(path).and_then(Value::as_array_mut)
            && entries.first().is_some_and(is_reveal)
        {
            entries.remove(0);
        }
    }
    Answer {
        body: json.to_string().into_bytes(),
        ..answer.clone()
    }
}

/// Whether an entry of a block's transactions is what its proposer reveals to the beacon.
fn is_reveal(entry: &Value) -> bool {
    let bytes = entry.as_str().and_then(|text| STANDARD.decode(text).ok());
    bytes.is_some_and(|tx| quern_beacon::tx::decode(&tx).is_some())
}

/// The first thing in which answers differ, values that are each chain's own aside.
fn difference(case: &Case, ours: &Answer, theirs: &Answer) -> Option<Difference> {
    let shaped = |answer: &Answer| {
        let json: Option<Value> = serde_json::from_slice(&answer.body).ok();
        json.filter(|_| answer.status == 200).map(|json| Answer {
            body: shape::of(&json).to_string().into_bytes(),
            ..answer.clone()
        })
    };
    let (Some(mut ours_shape), Some(mut theirs_shape)) = (shaped(&unrevealed(ours)), shaped(theirs)) else {
        return Sides::difference(case, ours, theirs);
    };
    // Heights are each chain's own too.
    for answer in [&mut ours_shape, &mut theirs_shape] {
        for (name, value) in &mut answer.headers {
            if name.ends_with("block-height") {
                *value = "N".into();
            }
        }
    }
    let found = Sides::difference(case, &ours_shape, &theirs_shape)?;
    let text = |shape: String, answer: &Answer| format!("{shape}\n      {answer}");
    Some(Difference {
        ours: text(found.ours, ours),
        theirs: text(found.theirs, theirs),
        kind: if found.kind == Kind::RestBody {
            Kind::RestShape
        } else {
            found.kind
        },
        ..found
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_transaction_of_a_block_goes_if_it_is_a_reveal() {
        let block = |txs: &[&[u8]]| {
            let txs: Vec<String> = txs.iter().map(|tx| STANDARD.encode(tx)).collect();
            Answer {
                status: 200,
                headers: Vec::new(),
                body: json!({"block": {"data": {"txs": txs}}}).to_string().into_bytes(),
            }
        };
        let reveal = quern_beacon::tx::encode(&[7; 32]);
        assert_eq!(unrevealed(&block(&[&reveal, b"sent"])), block(&[b"sent"]));
        let others = block(&[b"sent", &reveal]);
        assert_eq!(unrevealed(&others), others);
    }
}
