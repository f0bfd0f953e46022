//! The router ends, in order or not, and begins again.

use super::client::{complete, get};
use super::host::Conduct::*;
use super::*;

const PRICE: u128 = 38;

#[tokio::test(flavor = "multi_thread")]
async fn an_orderly_restart_loses_nothing_and_goes_on_in_the_same_session() {
    let world = World::new(&[Honest]).await;
    let router = world.router().await;
    let reply = complete(&router.url, 10, true).await;
    let id = reply.receipt().unwrap();
    until("it settles", || router.budget().spent == Amount(PRICE)).await;
    until("it is kept", || router.gateway.receipts.find(&id).is_some()).await;
    router.stop().await;
    let router = world.router().await;
    assert_eq!(router.budget().spent, Amount(PRICE));
    assert_eq!(complete(&router.url, 10, true).await.status, 200);
    assert_eq!(
        get(&router.url, &format!("/quern/receipts/{id}")).await.status,
        200
    );
    assert_eq!(world.chain.with(|state| state.sessions.len()), 1);
    world.hosts[0].with(|book| {
        assert!(book.complaints.is_empty(), "{:?}", book.complaints);
        assert_eq!(
            book.vouchers.keys().copied().collect::<Vec<_>>(),
            [(1, 1), (1, 2)]
        );
        assert_eq!(book.voids, 0);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_crash_no_nonce_is_used_again_and_the_skipped_ones_are_voided() {
    let world = World::new(&[Honest]).await;
    for round in 1..=3 {
        let router = world.router().await;
        for _ in 0..4 {
            assert_eq!(complete(&router.url, 10, round % 2 == 0).await.status, 200);
        }
        if round > 1 {
            until("void vouchers arrive", || {
                world.hosts[0].with(|book| book.voids > 200)
            })
            .await;
        }
        router.kill().await;
    }
    world.hosts[0].with(|book| {
        assert!(book.complaints.is_empty(), "{:?}", book.complaints);
        assert_eq!(book.vouchers.len(), 12);
        let limit = Amount(3_000_000);
        assert!(book.caps[&1] <= limit);
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_host_holds_up_neither_upkeep_nor_the_other_hosts_void_vouchers_after_a_crash() {
    let world = World::new(&[Honest, Honest]).await;
    let router = world.router().await;
    for _ in 0..4 {
        assert_eq!(complete(&router.url, 10, true).await.status, 200);
    }
    router.kill().await;
    world.hosts[0].behave(Dead);
    let router = world.router().await;
    world
        .chain
        .with(|state| state.height = state.sessions[0].closes_at - 10);
    until("the session is renewed", || {
        world.chain.with(|state| state.sessions.len()) == 2
    })
    .await;
    until("void vouchers arrive", || {
        world.hosts[1].with(|book| book.voids > 50)
    })
    .await;
    until("all were tried", || {
        router.gateway.books.with(|ledger| {
            ledger
                .sessions
                .get(&1)
                .is_none_or(|session| session.voids.is_empty())
        })
    })
    .await;
    assert_eq!(world.hosts[0].with(|book| book.voids), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_a_lost_ledger_is_closed_and_never_used() {
    let world = World::new(&[Honest]).await;
    let router = world.router().await;
    assert_eq!(complete(&router.url, 10, true).await.status, 200);
    router.stop().await;
    std::fs::remove_dir_all(world.folder.path().join("ledger")).unwrap();
    let router = world.router().await;
    assert_eq!(complete(&router.url, 10, true).await.status, 200);
    until("the lost session is closed", || {
        let closing = quern_interface::settlement::SessionStatus::Closing;
        world.chain.with(|state| state.sessions[0].status == closing)
    })
    .await;
    world.hosts[0].with(|book| {
        assert!(book.complaints.is_empty(), "{:?}", book.complaints);
        assert_eq!(
            book.vouchers.keys().copied().collect::<Vec<_>>(),
            [(1, 1), (2, 1)]
        );
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn a_router_whose_chain_is_silent_signs_nothing_and_says_why() {
    let world = World::new(&[Honest]).await;
    let router = world.router().await;
    assert_eq!(complete(&router.url, 10, true).await.status, 200);
    router.stop().await;
    world.chain.with(|state| state.silent = true);
    let router = world.start(Duration::from_secs(1)).await;
    tokio::time::sleep(Duration::from_millis(500)).await;
    let reply = complete(&router.url, 10, true).await;
    // It does not even know the model.
    assert!(reply.status.is_client_error() || reply.status.is_server_error());
    assert_eq!(get(&router.url, "/health").await.status, 503);
    assert_eq!(world.hosts[0].with(|book| book.vouchers.len()), 1);
    world.chain.with(|state| state.silent = false);
    until("the chain is back", || router.gateway.is_ready()).await;
    assert_eq!(complete(&router.url, 10, true).await.status, 200);
}

#[test]
fn a_full_disk_signs_nothing_that_is_not_marked_and_ends_with_room() {
    little_room::run(48);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "run by the other test, with a limit on the size of files"]
async fn with_little_room() {
    little_room::check(48);
    let world = World::new(&[Honest]).await;
    let router = world.router().await;
    let mut served = 0;
    let reply = loop {
        let reply = complete(&router.url, 10, true).await;
        if reply.status != 200 {
            break reply;
        }
        served += 1;
        assert!(served < 1_000, "the disk never got full");
    };
    assert!(served > 3, "{served}");
    assert_eq!(reply.status, 503, "{}", reply.body);
    assert!(reply.body.contains("cannot write its ledger"), "{}", reply.body);
    little_room::end();
    let mut reply = complete(&router.url, 10, true).await;
    for _ in 0..20 {
        if reply.status == 200 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(300)).await;
        reply = complete(&router.url, 10, true).await;
    }
    assert_eq!(reply.status, 200, "{}", reply.body);
    // No nonce twice, no cap above the limit.
    world.hosts[0].with(|book| assert!(book.complaints.is_empty(), "{:?}", book.complaints));
    router.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_damaged_ledger_is_refused_with_words_and_left_as_it_is() {
    let world = World::new(&[Honest]).await;
    let router = world.router().await;
    for _ in 0..3 {
        assert_eq!(complete(&router.url, 10, true).await.status, 200);
    }
    router.stop().await;
    let ledger = world.folder.path().join("ledger");
    let segment = std::fs::read_dir(&ledger)
        .unwrap()
        .map(|file| file.unwrap().path())
        .find(|path| path.extension().is_some_and(|end| end == "seg"))
        .unwrap();
    let mut bytes = std::fs::read(&segment).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&segment, &bytes).unwrap();
    let error = crate::books::Books::open(&ledger).await.unwrap_err();
    let error = format!("{error:#}");
    assert!(
        error.contains("ledger") && error.contains("restore it from a copy"),
        "{error}"
    );
    assert_eq!(std::fs::read(&segment).unwrap(), bytes);
}
