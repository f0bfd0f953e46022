//! Coins behind hosts: `quernd tx bond` and its kin.

use quern_interface::bonding::ExecuteMsg;
use quern_protocol::Amount;
use quern_types::AccAddress;

use super::call::{Call, positive};
use crate::{
    Result, qrn,
    system::{System, account},
};

/// Commands of bonding.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Put coins behind a host; a proven offence of the host can take them
    Bond {
        /// Host's address
        #[arg(value_parser = account)]
        host: AccAddress,
        /// Amount, for example 12.5qrn
        #[arg(value_parser = qrn::amount)]
        amount: Amount,
    },
    /// Take coins back from behind a host; they can be slashed until they mature
    Unbond {
        /// Host's address
        #[arg(value_parser = account)]
        host: AccAddress,
        /// Amount, for example 12.5qrn
        #[arg(value_parser = qrn::amount)]
        amount: Amount,
    },
    /// Pay out what has matured, or bond it where it was to move
    Withdraw {
        /// Host's address
        #[arg(value_parser = account)]
        host: AccAddress,
    },
    /// Move coins from behind one host to another: they mature like unbonding, and `withdraw` bonds them there
    MoveBond {
        /// Host that loses them
        #[arg(value_name = "FROM", value_parser = account)]
        source: AccAddress,
        /// Host that gets them
        #[arg(value_name = "TO", value_parser = account)]
        target: AccAddress,
        /// Amount, for example 12.5qrn
        #[arg(value_parser = qrn::amount)]
        amount: Amount,
    },
    /// Set what the signing host keeps of its rewards before its funders share the rest; it may rise slowly only
    SetCommission {
        /// Rate, for example 5% or 12.25%
        #[arg(value_parser = rate)]
        rate: u32,
    },
    /// Pay the signing host's commission to its payout address
    WithdrawCommission,
    /// Take what the signer's coins behind a host earned
    WithdrawRewards {
        /// Host's address
        #[arg(value_parser = account)]
        host: AccAddress,
        /// Pay this address and not the signer
        #[arg(long, value_name = "ADDRESS", value_parser = account)]
        to: Option<AccAddress>,
    },
    /// Say whether others may fund the signing host
    SetOpen {
        /// true or false
        #[arg(action = clap::ArgAction::Set)]
        open: bool,
    },
}

impl Command {
    pub(super) fn call(&self) -> Result<Call> {
        let (msg, funds) = match self {
            Self::Bond { host, amount } => {
                let host = host.to_string();
                (ExecuteMsg::Bond { host }, positive(*amount)?)
            }
            Self::Unbond { host, amount } => (
                ExecuteMsg::Unbond {
                    host: host.to_string(),
                    amount: positive(*amount)?,
                },
                Amount::ZERO,
            ),
            Self::Withdraw { host } => {
                let host = host.to_string();
                (ExecuteMsg::Withdraw { host }, Amount::ZERO)
            }
            Self::MoveBond {
                source,
                target,
                amount,
            } => (
                ExecuteMsg::Move {
                    from: source.to_string(),
                    to: target.to_string(),
                    amount: positive(*amount)?,
                },
                Amount::ZERO,
            ),
            Self::SetCommission { rate } => (ExecuteMsg::SetCommission { rate_bps: *rate }, Amount::ZERO),
            Self::WithdrawCommission => (ExecuteMsg::WithdrawCommission {}, Amount::ZERO),
            Self::WithdrawRewards { host, to } => (
                ExecuteMsg::WithdrawRewards {
                    host: host.to_string(),
                    to: to.as_ref().map(ToString::to_string),
                },
                Amount::ZERO,
            ),
            Self::SetOpen { open } => (ExecuteMsg::SetOpen { open: *open }, Amount::ZERO),
        };
        Ok(Call::new(System::Bonding, &msg)?.with(funds))
    }
}

/// Basis points of a percentage with at most two digits after the point.
fn rate(text: &str) -> std::result::Result<u32, String> {
    let wrong = || "give a percentage from 0% to 100%, such as 5% or 12.25%".to_owned();
    let number = text.strip_suffix('%').ok_or_else(wrong)?;
    let (whole, part) = number.split_once('.').unwrap_or((number, "0"));
    let digits = |text: &str, most: usize| {
        let fits = (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        fits.then(|| text.parse::<u32>().ok()).flatten()
    };
    let part = digits(part, 2)
        .map(|value| if part.len() == 1 { value * 10 } else { value })
        .ok_or_else(wrong)?;
    let bps = digits(whole, 3).ok_or_else(wrong)? * 100 + part;
    (bps <= 10_000).then_some(bps).ok_or_else(wrong)
}

/// As [`rate`], or the fraction of one that tools of the Cosmos SDK write, such as 0.05.
pub(super) fn rate_or_fraction(text: &str) -> std::result::Result<u32, String> {
    let wrong =
        || "give a percentage such as 5%, or a fraction such as 0.05, in hundredths of a percent".to_owned();
    if text.ends_with('%') {
        return rate(text);
    }
    let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
    let places = part.trim_end_matches('0');
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    if !["0", "1"].contains(&whole) || part.is_empty() || places.len() > 4 || !digits(part) {
        return Err(wrong());
    }
    let bps: u32 = format!("{whole}{places:0<4}").parse().map_err(|_| wrong())?;
    (bps <= 10_000).then_some(bps).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_percentages_of_two_digits_and_nothing_else() {
        for (text, bps) in [
            ("5%", 500),
            ("0%", 0),
            ("100%", 10_000),
            ("12.25%", 1_225),
            ("0.5%", 50),
        ] {
            assert_eq!(rate(text), Ok(bps), "{text}");
        }
        for (text, bps) in [
            ("0.05", 500),
            ("0.100000000000000000", 1_000),
            ("1", 10_000),
            ("0", 0),
            ("12.25%", 1_225),
        ] {
            assert_eq!(rate_or_fraction(text), Ok(bps), "{text}");
        }
        for text in [
            "5", "1.01", "0.00001", "0.", ".5", "-0.1", "+1", "0.1e1", "", "101%",
        ] {
            assert!(rate_or_fraction(text).is_err(), "{text}");
        }
        for text in [
            "5", "", "%", "100.01%", "-1%", "1.234%", "1.%", ".5%", "+1%", "1e1%", "0x5%", "9999%",
        ] {
            assert!(rate(text).is_err(), "{text}");
        }
    }
}
