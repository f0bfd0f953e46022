//! What router, host and an attacker would notice.

mod admit;
mod batch;
mod book;
mod letters;
mod little_room;
mod lost;
mod models;
mod outbox;
mod serve;
mod store;
mod strangers;
mod trouble;
mod witness;

use crate::metrics::HostMetrics;
use crate::paid::Own;
use quern_chain_client::SigningKey;
use quern_inference_api::paid::{Authority, SignedReceipt, SignedVoucher};
use quern_interface::settlement::{CommitteeMember, SessionInfo, SessionStatus, SignedBy};
use quern_protocol::{
    Amount, Bytes, Coefficients, FinishReason, Hash, Price, Receipt, Usage, Voucher, salt_commitment,
};

/// An expression that is harmless for its first words, and then has more states a token than a whole output may in a few.
pub(crate) const GROWS: &str = concat!(
    "zqxj vkwq 7301 zzkq xqjv 9924(.*a.{80}q|.*e.{81}q|.*i.{82}q|.*o.{83}q",
    "|.*u.{84}q|.*t.{85}q|.*n.{86}q|.*s.{87}q)"
);

pub(crate) const CHAIN: &str = "quern-test-1";
pub(crate) const HOST: &str = "quern1host";
pub(crate) const SALT: [u8; 16] = [9; 16];
pub(crate) const MODEL_HASH: Hash = Hash::new([5; 32]);

pub(crate) fn session_key() -> SigningKey {
    SigningKey::from_secret([11; 32].into()).unwrap()
}

pub(crate) fn warm_key() -> SigningKey {
    SigningKey::from_secret([12; 32].into()).unwrap()
}

/// A model of this host.
pub(crate) fn own(id: &str, hash: Hash, host: &HostMetrics) -> Own {
    let metrics = host.model(id).unwrap();
    let id = id.to_owned();
    Own { id, hash, metrics }
}

fn member(host: &str, limit: u128) -> CommitteeMember {
    CommitteeMember {
        host: host.into(),
        weight: 1,
        generation: 0,
        limit: Amount(limit),
        claimed: Amount::ZERO,
        receipts: 0,
    }
}

/// Session 3, drawn at 100, open until 1000, one nqrn a token, this host's limit 10,000.
pub(crate) fn session() -> SessionInfo {
    SessionInfo {
        id: 3,
        payer: "quern1payer".into(),
        model: "quern-small".into(),
        max_price: Price::FLOOR,
        router: None,
        router_fee_bps: 0,
        session_key: Bytes(session_key().public()),
        agent: None,
        signed_by: SignedBy::Payer,
        escrow: Amount(20_000),
        opened_at: 92,
        drawn_at: 100,
        closes_at: 1000,
        commits_until: 1020,
        payable_at: 1060,
        model_hash: MODEL_HASH,
        coefficients: Coefficients {
            input: 1_000_000,
            cached: 1_000_000,
            output: 1_000_000,
        },
        lapse_blocks: 20,
        router_share: Amount::ZERO,
        status: SessionStatus::Open,
        beacon: Some(Hash::new([1; 32])),
        committee: vec![member("quern1other", 10_000), member(HOST, 10_000)],
        rebalances: Vec::new(),
        outcome: None,
    }
}

/// A voucher for height 200, signed.
pub(crate) fn voucher(nonce: u64, ceiling: u128, cap: u128) -> SignedVoucher {
    sign(Voucher {
        session: 3,
        host: HOST.into(),
        nonce,
        height: 200,
        ceiling: Amount(ceiling),
        cap: Amount(cap),
        salt_commitment: salt_commitment(CHAIN, 3, nonce, &SALT),
    })
}

pub(crate) fn sign(voucher: Voucher) -> SignedVoucher {
    let signature = Bytes(session_key().sign(&voucher.digest(CHAIN).0));
    SignedVoucher { voucher, signature }
}

pub(crate) fn authority(signed: SignedVoucher) -> Authority {
    Authority {
        chain_id: CHAIN.into(),
        voucher: signed.voucher,
        signature: signed.signature,
        salt: Bytes(SALT),
    }
}

/// A receipt for a voucher.
pub(crate) fn receipt(signed: SignedVoucher, capture: u128) -> SignedReceipt {
    let receipt = Receipt {
        voucher: signed.voucher,
        voucher_signature: signed.signature,
        request_hash: Hash::new([2; 32]),
        output_hash: Hash::new([3; 32]),
        model_hash: MODEL_HASH,
        client_seed: None,
        seed_commitment: Hash::new([4; 32]),
        temperature: 1_000_000,
        usage: Usage::default(),
        finish: FinishReason::Stop,
        price: Price::FLOOR,
        first_token_ms: 1,
        duration_ms: 2,
        capture: Amount(capture),
    };
    let signature = Bytes(warm_key().sign(&receipt.digest(CHAIN).0));
    SignedReceipt { receipt, signature }
}
