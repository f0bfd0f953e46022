//! What is told of a paid model: its price on the chain, in its coin and, where the chain quotes one, in US dollars, and
//! what the hosts that serve it can do.

use crate::view::View;
use quern_inference_api::listing::{ChainPrice, Listing, Model, Pricing};
use quern_interface::registry::LaunchPackage;
use quern_protocol::{Coefficients, Price};

/// Digits of a price, of a coefficient, and of the number of tokens that a quote in US dollars is for.
const PRICE: usize = 18;
const COEFFICIENT: usize = 6;
const QUOTED: usize = 6;

/// The entry of `/v1/models`.
pub(crate) fn entry(view: &View, package: LaunchPackage, created: u64) -> Model {
    let coefficients = &package.coefficients;
    let chain_price = view.tip(&package.id).and_then(|tip| {
        Some(ChainPrice {
            denom: "nqrn".into(),
            prompt: per_token(tip.price, coefficients.input, PRICE + COEFFICIENT)?,
            completion: per_token(tip.price, coefficients.output, PRICE + COEFFICIENT)?,
            height: tip.height,
        })
    });
    let quote = view.quote(&package.id);
    let mut all = Listing::decoder(package.context, view.shows_tools(&package.id))
        .stored(view.precision(&package.id).as_deref());
    if view.thinks(&package.id) {
        all = all.thinking();
    }
    let listing = Listing {
        pricing: quote.and_then(|usd| pricing(usd, coefficients)),
        chain_price,
        ..all
    };
    Model {
        id: package.id,
        object: "model".into(),
        created,
        owned_by: "quern".into(),
        context_length: package.context,
        listing,
    }
}

/// From US dollars for a million tokens of coefficient 1. Receipts charge for the whole prompt, cached or not.
fn pricing(usd: Price, coefficients: &Coefficients) -> Option<Pricing> {
    let places = PRICE + COEFFICIENT + QUOTED;
    let prompt = per_token(usd, coefficients.input, places)?;
    Some(Pricing {
        completion: per_token(usd, coefficients.output, places)?,
        image: "0".into(),
        request: "0".into(),
        input_cache_read: Some(prompt.clone()),
        prompt,
    })
}

/// Price times coefficient in units of 10^-places, as exact decimal text.
fn per_token(price: Price, coefficient: u32, places: usize) -> Option<String> {
    let product = price.atomics().checked_mul(u128::from(coefficient))?;
    let digits = format!("{product:0>width$}", width = places + 1);
    let (whole, part) = digits.split_at(digits.len().saturating_sub(places));
    let part = part.trim_end_matches('0');
    Some(match part {
        "" => whole.to_owned(),
        part => format!("{whole}.{part}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_are_told_for_a_token_each_and_exactly() {
        let price = |text: &str| text.parse::<Price>().unwrap();
        for (text, coefficient, places, told) in [
            ("1.5", 2_000_000, 24, "3"),
            ("1.5", 500_000, 24, "0.75"),
            ("0.3", 1_000_000, 30, "0.0000003"),
            ("0.000000000000000001", 1, 30, "0.000000000000000000000000000001"),
            ("7", 0, 24, "0"),
            ("12", 1_000_000, 24, "12"),
        ] {
            let found = per_token(price(text), coefficient, places);
            assert_eq!(found.as_deref(), Some(told), "{text} {coefficient}");
        }
        let most = per_token(Price::CEILING, u32::MAX, 24).unwrap();
        assert_eq!(most, "4294967295000");
        assert_eq!(per_token(Price::from_atomics(u128::MAX), 2, 24), None);
    }
}
