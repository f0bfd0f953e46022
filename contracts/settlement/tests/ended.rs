//! Sessions that ended: what payers are owed stays theirs, and records go when nothing can need them.

use crate::common;

use common::{name, Ask, World, OPEN_FEE};
use quern_interface::settlement::{ExecuteMsg, Outcome, QueryMsg, SessionInfo, SessionStatus};
use quern_protocol::Amount;

/// The horizon of the tests' parameters: longest session, lapse and appeal.
const HORIZON: u64 = 200 + 20 + 30;

fn of_payer(world: &World) -> Vec<u64> {
    let sessions: Vec<SessionInfo> = world.ask(&QueryMsg::Sessions {
        payer: Some(world.payer.to_string()),
        start_after: None,
        limit: Some(100),
    });
    sessions.into_iter().map(|session| session.id).collect()
}

fn missing(world: &World, session: u64) -> String {
    let wrap = world.app.wrap();
    let found = wrap.query_wasm_smart::<SessionInfo>(&world.settlement, &QueryMsg::Session { session });
    found.unwrap_err().to_string()
}

fn closed(world: &mut World) -> u64 {
    let id = world.open(&Ask::default());
    let payable_at = world.session(id).payable_at;
    world.until(payable_at);
    world.must(&name("stranger"), &ExecuteMsg::Close { session: id });
    id
}

#[test]
fn a_closed_session_is_shown_for_the_whole_horizon_and_then_its_record_goes() {
    let mut world = World::new(&[10]);
    let id = closed(&mut world);
    let ended = world.height();
    world.until(ended + HORIZON);
    assert_eq!(world.session(id).status, SessionStatus::Closed);
    assert_eq!(of_payer(&world), [id]);
    world.block();
    let found = missing(&world, id);
    assert!(
        found.contains(&format!("session_forgotten: {id} ended long ago")),
        "{found}"
    );
    assert_eq!(of_payer(&world), [0; 0]);
    assert!(missing(&world, id + 1).contains("unknown_session"));
    // what is forgotten is not open again
    world.refuse(
        &name("payer"),
        &ExecuteMsg::Close { session: id },
        "session_forgotten",
    );
    world.reconcile();
}

#[test]
fn open_sessions_stay_and_void_ones_go_too() {
    let mut world = World::new(&[]);
    let void = world.try_open(&Ask::default()).unwrap();
    let drawn_at = world.session(void).drawn_at;
    world.until(drawn_at + HORIZON);
    assert_eq!(world.session(void).status, SessionStatus::Void);
    world.join(10);
    let open = world.open(&Ask::default());
    assert!(missing(&world, void).contains("session_forgotten"));
    world.until(drawn_at + 4 * HORIZON);
    assert_eq!(world.session(open).status, SessionStatus::Closing);
}

#[test]
fn a_payer_that_refuses_its_refund_holds_nobody_up_and_has_it_sent_elsewhere() {
    let mut world = World::new(&[10]);
    world.payer = name("module");
    let id = closed(&mut world);
    let Outcome { refund, burned, .. } = world.session(id).outcome.unwrap();
    assert_eq!((refund, burned), (Amount(1_000_000), Amount(0)));
    assert_eq!(world.totals().unclaimed, refund);
    world.reconcile();
    let (payer, friend) = (world.payer.clone(), name("friend"));
    let to = |to: &str| ExecuteMsg::ClaimRefund { to: to.into() };
    world.refuse(&name("stranger"), &to(friend.as_str()), "nothing_owed");
    assert!(world.execute(&payer, &to(payer.as_str()), &[]).is_err());
    world.must(&payer, &to(friend.as_str()));
    assert_eq!(world.balance(&friend), 1_000_000);
    world.refuse(&payer, &to(friend.as_str()), "nothing_owed");
    assert_eq!(
        (world.totals().unclaimed, world.totals().refunded),
        (Amount(0), refund)
    );
    world.reconcile();
}

#[test]
fn a_void_session_s_refund_waits_as_well() {
    let mut world = World::new(&[]);
    world.payer = name("module");
    let supply = world.supply();
    let id = world.try_open(&Ask::default()).unwrap();
    let drawn_at = world.session(id).drawn_at;
    world.until(drawn_at + 1);
    assert_eq!(world.session(id).status, SessionStatus::Void);
    assert_eq!(world.totals().unclaimed, Amount(1_000_000));
    assert_eq!(world.supply(), supply - OPEN_FEE);
    world.reconcile();
}
