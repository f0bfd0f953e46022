//! Prices in US dollars.

use crate::common;

use common::chain::{name, MODEL};
use common::{params, Market};
use quern_interface::pricing::{ExecuteMsg, Params, QueryMsg, QuoteInfo, UsdPrice};
use quern_protocol::Price;

fn price(text: &str) -> Price {
    text.parse().unwrap()
}

fn post(market: &mut Market, who: &str, usd: &str) {
    let usd = price(usd);
    market.execute(who, &ExecuteMsg::PostQuote { usd }).unwrap();
}

fn rate(market: &Market) -> Option<Price> {
    market.ask::<QuoteInfo>(&QueryMsg::Quote {}).usd
}

fn quote(market: &Market) -> UsdPrice {
    let model = MODEL.into();
    market.ask(&QueryMsg::UsdPrice { model })
}

#[test]
fn a_quote_is_the_median_of_what_posters_said_of_late_times_the_price() {
    let mut market = Market::new(&[]);
    assert_eq!((rate(&market), quote(&market).usd), (None, None));
    post(&mut market, "ann", "0.25");
    assert_eq!(rate(&market), None, "one poster is not enough");
    post(&mut market, "bob", "9000");
    assert_eq!(rate(&market), Some(price("0.25")), "the lower of two");
    post(&mut market, "cleo", "0.3");
    assert_eq!(
        rate(&market),
        Some(price("0.3")),
        "one poster alone moves nothing far"
    );
    market.period();
    // 2 nqrn a token are 0.002 QRN a million
    let quoted = quote(&market);
    assert_eq!((quoted.usd, quoted.fresh), (Some(price("0.0006")), true));
    assert_eq!(quoted.since, 100);
}

#[test]
fn a_quote_holds_while_the_price_stays_in_its_band_and_follows_when_it_leaves() {
    let mut market = Market::new(&[]);
    for who in ["ann", "bob"] {
        post(&mut market, who, "1");
    }
    market.period();
    assert_eq!(quote(&market).usd, Some(price("0.002")));
    for (said, shown) in [
        ("1.02", "0.002"),
        ("0.98", "0.002"),
        ("1.021", "0.002042"),
        ("1.001", "0.002042"),
    ] {
        for who in ["ann", "bob"] {
            post(&mut market, who, said);
        }
        market.period();
        assert_eq!(quote(&market).usd, Some(price(shown)), "{said}");
    }
}

#[test]
fn an_old_post_counts_no_more_and_a_quote_without_posters_says_that_it_is_old() {
    let mut market = Market::new(&[]);
    for who in ["ann", "bob"] {
        post(&mut market, who, "1");
    }
    let at = market.world.height();
    market.until(at + 50);
    assert!(quote(&market).fresh);
    market.until(at + 51);
    let quoted = quote(&market);
    assert_eq!((quoted.usd, quoted.fresh), (Some(price("0.002")), false));
    let info: QuoteInfo = market.ask(&QueryMsg::Quote {});
    assert_eq!(info.usd, None);
    assert!(info.posts.iter().all(|post| !post.fresh && post.height == at));
    post(&mut market, "ann", "3");
    market.period();
    assert_eq!(quote(&market).usd, Some(price("0.002")));
}

#[test]
fn only_named_posters_post_sound_numbers_and_whoever_is_dismissed_is_forgotten() {
    let mut market = Market::new(&[]);
    let say = |usd| ExecuteMsg::PostQuote { usd };
    let refused = |market: &mut Market, who, usd, name: &str| {
        let error = market.execute(who, &say(usd)).unwrap_err();
        assert!(format!("{error:?}").contains(name), "{error:?}");
    };
    refused(&mut market, "eve", price("1"), "unauthorized:");
    refused(&mut market, "gov", price("1"), "unauthorized:");
    refused(&mut market, "ann", price("0"), "bad_quote:");
    refused(&mut market, "ann", price("1000000000.1"), "bad_quote:");
    for who in ["ann", "bob"] {
        post(&mut market, who, "1");
    }
    let mut changed = params();
    changed.quote.posters = ["bob", "cleo"].map(|who| name(who).to_string()).into();
    market.execute("gov", &ExecuteMsg::UpdateParams(changed)).unwrap();
    assert_eq!(rate(&market), None);
    assert_eq!(market.ask::<QuoteInfo>(&QueryMsg::Quote {}).posts.len(), 1);
    market
        .execute("gov", &ExecuteMsg::UpdateParams(params()))
        .unwrap();
    assert_eq!(rate(&market), None, "ann's old word does not come back");
    let broken: [fn(&mut Params); 5] = [
        |p| p.quote.posters = (0..16).map(|n| name(&format!("poster{n}")).to_string()).collect(),
        |p| p.quote.posters = vec![name("ann").to_string(); 2],
        |p| p.quote.least = 0,
        |p| p.quote.max_age = 0,
        |p| p.quote.hysteresis = 1_000_001,
    ];
    for change in broken {
        let mut changed = params();
        change(&mut changed);
        let error = market
            .execute("gov", &ExecuteMsg::UpdateParams(changed))
            .unwrap_err();
        assert!(format!("{error:?}").contains("bad_params:"), "{error:?}");
    }
}
