//! Deterministic faults: each is proven, and nothing that an honest host committed proves one.

use crate::common;

use common::books::{receipt, tokens_for, Books, SALT};
use common::{name, sign, Ask, World, CHAIN, MODEL};
use quern_interface::registry::{ExecuteMsg as Registry, GroupMember, QueryMsg as AskRegistry};
use quern_interface::settlement::{ExecuteMsg, Fault, FaultRecord, QueryMsg, SignedReceipt};
use quern_protocol::{
    client_seed, content_hash, request_hash, seed_commitment, Amount, Bytes, Receipt, SessionLeaf,
};

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

/// A session in which host 0 commits one receipt, changed as told.
struct Scene {
    world: World,
    id: u64,
    books: Books,
}

fn scene(change: impl FnOnce(&World, &mut Receipt)) -> Scene {
    let mut world = World::new(&[10]);
    let id = world.open(&Ask::default());
    let voucher = world.voucher(id, 0, 1, 4_000);
    let mut receipt = receipt(&world, &voucher, tokens_for(4_000));
    change(&world, &mut receipt);
    let mut books = Books::new(0);
    books.commit(&mut world, &[(id, vec![receipt])]);
    world.block();
    Scene { world, id, books }
}

impl Scene {
    fn convicts(mut self, kind: &str, fault: impl FnOnce(&Self) -> Fault) -> World {
        let msg = prove(&self.world, 0, fault(&self));
        let prover = name("stranger");
        self.world.must(&prover, &msg);
        assert_eq!(generation(&self.world, 0), 1, "{kind}");
        let faults: Vec<FaultRecord> = self.world.ask(&QueryMsg::Faults {
            start_after: None,
            limit: None,
        });
        let fault = &faults[0];
        assert_eq!((fault.kind.as_str(), fault.generation), (kind, 0));
        assert_eq!(fault.prover, prover.to_string());
        // once per host, model and generation
        self.world.refuse(&prover, &msg, "convicted");
        self.world
    }
}

/// Every fault that has one receipt, about it.
fn about(books: &Books, id: u64) -> Vec<Fault> {
    let receipt = || books.committed(1, id, 0);
    vec![
        Fault::BadVoucher(receipt()),
        Fault::Lapsed(receipt()),
        Fault::BadPrice(receipt()),
        Fault::BadModel(receipt()),
        Fault::BadSeed {
            receipt: receipt(),
            salt: Bytes::new(SALT),
            content: None,
        },
        Fault::Duplicate {
            first: receipt(),
            second: receipt(),
        },
        Fault::BadSum {
            later: books.committed_leaf(1, 0),
            earlier: None,
        },
        Fault::BadPrevious {
            later: books.committed_leaf(1, 0),
            neighbours: vec![],
        },
    ]
}

#[test]
fn an_honest_host_is_convicted_of_nothing() {
    let mut world = World::new(&[10, 10]);
    let ids = [world.open(&Ask::default()), world.open(&Ask::default())];
    let mut books = Books::new(0);
    let mut nonce = 0;
    let mut serve = |world: &World, id| {
        nonce += 1;
        let voucher = world.voucher(id, 0, nonce, 4_000);
        receipt(world, &voucher, tokens_for(4_000))
    };
    for _ in 0..3 {
        let pages: Vec<(u64, Vec<Receipt>)> = ids
            .iter()
            .map(|id| (*id, vec![serve(&world, *id), serve(&world, *id)]))
            .collect();
        books.commit(&mut world, &pages);
        world.block();
    }
    let anyone = name("stranger");
    let mut faults = about(&books, ids[0]);
    for batch in 1..=3 {
        for earlier in 1..batch {
            for (a, b) in [(0, 0), (1, 1)] {
                faults.push(Fault::BadSum {
                    later: books.committed_leaf(batch, a),
                    earlier: Some(books.committed_leaf(earlier, b)),
                });
            }
        }
        faults.push(Fault::BadOrder {
            left: books.committed_leaf(batch, 0),
            right: books.committed_leaf(batch, 1),
        });
        faults.push(Fault::Duplicate {
            first: books.committed(batch, ids[0], 0),
            second: books.committed(batch, ids[0], 1),
        });
        for neighbours in [vec![0], vec![1], vec![0, 1]] {
            let previous = books.committed_leaf(batch, 0).leaf.previous.max(1);
            faults.push(Fault::BadPrevious {
                later: books.committed_leaf(batch, 0),
                neighbours: neighbours
                    .into_iter()
                    .map(|n| books.committed_leaf(previous, n))
                    .collect(),
            });
        }
        let committed = books.committed(batch, ids[0], 0);
        let signature = sign(&world.hosts[0].warm, &committed.receipt.digest(CHAIN));
        faults.push(Fault::Contradiction {
            signed: SignedReceipt {
                receipt: committed.receipt.clone(),
                signature,
            },
            key_height: committed.receipt.voucher.height,
            committed,
        });
    }
    for fault in faults {
        let msg = prove(&world, 0, fault);
        world.refuse(&anyone, &msg, "no_fault");
    }
    assert_eq!(generation(&world, 0), 0);
}

#[test]
fn nobody_is_convicted_of_what_another_made_up() {
    let Scene { mut world, id, books } = scene(|_, _| {});
    let anyone = name("stranger");
    let mut forged = books.committed(1, id, 0);
    forged.receipt.capture = Amount(9_999);
    let msg = prove(&world, 0, Fault::BadPrice(forged));
    world.refuse(&anyone, &msg, "not_included");
    let mut forged = books.committed(1, id, 0);
    forged.leaf.cumulative = Amount(1);
    let msg = prove(&world, 0, Fault::BadVoucher(forged));
    world.refuse(&anyone, &msg, "not_included");
    // a wrong salt proves nothing about the seed
    let fault = Fault::BadSeed {
        receipt: books.committed(1, id, 0),
        salt: Bytes::new([6; 16]),
        content: None,
    };
    let msg = prove(&world, 0, fault);
    world.refuse(&anyone, &msg, "no_fault");
    // a receipt that another key signed contradicts nothing
    let mut other = books.committed(1, id, 0).receipt;
    other.capture = Amount(10);
    let signature = sign(&world.session_key, &other.digest(CHAIN));
    let fault = Fault::Contradiction {
        signed: SignedReceipt {
            receipt: other,
            signature,
        },
        key_height: world.height(),
        committed: books.committed(1, id, 0),
    };
    let msg = prove(&world, 0, fault);
    world.refuse(&anyone, &msg, "bad_signature");
    let stranger = ExecuteMsg::ProveFault {
        host: anyone.to_string(),
        fault: Box::new(Fault::BadModel(books.committed(1, id, 0))),
    };
    world.refuse(&anyone, &stranger, "not_in_committee");
}

#[test]
fn a_voucher_that_is_no_authority_convicts() {
    for change in [
        |r: &mut Receipt| r.voucher_signature = Bytes::new([1; 64]),
        |r: &mut Receipt| r.voucher.cap = Amount(1_000_000),
        |r: &mut Receipt| r.capture = Amount(4_001),
    ] {
        let scene = scene(|_, r| change(r));
        scene.convicts("bad_voucher", |s| {
            Fault::BadVoucher(s.books.committed(1, s.id, 0))
        });
    }
    // signed, yet for another session, another host or a height that was still to come
    for which in 0..3 {
        let scene = scene(|world, r| {
            match which {
                0 => r.voucher.session += 1,
                1 => r.voucher.host = name("stranger").to_string(),
                _ => r.voucher.height += 1,
            }
            r.voucher_signature = world.sign_voucher(&r.voucher);
        });
        scene.convicts("bad_voucher", |s| {
            Fault::BadVoucher(s.books.committed(1, s.id, 0))
        });
    }
}

#[test]
fn a_receipt_that_is_committed_after_its_voucher_lapsed_convicts() {
    let mut world = World::new(&[10]);
    let id = world.open(&Ask::default());
    let voucher = world.voucher(id, 0, 1, 4_000);
    let receipts = vec![receipt(&world, &voucher, tokens_for(4_000))];
    let mut books = Books::new(0);
    let last = world.height() + 20;
    world.until(last);
    books.commit(&mut world, &[(id, receipts.clone())]);
    let msg = prove(&world, 0, Fault::Lapsed(books.committed(1, id, 0)));
    world.refuse(&name("stranger"), &msg, "no_fault");
    world.block();
    books.commit(&mut world, &[(id, receipts)]);
    let scene = Scene { world, id, books };
    scene.convicts("lapsed", |s| Fault::Lapsed(s.books.committed(2, s.id, 0)));
    let early = scene_before_the_draw();
    early.convicts("lapsed", |s| Fault::Lapsed(s.books.committed(1, s.id, 0)));
}

fn scene_before_the_draw() -> Scene {
    scene(|world, r| {
        r.voucher.height = world.session(r.voucher.session).drawn_at - 1;
        r.voucher_signature = world.sign_voucher(&r.voucher);
    })
}

#[test]
fn a_wrong_price_or_more_than_the_cost_convicts_and_less_does_not() {
    for change in [
        |r: &mut Receipt| r.price = "2.1".parse().unwrap(),
        |r: &mut Receipt| r.price = "6".parse().unwrap(),
        |r: &mut Receipt| r.usage.completion -= 1,
        |r: &mut Receipt| r.usage.cached = r.usage.prompt + 1,
    ] {
        let scene = scene(|_, r| change(r));
        scene.convicts("bad_price", |s| Fault::BadPrice(s.books.committed(1, s.id, 0)));
    }
    let mut less = scene(|_, r| r.capture = Amount(3_000));
    let fault = Fault::BadPrice(less.books.committed(1, less.id, 0));
    let msg = prove(&less.world, 0, fault);
    less.world.refuse(&name("stranger"), &msg, "no_fault");
}

#[test]
fn another_model_convicts() {
    let scene = scene(|_, r| r.model_hash = Bytes::new([8; 32]));
    scene.convicts("bad_model", |s| Fault::BadModel(s.books.committed(1, s.id, 0)));
}

#[test]
fn another_seed_convicts() {
    let fault = |s: &Scene, content| Fault::BadSeed {
        receipt: s.books.committed(1, s.id, 0),
        salt: Bytes::new(SALT),
        content,
    };
    let ground = scene(|_, r| r.seed_commitment = seed_commitment(CHAIN, &[3; 32]));
    ground.convicts("bad_seed", |s| fault(s, None));

    // a client's seed: judged with the content, which must be the request's
    let content = content_hash(CHAIN, "/v1/chat/completions", b"{}");
    let with_seed = |number: i64| {
        scene(|_, r| {
            r.client_seed = Some(7);
            let seed = client_seed(CHAIN, r.voucher.session, &content, number);
            r.seed_commitment = seed_commitment(CHAIN, seed.as_bytes());
            assert_eq!(r.request_hash, request_hash(CHAIN, &SALT, &content));
        })
    };
    let mut right = with_seed(7);
    for content in [Some(content), None, Some(Bytes::new([1; 32]))] {
        let msg = prove(&right.world, 0, fault(&right, content));
        right.world.refuse(&name("stranger"), &msg, "no_fault");
    }
    with_seed(8).convicts("bad_seed", |s| fault(s, Some(content)));
}

#[test]
fn sums_that_do_not_follow_convict() {
    // a first leaf with more than its own; a leaf that names itself; none at all; nonces in no order
    for change in [
        |leaf: &mut SessionLeaf| leaf.cumulative = Amount(4_001),
        |leaf: &mut SessionLeaf| leaf.receipts = 2,
        |leaf: &mut SessionLeaf| leaf.previous = 2,
        |leaf: &mut SessionLeaf| leaf.first_nonce = 2,
        |leaf: &mut SessionLeaf| leaf.count = 2,
    ] {
        let Scene {
            mut world, mut books, ..
        } = scene(|_, _| {});
        let id = world.open(&Ask::default());
        let voucher = world.voucher(id, 0, 1, 4_000);
        let receipts = vec![receipt(&world, &voucher, tokens_for(4_000))];
        let mut leaf = books.leaf(id, &receipts);
        change(&mut leaf);
        books
            .commit_leaves(&mut world, vec![leaf], &[(id, receipts)])
            .unwrap();
        let scene = Scene { world, id, books };
        scene.convicts("bad_sum", |s| Fault::BadSum {
            later: s.books.committed_leaf(2, 0),
            earlier: None,
        });
    }
}

/// Three batches of one session by host 0, the third changed as told.
fn three(change: impl FnOnce(&mut SessionLeaf)) -> Scene {
    let mut scene = scene(|_, _| {});
    for nonce in [2, 3] {
        let voucher = scene.world.voucher(scene.id, 0, nonce, 8_000);
        let receipts = vec![receipt(&scene.world, &voucher, tokens_for(4_000))];
        if nonce == 2 {
            scene.books.commit(&mut scene.world, &[(scene.id, receipts)]);
            scene.world.block();
        } else {
            let mut leaf = scene.books.leaf(scene.id, &receipts);
            assert_eq!(leaf.previous, 2);
            change(&mut leaf);
            let receipts = [(scene.id, receipts)];
            scene
                .books
                .commit_leaves(&mut scene.world, vec![leaf], &receipts)
                .unwrap();
            break;
        }
    }
    scene
}

#[test]
fn a_leaf_that_does_not_go_on_from_an_earlier_one_convicts() {
    let between = |later: u64, earlier: u64| {
        move |s: &Scene| Fault::BadSum {
            later: s.books.committed_leaf(later, 0),
            earlier: Some(s.books.committed_leaf(earlier, 0)),
        }
    };
    // added to, against its predecessor
    three(|leaf| leaf.cumulative = Amount(12_002)).convicts("bad_sum", between(3, 2));
    three(|leaf| leaf.receipts = 9).convicts("bad_sum", between(3, 2));
    // left one out
    three(|leaf| leaf.previous = 1).convicts("bad_sum", between(3, 2));
    three(|leaf| {
        leaf.previous = 0;
        leaf.cumulative = leaf.subroot.sum;
        leaf.receipts = 1;
    })
    .convicts("bad_sum", between(3, 1));
    // fell behind one further back
    three(|leaf| leaf.cumulative = Amount(5_000)).convicts("bad_sum", between(3, 1));
    // an honest third one
    let mut honest = three(|_| {});
    for earlier in [1, 2] {
        let msg = prove(&honest.world, 0, between(3, earlier)(&honest));
        honest.world.refuse(&name("stranger"), &msg, "no_fault");
    }
}

#[test]
fn a_predecessor_that_does_not_exist_convicts() {
    // batch 1 holds sessions 1 and 3; batch 2 claims that session 2 was in it
    let mut world = World::new(&[10]);
    let ids: Vec<u64> = (0..3).map(|_| world.open(&Ask::default())).collect();
    let receipts = |world: &World, id: u64| {
        let voucher = world.voucher(id, 0, 1, 4_000);
        vec![receipt(world, &voucher, tokens_for(4_000))]
    };
    let mut books = Books::new(0);
    let pages: Vec<_> = [ids[0], ids[2]].map(|id| (id, receipts(&world, id))).to_vec();
    books.commit(&mut world, &pages);
    world.block();
    let middle = receipts(&world, ids[1]);
    let mut leaf = books.leaf(ids[1], &middle);
    leaf.previous = 1;
    leaf.cumulative = Amount(900_000);
    leaf.receipts = 90;
    books
        .commit_leaves(&mut world, vec![leaf], &[(ids[1], middle)])
        .unwrap();
    let scene = Scene {
        world,
        id: ids[1],
        books,
    };
    scene.convicts("bad_previous", |s| Fault::BadPrevious {
        later: s.books.committed_leaf(2, 0),
        neighbours: vec![s.books.committed_leaf(1, 0), s.books.committed_leaf(1, 1)],
    });
}

#[test]
fn leaves_out_of_order_convict_even_if_one_is_of_a_session_that_does_not_exist() {
    let mut world = World::new(&[10]);
    let id = world.open(&Ask::default());
    let voucher = world.voucher(id, 0, 1, 4_000);
    let receipts = vec![receipt(&world, &voucher, tokens_for(4_000))];
    let mut books = Books::new(0);
    let real = books.leaf(id, &receipts);
    let made_up = SessionLeaf {
        session: 999,
        ..real.clone()
    };
    books
        .commit_leaves(&mut world, vec![made_up, real], &[(id, receipts)])
        .unwrap();
    let scene = Scene { world, id, books };
    scene.convicts("bad_order", |s| Fault::BadOrder {
        left: s.books.committed_leaf(1, 0),
        right: s.books.committed_leaf(1, 1),
    });
}

#[test]
fn one_request_at_two_places_convicts() {
    let mut scene = scene(|_, _| {});
    let voucher = scene.world.voucher(scene.id, 0, 1, 8_000);
    let again = vec![receipt(&scene.world, &voucher, tokens_for(4_000))];
    scene.books.commit(&mut scene.world, &[(scene.id, again)]);
    scene.convicts("duplicate", |s| Fault::Duplicate {
        first: s.books.committed(1, s.id, 0),
        second: s.books.committed(2, s.id, 0),
    });
}

#[test]
fn a_signed_receipt_that_differs_from_the_committed_one_convicts() {
    let scene = scene(|_, _| {});
    let mut told = scene.books.committed(1, scene.id, 0).receipt;
    told.capture = Amount(1_000);
    let signature = sign(&scene.world.hosts[0].warm, &told.digest(CHAIN));
    let key_height = told.voucher.height;
    scene.convicts("contradiction", |s| Fault::Contradiction {
        signed: SignedReceipt {
            receipt: told,
            signature,
        },
        key_height,
        committed: s.books.committed(1, s.id, 0),
    });
}

#[test]
fn a_host_that_comes_back_is_judged_anew_and_its_old_claims_stay_void() {
    let mut scene = scene(|_, r| r.model_hash = Bytes::new([8; 32]));
    let fault = Fault::BadModel(scene.books.committed(1, scene.id, 0));
    let msg = prove(&scene.world, 0, fault);
    let anyone = name("stranger");
    scene.world.must(&anyone, &msg);
    let height = scene.world.height();
    scene.world.until(height + 10);
    let host = scene.world.hosts[0].address.clone();
    let requalify = Registry::Requalify { model: MODEL.into() };
    let fee = common::coins(common::ENTRY_FEE);
    scene.world.at_registry(&host, &requalify, &fee);
    scene.world.refuse(&anyone, &msg, "convicted");
    let id = scene.world.open(&Ask::default());
    let voucher = scene.world.voucher(id, 0, 1, 4_000);
    let mut second = receipt(&scene.world, &voucher, tokens_for(4_000));
    second.model_hash = Bytes::new([7; 32]);
    scene.books.commit(&mut scene.world, &[(id, vec![second])]);
    let fault = Fault::BadModel(scene.books.committed(2, id, 0));
    let msg = prove(&scene.world, 0, fault);
    scene.world.must(&anyone, &msg);
    assert_eq!(generation(&scene.world, 0), 2);
}
