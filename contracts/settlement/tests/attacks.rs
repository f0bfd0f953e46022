//! What hosts, routers, payers and strangers try, and what they get.

use crate::common;

use common::books::{receipt, tokens_for, Books};
use common::{key, name, public, sign, Ask, World, CHAIN};
use quern_interface::registry::{ExecuteMsg as Registry, HostUpdate};
use quern_interface::settlement::{BatchInfo, ExecuteMsg, QueryMsg};
use quern_interface::sudo::SudoMsg;
use quern_protocol::{Amount, Bytes, Node, Release, Voucher};

/// A session with one batch of a host over one receipt of `capture`, and the voucher of it.
fn served(world: &mut World, capture: u128) -> (u64, Books, Voucher) {
    let id = world.open(&Ask::default());
    let host = world.at_seat(id, 0);
    let mut books = Books::new(host);
    let voucher = world.voucher(id, host, 1, capture);
    let receipts = vec![receipt(world, &voucher, tokens_for(capture))];
    books.commit(world, &[(id, receipts)]);
    (id, books, voucher)
}

fn release(world: &World, session: u64, from: usize, to: usize, cumulative: u128) -> ExecuteMsg {
    let release = Release {
        session,
        from: world.hosts[from].address.to_string(),
        to: world.hosts[to].address.to_string(),
        cumulative: Amount(cumulative),
    };
    let signature = sign(&world.hosts[from].warm, &release.digest(CHAIN));
    ExecuteMsg::PresentRelease { release, signature }
}

fn claimed(world: &World, session: u64, host: usize) -> u128 {
    let host = world.hosts[host].address.as_str();
    let session = world.session(session);
    let member = session.committee.iter().find(|m| m.host == host).unwrap();
    member.claimed.0
}

fn limit(world: &World, session: u64, host: usize) -> u128 {
    let host = world.hosts[host].address.as_str();
    let session = world.session(session);
    let member = session.committee.iter().find(|m| m.host == host).unwrap();
    member.limit.0
}

#[test]
fn a_forged_changed_or_misplaced_voucher_claims_nothing() {
    let mut world = World::new(&[10, 10]);
    let (id, books, voucher) = served(&mut world, 4_000);
    let anyone = name("stranger");
    let with = |change: &dyn Fn(&mut Voucher), resign: bool| {
        let mut changed = voucher.clone();
        change(&mut changed);
        let ExecuteMsg::Settle {
            host,
            signature,
            leaf,
            batch,
            proof,
            ..
        } = books.claim(&world, &voucher)
        else {
            unreachable!()
        };
        let signature = if resign {
            world.sign_voucher(&changed)
        } else {
            signature
        };
        ExecuteMsg::Settle {
            host,
            voucher: changed,
            signature,
            leaf,
            batch,
            proof,
        }
    };
    let other = world.hosts[1 - books.host].address.to_string();
    let future = world.height() + 5;
    let early = world.session(id).drawn_at - 1;
    let cases = [
        (with(&|v| v.cap = Amount(900_000), false), "bad_signature"),
        (with(&|v| v.nonce = 9, false), "bad_signature"),
        (with(&|v| v.host.clone_from(&other), true), "bad_voucher"),
        (with(&|v| v.height = future, true), "bad_voucher"),
        (with(&|v| v.height = early, true), "bad_voucher"),
        (with(&|v| v.session = id + 1, true), "unknown_session"),
    ];
    for (msg, error) in cases {
        world.refuse(&anyone, &msg, error);
    }
    assert_eq!(claimed(&world, id, books.host), 0);
    // the honest claim still goes, once
    let claim = books.claim(&world, &voucher);
    world.must(&anyone, &claim);
    world.refuse(&anyone, &claim, "ledger");
    assert_eq!(claimed(&world, id, books.host), 4_000);
}

#[test]
fn a_forged_leaf_or_proof_claims_nothing() {
    let mut world = World::new(&[10]);
    let (id, books, voucher) = served(&mut world, 4_000);
    let anyone = name("stranger");
    let forged = |change: &dyn Fn(&mut ExecuteMsg)| {
        let mut msg = books.claim(&world, &voucher);
        change(&mut msg);
        msg
    };
    let cases: Vec<(ExecuteMsg, &str)> = vec![
        (
            forged(&|m| {
                if let ExecuteMsg::Settle { leaf, .. } = m {
                    leaf.cumulative = Amount(90_000);
                }
            }),
            "not_included",
        ),
        (
            forged(&|m| {
                if let ExecuteMsg::Settle { leaf, .. } = m {
                    leaf.session = 77;
                }
            }),
            "not_included",
        ),
        (
            forged(&|m| {
                if let ExecuteMsg::Settle { proof, .. } = m {
                    proof.count = 2;
                    proof.siblings.push(Node {
                        hash: Bytes::new([0; 32]),
                        sum: Amount(0),
                    });
                }
            }),
            "not_included",
        ),
        (
            forged(&|m| {
                if let ExecuteMsg::Settle { batch, .. } = m {
                    *batch = 2;
                }
            }),
            "unknown_batch",
        ),
        (
            forged(&|m| {
                if let ExecuteMsg::Settle { host, .. } = m {
                    *host = name("stranger").to_string();
                }
            }),
            "not_in_committee",
        ),
    ];
    for (msg, error) in cases {
        world.refuse(&anyone, &msg, error);
    }
    assert_eq!(claimed(&world, id, books.host), 0);
}

#[test]
fn a_host_is_paid_at_most_cap_cumulative_and_limit() {
    let mut world = World::new(&[10, 10]);
    let (id, mut books, voucher) = served(&mut world, 4_000);
    let anyone = name("stranger");
    // inflated cumulative: the cap holds
    world.block();
    let receipts = vec![receipt(&world, &voucher, tokens_for(4_000))];
    let mut leaf = books.leaf(id, &receipts);
    leaf.cumulative = Amount(u128::MAX);
    leaf.subroot.sum = Amount(1 << 79);
    books
        .commit_leaves(&mut world, vec![leaf], &[(id, receipts)])
        .unwrap();
    world.must(&anyone, &books.claim(&world, &voucher));
    assert_eq!(claimed(&world, id, books.host), 4_000);
    // over-signed cap: the limit holds
    let signed = world.voucher(id, books.host, 2, u128::MAX);
    world.must(&anyone, &books.claim(&world, &signed));
    let limit = limit(&world, id, books.host);
    assert_eq!(claimed(&world, id, books.host), limit);
    // a conflicting voucher of the same number with a lower cap takes nothing away
    let lower = world.voucher(id, books.host, 2, 10);
    world.refuse(&anyone, &books.claim(&world, &lower), "ledger");
    assert_eq!(claimed(&world, id, books.host), limit);
}

#[test]
fn a_voucher_after_the_close_and_a_batch_after_the_lapse_claim_nothing() {
    let mut world = World::new(&[10]);
    let (id, mut books, voucher) = served(&mut world, 4_000);
    let (payer, anyone) = (world.payer.clone(), name("stranger"));
    world.refuse(&anyone, &ExecuteMsg::CloseSession { session: id }, "unauthorized");
    world.must(&payer, &ExecuteMsg::CloseSession { session: id });
    world.block();
    world.refuse(&payer, &ExecuteMsg::CloseSession { session: id }, "wrong_phase");
    let late = world.voucher(id, books.host, 2, 9_000);
    world.refuse(&anyone, &books.claim(&world, &late), "bad_voucher");
    let commits_until = world.session(id).commits_until;
    world.until(commits_until + 1);
    let receipts = vec![receipt(&world, &voucher, tokens_for(6_000))];
    books.commit(&mut world, &[(id, receipts)]);
    world.refuse(&anyone, &books.claim(&world, &voucher), "batch_too_late");
    // the batch in time still counts, until the appeal ends
    books.pages.pop();
    let claim = books.claim(&world, &voucher);
    let payable_at = world.session(id).payable_at;
    world.until(payable_at);
    world.refuse(&anyone, &claim, "too_late");
}

#[test]
fn a_batch_comes_from_the_current_warm_key_in_sequence_and_once_a_block() {
    let mut world = World::new(&[10, 10]);
    let (id, mut books, voucher) = served(&mut world, 4_000);
    let host = books.host;
    let warm = world.hosts[host].warm_address.clone();
    let root = Node {
        hash: Bytes::new([1; 32]),
        sum: Amount(1),
    };
    let commit = |sequence, sessions| ExecuteMsg::CommitBatch {
        sequence,
        root,
        sessions,
        models: common::books::by_model(root.sum),
    };
    world.refuse(&warm, &commit(2, 1), "bad_batch");
    world.block();
    for (sequence, error) in [
        (0, "wrong_sequence"),
        (1, "wrong_sequence"),
        (3, "wrong_sequence"),
    ] {
        world.refuse(&warm, &commit(sequence, 1), error);
    }
    world.refuse(&warm, &commit(2, 0), "bad_batch");
    let operator = world.hosts[host].address.clone();
    world.refuse(&operator, &commit(2, 1), "not_warm_key");
    world.refuse(&name("stranger"), &commit(2, 1), "not_warm_key");

    // a rotated key commits until the block ends, the new one from then on
    let (old, new) = (warm, key(77));
    let rotate = Registry::RotateWarmKey {
        warm_key: public(&new),
    };
    world.at_registry(&operator, &rotate, &[]);
    let receipts = vec![receipt(&world, &voucher, tokens_for(4_000))];
    books.commit(&mut world, &[(id, receipts.clone())]);
    world.block();
    world.refuse(&old, &commit(3, 1), "not_warm_key");
    let info: quern_interface::registry::HostInfo =
        world.ask_registry(&quern_interface::registry::QueryMsg::Host {
            host: operator.to_string(),
        });
    world.hosts[host].warm = new;
    world.hosts[host].warm_address = cosmwasm_std::Addr::unchecked(info.warm_key.address);
    books.commit(&mut world, &[(id, receipts)]);
}

#[test]
fn old_batches_go_only_when_no_session_can_need_them() {
    let mut world = World::new(&[10]);
    let (id, mut books, voucher) = served(&mut world, 4_000);
    let horizon = 200 + 20 + 30;
    let first: Option<BatchInfo> = last_batch(&world, &books, 1);
    let committed = first.unwrap().height;
    let receipts = vec![receipt(&world, &voucher, tokens_for(4_000))];
    world.until(committed + horizon);
    for _ in 0..3 {
        books.commit(&mut world, &[(id, receipts.clone())]);
        world.block();
    }
    // the last one before the horizon stays, as audits begin where it ended
    assert!(last_batch(&world, &books, 1).is_some());
    let second = last_batch(&world, &books, 2).unwrap().height;
    // longer terms keep longer, and shorter ones do not shorten what old sessions have
    let mut short = common::params();
    short.max_session_blocks = 50;
    world.must(&name("gov"), &ExecuteMsg::UpdateParams(short));
    let height = world.height();
    world.until(height + 100);
    books.commit(&mut world, &[(id, receipts.clone())]);
    assert!(last_batch(&world, &books, 1).is_some());
    world.until(second + horizon + 1);
    books.commit(&mut world, &[(id, receipts)]);
    assert!(last_batch(&world, &books, 1).is_none());
    assert!(last_batch(&world, &books, 2).is_some());
}

fn last_batch(world: &World, books: &Books, sequence: u64) -> Option<BatchInfo> {
    let host = world.hosts[books.host].address.to_string();
    world.ask(&QueryMsg::Batch { host, sequence })
}

#[test]
fn a_release_moves_once_only_what_its_host_signed_and_nobody_claimed() {
    let mut world = World::new(&[10, 10, 10]);
    let (id, books, voucher) = served(&mut world, 4_000);
    let (from, anyone) = (books.host, name("stranger"));
    let others: Vec<usize> = (0..3).filter(|host| *host != from).collect();
    let (to, third) = (others[0], others[1]);
    let before = [limit(&world, id, from), limit(&world, id, to)];
    // signed by the receiver, over more than was signed, to oneself
    let mut stolen = release(&world, id, to, from, 500);
    if let ExecuteMsg::PresentRelease { release, .. } = &mut stolen {
        std::mem::swap(&mut release.from, &mut release.to);
    }
    world.refuse(&anyone, &stolen, "bad_signature");
    let mut more = release(&world, id, from, to, 500);
    if let ExecuteMsg::PresentRelease { release, .. } = &mut more {
        release.cumulative = Amount(501);
    }
    world.refuse(&anyone, &more, "bad_signature");
    let own = release(&world, id, from, from, 500);
    world.refuse(&anyone, &own, "ledger");

    let first = release(&world, id, from, to, 500);
    world.must(&anyone, &first);
    world.refuse(&anyone, &first, "ledger");
    assert_eq!(limit(&world, id, from), before[0] - 500);
    assert_eq!(limit(&world, id, to), before[1] + 500);
    // cumulative: the second release of 700 moves 200
    let second = release(&world, id, from, to, 700);
    world.must(&anyone, &second);
    assert_eq!(limit(&world, id, to), before[1] + 700);
    world.refuse(&anyone, &first, "ledger");

    // a host that releases everything twice gives it once, and never what it claimed
    let claim = books.claim(&world, &voucher);
    world.must(&anyone, &claim);
    let everything = release(&world, id, from, to, u128::MAX);
    world.must(&anyone, &everything);
    assert_eq!(limit(&world, id, from), 4_000);
    let again = release(&world, id, from, third, u128::MAX);
    world.refuse(&anyone, &again, "ledger");
    let session = world.session(id);
    let limits: u128 = session.committee.iter().map(|m| m.limit.0).sum();
    assert_eq!(limits + session.router_share.0, session.escrow.0);
}

#[test]
fn a_key_that_was_replaced_releases_nothing() {
    let mut world = World::new(&[10, 10]);
    let id = world.open(&Ask::default());
    let old = release(&world, id, 0, 1, 500);
    let operator = world.hosts[0].address.clone();
    let rotate = Registry::RotateWarmKey {
        warm_key: public(&key(77)),
    };
    world.at_registry(&operator, &rotate, &[]);
    world.block();
    world.refuse(&name("stranger"), &old, "bad_signature");
}

#[test]
fn a_rebalance_waits_and_takes_no_proven_captures() {
    let mut world = World::new(&[10, 10]);
    let (id, books, voucher) = served(&mut world, 4_000);
    let (from, to) = (books.host, 1 - books.host);
    let (router, anyone) = (world.router.clone(), name("stranger"));
    let rebalance = |from: usize, to: usize, amount: u128, world: &World| ExecuteMsg::Rebalance {
        session: id,
        from: world.hosts[from].address.to_string(),
        to: world.hosts[to].address.to_string(),
        amount: Amount(amount),
    };
    let execute = ExecuteMsg::ExecuteRebalance {
        session: id,
        from: world.hosts[from].address.to_string(),
    };
    let all = rebalance(from, to, u128::MAX, &world);
    world.refuse(&anyone, &all, "unauthorized");
    let none = rebalance(from, to, 0, &world);
    world.refuse(&router, &none, "ledger");
    let own = rebalance(from, from, 5, &world);
    world.refuse(&router, &own, "ledger");
    world.must(&router, &all);
    world.refuse(&router, &all, "ledger");
    let due_at = world.session(id).rebalances[0].due_at;
    assert_eq!(due_at, world.height() + 20);
    world.until(due_at - 1);
    world.refuse(&anyone, &execute, "ledger");
    // the host answers with its proof
    world.must(&anyone, &books.claim(&world, &voucher));
    world.until(due_at);
    let before = limit(&world, id, to) + limit(&world, id, from);
    world.must(&anyone, &execute);
    assert_eq!(limit(&world, id, from), 4_000);
    assert_eq!(limit(&world, id, to), before - 4_000);
    world.refuse(&anyone, &execute, "ledger");
}

#[test]
fn a_session_takes_a_bounded_number_of_rebalances() {
    let mut params = common::params();
    params.lapse_blocks = 2;
    params.batch_blocks = 1;
    let mut world = World::with(&[10, 10], params);
    let id = world.open(&Ask {
        blocks: 200,
        ..Ask::default()
    });
    let payer = world.payer.clone();
    let from = world.hosts[0].address.to_string();
    let rebalance = ExecuteMsg::Rebalance {
        session: id,
        from: from.clone(),
        to: world.hosts[1].address.to_string(),
        amount: Amount(1),
    };
    for _ in 0..quern_protocol::ledger::MAX_REBALANCES {
        world.must(&payer, &rebalance);
        let due = world.height() + 2;
        world.until(due);
        let from = from.clone();
        world.must(&payer, &ExecuteMsg::ExecuteRebalance { session: id, from });
    }
    world.refuse(&payer, &rebalance, "ledger");
}

#[test]
fn an_address_that_cannot_receive_keeps_nobody_from_their_money() {
    let mut world = World::new(&[10, 10]);
    let module = name("module");
    // the payer names a router that the bank refuses; a host names such an address for its pay
    world.router = module.clone();
    let (id, books, voucher) = served(&mut world, 4_000);
    let host = world.hosts[books.host].address.clone();
    let update = Registry::UpdateHost(HostUpdate {
        payout: Some(module.to_string()),
        ..HostUpdate::default()
    });
    world.at_registry(&host, &update, &[]);
    world.must(&host, &books.claim(&world, &voucher));
    let payable_at = world.session(id).payable_at;
    world.until(payable_at);
    let before = (world.balance(&host), world.balance(&world.payer.clone()));
    world.must(&name("stranger"), &ExecuteMsg::Close { session: id });
    assert_eq!(world.balance(&host), before.0 + 3_800);
    assert_eq!(world.balance(&world.payer.clone()), before.1 + 1_000_000 - 4_400);
    let outcome = world.session(id).outcome.unwrap();
    let paid: u128 = outcome.paid.iter().map(|(_, amount)| amount.0).sum();
    assert_eq!((outcome.router_fee, outcome.burned), (Amount(0), Amount(600)));
    assert_eq!(paid + outcome.burned.0 + outcome.refund.0, 1_000_000);
    world.reconcile();
    assert_eq!(world.totals().router_fees, Amount(0));
}

#[test]
fn coins_that_a_message_does_not_take_and_hooks_of_others_are_refused() {
    let mut world = World::new(&[10]);
    let (id, books, voucher) = served(&mut world, 4_000);
    let payer = world.payer.clone();
    let claim = books.claim(&world, &voucher);
    for msg in [claim, ExecuteMsg::CloseSession { session: id }] {
        let error = world.execute(&payer, &msg, &common::coins(1)).unwrap_err();
        assert!(error.to_string().contains("wrong_funds:"), "{error}");
    }
    let epoch = SudoMsg::EndEpoch {
        epoch: 1,
        validators: vec![],
    };
    let settlement = world.settlement.clone();
    assert!(world.app.wasm_sudo(settlement, &epoch).is_err());
    let params = ExecuteMsg::UpdateParams(common::params());
    world.refuse(&payer, &params, "unauthorized");
    let mut bad = common::params();
    bad.committee_size = 9;
    world.refuse(&name("gov"), &ExecuteMsg::UpdateParams(bad), "bad_params");
}
