//! Options of a vote with their weights.

use prost::Message;
use quern_proto::{
    compact,
    cosmos::gov::v1::{VoteOption, WeightedVoteOption},
};
use quern_types::{Error, Result, errors};
use serde::Serialize;

use crate::{INVALID_VOTE, dec};

/// The whole vote for one option.
///
/// # Errors
/// `gov/7` for no option.
pub(crate) fn whole(option: i32) -> Result<Vec<WeightedVoteOption>> {
    if !is_valid(option) {
        return Err(INVALID_VOTE.wrap(name(option)));
    }
    Ok(vec![WeightedVoteOption {
        option,
        weight: dec::show(dec::ONE),
    }])
}

/// Checks a divided vote: options once each, weights above 0 that sum to 1.
///
/// # Errors
/// `sdk/18` for none, `gov/7` otherwise.
pub(crate) fn check(options: &[WeightedVoteOption]) -> Result<()> {
    if options.is_empty() {
        return Err(errors::INVALID_REQUEST.wrap("null")); // as Go prints no list
    }
    let mut total = 0u128;
    for (i, option) in options.iter().enumerate() {
        let weight = dec::parse(&option.weight)
            .ok()
            .filter(|w| (1..=dec::ONE).contains(w));
        let weight = weight.filter(|_| is_valid(option.option));
        let weight = weight.ok_or_else(|| INVALID_VOTE.wrap(text(option)))?;
        total = total.saturating_add(weight);
        if options.iter().take(i).any(|other| other.option == option.option) {
            return Err(INVALID_VOTE.wrap("duplicated vote option"));
        }
    }
    match total.cmp(&dec::ONE) {
        std::cmp::Ordering::Greater => Err(INVALID_VOTE.wrap("total weight overflow 1.00")),
        std::cmp::Ordering::Less => Err(INVALID_VOTE.wrap("total weight lower than 1.00")),
        std::cmp::Ordering::Equal => Ok(()),
    }
}

/// Options that the state keeps, as pairs.
pub(crate) fn stored(options: &[WeightedVoteOption]) -> Result<Vec<(VoteOption, u128)>> {
    let corrupt = || Error::halt("corrupt vote in state");
    options
        .iter()
        .map(|o| {
            let option = VoteOption::try_from(o.option).map_err(|_| corrupt())?;
            Ok((option, dec::parse(&o.weight).map_err(|_| corrupt())?))
        })
        .collect()
}

/// As events show them.
pub(crate) fn show(options: &[WeightedVoteOption]) -> String {
    #[derive(Serialize)]
    struct Shown<'a> {
        option: i32,
        weight: &'a str,
    }
    let shown = options.iter().map(|o| Shown {
        option: o.option,
        weight: &o.weight,
    });
    serde_json::to_string(&shown.collect::<Vec<_>>()).unwrap_or_default()
}

/// One option as errors show it.
fn text(option: &WeightedVoteOption) -> String {
    compact::text("/cosmos.gov.v1.WeightedVoteOption", &option.encode_to_vec())
}

fn is_valid(option: i32) -> bool {
    (1..=4).contains(&option)
}

fn name(option: i32) -> String {
    VoteOption::try_from(option).map_or_else(|_| option.to_string(), |o| o.as_str_name().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vote(parts: &[(i32, &str)]) -> Vec<WeightedVoteOption> {
        let part = |(option, weight): &(i32, &str)| WeightedVoteOption {
            option: *option,
            weight: (*weight).to_owned(),
        };
        parts.iter().map(part).collect()
    }

    #[test]
    fn weights_must_sum_to_one_over_different_options() {
        assert!(check(&vote(&[(1, "0.7"), (3, "0.3")])).is_ok());
        for bad in [
            vote(&[]),
            vote(&[(1, "0.7")]),
            vote(&[(1, "0.7"), (3, "0.4")]),
            vote(&[(1, "0.5"), (1, "0.5")]),
            vote(&[(0, "1")]),
            vote(&[(5, "1")]),
            vote(&[(1, "1"), (2, "0")]),
            vote(&[(1, "1.5"), (2, "-0.5")]),
        ] {
            assert!(check(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn refused_options_read_as_in_the_sdk() {
        let shown = |parts: &[(i32, &str)]| format!("{:?}", check(&vote(parts)).unwrap_err());
        assert_eq!(
            shown(&[(1, "2")]),
            r#"gov/7 option:VOTE_OPTION_YES weight:"2" : invalid vote option"#
        );
        assert_eq!(shown(&[]), "sdk/18 null: invalid request");
    }
}
