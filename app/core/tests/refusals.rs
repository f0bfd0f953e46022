//! Every kind of bad transaction gets its own code, and nothing is lost by it.

use crate::support;

use prost::Message;
use quern_core::{App, Options};
use quern_proto::{
    Any,
    cosmos::{authz::v1beta1::MsgExec, bank::v1beta1::MsgSend, base::v1beta1::Coin, tx::v1beta1::TxRaw},
    cosmwasm::wasm::v1::MsgExecuteContract,
};
use quern_testkit::{Chain, Genesis, TxBuilder, User, any, bank_send};
use support::open;

struct World {
    _dir: tempfile::TempDir,
    chain: Chain<App>,
    alice: User,
    bob: User,
}

fn world() -> World {
    let dir = tempfile::tempdir().unwrap();
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let mut chain = Chain::start(open(dir.path()), Genesis::new().fund(&alice, "1000000nqrn"));
    chain.empty_blocks(2);
    World {
        _dir: dir,
        chain,
        alice,
        bob,
    }
}

impl World {
    fn send(&self) -> TxBuilder {
        self.chain
            .tx(&self.alice)
            .message(bank_send(&self.alice, &self.bob, "1nqrn"))
            .fee("10nqrn")
    }

    /// Refused by the mempool and, should a proposer include it, by the block; the sender keeps all.
    #[track_caller]
    fn refused(&mut self, tx: Vec<u8>, codespace: &str, code: u32, text: &str) {
        let check = self.chain.check(&tx);
        assert_eq!(
            (check.codespace.as_str(), check.code),
            (codespace, code),
            "{}",
            check.log
        );
        assert!(check.log.contains(text), "{:?} lacks {text:?}", check.log);
        assert!(check.events.is_empty());
        assert!(
            !self.chain.accepts([tx.clone()]),
            "a proposal with it is rejected"
        );
        let result = &self.chain.block([tx]).tx_results[0];
        assert_eq!(
            (result.codespace.as_str(), result.code),
            (codespace, code),
            "{}",
            result.log
        );
        assert_eq!(self.chain.balance(&self.alice, "nqrn"), 1_000_000);
        assert_eq!(self.chain.account(&self.alice).unwrap().sequence, 0);
    }
}

#[test]
fn garbage_empty_and_oversized_bytes_do_not_parse() {
    let mut w = world();
    w.refused(vec![0xff; 40], "sdk", 2, "tx parse error");
    w.refused(Vec::new(), "sdk", 18, "must contain at least one message");
    w.refused(vec![0x0a; 1 << 20], "sdk", 2, "tx parse error");
}

#[test]
fn unknown_fields_are_refused_wherever_they_hide() {
    let mut w = world();
    // an unknown critical field 100 in the body, inside the signature
    let mut tx = w.send();
    tx.extra_body = vec![0xa2, 0x06, 0x01, 0x00];
    let bytes = tx.sign(&w.alice);
    w.refused(
        bytes,
        "sdk",
        2,
        r#"errUnknownField "*tx.TxBody": {TagNum: 100, WireType:"bytes"}"#,
    );
    // appended to the outer frame, outside the signature
    let mut bytes = w.send().sign(&w.alice);
    bytes.extend_from_slice(&[0x22, 0]);
    w.refused(bytes, "sdk", 2, "tx parse error");
}

#[test]
fn the_outer_frame_has_one_encoding() {
    let mut w = world();
    let raw = w.send().sign_raw(&w.alice);
    let reordered = [
        TxRaw {
            body_bytes: Vec::new(),
            ..raw.clone()
        }
        .encode_to_vec(),
        TxRaw {
            body_bytes: raw.body_bytes.clone(),
            ..Default::default()
        }
        .encode_to_vec(),
    ]
    .concat();
    w.refused(reordered, "sdk", 2, "non ascending order");
}

#[test]
fn a_message_type_that_is_not_served_is_refused() {
    let mut w = world();
    let vote = Any {
        type_url: "/cosmos.group.v1.MsgVote".into(),
        value: Vec::new(),
    };
    let tx = w.chain.tx(&w.alice).message(vote).fee("10nqrn").sign(&w.alice);
    w.refused(
        tx,
        "sdk",
        2,
        "unable to resolve type URL /cosmos.group.v1.MsgVote",
    );
}

#[test]
fn signatures_of_another_key_chain_account_or_document_are_refused() {
    let mut w = world();
    let mut other_chain = w.send();
    other_chain.chain_id = "other-1".into();
    let tx = other_chain.sign(&w.alice);
    w.refused(
        tx,
        "sdk",
        4,
        "please verify account number (0) and chain-id (quern-test-1)",
    );
    let mut other_number = w.send();
    other_number.account_number = 9;
    let tx = other_number.sign(&w.alice);
    w.refused(tx, "sdk", 4, "signature verification failed");
    let tx = w.send().sign(&w.bob); // bob's key for alice's coins
    w.refused(tx, "sdk", 8, "pubKey does not match signer address");
    let mut raw = w.send().sign_raw(&w.alice);
    raw.signatures[0][40] ^= 1;
    w.refused(
        raw.encode_to_vec(),
        "sdk",
        4,
        "unable to verify single signer signature",
    );
    let mut raw = w.send().sign_raw(&w.alice);
    raw.signatures.clear();
    w.refused(raw.encode_to_vec(), "sdk", 15, "no signatures supplied");
    let mut raw = w.send().sign_raw(&w.alice);
    raw.signatures.push(vec![1; 64]);
    w.refused(
        raw.encode_to_vec(),
        "sdk",
        4,
        "wrong number of signers; expected 1, got 2",
    );
}

#[test]
fn a_wrong_sequence_is_named_as_relayers_parse_it() {
    let mut w = world();
    let tx = w.send().sequence(5).sign(&w.alice);
    w.refused(
        tx,
        "sdk",
        32,
        "account sequence mismatch, expected 0, got 5: incorrect account sequence",
    );
}

#[test]
fn memo_timeout_gas_and_unordered_rules_have_their_codes() {
    let mut w = world();
    let tx = w.send().memo(&"x".repeat(257)).sign(&w.alice);
    w.refused(
        tx,
        "sdk",
        12,
        "maximum number of characters is 256 but received 257 characters",
    );
    let tx = w.send().body(|b| b.timeout_height = 1).sign(&w.alice);
    w.refused(tx, "sdk", 30, ", timeout height: 1: tx timeout height");
    let tx = w
        .send()
        .body(|b| b.timeout_timestamp = Some(prost_types::Timestamp { seconds: 1, nanos: 0 }))
        .sign(&w.alice);
    w.refused(tx, "sdk", 42, "timeout timestamp: 1970-01-01 00:00:01 +0000 UTC");
    let tx = w.send().gas(0).sign(&w.alice);
    w.refused(tx, "sdk", 11, "gasWanted: 0, gasUsed: ");
    let tx = w.send().gas(2000).sign(&w.alice);
    w.refused(tx, "sdk", 11, "gasWanted: 2000");
    let tx = w.send().gas(u64::MAX).sign(&w.alice);
    w.refused(tx, "sdk", 41, "exceeds block max gas");
    let tx = w.send().body(|b| b.unordered = true).sign(&w.alice);
    w.refused(tx, "sdk", 37, "unordered transactions are not enabled");
    let option = Any {
        type_url: "/cosmos.crypto.secp256k1.PubKey".into(),
        value: Vec::new(),
    };
    let tx = w
        .send()
        .body(|b| b.extension_options = vec![option])
        .sign(&w.alice);
    w.refused(tx, "sdk", 31, "unknown extension options");
}

#[test]
fn absurd_fees_are_refused_before_anything_is_charged() {
    let mut w = world();
    let coin = |amount: &str| Coin {
        denom: "nqrn".into(),
        amount: amount.into(),
    };
    let mut tx = w.send();
    tx.fee.amount = vec![coin("-5")];
    let tx = tx.sign(&w.alice);
    w.refused(tx, "sdk", 13, "invalid fee provided");
    let tx = w.send().fee("2000000nqrn").sign(&w.alice);
    w.refused(
        tx,
        "sdk",
        5,
        "spendable balance 1000000nqrn is smaller than 2000000nqrn",
    );
}

#[test]
fn coins_of_nothing_are_no_fee() {
    let mut w = world();
    let tx = w.send().fee("10nqrn");
    let fee = |amount: &str| Coin {
        denom: "nqrn".into(),
        amount: amount.into(),
    };
    let mut nothing = tx.clone();
    nothing.fee.amount = vec![fee("0")];
    let result = w.chain.block([nothing.sign(&w.alice)]).tx_results.remove(0);
    assert_eq!(result.code, 0, "{}", result.log);
    let event = result.events.iter().find(|e| e.r#type == "tx").unwrap();
    assert_eq!(event.attributes[0].value, "0nqrn");
}

#[test]
fn amounts_that_are_none_fail_in_their_message_and_cost_its_sender_the_fee() {
    let mut w = world();
    // what no balance reaches is too much; the others are no coins
    let amounts = [
        ("0", 10),
        ("-5", 10),
        ("340282366920938463463374607431768211456", 5),
        ("", 10),
    ];
    for (sent, (amount, code)) in (0_u64..).zip(amounts) {
        let msg = MsgSend {
            from_address: w.alice.address().to_string(),
            to_address: w.bob.address().to_string(),
            amount: vec![Coin {
                denom: "nqrn".into(),
                amount: amount.into(),
            }],
        };
        let tx = w.chain.tx(&w.alice).message(any(&msg)).fee("10nqrn");
        let result = w.chain.block([tx.sign(&w.alice)]).tx_results.remove(0);
        assert_eq!(
            (result.codespace.as_str(), result.code),
            ("sdk", code),
            "{}",
            result.log
        );
        assert!(
            result
                .log
                .starts_with("failed to execute message; message index: 0: ")
        );
        assert_eq!(w.chain.account(&w.alice).unwrap().sequence, sent + 1);
        assert_eq!(
            w.chain.balance(&w.alice, "nqrn"),
            1_000_000 - 10 * u128::from(sent + 1)
        );
        assert_eq!(w.chain.balance(&w.bob, "nqrn"), 0);
    }
}

#[test]
fn a_fee_below_the_nodes_price_is_refused_by_the_mempool_alone() {
    let dir = tempfile::tempdir().unwrap();
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let options = Options {
        min_gas_prices: "0.025nqrn".parse().unwrap(),
        ..Options::new(dir.path())
    };
    let mut chain = Chain::start(
        App::open(options).unwrap(),
        Genesis::new().fund(&alice, "1000000nqrn"),
    );
    chain.empty_blocks(1);
    let tx = chain
        .tx(&alice)
        .message(bank_send(&alice, &bob, "1nqrn"))
        .gas(100_001)
        .fee("2500nqrn")
        .sign(&alice);
    let check = chain.check(&tx);
    assert_eq!(check.code, 13);
    assert_eq!(
        check.log,
        "insufficient fees; got: 2500nqrn required: 2501nqrn: insufficient fee"
    );
    assert!(
        chain.accepts([tx.clone()]),
        "a price of one node's own never splits consensus"
    );
    assert_eq!(chain.block([tx]).tx_results[0].code, 0);
}

#[test]
fn an_account_that_does_not_exist_cannot_pay() {
    let mut w = world();
    let carol = User::new("carol");
    let tx = TxBuilder::new(0, 0)
        .message(bank_send(&carol, &w.bob, "1nqrn"))
        .fee("1nqrn")
        .sign(&carol);
    w.refused(tx, "sdk", 9, "does not exist: unknown address");
}

fn coin(amount: &str) -> Coin {
    Coin {
        denom: "nqrn".into(),
        amount: amount.into(),
    }
}

#[test]
fn an_amount_that_is_no_number_does_not_parse_wherever_it_stands() {
    let mut w = world();
    let send = |amount: &str| {
        any(&MsgSend {
            from_address: w.alice.address().to_string(),
            to_address: w.bob.address().to_string(),
            amount: vec![coin(amount)],
        })
    };
    let exec = any(&MsgExec {
        grantee: w.alice.address().to_string(),
        msgs: vec![send("1.5")],
    });
    let tx = || w.chain.tx(&w.alice).fee("10nqrn");
    let mut fee = w.send();
    fee.fee.amount = vec![coin("1.5")];
    let bad = [
        tx().message(send("1.5")).sign(&w.alice),
        tx().message(exec).sign(&w.alice),
        fee.sign(&w.alice),
    ];
    // one text for one number, unlike Go's integers
    let odd = ["+5", "0x10", "010", "1_000", "-0"].map(|amount| tx().message(send(amount)).sign(&w.alice));
    for tx in bad {
        let text = r#"math/big: cannot unmarshal "1.5" into a *big.Int: tx parse error: tx parse error"#;
        w.refused(tx, "sdk", 2, text);
    }
    for tx in odd {
        w.refused(tx, "sdk", 2, "into a *big.Int: tx parse error: tx parse error");
    }
}

#[test]
fn an_amount_that_is_left_out_is_zero_in_a_message_and_nothing_in_a_fee() {
    let mut w = world();
    let mut fee = w.send();
    fee.fee.amount = vec![coin("")];
    let tx = fee.sign(&w.alice);
    w.refused(tx, "sdk", 13, "invalid fee provided: null: insufficient fee");
    let send = any(&MsgSend {
        from_address: w.alice.address().to_string(),
        to_address: w.bob.address().to_string(),
        amount: vec![coin("")],
    });
    let tx = w.chain.tx(&w.alice).message(send).fee("10nqrn").sign(&w.alice);
    let result = &w.chain.block([tx]).tx_results[0];
    assert_eq!((result.codespace.as_str(), result.code), ("sdk", 10));
    assert_eq!(
        result.log,
        "failed to execute message; message index: 0: 0nqrn: invalid coins"
    );
}

#[test]
fn whose_signers_cannot_be_told_is_refused_after_what_its_messages_check() {
    let mut w = world();
    let from = |sender: &str| {
        any(&MsgSend {
            from_address: sender.into(),
            to_address: w.bob.address().to_string(),
            amount: vec![coin("1")],
        })
    };
    let execute = |sender: &str| {
        any(&MsgExecuteContract {
            sender: sender.into(),
            contract: w.bob.address().to_string(),
            msg: b"{}".to_vec(),
            funds: vec![],
        })
    };
    let cosmos = "cosmos17xpfvakm2amg962yls6f84z3kell8c5lserqta";
    let cases = [
        (from(""), "undefined", 1, "empty address string is not allowed"),
        (
            from(cosmos),
            "sdk",
            35,
            "hrp does not match bech32 prefix: expected 'quern' got 'cosmos': internal logic error",
        ),
        (
            execute(""),
            "undefined",
            1,
            "sender: empty address string is not allowed",
        ),
        (
            execute(cosmos),
            "undefined",
            1,
            "sender: invalid Bech32 prefix; expected quern, got cosmos",
        ),
    ];
    let signed = cases.map(|(message, space, code, text)| {
        let tx = w.chain.tx(&w.alice).message(message).fee("10nqrn");
        (tx.sign(&w.alice), space, code, text)
    });
    for (tx, space, code, text) in signed {
        w.refused(tx, space, code, text);
    }
}

#[test]
fn a_malformed_payer_or_granter_ends_the_transaction_as_in_the_sdk() {
    let mut w = world();
    let mut payer = w.send();
    payer.fee.payer = "quern1notanaddress".into();
    let text = "Invalid fee payer address (decoding bech32 failed: invalid character not part of charset: 111): \
                invalid address";
    let tx = payer.sign(&w.alice);
    w.refused(tx, "sdk", 7, text);
    let mut granter = w.send();
    granter.fee.granter = "quern1notanaddress".into();
    let tx = granter.sign(&w.alice);
    w.refused(tx, "undefined", 111_222, "decoding bech32 failed");
}

#[test]
fn nobody_simulates_in_the_name_of_a_module() {
    let mut w = world();
    // which brings the collector's account into being
    let paid = w.send().sign(&w.alice);
    assert_eq!(w.chain.block([paid]).tx_results[0].code, 0);
    let collector = quern_types::module_address("fee_collector");
    let send = any(&MsgSend {
        from_address: collector.to_string(),
        to_address: w.bob.address().to_string(),
        amount: vec![Coin {
            denom: "nqrn".into(),
            amount: "1".into(),
        }],
    });
    let tx = w.chain.tx(&w.alice).message(send).sign(&w.alice);
    let error = w.chain.simulate(&tx).unwrap_err();
    let refusal = "not supported for module accounts: invalid pubkey";
    assert!(error.log.contains(refusal), "{}", error.log);
}
