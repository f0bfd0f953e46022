//! Waiting for a draw: who fills the queue pays for it, and nobody waits longer than is said.

use crate::common;

use common::{coins, name, params, Ask, World, OPEN_FEE};
use proptest::prelude::*;
use quern_interface::settlement::{open_fee, ExecuteMsg, QueryMsg, Queue, SessionStatus};
use quern_protocol::Amount;

fn queue(world: &World) -> Queue {
    world.ask(&QueryMsg::Queue {})
}

fn ask(max_fee: Option<u128>) -> Ask {
    Ask {
        escrow: 1_000,
        max_fee,
        ..Ask::default()
    }
}

fn refuse(world: &mut World, max_fee: Option<u128>, error: &str) {
    let found = world.try_open(&ask(max_fee)).unwrap_err().to_string();
    assert!(found.contains(error), "{found}");
}

#[test]
fn the_fee_doubles_with_each_delay_s_worth_of_waiting_sessions_and_what_is_too_much_comes_back() {
    let mut world = World::new(&[10]);
    let payer = world.payer.clone();
    // 8 blocks of delay, 2 draws a block
    for _ in 0..16 {
        world.try_open(&ask(None)).unwrap();
    }
    assert_eq!(queue(&world).waiting, 16);
    assert_eq!(queue(&world).open_fee, Some(Amount(2 * OPEN_FEE)));
    // nobody pays more than it agreed to
    refuse(
        &mut world,
        None,
        &format!("fee_too_high: opening a session costs {}", 2 * OPEN_FEE),
    );
    refuse(&mut world, Some(2 * OPEN_FEE - 1), "fee_too_high");
    let (before, supply) = (world.balance(&payer), world.supply());
    let id = world.try_open(&ask(Some(100 * OPEN_FEE))).unwrap();
    assert_eq!(world.session(id).escrow, Amount(1_000));
    assert_eq!(world.balance(&payer), before - 1_000 - 2 * OPEN_FEE);
    assert_eq!(world.supply(), supply - 2 * OPEN_FEE);
    world.reconcile();
    // the draws bring it down again
    let drawn_at = world.session(id).drawn_at;
    world.until(drawn_at + 1);
    assert_eq!(
        (queue(&world).waiting, queue(&world).open_fee),
        (15, Some(Amount(OPEN_FEE)))
    );
}

#[test]
fn whoever_is_taken_is_drawn_within_ten_delays_of_its_beacon_however_full_the_queue() {
    let mut world = World::new(&[10]);
    let rich = Some(OPEN_FEE << 10);
    let mut last = 0;
    while queue(&world).open_fee.is_some() {
        last = world.try_open(&ask(rich)).unwrap();
    }
    assert_eq!(queue(&world).waiting, 160);
    refuse(&mut world, rich, "queue_full");
    let (drawn_at, closes_at) = (world.session(last).drawn_at, world.session(last).closes_at);
    world.until(drawn_at + 10 * 8 - 1);
    assert_eq!(world.session(last).status, SessionStatus::Pending);
    world.block();
    let session = world.session(last);
    assert_eq!(session.status, SessionStatus::Open);
    // by a beacon that nobody could know while it waited, and with all of its time
    assert_eq!(session.drawn_at, drawn_at + 10 * 8 - 1);
    assert_eq!(session.closes_at, closes_at + 10 * 8 - 1);
    world.reconcile();
}

#[test]
fn delaying_others_costs_more_with_each_block_of_delay() {
    let mut world = World::new(&[10]);
    let supply = world.supply();
    let mut costs = vec![];
    // what it costs at once to put an honest open so many blocks behind its beacon
    for delay in [8_u64, 16, 32, 64] {
        while queue(&world).waiting < (delay + 8) * 2 {
            world.try_open(&ask(Some(OPEN_FEE << 10))).unwrap();
        }
        costs.push(supply - world.supply());
    }
    assert!(costs.windows(2).all(|pair| pair[1] > 2 * pair[0]), "{costs:?}");
    // and to keep it there: as many new ones a block as are drawn, at the fee of then
    let fee = open_fee(&params(), queue(&world).waiting).unwrap();
    assert_eq!(fee, Amount(OPEN_FEE << 9));
}

#[test]
fn a_refusal_leaves_the_queue_and_the_payer_as_they_were() {
    let mut world = World::new(&[10]);
    let payer = world.payer.clone();
    let before = world.balance(&payer);
    let mut bad = ask(None);
    bad.escrow = 999;
    assert!(world.try_open(&bad).is_err());
    assert_eq!((queue(&world).waiting, world.balance(&payer)), (0, before));
    let found = world.execute(
        &name("stranger"),
        &ExecuteMsg::ClaimRefund {
            to: payer.to_string(),
        },
        &coins(5),
    );
    assert!(found.unwrap_err().to_string().contains("wrong_funds"));
}

proptest! {
    #[test]
    fn the_fee_never_falls_as_the_queue_grows_and_ends(waiting in 0_u64..400, more in 0_u64..400) {
        let params = params();
        match (open_fee(&params, waiting), open_fee(&params, waiting + more)) {
            (Some(less), Some(most)) => prop_assert!(less <= most),
            (None, other) => prop_assert_eq!(other, None),
            (Some(_), None) => {}
        }
        prop_assert_eq!(open_fee(&params, waiting).is_some(), waiting < 160);
    }
}
