//! What a conviction does to money.

use crate::common;

use common::books::{receipt, tokens_for, Books};
use common::{name, Ask, World, MODEL};
use quern_interface::bonding::{HostBond, QueryMsg as AskBonding, SlashRecord};
use quern_interface::registry::{GroupMember, QueryMsg as AskRegistry};
use quern_interface::settlement::{ExecuteMsg, Fault};
use quern_protocol::{Amount, Bytes};

fn prove(world: &World, host: usize, fault: Fault) -> ExecuteMsg {
    ExecuteMsg::ProveFault {
        host: world.hosts[host].address.to_string(),
        fault: Box::new(fault),
    }
}

fn generation(world: &World, host: usize) -> u32 {
    let members: Vec<GroupMember> = world.ask_registry(&AskRegistry::Members {
        model: MODEL.into(),
        hosts: vec![world.hosts[host].address.to_string()],
    });
    members[0].generation
}

#[test]
fn a_conviction_voids_unsettled_claims_and_shares_the_slash_among_their_payers() {
    let mut world = World::new(&[10, 10]);
    let ids = [
        world.open(&Ask::default()),
        world.open(&Ask::default()),
        world.open(&Ask::default()),
    ];
    let mut books = [Books::new(0), Books::new(1)];
    let anyone = name("stranger");
    let mut vouchers = Vec::new();
    for books in &mut books {
        let host = books.host;
        let pages: Vec<_> = ids
            .iter()
            .zip([60_000_u128, 30_000, 9_000])
            .map(|(id, capture)| {
                let voucher = world.voucher(*id, host, 1, capture);
                let receipt = receipt(&world, &voucher, tokens_for(capture));
                vouchers.push((host, voucher));
                (*id, vec![receipt])
            })
            .collect();
        books.commit(&mut world, &pages);
    }
    // host 0 claims in the first two sessions, not in the third; host 1 claims everywhere
    for (host, voucher) in &vouchers {
        if *host == 1 || voucher.session != ids[2] {
            let claim = books[*host].claim(&world, voucher);
            world.must(&anyone, &claim);
        }
    }
    world.block();
    let voucher = world.voucher(ids[0], 0, 1, 100_000);
    let again = vec![receipt(&world, &voucher, tokens_for(4_000))];
    books[0].commit(&mut world, &[(ids[0], again)]);
    let fault = Fault::Duplicate {
        first: books[0].committed(1, ids[0], 0),
        second: books[0].committed(2, ids[0], 0),
    };
    let msg = prove(&world, 0, fault);
    world.must(&anyone, &msg);
    // half of 90,000 was asked for, 40,000 could be slashed
    assert_eq!(world.totals().restitution_held, Amount(common::judge::SLASHABLE));
    world.reconcile();
    // no claim joins later
    let late = vouchers
        .iter()
        .find(|(host, v)| *host == 0 && v.session == ids[2]);
    let claim = books[0].claim(&world, &late.unwrap().1);
    world.refuse(&anyone, &claim, "convicted");

    let payer = world.payer.clone();
    let last = ids.iter().map(|id| world.session(*id).payable_at).max().unwrap();
    world.until(last);
    let mut restitution = Vec::new();
    for id in ids {
        let before = world.balance(&payer);
        world.must(&anyone, &ExecuteMsg::Close { session: id });
        let outcome = world.session(id).outcome.unwrap();
        let paid: u128 = outcome.paid.iter().map(|(_, amount)| amount.0).sum();
        let whole = paid + outcome.router_fee.0 + outcome.burned.0 + outcome.refund.0;
        assert_eq!(whole, 1_000_000);
        assert_eq!(
            world.balance(&payer) - before,
            outcome.refund.0 + outcome.restitution.0
        );
        let host = world.hosts[0].address.as_str();
        let mine = outcome.paid.iter().find(|(name, _)| name == host).unwrap();
        assert_eq!(mine.1, Amount(0));
        restitution.push((outcome.voided.0, outcome.restitution.0));
        world.reconcile();
    }
    assert_eq!(restitution, [(60_000, 26_666), (30_000, 13_334), (0, 0)]);
    assert_eq!(world.totals().restitution_held, Amount(0));
}

#[test]
fn a_host_without_bond_is_convicted_all_the_same() {
    let mut world = World::new(&[10, 10, 10, 10]);
    let id = world.open(&Ask::default());
    let voucher = world.voucher(id, 3, 1, 4_000);
    let mut receipt = receipt(&world, &voucher, tokens_for(4_000));
    receipt.model_hash = Bytes::new([8; 32]);
    let mut books = Books::new(3);
    books.commit(&mut world, &[(id, vec![receipt])]);
    let anyone = name("stranger");
    let claim = books.claim(&world, &voucher);
    world.must(&anyone, &claim);
    let msg = prove(&world, 3, Fault::BadModel(books.committed(1, id, 0)));
    world.must(&anyone, &msg);
    assert_eq!(generation(&world, 3), 1);
    let payable_at = world.session(id).payable_at;
    world.until(payable_at);
    world.must(&anyone, &ExecuteMsg::Close { session: id });
    let outcome = world.session(id).outcome.unwrap();
    assert_eq!(
        (outcome.voided, outcome.refund),
        (Amount(4_000), Amount(1_000_000))
    );
    world.reconcile();
}

#[test]
fn with_the_real_bonding_contract_a_fault_slashes_once_and_the_bank_agrees() {
    let mut world = World::with_bonding(&[10, 10]);
    let id = world.open(&Ask::default());
    let voucher = world.voucher(id, 0, 1, 40_000);
    let mut receipt = receipt(&world, &voucher, tokens_for(40_000));
    receipt.model_hash = Bytes::new([8; 32]);
    let mut books = Books::new(0);
    books.commit(&mut world, &[(id, vec![receipt])]);
    let anyone = name("stranger");
    let claim = books.claim(&world, &voucher);
    world.must(&anyone, &claim);
    let bond = |world: &World| -> HostBond {
        let host = world.hosts[0].address.to_string();
        let wrap = world.app.wrap();
        wrap.query_wasm_smart(&world.bonding, &AskBonding::HostBond { host })
            .unwrap()
    };
    let before = bond(&world).active;
    let msg = prove(&world, 0, Fault::BadModel(books.committed(1, id, 0)));
    world.must(&anyone, &msg);
    assert_eq!(bond(&world).active.0, before.0 - before.0 / 5);
    let wrap = world.app.wrap();
    let slashes: Vec<SlashRecord> = wrap
        .query_wasm_smart(
            &world.bonding,
            &AskBonding::Slashes {
                host: None,
                start_after: None,
                limit: None,
            },
        )
        .unwrap();
    assert_eq!(slashes.len(), 1);
    assert_eq!(slashes[0].offence, format!("{MODEL}/0"));
    assert_eq!(slashes[0].restitution, Amount(20_000));
    assert_eq!(world.totals().restitution_held, Amount(20_000));
    world.reconcile();
    world.refuse(&anyone, &msg, "convicted");
    let payable_at = world.session(id).payable_at;
    world.until(payable_at);
    let payer = world.payer.clone();
    let before = world.balance(&payer);
    world.must(&anyone, &ExecuteMsg::Close { session: id });
    assert_eq!(world.balance(&payer) - before, 1_020_000);
    world.reconcile();
}
