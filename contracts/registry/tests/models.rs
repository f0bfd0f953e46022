//! Models, prices, offers, routers.

use crate::common;

use common::{model, offer, who, Registry};
use quern_interface::registry::{ExecuteMsg, LaunchPackage, ModelState, QueryMsg, RouterDetails, RouterInfo};
use quern_protocol::{Bytes, Hash, Price};

fn price(registry: &Registry, height: u64) -> Result<Price, registry::ContractError> {
    let model = "alpha".into();
    registry.query(QueryMsg::PriceAt { model, height })
}

#[test]
fn the_price_at_a_height_never_changes_afterwards() {
    let mut registry = Registry::new();
    let two: Price = "2".parse().unwrap();
    assert_eq!(price(&registry, 100).unwrap(), two);
    assert!(price(&registry, 99)
        .unwrap_err()
        .to_string()
        .starts_with("no_price:"));
    assert!(price(&registry, 101)
        .unwrap_err()
        .to_string()
        .starts_with("future_height:"));
    registry.env.block.height = 200;
    for (text, height) in [("3", 200), ("4", 200), ("5.5", 201)] {
        registry.env.block.height = height;
        let mut package = model("alpha", ModelState::Live);
        package.price = text.parse().unwrap();
        registry
            .execute(&who("gov"), ExecuteMsg::PutModel(package))
            .unwrap();
        assert_eq!(
            price(&registry, 200).unwrap(),
            two,
            "a change counts from the next block on"
        );
    }
    registry.env.block.height = 300;
    let at = |height| price(&registry, height).unwrap().to_string();
    assert_eq!(
        [at(150), at(200), at(201), at(202), at(300)],
        ["2", "2", "4", "5.5", "5.5"]
    );
    let package: LaunchPackage = registry
        .query(QueryMsg::Model {
            model: "alpha".into(),
        })
        .unwrap();
    assert_eq!(package.price.to_string(), "5.5");
}

#[test]
fn old_prices_go_but_the_one_that_still_counts_stays() {
    let mut registry = Registry::new();
    for n in 0..20_u64 {
        registry.env.block.height = 200 + n;
        let mut package = model("alpha", ModelState::Live);
        package.price = Price::from_atomics(Price::UNIT * u128::from(n + 3));
        registry
            .execute(&who("gov"), ExecuteMsg::PutModel(package))
            .unwrap();
    }
    registry.env.block.height = 1_000_210;
    for _ in 0..10 {
        let again = ExecuteMsg::PutModel(model("alpha", ModelState::Live));
        registry.execute(&who("gov"), again).unwrap();
    }
    // The horizon is 210: the price of 210 was set for it at 209.
    assert_eq!(price(&registry, 210).unwrap().to_string(), "12");
    assert!(price(&registry, 209)
        .unwrap_err()
        .to_string()
        .starts_with("no_price:"));
    assert_eq!(price(&registry, 1_000_210).unwrap().to_string(), "22");
}

#[test]
fn what_receipts_were_made_under_cannot_change() {
    let mut registry = Registry::new();
    let changes: [fn(&mut LaunchPackage); 7] = [
        |m| m.hash = Hash::new([1; 32]),
        |m| m.context = 1,
        |m| m.precision = "bf16".into(),
        |m| m.sampler = 2,
        |m| m.rendering = 2,
        |m| m.grammar = 2,
        |m| m.coefficients.output = 1,
    ];
    for change in changes {
        let mut package = model("alpha", ModelState::Live);
        change(&mut package);
        registry.refuse(&who("gov"), ExecuteMsg::PutModel(package), "model_fixed");
    }
    let mut package = model("alpha", ModelState::Live);
    package.price = "0.5".parse().unwrap();
    registry.refuse(&who("gov"), ExecuteMsg::PutModel(package), "bad_model");
    let package = model("alpha", ModelState::Retired);
    registry.refuse(&who("gov"), ExecuteMsg::PutModel(package), "bad_transition");
}

#[test]
fn a_retiring_model_keeps_its_hosts_and_a_retired_one_serves_nobody() {
    let mut registry = Registry::new();
    let host = registry.join(1, vec![offer("alpha", 10)], 1000);
    let other = registry.join(2, vec![], 1000);
    let state = |state| ExecuteMsg::SetModelState {
        model: "alpha".into(),
        state,
    };
    registry.refuse(&who("gov"), state(ModelState::Retired), "bad_transition");
    registry.refuse(&host, state(ModelState::Retiring), "unauthorized");
    registry
        .execute(&who("gov"), state(ModelState::Retiring))
        .unwrap();
    let offers = ExecuteMsg::SetOffers {
        offers: vec![offer("alpha", 20)],
    };
    registry.refuse(&other, offers.clone(), "model_closed");
    registry.execute(&host, offers.clone()).unwrap();
    assert_eq!(registry.draw("alpha", 1, 1).len(), 1);
    registry.execute(&who("gov"), state(ModelState::Retired)).unwrap();
    assert!(registry.draw("alpha", 1, 1).is_empty());
    registry.refuse(&host, offers, "model_closed");
    registry
        .execute(&host, ExecuteMsg::SetOffers { offers: vec![] })
        .unwrap();
}

#[test]
fn offers_must_fit_the_model_and_the_limit() {
    let mut registry = Registry::new();
    let host = registry.join(1, vec![], 1000);
    let mut profile = offer("alpha", 1);
    profile.profile = "tpu".into();
    for (offers, name) in [
        (vec![offer("none", 1)], "unknown_model"),
        (vec![offer("alpha", 0)], "bad_offer"),
        (vec![offer("alpha", u64::MAX)], "bad_offer"),
        (vec![offer("alpha", 1), offer("alpha", 2)], "bad_offer"),
        (vec![profile], "bad_offer"),
        ((0..5).map(|n| offer(&n.to_string(), 1)).collect(), "too_many"),
    ] {
        registry.refuse(&host, ExecuteMsg::SetOffers { offers }, name);
    }
}

#[test]
fn a_router_runs_until_it_stops_and_may_come_back() {
    let mut registry = Registry::new();
    let router = who("router");
    let details = RouterDetails {
        moniker: "router".into(),
        endpoint: "https://router.example".into(),
        transport_key: Bytes::new([1; 32]),
        fee_bps: 100,
    };
    registry.refuse(&router, ExecuteMsg::RetireRouter {}, "unknown_router");
    let mut dear = details.clone();
    dear.fee_bps = 10_001;
    registry.refuse(&router, ExecuteMsg::RegisterRouter(dear), "bad_text");
    registry
        .execute(&router, ExecuteMsg::RegisterRouter(details.clone()))
        .unwrap();
    registry.refuse(
        &router,
        ExecuteMsg::RegisterRouter(details.clone()),
        "already_registered",
    );
    registry.execute(&router, ExecuteMsg::RetireRouter {}).unwrap();
    registry.refuse(
        &router,
        ExecuteMsg::UpdateRouter(details.clone()),
        "unknown_router",
    );
    let info = |registry: &Registry| -> RouterInfo {
        registry
            .query(QueryMsg::Router {
                router: router.to_string(),
            })
            .unwrap()
    };
    assert!(info(&registry).retired);
    registry
        .execute(&router, ExecuteMsg::RegisterRouter(details))
        .unwrap();
    assert!(!info(&registry).retired);
}

#[test]
fn a_page_goes_on_where_the_last_one_ended() {
    let mut registry = Registry::new();
    for n in 0..7 {
        registry.join(n, vec![offer("alpha", 1)], 100);
    }
    let mut seen: Vec<String> = vec![];
    loop {
        let page: Vec<quern_interface::registry::HostInfo> = registry
            .query(QueryMsg::Hosts {
                start_after: seen.last().cloned(),
                limit: Some(3),
            })
            .unwrap();
        if page.is_empty() {
            break;
        }
        seen.extend(page.into_iter().map(|host| host.host));
    }
    let mut sorted = seen.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!((seen.len(), &seen), (7, &sorted));
}
