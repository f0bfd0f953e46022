//! Every way of signing, and what is refused in each.

use crate::support;

use prost::Message;
use quern_auth::PubKey;
use quern_core::App;
use quern_proto::{
    Any,
    cosmos::{
        bank::v1beta1::MsgSend,
        crypto::multisig::v1beta1::MultiSignature,
        tx::{
            signing::v1beta1::SignMode,
            v1beta1::{
                AuthInfo, Fee, ModeInfo, TxBody,
                mode_info::{self, Sum},
            },
        },
    },
};
use quern_testkit::{Chain, Genesis, User, any, bank_send, coins};
use quern_types::AccAddress;
use support::{
    open,
    signing::{Signer, by_multisig, in_mode, key, multisig_key, parts, raw, sign_bytes, single},
};

struct World {
    _dir: tempfile::TempDir,
    chain: Chain<App>,
    alice: User,
    bob: User,
}

fn world_with(genesis: Genesis) -> World {
    let dir = tempfile::tempdir().unwrap();
    let (alice, bob) = (User::new("alice"), User::new("bob"));
    let genesis = genesis.fund(&alice, "1000000nqrn").fund(&bob, "1000000nqrn");
    let mut chain = Chain::start(open(dir.path()), genesis);
    chain.empty_blocks(1);
    World {
        _dir: dir,
        chain,
        alice,
        bob,
    }
}

fn world() -> World {
    world_with(Genesis::new())
}

impl World {
    fn send(&self) -> (TxBody, Fee) {
        parts(vec![bank_send(&self.alice, &self.bob, "5nqrn")], "10nqrn")
    }

    fn number(&self, user: &User) -> u64 {
        self.chain.account(user).unwrap().account_number
    }

    #[track_caller]
    fn passes(&mut self, tx: Vec<u8>) {
        let check = self.chain.check(&tx);
        assert_eq!(check.code, 0, "{}", check.log);
        let block = self.chain.block([tx]);
        assert_eq!(block.tx_results[0].code, 0, "{}", block.tx_results[0].log);
    }

    #[track_caller]
    fn refused(&mut self, tx: Vec<u8>, code: u32, text: &str) {
        let check = self.chain.check(&tx);
        assert_eq!(check.code, code, "{}", check.log);
        assert!(check.log.contains(text), "{:?} lacks {text:?}", check.log);
        let result = &self.chain.block([tx]).tx_results[0];
        assert_eq!(result.code, code, "{}", result.log);
    }
}

#[test]
fn amino_json_signs_a_transfer_and_binds_chain_number_sequence_and_content() {
    let mut w = world();
    let number = w.number(&w.alice);
    let mode = SignMode::LegacyAminoJson;
    w.passes(in_mode(mode, &w.alice, w.send(), number, 0));
    w.refused(
        in_mode(mode, &w.alice, w.send(), number, 0),
        32,
        "expected 1, got 0",
    );
    let text = format!("please verify account number ({number}), sequence (1) and chain-id (quern-test-1)");
    w.refused(in_mode(mode, &w.alice, w.send(), 9, 1), 4, &text);
    // a signature over one amount does not carry another
    let (body, fee) = w.send();
    let honest = quern_proto::cosmos::tx::v1beta1::TxRaw::decode(
        in_mode(mode, &w.alice, (body, fee.clone()), number, 1).as_slice(),
    )
    .unwrap();
    let (altered, _) = parts(vec![bank_send(&w.alice, &w.bob, "6nqrn")], "10nqrn");
    let auth = AuthInfo::decode(honest.auth_info_bytes.as_slice()).unwrap();
    w.refused(raw(&altered, &auth, honest.signatures), 4, &text);
}

#[test]
fn amino_json_refuses_fields_that_its_signer_has_not_seen() {
    let mut w = world();
    let number = w.number(&w.alice);
    let (mut body, fee) = w.send();
    body.non_critical_extension_options = vec![bank_send(&w.alice, &w.bob, "1nqrn")];
    let signer = Signer::new(Some(key(&w.alice)), single(SignMode::LegacyAminoJson), number, 0);
    let auth = AuthInfo {
        signer_infos: vec![signer.info.clone()],
        fee: Some(fee),
        ..Default::default()
    };
    let mut shown = body.clone();
    shown.non_critical_extension_options.clear();
    let signature = w
        .alice
        .sign(&sign_bytes(SignMode::LegacyAminoJson, &shown, &auth, &signer));
    w.refused(
        raw(&body, &auth, vec![signature]),
        4,
        "signature verification failed",
    );
}

#[test]
fn textual_and_unspecified_modes_are_refused_with_the_sdks_words() {
    let mut w = world();
    let number = w.number(&w.alice);
    let textual = in_mode(SignMode::Textual, &w.alice, w.send(), number, 0);
    w.refused(textual, 4, "(unsuppored sign mode SIGN_MODE_TEXTUAL)");
    let none = in_mode(SignMode::Unspecified, &w.alice, w.send(), number, 0);
    w.refused(none, 4, "(unsupported sign mode SIGN_MODE_UNSPECIFIED)");
}

/// A transaction of alice for which bob pays, alice in `mode`.
fn paid_by_bob(w: &World, mode: SignMode) -> Vec<u8> {
    let (body, mut fee) = w.send();
    fee.payer = w.bob.address().to_string();
    let alice = Signer::new(Some(key(&w.alice)), single(mode), w.number(&w.alice), 0);
    let bob = Signer::new(Some(key(&w.bob)), single(SignMode::Direct), w.number(&w.bob), 0);
    let auth = AuthInfo {
        signer_infos: vec![alice.info.clone(), bob.info.clone()],
        fee: Some(fee),
        ..Default::default()
    };
    let signatures = vec![
        w.alice.sign(&sign_bytes(mode, &body, &auth, &alice)),
        w.bob.sign(&sign_bytes(SignMode::Direct, &body, &auth, &bob)),
    ];
    raw(&body, &auth, signatures)
}

#[test]
fn direct_aux_signs_for_everybody_but_the_one_who_pays() {
    let mut w = world();
    w.passes(paid_by_bob(&w, SignMode::DirectAux));
    assert_eq!(w.chain.balance(&w.alice, "nqrn"), 1_000_000 - 5);
    assert_eq!(w.chain.balance(&w.bob, "nqrn"), 1_000_000 + 5 - 10);
    let number = w.number(&w.alice);
    let alone = in_mode(SignMode::DirectAux, &w.alice, w.send(), number, 1);
    w.refused(alone, 4, "cannot sign with SIGN_MODE_DIRECT_AUX: unauthorized");
}

#[test]
fn a_payer_and_a_sender_may_sign_in_different_modes() {
    let mut w = world();
    w.passes(paid_by_bob(&w, SignMode::LegacyAminoJson));
}

struct Team {
    w: World,
    users: Vec<User>,
    address: AccAddress,
    number: u64,
}

impl Team {
    /// Two of three.
    fn new() -> Self {
        let users: Vec<User> = ["one", "two", "three"].into_iter().map(User::new).collect();
        let key = multisig_key(2, &users.iter().collect::<Vec<_>>());
        let address = PubKey::from_any(&key).unwrap().address();
        let funded = address.clone();
        let genesis = Genesis::new().state(move |state| {
            state.auth.add_account(funded.clone()).unwrap();
            state
                .bank
                .add_balance(&funded, &"1000nqrn".parse().unwrap())
                .unwrap();
        });
        Self {
            w: world_with(genesis),
            users,
            address,
            number: 0,
        }
    }

    fn tx(&self, mode: SignMode, who: &[usize], sequence: u64) -> Vec<u8> {
        let send = MsgSend {
            from_address: self.address.to_string(),
            to_address: self.w.bob.address().to_string(),
            amount: coins("5nqrn"),
        };
        let users = self.users.iter().collect::<Vec<_>>();
        by_multisig(
            mode,
            (2, &users),
            who,
            parts(vec![any(&send)], "10nqrn"),
            self.number,
            sequence,
        )
    }
}

#[test]
fn two_of_three_send_in_amino_json_and_in_direct() {
    let mut t = Team::new();
    let amino = t.tx(SignMode::LegacyAminoJson, &[0, 2], 0);
    let block_gas = {
        let check = t.w.chain.check(&amino);
        assert_eq!(check.code, 0, "{}", check.log);
        let result = t.w.chain.block([amino]).tx_results[0].clone();
        assert_eq!(result.code, 0, "{}", result.log);
        // each part, then all together
        let signatures = result
            .events
            .iter()
            .flat_map(|e| &e.attributes)
            .filter(|a| a.key == "signature");
        assert_eq!(signatures.count(), 3);
        result.gas_used
    };
    assert!(block_gas > 2000, "each key costs a verification");
    let direct = t.tx(SignMode::Direct, &[1, 2], 1);
    t.w.passes(direct);
    let all = t.tx(SignMode::LegacyAminoJson, &[0, 1, 2], 2);
    t.w.passes(all);
}

#[test]
fn too_few_strange_or_misplaced_signatures_of_a_team_are_refused() {
    let mut t = Team::new();
    let mode = SignMode::LegacyAminoJson;
    t.w.refused(t.tx(mode, &[0], 0), 4, "signature verification failed");
    let direct = t.tx(SignMode::Direct, &[0], 0);
    t.w.refused(direct, 4, "(signature size is incorrect 1)");
    // the third signs in the place of the second
    t.users.swap(1, 2);
    let swapped = t.tx(SignMode::Direct, &[0, 1], 0);
    t.w.refused(swapped, 8, "pubKey does not match signer address");
    // a single signature for a team's key
    t.users.swap(1, 2);
    let users = t.users.iter().collect::<Vec<_>>();
    let send = MsgSend {
        from_address: t.address.to_string(),
        to_address: t.w.bob.address().to_string(),
        amount: coins("5nqrn"),
    };
    let (body, fee) = parts(vec![any(&send)], "10nqrn");
    let info = Signer::new(Some(multisig_key(2, &users)), single(SignMode::Direct), 0, 0).info;
    let auth = AuthInfo {
        signer_infos: vec![info],
        fee: Some(fee),
        ..Default::default()
    };
    let one = raw(&body, &auth, vec![t.users[0].sign(b"anything")]);
    t.w.refused(one, 1, "expected *signing.MultiSignatureData");
}

#[test]
fn multisignatures_nest_only_so_deep_and_cost_nothing_before_they_are_verified() {
    let mut w = world();
    let (body, fee) = w.send();
    let nested = |levels: usize, leaf: Vec<u8>| {
        let (mut mode, mut signature) = (single(SignMode::Direct), leaf);
        for _ in 0..levels {
            mode = ModeInfo {
                sum: Some(Sum::Multi(mode_info::Multi {
                    bitarray: None,
                    mode_infos: vec![mode],
                })),
            };
            signature = MultiSignature {
                signatures: vec![signature],
            }
            .encode_to_vec();
        }
        let info = Signer::new(None, mode, 0, 0).info;
        let auth = AuthInfo {
            signer_infos: vec![info],
            fee: Some(fee.clone()),
            ..Default::default()
        };
        raw(&body, &auth, vec![signature])
    };
    // Each level would double what events show.
    let deep = nested(14, vec![7; 50_000]);
    let simulated = w.chain.simulate(&deep).unwrap_err();
    assert!(simulated.log.len() < 2000, "{}", simulated.log.len());
    w.refused(deep, 4, "nest deeper than 3 levels");
    w.refused(nested(1, vec![7; 1000]), 4, "has 1000 bytes, 128 are the most");
    // A shallow one of a key that is none fails as before.
    let check = w.chain.check(&nested(1, vec![7; 64]));
    assert_ne!(check.code, 0, "{}", check.log);
}

#[test]
fn a_team_of_more_keys_than_the_limit_is_refused() {
    let users: Vec<User> = (0..8).map(|i| User::new(&format!("member {i}"))).collect();
    let users = users.iter().collect::<Vec<_>>();
    let address = PubKey::from_any(&multisig_key(1, &users)).unwrap().address();
    let funded = address.clone();
    let mut w = world_with(Genesis::new().state(move |state| {
        state.auth.add_account(funded.clone()).unwrap();
        state
            .bank
            .add_balance(&funded, &"1000nqrn".parse().unwrap())
            .unwrap();
    }));
    let send = MsgSend {
        from_address: address.to_string(),
        to_address: w.bob.address().to_string(),
        amount: coins("5nqrn"),
    };
    let tx = by_multisig(
        SignMode::Direct,
        (1, &users),
        &[0],
        parts(vec![any(&send)], "10nqrn"),
        0,
        0,
    );
    w.refused(tx, 14, "signatures: 8, limit: 7");
}

/// A transaction as clients estimate it: without or with a key, in any mode, with an empty or a zero signature.
fn estimate(w: &World, key: Option<Any>, mode: ModeInfo, signature: Vec<u8>, gas: u64) -> Vec<u8> {
    let (body, _) = w.send();
    let signer = Signer::new(key, mode, 0, 0);
    let auth = AuthInfo {
        signer_infos: vec![signer.info],
        fee: Some(Fee {
            gas_limit: gas,
            ..Default::default()
        }),
        ..Default::default()
    };
    raw(&body, &auth, vec![signature])
}

#[test]
fn gas_is_estimated_in_all_shapes_that_wallets_send() {
    let w = world();
    let known = || Some(key(&w.alice));
    let cosmjs = estimate(&w, known(), single(SignMode::Unspecified), vec![], 0);
    let keplr = estimate(&w, None, single(SignMode::LegacyAminoJson), vec![0; 64], 0);
    let cosmpy = estimate(&w, known(), single(SignMode::Direct), vec![], 0);
    let mut figures = Vec::new();
    for (name, tx) in [("CosmJS", cosmjs), ("Keplr", keplr), ("cosmpy", cosmpy)] {
        let gas = w.chain.simulate(&tx).unwrap_or_else(|e| panic!("{name}: {e:?}"));
        assert!(gas.gas_used > 30_000, "{name}: {}", gas.gas_used);
        figures.push(gas.gas_used);
    }
    let spread = figures.iter().max().unwrap() - figures.iter().min().unwrap();
    assert!(spread < 3_000, "{figures:?}");
}

#[test]
fn ping_pub_simulates_with_an_empty_key_of_whatever_type_for_who_has_signed_before() {
    let mut w = world();
    let number = w.number(&w.alice);
    w.passes(in_mode(SignMode::LegacyAminoJson, &w.alice, w.send(), number, 0));
    let tx = |url: &str, value: Vec<u8>| {
        let key = Any {
            type_url: format!("/cosmos.crypto.{url}.PubKey"),
            value,
        };
        let signer = Signer::new(Some(key), single(SignMode::Direct), number, 1);
        let auth = AuthInfo {
            signer_infos: vec![signer.info],
            fee: Some(Fee {
                gas_limit: 200_000,
                ..Default::default()
            }),
            ..Default::default()
        };
        raw(&w.send().0, &auth, vec![vec![0; 64]])
    };
    for (url, value) in [
        ("ed25519", vec![]),
        ("secp256k1", vec![]),
        ("ed25519", vec![10, 1, 7]),
    ] {
        let gas = w.chain.simulate(&tx(url, value.clone()));
        let gas = gas.unwrap_or_else(|e| panic!("{url} {value:?}: {e:?}"));
        assert!(gas.gas_used > 30_000, "{url}: {}", gas.gas_used);
        let check = w.chain.check(&tx(url, value));
        assert_eq!(check.code, 8, "it is no key all the same: {}", check.log);
    }
}
