//! What is taken out of pay: burned, but for the audits' part, and who earned what.

use crate::common;

use common::books::{receipt, tokens_for, Books};
use common::{pot, Ask, World};
use quern_interface::settlement::{Contracts, Earned, ExecuteMsg, HostEarned, Outcome, QueryMsg};
use quern_protocol::Amount;

/// A session of which host 0 claims 8,002, closed.
fn closed(world: &mut World, books: &mut Books) -> Outcome {
    let id = world.open(&Ask::default());
    let voucher = world.voucher(id, 0, 1, 10_000);
    let receipts = vec![receipt(world, &voucher, tokens_for(8_002))];
    books.commit(world, &[(id, receipts)]);
    let payer = world.payer.clone();
    let claim = books.claim(world, &voucher);
    world.must(&payer, &claim);
    let payable_at = world.session(id).payable_at;
    world.until(payable_at);
    world.must(&payer, &ExecuteMsg::Close { session: id });
    world.reconcile();
    world.session(id).outcome.unwrap()
}

fn earned(world: &World) -> (Earned, Earned) {
    let (host, router) = (world.hosts[0].address.to_string(), world.router.to_string());
    let host = world.ask(&QueryMsg::Earned { host });
    (host, world.ask(&QueryMsg::RouterEarned { router }))
}

fn whole(outcome: &Outcome) -> u128 {
    let paid: u128 = outcome.paid.iter().map(|(_, amount)| amount.0).sum();
    paid + outcome.router_fee.0 + outcome.burned.0 + outcome.audits.0 + outcome.refund.0
}

#[test]
fn the_audits_get_their_part_of_what_would_burn_to_the_last_unit() {
    let mut world = World::new(&[10]);
    let pot = pot::deploy(&mut world, false);
    let supply = world.supply();
    let outcome = closed(&mut world, &mut Books::new(0));
    // 5 % of 8002 rounded up are 401, of which 2/5 rounded down; the router's fee of 800 gives 40 and 16
    assert_eq!(outcome.paid[0].1, Amount(8_002 - 401));
    assert_eq!(outcome.router_fee, Amount(800 - 40));
    assert_eq!(outcome.audits, Amount(160 + 16));
    assert_eq!(outcome.burned, Amount(441 - 176));
    assert_eq!(whole(&outcome), 1_000_000);
    assert_eq!(world.balance(&pot), 176);
    assert_eq!(supply - world.supply(), 265 + common::OPEN_FEE);
    let totals = world.totals();
    assert_eq!(
        (totals.audits, totals.burned),
        (Amount(176), Amount(265 + common::OPEN_FEE))
    );
    let (host, router) = earned(&world);
    assert_eq!((host.paid.0, host.burned.0, host.audits.0), (7_601, 241, 160));
    assert_eq!((router.paid.0, router.burned.0, router.audits.0), (760, 24, 16));
    let all: Vec<HostEarned> = world.ask(&QueryMsg::AllEarned {
        start_after: None,
        limit: None,
    });
    assert_eq!(all.len(), 1);
    assert_eq!(all[0].earned, host);
}

#[test]
fn without_an_audits_contract_everything_burns() {
    let mut world = World::new(&[10]);
    let outcome = closed(&mut world, &mut Books::new(0));
    assert_eq!((outcome.burned, outcome.audits), (Amount(441), Amount(0)));
    assert_eq!(whole(&outcome), 1_000_000);
    assert_eq!(earned(&world).0.burned, Amount(401));
}

#[test]
fn an_audits_contract_that_takes_nothing_holds_nobody_up() {
    let mut world = World::new(&[10]);
    let pot = pot::deploy(&mut world, true);
    let outcome = closed(&mut world, &mut Books::new(0));
    assert_eq!((outcome.burned, outcome.audits), (Amount(441), Amount(0)));
    assert_eq!(whole(&outcome), 1_000_000);
    assert_eq!((world.balance(&pot), world.totals().audits), (0, Amount(0)));
}

#[test]
fn what_is_earned_adds_up_over_sessions_and_a_forfeit_is_no_burnt_fee() {
    let (mut world, mut books) = (World::new(&[10]), Books::new(0));
    closed(&mut world, &mut books);
    let judge = common::name("judge");
    let forfeit = ExecuteMsg::Forfeit {
        host: world.hosts[0].address.to_string(),
        amount: Amount(601),
    };
    world.must(&judge, &forfeit);
    let outcome = closed(&mut world, &mut books);
    assert_eq!((outcome.burned, whole(&outcome)), (Amount(441 + 601), 1_000_000));
    let (host, router) = earned(&world);
    assert_eq!((host.paid.0, host.burned.0), (2 * 7_601 - 601, 802));
    assert_eq!((router.paid.0, router.burned.0), (2 * 760, 80));
}

#[test]
fn only_governance_names_the_audits_contract_and_its_part_comes_out_of_the_burn() {
    let mut world = World::new(&[10]);
    let (gov, stranger) = (common::name("gov"), common::name("stranger"));
    let mut params = common::params();
    params.audit_bps = 501;
    world.refuse(&gov, &ExecuteMsg::UpdateParams(params), "bad_params");
    world.refuse(&stranger, &ExecuteMsg::SetAudits { audits: None }, "unauthorized");
    let pot = pot::deploy(&mut world, false);
    let contracts: Contracts = world.ask(&QueryMsg::Contracts {});
    assert_eq!(contracts.audits, Some(pot.to_string()));
    assert_eq!(contracts.price_source, world.registry.to_string());
}
