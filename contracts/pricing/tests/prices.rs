//! Prices on a chain with the real registry and settlement.

use crate::common;

use common::chain::books::{by_model, receipt, tokens_for, Books};
use common::chain::{Ask, World, MODEL};
use common::{params, Market};
use quern_interface::pricing::{CapacitySource, ExecuteMsg, PriceInfo, QueryMsg};
use quern_interface::registry::ModelState;
use quern_interface::settlement::ExecuteMsg as Settlement;
use quern_protocol::{Amount, Bytes, Node, Price};

fn price(text: &str) -> Price {
    text.parse().unwrap()
}

/// A batch of nothing but a number.
fn say(world: &mut World, sequence: u64, amount: u128) {
    let msg = Settlement::CommitBatch {
        sequence,
        root: Node {
            hash: Bytes::new([1; 32]),
            sum: Amount(amount),
        },
        sessions: 1,
        models: by_model(Amount(amount)),
    };
    let warm = world.hosts[0].warm_address.clone();
    world.must(&warm, &msg);
}

#[test]
fn a_price_begins_as_launched_and_follows_what_was_served() {
    // 100 tokens a second are 50 a block of half a second, and 500 a period
    let mut market = Market::new(&[100]);
    assert_eq!(market.world.height(), 100);
    assert_eq!(
        (market.price(), market.price_at(100).unwrap()),
        (price("2"), price("2"))
    );
    // the block of 100 only begins to count
    market.until(101);
    let id = market.world.try_open(&Ask::default()).unwrap();
    market.until(110);
    let mut books = Books::new(0);
    let voucher = market.world.voucher(id, 0, 1, 900);
    let served = vec![receipt(&market.world, &voucher, tokens_for(900))];
    books.commit(&mut market.world, &[(id, served)]);
    market.until(111);
    let info = market.info(MODEL);
    // 900 nqrn at 2 are 450 of 500 tokens; smoothed from 0.5 that is 0.7, and exp(0.01) of the price
    assert_eq!(
        (info.demand, info.capacity, info.source),
        (Amount(450), Amount(50), CapacitySource::Declared)
    );
    assert_eq!(
        (info.utilisation, info.smoothed, info.blocks, info.updated_at),
        (900_000, 700_000, 10, 110)
    );
    assert_eq!(info.price, price("2.020100334168336108"));
    assert_eq!((info.judged, info.offered), (Amount(450), Amount(500)));
}

#[test]
fn a_price_of_a_height_never_changes_and_counts_from_the_block_after_the_update() {
    let mut market = Market::new(&[100]);
    market.until(131);
    // nobody asks for anything: 100 begins, 110, 120 and 130 lower the price
    let now = market.price();
    assert!(now < price("2"));
    let asked: Vec<Price> = (100..=131)
        .map(|height| market.price_at(height).unwrap())
        .collect();
    assert_eq!(asked[10], price("2"), "the update of 110 counts from 111 on");
    assert!(asked[11] < asked[10] && asked[31] == now && asked[31] < asked[30]);
    assert!(market
        .price_at(132)
        .unwrap_err()
        .to_string()
        .contains("future_height"));
    market.until(191);
    let again: Vec<Price> = (100..=131)
        .map(|height| market.price_at(height).unwrap())
        .collect();
    assert_eq!(asked, again);
    let history = market.history();
    assert_eq!((history[0].price, history[0].from), (market.price(), 191));
    assert!(history.windows(2).all(|pair| pair[0].from == pair[1].from + 10));
}

#[test]
fn who_asked_the_registry_for_prices_asks_the_same_here() {
    let mut market = Market::new(&[100]);
    market.until(201);
    let at = market.price_at(150).unwrap();
    let asked: Price = market
        .world
        .app
        .wrap()
        .query_wasm_smart(
            &market.pricing,
            &quern_interface::registry::QueryMsg::PriceAt {
                model: MODEL.into(),
                height: 150,
            },
        )
        .unwrap();
    assert_eq!(asked, at, "the registry's question is understood");
}

#[test]
fn old_prices_are_kept_as_long_as_they_are_needed_and_not_for_ever() {
    let mut market = Market::new(&[100]);
    market.prove(Some(1_000_000));
    // enough for the price to fall all the way, and then to hold at the floor
    market.until(401);
    let kept = market.price_at(101).unwrap();
    assert_eq!(kept, price("2"));
    market.until(1_201);
    assert_eq!(market.price(), Price::FLOOR);
    assert_eq!(market.price_at(1_201 - 300).unwrap(), Price::FLOOR);
    let history = market.history();
    assert!(history.len() < 31, "{}", history.len());
    let first = history.last().unwrap().from;
    if first > 111 {
        let gone = market.price_at(first - 1).unwrap_err().to_string();
        assert!(gone.contains("price_forgotten"), "{gone}");
    }
    // before this contract saw the model, the registry's price still counts
    assert_eq!(market.price_at(100).unwrap(), price("2"));
}

#[test]
fn proven_capacity_counts_before_declared_and_without_any_the_price_holds() {
    let mut market = Market::new(&[100]);
    market.period();
    for (proven, capacity, source) in [
        (None, 50, CapacitySource::Declared),
        (Some(0), 50, CapacitySource::Declared),
        (Some(20), 20, CapacitySource::Proven),
    ] {
        market.prove(proven);
        market.period();
        let info = market.info(MODEL);
        assert_eq!((info.capacity, info.source), (Amount(capacity), source));
    }
    let mut empty = Market::new(&[]);
    empty.until(151);
    let info = empty.info(MODEL);
    assert_eq!(
        (info.price, info.source, info.updated_at),
        (price("2"), CapacitySource::None, 150)
    );
    assert_eq!(empty.history().len(), 1);
}

#[test]
fn new_models_join_and_retired_ones_stand_still() {
    let mut market = Market::new(&[100]);
    market.until(125);
    market.launch("another", ModelState::Live);
    market.launch("later", ModelState::Proposed);
    let info = market.info("another");
    assert_eq!((info.price, info.updated_at), (price("7"), 0));
    market.until(161);
    let all: Vec<PriceInfo> = market.ask(&QueryMsg::Prices {
        start_after: None,
        limit: None,
    });
    let ids: Vec<&str> = all.iter().map(|info| info.model.as_str()).collect();
    assert_eq!(ids, ["another", MODEL]);
    let gov = common::chain::name("gov");
    let retire = quern_interface::registry::ExecuteMsg::SetModelState {
        model: MODEL.into(),
        state: ModelState::Retiring,
    };
    market.world.at_registry(&gov, &retire, &[]);
    market.until(171);
    assert_eq!(market.info(MODEL).updated_at, 170, "open sessions still pay");
    let retire = quern_interface::registry::ExecuteMsg::SetModelState {
        model: MODEL.into(),
        state: ModelState::Retired,
    };
    market.world.at_registry(&gov, &retire, &[]);
    market.until(191);
    assert_eq!(market.info(MODEL).updated_at, 170);
}

#[test]
fn many_models_are_updated_a_few_a_block_and_each_once_a_period() {
    let mut market = Market::with(
        &[100],
        quern_interface::pricing::Params {
            max_updates: 3,
            ..params()
        },
    );
    for n in 0..20 {
        market.launch(&format!("m{n:02}"), ModelState::Live);
    }
    market.until(131);
    // 21 models, three a block: the round of 130 reaches the last in 136
    for (height, at) in [(131, 130), (134, 133), (137, 136)] {
        market.until(height);
        let all: Vec<PriceInfo> = market.ask(&QueryMsg::Prices {
            start_after: None,
            limit: Some(100),
        });
        assert_eq!(all.len(), 21);
        let updated = all.iter().filter(|info| info.updated_at == at).count();
        assert_eq!(updated, 3, "at {at}");
        assert!(all.iter().all(|info| info.blocks == 10));
    }
}

#[test]
fn only_governance_changes_the_rule_and_only_to_what_works() {
    let mut market = Market::new(&[100]);
    let change = |change: &dyn Fn(&mut quern_interface::pricing::Params)| {
        let mut params = params();
        change(&mut params);
        ExecuteMsg::UpdateParams(params)
    };
    let refused = market.execute("stranger", &change(&|_| {})).unwrap_err();
    assert!(refused.to_string().contains("unauthorized"));
    for broken in [
        change(&|p| p.period_blocks = 0),
        change(&|p| p.max_updates = 0),
        change(&|p| p.max_updates = 17),
        change(&|p| p.keep_blocks = 9),
        change(&|p| p.keep_blocks = 299),
        change(&|p| p.block_ms = 0),
        change(&|p| p.smoothing = 0),
        change(&|p| p.smoothing = 1_000_001),
        change(&|p| p.low = 600_001),
        change(&|p| p.high = 2_000_000),
        change(&|p| p.steepness = 0),
        change(&|p| p.steepness = 1_000_001),
        change(&|p| p.max_step = 0),
        change(&|p| p.max_step = 500_001),
    ] {
        let refused = market.execute("gov", &broken).unwrap_err().to_string();
        assert!(refused.contains("bad_params"), "{refused}");
    }
    market.execute("gov", &change(&|p| p.period_blocks = 5)).unwrap();
}

#[test]
fn a_host_that_lies_moves_the_price_no_further_than_its_payers_coins_reach() {
    let mut market = Market::new(&[100]);
    market.prove(Some(50));
    market.until(121);
    // no session, no coins: a host may say what it will
    for sequence in 1..=5 {
        say(&mut market.world, sequence, 1_000_000_000);
        market.period();
        assert_eq!(market.info(MODEL).demand, Amount(0));
    }
    // with an escrow of its own it may say that much, once
    let low = market.price();
    let id = market.world.open(&Ask {
        escrow: 2_000,
        with_router: false,
        fee_bps: 0,
        ..Ask::default()
    });
    market.until(market.world.height());
    for sequence in 6..=20 {
        say(&mut market.world, sequence, 1_000_000_000);
        market.period();
    }
    let info = market.info(MODEL);
    let (judged, limit) = (info.judged.0, market.world.session(id).committee[0].limit.0);
    assert_eq!(limit, 2_000);
    // amounts become tokens at prices below 2 and not below 1
    assert!((1_000..=2_000).contains(&judged), "{judged}");
    assert!(
        info.price < low,
        "what was said once is forgotten: {} {low}",
        info.price
    );
}

#[test]
fn updates_that_were_missed_judge_the_whole_time_at_once_and_step_once() {
    let mut market = Market::new(&[100]);
    market.until(101);
    let id = market.world.try_open(&Ask::default()).unwrap();
    // the hook fails for four periods: the application goes on without it
    market.world.until(149);
    let mut books = Books::new(0);
    let voucher = market.world.voucher(id, 0, 1, 900);
    let served = vec![receipt(&market.world, &voucher, tokens_for(900))];
    books.commit(&mut market.world, &[(id, served)]);
    assert_eq!(
        market.price_at(149).unwrap(),
        price("2"),
        "the last price counts meanwhile"
    );
    market.until(151);
    let info = market.info(MODEL);
    // 450 tokens of 50 blocks' 2,500: no burst, and one step
    assert_eq!((info.blocks, info.utilisation), (50, 180_000));
    assert!(
        info.price > price("1.98") && info.price < price("2"),
        "{}",
        info.price
    );
}
