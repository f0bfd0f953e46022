//! Clients that leave, and hosts that fail, before anything was served: what a voucher was worth is not held for ever.

use super::client::{complete, complete_once};
use super::host::Conduct::*;
use super::*;

/// What ten tokens cost: 1.5 * (5 + 2 * 10).
const PRICE: u128 = 38;

#[tokio::test(flavor = "multi_thread")]
async fn who_leaves_before_the_first_byte_holds_nothing_once_the_host_signs_that_it_served_nothing() {
    for stream in [true, false] {
        for conduct in [Overlooks, SwearsBadly, Hangs] {
            let world = World::new(&[conduct]).await;
            let router = world.router_with(Duration::from_secs(60)).await;
            // Without further blocks nothing lapses.
            world.chain.with(|state| state.silent = true);
            let url = router.url.clone();
            let client = tokio::spawn(async move { complete(&url, 10, stream).await });
            let host = &world.hosts[0];
            until("the host has the request", || {
                host.with(|book| !book.vouchers.is_empty())
            })
            .await;
            assert!(router.budget().held > Amount(0));
            client.abort();
            if conduct == Overlooks {
                until("nothing is held", || router.budget().held == Amount(0)).await;
            } else {
                // Asked twice, it has given no word that counts.
                until("the host is asked again", || host.with(|book| book.voids > 1)).await;
                assert!(router.budget().held > Amount(0), "{conduct:?}");
            }
            assert_eq!(router.budget().spent, Amount(0));
            host.behave(Honest);
            assert_eq!(complete(&router.url, 10, stream).await.status, 200);
            until("the next is paid", || router.budget().spent == Amount(PRICE)).await;
            host.with(|book| assert!(book.complaints.is_empty(), "{:?}", book.complaints));
            router.stop().await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_free_again_once_the_host_signs_that_it_served_nothing() {
    let world = World::new(&[Overlooks]).await;
    let router = world.router().await;
    world.chain.with(|state| state.silent = true);
    assert_eq!(complete_once(&router.url, "k", 10, true).await.status, 503);
    until("nothing is held", || router.budget().held == Amount(0)).await;
    world.hosts[0].behave(Honest);
    let reply = complete_once(&router.url, "k", 10, true).await;
    assert_eq!(
        (reply.status.as_u16(), reply.tokens()),
        (200, 10),
        "{}",
        reply.body
    );
    until("it is paid once", || router.budget().spent == Amount(PRICE)).await;
    router.stop().await;
}
