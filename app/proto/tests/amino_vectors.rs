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
    cosmos::{
        authz::v1beta1::{Grant, MsgExec, MsgGrant},
        bank::v1beta1::MsgSend,
        tx::v1beta1::{AuthInfo, TxBody},
    },
    cosmwasm::wasm::v1::{AccessConfig, AccessType, CodeGrant, MsgStoreCode, StoreCodeAuthorization},
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

/// A message in its `Any`.
fn any_of<M: Message + prost::Name>(message: &M) -> quern_proto::Any {
    quern_proto::Any {
        type_url: format!("/{}", M::full_name()),
        value: message.encode_to_vec(),
    }
}

#[test]
fn what_a_document_does_not_show_is_named_wherever_it_stands() {
    let permission = || {
        Some(AccessConfig {
            permission: AccessType::Nobody.into(),
            addresses: vec![],
        })
    };
    let store = |instantiate_permission| {
        any_of(&MsgStoreCode {
            instantiate_permission,
            ..MsgStoreCode::default()
        })
    };
    let grant = any_of(&MsgGrant {
        grant: Some(Grant {
            authorization: Some(any_of(&StoreCodeAuthorization {
                grants: vec![CodeGrant {
                    code_hash: b"*".to_vec(),
                    instantiate_permission: permission(),
                }],
            })),
            expiration: None,
        }),
        ..MsgGrant::default()
    });
    let unseen = |messages: Vec<quern_proto::Any>| {
        amino::unseen(&TxBody {
            messages,
            ..TxBody::default()
        })
    };
    let named = ["MsgStoreCode.instantiate_permission"];
    assert_eq!(unseen(vec![store(permission()), store(permission())]), named);
    assert_eq!(
        unseen(vec![grant]),
        ["MsgGrant.grant.authorization.grants.instantiate_permission"]
    );
    let exec = any_of(&MsgExec {
        msgs: vec![store(permission())],
        ..MsgExec::default()
    });
    assert_eq!(unseen(vec![exec]), ["MsgExec.msgs.instantiate_permission"]);
    let nothing: [&str; 0] = [];
    let empty = store(Some(AccessConfig::default()));
    assert_eq!(
        unseen(vec![store(None), empty, any_of(&MsgSend::default())]),
        nothing
    );
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
        let message = quern_proto::Any { type_url: format!("/{}", names[which]), value: value.clone() };
        let _ = amino::unseen(&TxBody { messages: vec![message], ..TxBody::default() });
        let _ = quern_proto::compact::text(names[which], &value);
    }
}
