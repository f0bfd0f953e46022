//! What leaves for the chain, on a chain in memory that does not take all of it.

use super::{CHAIN, HOST, SALT, receipt, session, sign};
use crate::audit::tests::workers::World;
use crate::paid::batch::{plan, tree};
use crate::paid::outbox;
use crate::paid::record::{Payload, Record};
use quern_interface::settlement::SessionInfo;
use quern_protocol::{Amount, Bytes, Voucher, salt_commitment};
use std::sync::Arc;

/// A receipt of a session.
fn served(session: u64, capture: u128) -> Record {
    let signed = sign(Voucher {
        session,
        host: HOST.into(),
        nonce: 1,
        height: 200,
        ceiling: Amount(capture),
        cap: Amount(capture),
        salt_commitment: salt_commitment(CHAIN, session, 1, &SALT),
    });
    Record::Receipt {
        signed: Box::new(receipt(signed, capture)),
        payload: Box::new(Payload {
            salt: Bytes(SALT),
            path: "/v1/completions".into(),
            body: "{}".into(),
            prompt: vec![1],
            output: vec![2],
        }),
    }
}

/// A session that has ended and whose claims are still taken.
fn ending(id: u64) -> SessionInfo {
    SessionInfo {
        id,
        payable_at: 1_000_000,
        ..session()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_the_chain_refuses_keeps_no_other_one_from_being_paid() {
    let world = World::new().await;
    let worker = world.start(HOST, false).await;
    let paid = worker.paid().clone();
    for id in 3..=5 {
        paid.store.append(served(id, 100 * u128::from(id))).await.unwrap();
    }
    let known = |id| Some(Arc::new(ending(id)));
    let planned = plan(&mut paid.store.book(), paid.committer(), 1, 205, known)
        .0
        .unwrap();
    let root = tree(&planned, paid.committer()).unwrap().root().unwrap();
    paid.store.append(Record::Batch(planned)).await.unwrap();
    paid.store
        .append(Record::Committed { sequence: 1 })
        .await
        .unwrap();
    world.with(|contracts| {
        contracts.root = Some(root);
        contracts.sessions = (3..=5).map(ending).collect();
        contracts.refused = vec![4];
    });
    let running = tokio::spawn(outbox::run(paid.clone()));
    let claimed =
        |id: u64| move |contracts: &crate::audit::tests::contract::Contracts| contracts.claimed.contains(&id);
    world.until("the first is claimed", claimed(3)).await;
    world
        .until("the one after the refused one is claimed", claimed(5))
        .await;
    // And it goes on: once the chain takes it, it comes.
    assert!(!world.with(|contracts| contracts.claimed.contains(&4)));
    world.with(|contracts| contracts.refused.clear());
    world.until("the refused one is claimed later", claimed(4)).await;
    running.abort();
}
