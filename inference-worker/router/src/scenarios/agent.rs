//! A router whose account is only the payer's agent, before the settlement contract itself.

use super::chain::contracts;
use super::client::complete;
use super::host::Conduct::*;
use super::*;
use crate::chain::ChainApi;
use quern_chain_client::Call;
use quern_interface::settlement::{ExecuteMsg, SessionStatus, SignedBy};
use quern_protocol::{Bytes, PublicKey};

fn principal() -> SigningKey {
    SigningKey::from_secret([98; 32].into()).unwrap()
}

/// The payer opens a session for these keys.
async fn open(world: &World, session_key: PublicKey, agent: String) -> u64 {
    let message = ExecuteMsg::OpenSession {
        model: MODEL.into(),
        max_price: "5".parse().unwrap(),
        router: None,
        router_fee_bps: 0,
        session_key,
        agent: Some(agent),
        signed_by: SignedBy::Payer,
        blocks: 1_000,
        consent: None,
        max_fee: Some(Amount(4_000)),
    };
    let settlement = contracts(&world.chain).settlement;
    let call = Call::new(&settlement, &message)
        .unwrap()
        .with_funds(3_004_000, "nqrn");
    let id = world.chain.call(&principal(), call, "session").await.unwrap();
    id.unwrap().parse().unwrap()
}

fn status(world: &World, session: u64) -> SessionStatus {
    world
        .chain
        .with(|state| state.sessions[session as usize - 1].status)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_agent_uses_the_sessions_that_its_payer_opens_for_it_and_closes_those_of_a_time_that_it_does_not_know()
 {
    let mut world = World::new(&[Honest, Honest]).await;
    world.principal = Some(principal().address().unwrap());
    world.chain.make_real();
    let router = world.start(Duration::from_millis(700)).await;
    let began = || router.gateway.view.began();
    until("blocks pass", || {
        began() > 0 && router.gateway.view.latest() > began() + 1
    })
    .await;
    assert_eq!(
        complete(&router.url, 10, true).await.status,
        503,
        "nothing is open yet"
    );
    let payer = router.gateway.payers["payer"].clone();
    let (key, agent) = (Bytes(payer.session_key.public()), payer.agent().unwrap());
    assert_ne!(agent, payer.address);
    // One for another agent is none of its own.
    let stranger = SigningKey::from_secret([97; 32].into()).unwrap();
    let others = open(&world, key, stranger.address().unwrap()).await;
    let first = open(&world, key, agent.clone()).await;
    until("it is taken up", || router.gateway.is_ready()).await;
    let reply = complete(&router.url, 10, true).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    router.stop().await;
    // A session that comes while the router is away may be one that it used before it lost its books.
    let missed = open(&world, key, agent).await;
    let router = world.start(Duration::from_millis(700)).await;
    until("the first goes on", || router.gateway.is_ready()).await;
    assert_eq!(complete(&router.url, 10, true).await.status, 200);
    until("the unknown one is closed", || {
        status(&world, missed) == SessionStatus::Closing
    })
    .await;
    assert_eq!(status(&world, first), SessionStatus::Open);
    assert_eq!(status(&world, others), SessionStatus::Open);
    let sessions =
        |host: &Arc<TestHost>| host.with(|book| book.vouchers.keys().map(|at| at.0).collect::<Vec<_>>());
    let used: Vec<u64> = world.hosts.iter().flat_map(sessions).collect();
    assert_eq!(used, vec![first; 2]);
    for host in &world.hosts {
        host.with(|book| assert!(book.complaints.is_empty(), "{:?}", book.complaints));
    }
}
