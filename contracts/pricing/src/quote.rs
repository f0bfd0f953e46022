//! Prices in US dollars: a number for people, which nothing on the chain is paid by.
//!
//! Posters that governance names say what a QRN costs. The median of what they said of late is the rate, and a model's
//! quote follows price times rate only when that has left a band around the quote.

use cosmwasm_std::{Addr, Deps, DepsMut, Env, MessageInfo, Response, StdResult, Storage};
use cw_storage_plus::{Item, Map};
use quern_interface::pricing::{QuoteInfo, QuoteParams, QuotePost, UsdPrice, RATE_ONE};
use quern_protocol::{Amount, Price};
use serde::{Deserialize, Serialize};

use crate::error::{ContractError, Result};
use crate::state::PARAMS;

/// Most posters.
const MAX_POSTERS: usize = 15;
/// Longest age of a post, in blocks: some 30 years of a block a second.
const MAX_AGE: u64 = 1_000_000_000;
/// nqrn in a QRN over the tokens that a quote is for.
const THOUSAND: u128 = 1_000;

/// What a poster said.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Post {
    /// US dollars for a QRN.
    pub usd: Price,
    /// When.
    pub height: u64,
}

/// A model's quote.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quoted {
    /// US dollars for a million tokens.
    pub usd: Price,
    /// Since when.
    pub since: u64,
}

/// What posters said last.
pub const POSTS: Map<&Addr, Post> = Map::new("posts");
/// Quotes by model.
pub const QUOTED: Map<&str, Quoted> = Map::new("quoted");
/// Addresses of the posters in the parameters.
pub const POSTERS: Item<Vec<Addr>> = Item::new("posters");

/// Whether parameters make sense.
///
/// # Errors
/// `bad_params`.
pub fn check(params: &QuoteParams) -> Result<()> {
    let many = params.posters.len();
    let mut names = params.posters.clone();
    names.sort();
    names.dedup();
    let rules = [
        (many <= MAX_POSTERS, "there are more than 15 posters"),
        (names.len() == many, "a poster stands there twice"),
        (
            params.least > 0 && (many == 0 || params.least as usize <= many),
            "least is zero or above the number of posters",
        ),
        (
            (1..=MAX_AGE).contains(&params.max_age),
            "max_age is not 1 to 10^9",
        ),
        (params.hysteresis <= RATE_ONE, "hysteresis is above 1"),
    ];
    match rules.iter().find(|(kept, _)| !kept) {
        Some((_, broken)) => Err(ContractError::BadParams(broken)),
        None => Ok(()),
    }
}

/// Takes over who posts; what others posted before is forgotten.
///
/// # Errors
/// An address that is none.
pub fn set(deps: DepsMut, params: &QuoteParams) -> Result<()> {
    let posters = params.posters.iter().map(|poster| deps.api.addr_validate(poster));
    let posters = posters.collect::<StdResult<Vec<_>>>()?;
    for old in POSTERS.may_load(deps.storage)?.unwrap_or_default() {
        if !posters.contains(&old) {
            POSTS.remove(deps.storage, &old);
        }
    }
    Ok(POSTERS.save(deps.storage, &posters)?)
}

/// A poster says what a QRN costs. Attributes: `action`, `poster`, `usd`.
///
/// # Errors
/// `unauthorized`, `bad_quote`.
pub fn post(deps: DepsMut, env: &Env, info: MessageInfo, usd: Price) -> Result<Response> {
    if !POSTERS.load(deps.storage)?.contains(&info.sender) {
        return Err(ContractError::Unauthorized("a poster that governance named"));
    }
    if usd.atomics() == 0 || usd > Price::CEILING {
        return Err(ContractError::BadQuote);
    }
    let height = env.block.height;
    POSTS.save(deps.storage, &info.sender, &Post { usd, height })?;
    Ok(Response::new()
        .add_attribute("action", "post_quote")
        .add_attribute("poster", info.sender)
        .add_attribute("usd", usd.to_string()))
}

/// Posts that are there, and whether each is of late: one of every poster at most.
fn posts(storage: &dyn Storage, params: &QuoteParams, height: u64) -> Result<Vec<(Addr, Post, bool)>> {
    let mut found = vec![];
    for poster in POSTERS.may_load(storage)?.unwrap_or_default() {
        if let Some(post) = POSTS.may_load(storage, &poster)? {
            let fresh = post.height.saturating_add(params.max_age) >= height;
            found.push((poster, post, fresh));
        }
    }
    Ok(found)
}

/// The lower median of what posters said of late; none if fewer than `least` did.
///
/// # Errors
/// Storage.
pub fn rate(storage: &dyn Storage, params: &QuoteParams, height: u64) -> Result<Option<Price>> {
    let posts = posts(storage, params, height)?;
    let mut fresh: Vec<Price> = posts
        .iter()
        .filter(|post| post.2)
        .map(|post| post.1.usd)
        .collect();
    if fresh.len() < params.least as usize {
        return Ok(None);
    }
    fresh.sort();
    Ok(fresh.get(fresh.len().saturating_sub(1) / 2).copied())
}

/// US dollars for a million tokens, rounded down. None if it does not fit.
pub fn per_million(price: Price, rate: Price) -> Option<Price> {
    Amount(price.atomics())
        .mul_div_floor(rate.atomics(), Price::UNIT.checked_mul(THOUSAND)?)
        .map(|usd| Price::from_atomics(usd.0))
}

/// Whether `usd` has left the band of `hysteresis` millionths around a quote.
pub fn leaves(quote: Price, usd: Price, hysteresis: u32) -> bool {
    let band = Amount(quote.atomics()).mul_div_floor(hysteresis.into(), RATE_ONE.into());
    band.is_none_or(|band| quote.atomics().abs_diff(usd.atomics()) > band.0)
}

/// A model's price was judged: its quote follows if it is too far from it.
///
/// # Errors
/// Storage.
pub fn follow(
    storage: &mut dyn Storage,
    params: &QuoteParams,
    model: &str,
    price: Price,
    rate: Price,
    height: u64,
) -> Result<()> {
    let Some(usd) = per_million(price, rate) else {
        return Ok(());
    };
    let before = QUOTED.may_load(storage, model)?;
    if before.is_none_or(|before| leaves(before.usd, usd, params.hysteresis)) {
        let since = height;
        QUOTED.save(storage, model, &Quoted { usd, since })?;
    }
    Ok(())
}

/// What posters say.
///
/// # Errors
/// Storage.
pub fn info(deps: Deps, height: u64) -> Result<QuoteInfo> {
    let params = PARAMS.load(deps.storage)?.quote;
    let posts = posts(deps.storage, &params, height)?;
    let posts = posts.into_iter().map(|(poster, post, fresh)| QuotePost {
        poster: poster.into(),
        usd: post.usd,
        height: post.height,
        fresh,
    });
    Ok(QuoteInfo {
        usd: rate(deps.storage, &params, height)?,
        posts: posts.collect(),
    })
}

/// A model's quote.
///
/// # Errors
/// Storage.
pub fn of(deps: Deps, model: String, height: u64) -> Result<UsdPrice> {
    let params = PARAMS.load(deps.storage)?.quote;
    let quoted = QUOTED.may_load(deps.storage, &model)?;
    Ok(UsdPrice {
        model,
        usd: quoted.map(|quoted| quoted.usd),
        since: quoted.map_or(0, |quoted| quoted.since),
        fresh: rate(deps.storage, &params, height)?.is_some(),
    })
}
