//! Two models of one host, each paid by sessions of its own.

use super::serve::{bench, body, is_signed, text};
use super::{CHAIN, HOST, MODEL_HASH, SALT, session, sign, voucher};
use crate::audit::tests::workers::World;
use crate::paid::batch::plan;
use crate::paid::outbox;
use crate::paid::registration::Standing;
use ::http::StatusCode;
use quern_inference_api::paid::{RECEIPT_HEADER, SignedReceipt, SignedVoucher, from_header};
use quern_interface::settlement::SessionInfo;
use quern_protocol::{Amount, Hash, salt_commitment};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;

pub(super) const OTHER_HASH: Hash = Hash::new([55; 32]);

/// Session 4, of the other model.
pub(super) fn other_session() -> SessionInfo {
    SessionInfo {
        id: 4,
        model: "other".into(),
        model_hash: OTHER_HASH,
        ..session()
    }
}

/// A voucher of a session.
fn voucher_in(session: u64, nonce: u64) -> SignedVoucher {
    let mut voucher = voucher(nonce, 500, 500 * u128::from(nonce)).voucher;
    voucher.session = session;
    voucher.salt_commitment = salt_commitment(CHAIN, session, nonce, &SALT);
    sign(voucher)
}

#[tokio::test(flavor = "multi_thread")]
async fn each_model_is_paid_by_its_own_sessions_and_its_receipts_name_it() {
    let bench = bench(Duration::ZERO, 2).await;
    let mut for_other = body(5, false);
    for_other["model"] = json!("other");
    // A session pays for no other model than its own, whichever is dearer.
    for (session, body) in [(3, &for_other), (4, &body(5, false))] {
        let (status, answer) = text(bench.ask(Some(voucher_in(session, 1)), body).await).await;
        assert!(
            status == 402 && answer.contains("voucher_misdirected"),
            "{answer}"
        );
    }
    let mut tokens = Vec::new();
    for (session, body, hash) in [(3, &body(5, false), MODEL_HASH), (4, &for_other, OTHER_HASH)] {
        let response = bench.ask(Some(voucher_in(session, 1)), body).await;
        assert_eq!(response.status(), StatusCode::OK);
        let signed: SignedReceipt = from_header(&response.headers()[RECEIPT_HEADER]).unwrap();
        assert!(is_signed(&signed));
        assert_eq!(
            (signed.receipt.model_hash, signed.receipt.capture),
            (hash, Amount(9))
        );
        tokens.push(bench.paid.store.payload(session, 1).unwrap().unwrap().1.output);
    }
    assert_eq!(tokens, [[304, 305, 306, 307, 308], [404, 405, 406, 407, 408]]);
    // Their batch says what it adds for each.
    let known = |id| Some(Arc::new(if id == 4 { other_session() } else { session() }));
    let planned = plan(
        &mut bench.paid.store.book(),
        bench.paid.committer(),
        1,
        205,
        known,
    );
    let sums = outbox::by_model(&bench.paid, &planned.0.unwrap());
    let sums: Vec<_> = sums.iter().map(|sum| (sum.model.as_str(), sum.amount)).collect();
    assert_eq!(sums, [("other", Amount(9)), ("quern-small", Amount(9))]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_with_one_model_stops_its_requests_only_and_is_told_by_name() {
    let bench = bench(Duration::ZERO, 2).await;
    let wrong = Standing {
        unfit: Some("the model's files have another hash".into()),
        ..Standing::default()
    };
    bench.paid.follow.pretend_standing("other", wrong.clone());
    let mut for_other = body(5, false);
    for_other["model"] = json!("other");
    let (status, answer) = text(bench.ask(Some(voucher_in(4, 1)), &for_other).await).await;
    assert!(status == 503 && answer.contains("another hash"), "{answer}");
    let response = bench.ask(Some(voucher_in(3, 1)), &body(5, false)).await;
    assert_eq!(response.status(), StatusCode::OK);
    let health = async || {
        let key = bench.paid.transport_key.public();
        let url = format!("{}/health", bench.url);
        let (_, answer) = text(bench.client.get(&url, key).await.unwrap()).await;
        serde_json::from_str::<Value>(&answer).unwrap()
    };
    let told = health().await;
    assert_eq!(told["status"], "paid work for some models only");
    assert_eq!(told["chain"]["problem"], Value::Null);
    assert_eq!(told["models"][0], json!({"id": "quern-small", "problem": null}));
    assert_eq!(told["models"][1]["id"], "other");
    assert_eq!(told["models"][1]["problem"], wrong.unfit.clone().unwrap());
    // Once it is wrong with all of them there is no paid work at all.
    bench.paid.follow.pretend_standing("quern-small", wrong);
    assert_eq!(health().await["status"], "no paid work");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_the_chain_does_not_know_stops_no_other_one() {
    let world = World::of(&["quern-small", "third"]).await;
    let worker = world.start(HOST, false).await;
    let paid = worker.paid();
    let mut heights = paid.follow.heights();
    heights.wait_for(|height| *height > 0).await.unwrap();
    paid.follow.set_compared();
    assert_eq!(paid.follow.problem_with("quern-small"), None);
    let problem = paid.follow.problem_with("third").unwrap();
    assert!(
        problem.contains("the chain does not know model \"third\""),
        "{problem}"
    );
    assert!(paid.key_for("quern-small").is_ok() && paid.key_for("third").is_err());
    assert_eq!(paid.problem(), None);
}
