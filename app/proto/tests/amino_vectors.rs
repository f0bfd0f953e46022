//! The amino documents are those that wasmd signs.
//!
//! `vectors/amino.json` was computed by `vectors/generate/run.sh` with the transaction configuration of wasmd 0.61.14
//! itself: transaction bodies and fees in, sign documents or refusals out.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

use proptest::prelude::*;
use prost::Message;
use quern_proto::{
    amino,
    cosmos::tx::v1beta1::{AuthInfo, TxBody},
};

#[test]
fn every_document_is_wasmds_to_the_byte() {
    let vectors: serde_json::Value = serde_json::from_str(include_str!("vectors/amino.json")).unwrap();
    let vectors = vectors.as_array().unwrap();
    assert!(vectors.len() > 120);
    for vector in vectors {
        let name = vector["name"].as_str().unwrap();
        let bytes = |key: &str| hex::decode(vector[key].as_str().unwrap()).unwrap();
        let body = TxBody::decode(bytes("body").as_slice()).unwrap();
        let auth = AuthInfo::decode(bytes("auth_info").as_slice()).unwrap();
        let signer = amino::Signer {
            chain_id: "quern-test-1",
            account_number: vector["account_number"].as_u64().unwrap(),
            sequence: vector["sequence"].as_u64().unwrap(),
        };
        let doc = amino::sign_doc(signer, &body, &auth.fee.unwrap());
        match vector["doc"].as_str().unwrap() {
            refused if refused.starts_with("ERROR") => assert!(doc.is_err(), "{name}: {refused}"),
            expected => assert_eq!(doc.as_deref(), Ok(expected), "{name}"),
        }
    }
}

proptest! {
    /// What others send must not stop a node: at worst it has no amino form.
    #[test]
    fn arbitrary_messages_never_panic(
        which in 0usize..5,
        value in proptest::collection::vec(any::<u8>(), 0..120),
    ) {
        let names = [
            "cosmos.authz.v1beta1.MsgExec",
            "cosmos.feegrant.v1beta1.MsgGrantAllowance",
            "cosmwasm.wasm.v1.MsgExecuteContract",
            "cosmos.staking.v1beta1.StakeAuthorization",
            "cosmos.crypto.multisig.LegacyAminoPubKey",
        ];
        let _ = amino::message(names[which], &value);
        let _ = quern_proto::compact::text(names[which], &value);
    }
}
