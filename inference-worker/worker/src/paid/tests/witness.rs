//! Hosts that are asked about a silent one: real workers with real transport on a chain in memory.

use super::{CHAIN, member, session, sign, warm_key};
use crate::audit::tests::workers::{Running, World};
use ::http::StatusCode;
use http_body_util::BodyExt;
use quern_chain_client::verify;
use quern_inference_api::paid::{WITNESS_PATH, WitnessRequest};
use quern_protocol::{Amount, TimeOut, Voucher, Witness, salt_commitment};
use quern_transport::{Client, TransportKey};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

const SILENT: &str = "quern1silent";
const AWAKE: &str = "quern1awake";
const WITNESS: &str = "quern1witness";

/// A committee of three; the session is open at the node's heights.
async fn world() -> World {
    let world = World::new().await;
    world.with(|contracts| {
        let mut info = session();
        info.closes_at = 100_000;
        info.committee = [SILENT, AWAKE, WITNESS].map(|host| member(host, 10_000)).into();
        contracts.session = info;
    });
    world
}

async fn ready(worker: &Running) -> u64 {
    let paid = worker.paid();
    let mut heights = paid.follow.heights();
    *heights.wait_for(|height| *height > 0).await.unwrap()
}

/// The router's request about a host, of now.
fn request(host: &str, nonce: u64, height: u64) -> WitnessRequest {
    let signed = sign(Voucher {
        session: 3,
        host: host.into(),
        nonce,
        height,
        ceiling: Amount(500),
        cap: Amount(500),
        salt_commitment: salt_commitment(CHAIN, 3, nonce, &super::SALT),
    });
    WitnessRequest {
        voucher: signed.voucher,
        signature: signed.signature,
        height,
    }
}

async fn ask(witness: &Running, request: &WitnessRequest) -> (StatusCode, Vec<u8>) {
    let client = Client::new(TransportKey::from_secret([44; 32].into()));
    let body = serde_json::to_vec(request).unwrap();
    let url = format!("{}{WITNESS_PATH}", witness.url);
    let key = witness.paid().transport_key.public();
    let answer = client.post(&url, key, body.into()).await.unwrap();
    let status = answer.status();
    (
        status,
        answer.into_body().collect().await.unwrap().to_bytes().into(),
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_signs_that_a_silent_host_is_silent_and_never_of_one_that_answers() {
    let world = world().await;
    let witness = world.start(WITNESS, true).await;
    let _awake = world.start(AWAKE, true).await;
    let _silent = world.start(SILENT, false).await;
    let height = ready(&witness).await;
    // a router that lies about a host gets nothing
    let (status, body) = ask(&witness, &request(AWAKE, 1, height)).await;
    let body = String::from_utf8(body).unwrap();
    assert_eq!(status, StatusCode::CONFLICT, "{body}");
    assert!(body.contains("The host answers."), "{body}");
    let about = request(SILENT, 1, height);
    let (status, body) = ask(&witness, &about).await;
    assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&body));
    let signed: Witness = serde_json::from_slice(&body).unwrap();
    let silence = TimeOut {
        session: 3,
        nonce: 1,
        host: SILENT.into(),
        height,
    };
    assert_eq!(signed.host, WITNESS);
    assert!(verify(
        &warm_key().public(),
        &silence.digest(CHAIN).0,
        &signed.signature.0
    ));
    // two requests of a host in a session count on chain, so no third one is witnessed
    assert_eq!(ask(&witness, &request(SILENT, 2, height)).await.0, StatusCode::OK);
    assert_eq!(ask(&witness, &about).await.0, StatusCode::OK, "the same again");
    let third = ask(&witness, &request(SILENT, 3, height)).await;
    assert_eq!(third.0, StatusCode::CONFLICT);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_is_tried_once_whoever_asks_and_a_height_at_which_nobody_tried_it_is_not_witnessed() {
    let world = world().await;
    let witness = world.start(WITNESS, true).await;
    let height = ready(&witness).await;
    // something that takes connections and says nothing
    let calls = Arc::new(AtomicUsize::new(0));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    world.with(|contracts| contracts.hosts.insert(SILENT.into(), (url, [1; 32])));
    let counted = calls.clone();
    tokio::spawn(async move {
        let mut open = Vec::new();
        loop {
            open.push(listener.accept().await.unwrap());
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    let requests: Vec<_> = (1..=2).map(|nonce| request(SILENT, nonce, height)).collect();
    // who hangs up does not have it tried again
    let hasty = tokio::time::timeout(std::time::Duration::from_millis(300), ask(&witness, &requests[0]));
    assert!(hasty.await.is_err());
    let (first, second) = tokio::join!(ask(&witness, &requests[0]), ask(&witness, &requests[1]));
    assert_eq!((first.0, second.0), (StatusCode::OK, StatusCode::OK));
    // its two attempts
    assert_eq!(calls.load(Ordering::Relaxed), 2);
    let now = witness.paid().follow.height();
    assert!(now > height + 3, "{now} {height}");
    let mut heights = witness.paid().follow.heights();
    heights.wait_for(|next| *next > now).await.unwrap();
    let later = ask(&witness, &request(SILENT, 2, now + 1)).await;
    assert_eq!(later.0, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_witness_wants_a_voucher_of_its_committee_that_is_signed_recent_and_worth_something() {
    let world = world().await;
    let witness = world.start(WITNESS, true).await;
    let _silent = world.start(SILENT, false).await;
    let height = ready(&witness).await;
    let good = || request(SILENT, 1, height);
    let mut forged = good();
    forged.voucher.ceiling = Amount(501);
    let mut void = good().voucher;
    void.ceiling = Amount::ZERO;
    let void = sign(void);
    let void = WitnessRequest {
        voucher: void.voucher,
        signature: void.signature,
        height,
    };
    let old = WitnessRequest {
        height: height - 11,
        ..request(SILENT, 1, height - 11)
    };
    let before_it = WitnessRequest {
        height: height - 1,
        ..good()
    };
    let to_come = WitnessRequest {
        height: height + 1_000,
        ..good()
    };
    let cases = [
        (forged, "voucher_forged"),
        (void, "voucher_limit"),
        (old, "voucher_stale"),
        (before_it, "voucher_stale"),
        (to_come, "voucher_stale"),
        (request(WITNESS, 1, height), "voucher_misdirected"),
        (request("quern1stranger", 1, height), "voucher_misdirected"),
    ];
    for (case, code) in cases {
        let (status, body) = ask(&witness, &case).await;
        let body = String::from_utf8(body).unwrap();
        assert_eq!(status, StatusCode::PAYMENT_REQUIRED, "{code}: {body}");
        assert!(body.contains(code), "{code}: {body}");
    }
    // a declared rest is no silence
    world.with(|contracts| contracts.maintenance.insert(SILENT.into(), (1, 100_000)));
    let (status, body) = ask(&witness, &request(SILENT, 1, witness.paid().follow.height())).await;
    assert_eq!(status, StatusCode::CONFLICT, "{}", String::from_utf8_lossy(&body));
}
