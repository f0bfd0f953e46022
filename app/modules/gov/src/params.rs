//! Parameters, as the wire has them, and the numbers in them.

use prost::Message;
use prost_types::Duration;
use quern_context::Cx;
use quern_proto::cosmos::{base::v1beta1 as base, gov::v1::Params};
use quern_types::{AccAddress, Amount, BASE_DENOM, Coins, Error, Result};

use crate::dec::{self, Decimal};
use crate::{MODULE, convert, keys};

const DAY: i64 = 86_400;
const QRN: Amount = 1_000_000_000;
/// Longest period: no sum with a time of this millennium is out of range.
const MAX_PERIOD: i64 = 100 * 365 * DAY;
const DEPOSIT_PERIOD: &str = "maximum deposit period";

/// Shares that decide, in units of 10^-18, and what burns.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    pub quorum: u128,
    pub threshold: u128,
    pub expedited: u128,
    pub veto: u128,
    pub burn_quorum: bool,
    pub burn_veto: bool,
}

/// Those of the SDK, with deposits in the chain's coin.
pub(crate) fn default() -> Params {
    let coins = |amount: Amount| convert::wire_coins(&native(amount));
    let days = |n: i64| {
        Some(Duration {
            seconds: n.saturating_mul(DAY),
            nanos: 0,
        })
    };
    Params {
        min_deposit: coins(100 * QRN),
        max_deposit_period: days(2),
        voting_period: days(2),
        quorum: "0.334000000000000000".into(),
        threshold: "0.500000000000000000".into(),
        veto_threshold: "0.334000000000000000".into(),
        min_initial_deposit_ratio: "0.000000000000000000".into(),
        proposal_cancel_ratio: "0.500000000000000000".into(),
        proposal_cancel_dest: String::new(),
        expedited_voting_period: days(1),
        expedited_threshold: "0.667000000000000000".into(),
        expedited_min_deposit: coins(500 * QRN),
        burn_vote_quorum: false,
        burn_proposal_deposit_prevote: false,
        burn_vote_veto: true,
        min_deposit_ratio: "0.010000000000000000".into(),
    }
}

fn native(amount: Amount) -> Coins {
    format!("{amount}{BASE_DENOM}").parse().unwrap_or_default()
}

/// Current parameters.
///
/// # Errors
/// `sdk/11` out of gas, or a halt.
pub(crate) fn get(cx: &Cx) -> Result<Params> {
    match cx.kv(MODULE).get(keys::PARAMS)? {
        None => Ok(default()),
        Some(bytes) => Params::decode(bytes.as_slice())
            .map_err(|e| Error::halt(format!("corrupt governance parameters in state: {e}"))),
    }
}

/// Replaces the parameters.
///
/// # Errors
/// `undefined/1` if one is invalid.
pub(crate) fn set(cx: &Cx, params: &Params) -> Result<()> {
    validate(params).map_err(Error::unregistered)?;
    cx.kv(MODULE).set(keys::PARAMS, params.encode_to_vec())
}

/// The shares of checked parameters.
pub(crate) fn rules(params: &Params) -> Result<Rules> {
    Ok(Rules {
        quorum: share(&params.quorum)?,
        threshold: share(&params.threshold)?,
        expedited: share(&params.expedited_threshold)?,
        veto: share(&params.veto_threshold)?,
        burn_quorum: params.burn_vote_quorum,
        burn_veto: params.burn_vote_veto,
    })
}

/// A share of checked parameters.
pub(crate) fn share(text: &str) -> Result<u128> {
    dec::parse(text).map_err(|e| Error::halt(format!("corrupt governance parameter {text:?}: {e}")))
}

/// What a proposal must collect.
pub(crate) fn min_deposit(params: &Params, expedited: bool) -> Result<Coins> {
    convert::stored_coins(if expedited {
        &params.expedited_min_deposit
    } else {
        &params.min_deposit
    })
}

/// The SDK's rules (`Params.ValidateBasic`) in its words, a share for the least deposit included, and bounds on periods.
fn validate(params: &Params) -> Result<(), String> {
    let coins = |wire: &[base::Coin], name: &str| {
        let read = convert::coins(wire).ok().filter(|coins| !coins.is_empty());
        read.ok_or_else(|| format!("invalid {name}: {}", convert::shown_coins(wire)))
    };
    let least = coins(&params.min_deposit, "minimum deposit")?;
    let expedited = coins(&params.expedited_min_deposit, "expedited minimum deposit")?;
    if expedited.is_all_lte(&least) {
        return Err(format!(
            "expedited minimum deposit must be greater than minimum deposit: {expedited}"
        ));
    }
    let accepted = |coin: &quern_types::Coin| least.amount_of(&coin.denom) > 0;
    if !expedited.iter().all(accepted) {
        // such a deposit would be asked for and refused
        return Err(format!(
            "expedited minimum deposit {expedited} has a denomination that the minimum deposit lacks"
        ));
    }
    period(params.max_deposit_period.as_ref(), DEPOSIT_PERIOD)?;
    fraction(&params.quorum, &QUORUM)?;
    let threshold = fraction(&params.threshold, &THRESHOLD)?;
    let faster = fraction(&params.expedited_threshold, &EXPEDITED_THRESHOLD)?;
    if faster <= threshold {
        let (faster, threshold) = (dec::show(faster), dec::show(threshold));
        return Err(format!(
            "expedited vote threshold {faster}, must be greater than the regular threshold {threshold}"
        ));
    }
    fraction(&params.veto_threshold, &VETO)?;
    let voting = period(params.voting_period.as_ref(), "voting period")?;
    let faster = period(params.expedited_voting_period.as_ref(), "expedited voting period")?;
    if (faster.seconds, faster.nanos) >= (voting.seconds, voting.nanos) {
        let (faster, voting) = (convert::shown_duration(faster), convert::shown_duration(voting));
        return Err(format!(
            "expedited voting period {faster} must be strictly less that the regular voting period {voting}"
        ));
    }
    fraction(&params.min_initial_deposit_ratio, &INITIAL_DEPOSIT)?;
    fraction(&params.proposal_cancel_ratio, &CANCEL)?;
    let dest = &params.proposal_cancel_dest;
    if !dest.is_empty() && AccAddress::from_bech32(dest).is_err() {
        return Err(format!("deposits destination address is invalid: {dest:.100}"));
    }
    // the SDK does not look at it
    fraction(&params.min_deposit_ratio, &MIN_DEPOSIT)?;
    Ok(())
}

/// What the SDK says of a share, letter for letter.
struct Words {
    /// Where it is no number.
    invalid: &'static str,
    /// Where it is negative, or zero if that is none.
    low: &'static str,
    /// Where it is more than one.
    large: &'static str,
    /// Whether it may be zero.
    zero: bool,
}

const QUORUM: Words = Words {
    invalid: "invalid quorum string",
    low: "quorom cannot be negative",
    large: "quorom too large",
    zero: true,
};
const THRESHOLD: Words = Words {
    invalid: "invalid threshold string",
    low: "vote threshold must be positive",
    large: "vote threshold too large",
    zero: false,
};
const EXPEDITED_THRESHOLD: Words = Words {
    invalid: "invalid expedited threshold string",
    low: "expedited vote threshold must be positive",
    large: "expedited vote threshold too large",
    zero: false,
};
const VETO: Words = Words {
    invalid: "invalid vetoThreshold string",
    low: "veto threshold must be positive",
    large: "veto threshold too large",
    zero: false,
};
const INITIAL_DEPOSIT: Words = Words {
    invalid: "invalid mininum initial deposit ratio of proposal",
    low: "mininum initial deposit ratio of proposal must be positive",
    large: "mininum initial deposit ratio of proposal is too large",
    zero: true,
};
const CANCEL: Words = Words {
    invalid: "invalid burn rate of cancel proposal",
    low: "burn rate of cancel proposal must be positive",
    large: "burn rate of cancel proposal is too large",
    zero: true,
};
const MIN_DEPOSIT: Words = Words {
    invalid: "invalid minimum deposit ratio",
    low: "minimum deposit ratio must be positive",
    large: "minimum deposit ratio is too large",
    zero: true,
};

fn fraction(text: &str, words: &Words) -> Result<u128, String> {
    let read = Decimal::read(text).map_err(|e| format!("{}: {e}", words.invalid))?;
    let units = read.units();
    if read.is_negative() || units == Some(0) && !words.zero {
        return Err(format!("{}: {read}", words.low));
    }
    units.filter(|units| *units <= dec::ONE).ok_or_else(|| {
        // of the quorum the SDK prints the text, of others the number
        if words.large == QUORUM.large {
            format!("{}: {text:.200}", words.large)
        } else {
            format!("{}: {read}", words.large)
        }
    })
}

fn period<'a>(duration: Option<&'a Duration>, name: &str) -> Result<&'a Duration, String> {
    // the SDK prints a pointer, which is null
    let duration = duration.ok_or_else(|| format!("{name} must not be nil: 0"))?;
    quern_proto::time::check_duration(duration).map_err(|e| format!("{name}: {e}"))?;
    if (duration.seconds, duration.nanos) <= (0, 0) {
        let shown = match name {
            // here it prints where the number lies in its memory, which no two nodes agree on
            DEPOSIT_PERIOD => convert::nanoseconds(duration).to_string(),
            _ => convert::shown_duration(duration),
        };
        return Err(format!("{name} must be positive: {shown}"));
    }
    if duration.seconds > MAX_PERIOD {
        return Err(format!("{name} is longer than a hundred years"));
    }
    Ok(duration)
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn lasting(seconds: i64, nanos: i32) -> Option<Duration> {
        Some(Duration { seconds, nanos })
    }

    #[test]
    fn the_defaults_are_valid() {
        assert_eq!(validate(&default()), Ok(()));
    }

    #[test]
    fn parameters_that_would_break_governance_are_refused() {
        let broken: [fn(&mut Params); 16] = [
            |p| p.min_deposit.clear(),
            |p| p.expedited_min_deposit = p.min_deposit.clone(),
            |p| p.expedited_min_deposit[0].denom = "uother".into(),
            |p| p.max_deposit_period = None,
            |p| p.voting_period = p.expedited_voting_period,
            |p| p.voting_period.as_mut().unwrap().seconds = 0,
            |p| p.voting_period.as_mut().unwrap().seconds = i64::MAX,
            |p| p.quorum = "1.1".into(),
            |p| p.quorum = "-0.1".into(),
            |p| p.threshold = "0".into(),
            |p| p.threshold = p.expedited_threshold.clone(),
            |p| p.veto_threshold = "x".into(),
            |p| p.min_initial_deposit_ratio = "2".into(),
            |p| p.proposal_cancel_ratio = String::new(),
            |p| p.proposal_cancel_dest = "quern1x".into(),
            |p| p.min_deposit_ratio = "1.5".into(),
        ];
        for (i, break_it) in broken.iter().enumerate() {
            let mut params = default();
            break_it(&mut params);
            assert!(validate(&params).is_err(), "case {i}");
        }
    }

    #[test]
    fn refusals_are_the_sdks_letter_for_letter() {
        type Break = fn(&mut Params);
        let cases: [(Break, &str); 26] = [
            (|p| p.min_deposit.clear(), "invalid minimum deposit: "),
            (
                |p| p.min_deposit[0].amount = "-0100".into(),
                "invalid minimum deposit: -100nqrn",
            ),
            (
                |p| p.min_deposit.push(p.min_deposit[0].clone()),
                "invalid minimum deposit: 100000000000nqrn,100000000000nqrn",
            ),
            (
                |p| p.expedited_min_deposit[0].amount = "0".into(),
                "invalid expedited minimum deposit: 0nqrn",
            ),
            (
                |p| p.expedited_min_deposit = p.min_deposit.clone(),
                "expedited minimum deposit must be greater than minimum deposit: 100000000000nqrn",
            ),
            (
                |p| p.max_deposit_period = None,
                "maximum deposit period must not be nil: 0",
            ),
            (
                |p| p.max_deposit_period = Some(Duration::default()),
                "maximum deposit period must be positive: 0",
            ),
            (|p| p.voting_period = None, "voting period must not be nil: 0"),
            (
                |p| p.voting_period = lasting(0, 0),
                "voting period must be positive: 0s",
            ),
            (
                |p| p.voting_period = lasting(-3_661, -500_000_000),
                "voting period must be positive: -1h1m1.5s",
            ),
            (
                |p| p.expedited_voting_period = None,
                "expedited voting period must not be nil: 0",
            ),
            (
                |p| p.expedited_voting_period = lasting(0, -1_500),
                "expedited voting period must be positive: -1.5µs",
            ),
            (
                |p| p.voting_period = lasting(86_400, 0),
                "expedited voting period 24h0m0s must be strictly less that the regular voting period 24h0m0s",
            ),
            (
                |p| p.quorum = "340282366920938463463374607431768211456".into(),
                "quorom too large: 340282366920938463463374607431768211456",
            ),
            (
                |p| p.threshold = "340282366920938463463374607431768211456".into(),
                "vote threshold too large: 340282366920938463463374607431768211456.000000000000000000",
            ),
            (|p| p.quorum = "1.5".into(), "quorom too large: 1.5"),
            (
                |p| p.quorum = "-0.1".into(),
                "quorom cannot be negative: -0.100000000000000000",
            ),
            (
                |p| p.quorum = "x".into(),
                "invalid quorum string: failed to set decimal string with base 10: x000000000000000000",
            ),
            (
                |p| p.quorum = String::new(),
                "invalid quorum string: decimal string cannot be empty",
            ),
            (
                |p| p.quorum = "1.".into(),
                "invalid quorum string: invalid decimal length",
            ),
            (
                |p| p.quorum = "1.2.3".into(),
                "invalid quorum string: invalid decimal string",
            ),
            (
                |p| p.quorum = "0.1234567890123456789".into(),
                "invalid quorum string: value '0.1234567890123456789' exceeds max precision by -1 decimal places: max \
                 precision 18",
            ),
            (
                |p| p.threshold = "0".into(),
                "vote threshold must be positive: 0.000000000000000000",
            ),
            (
                |p| p.veto_threshold = "2".into(),
                "veto threshold too large: 2.000000000000000000",
            ),
            (
                |p| p.expedited_threshold = p.threshold.clone(),
                "expedited vote threshold 0.500000000000000000, must be greater than the regular threshold \
                 0.500000000000000000",
            ),
            (
                |p| p.min_initial_deposit_ratio = "1.1".into(),
                "mininum initial deposit ratio of proposal is too large: 1.100000000000000000",
            ),
        ];
        for (break_it, words) in cases {
            let mut params = default();
            break_it(&mut params);
            assert_eq!(validate(&params), Err(words.to_owned()));
        }
    }
}
