//! `quernd tx vesting`, under the words and flags of the SDK's programs.

use std::path::PathBuf;

use quern_proto::{
    Any,
    cosmos::vesting::v1beta1::{
        MsgCreatePeriodicVestingAccount, MsgCreatePermanentLockedAccount, MsgCreateVestingAccount, Period,
    },
};
use quern_types::{AccAddress, Coins};
use serde::Deserialize;

use super::{
    bank::pack,
    factory::wire_coins,
    terms::{account, later, some_coins},
};
use crate::{Failure, Result, failure::usage, keys::read_all};

/// Commands of `quernd tx vesting`.
#[derive(Clone, Debug, clap::Subcommand)]
#[allow(clippy::enum_variant_names, reason = "the commands have the SDK's names")]
pub enum Command {
    /// Make an account whose coins become free evenly until a time, or with --delayed all at that time
    CreateVestingAccount {
        /// The new account
        to: String,
        /// Coins, for example 5qrn
        amount: String,
        /// When all are free: seconds since 1970, or RFC 3339
        #[arg(allow_hyphen_values = true)]
        end_time: String,
        /// Nothing is free before the end
        #[arg(long)]
        delayed: bool,
    },
    /// Make an account whose coins may be delegated but never sent
    CreatePermanentLockedAccount {
        /// The new account
        to: String,
        /// Coins, for example 5qrn
        amount: String,
    },
    /// Make an account of whose coins some become free at the end of each period
    CreatePeriodicVestingAccount {
        /// The new account
        to: String,
        /// {"start_time": 1893456000, "periods": [{"coins": "5qrn", "length_seconds": 86400}]}; - for standard input
        file: PathBuf,
    },
}

/// The file of periods, as the SDK's programs take it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    start_time: i64,
    periods: Vec<Part>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Part {
    coins: String,
    length_seconds: i64,
}

impl Command {
    /// The message of the command.
    pub(crate) fn message(&self, from: &AccAddress, now: i64) -> Result<Any> {
        let from_address = from.to_string();
        Ok(match self {
            Self::CreateVestingAccount {
                to,
                amount,
                end_time,
                delayed,
            } => pack(&MsgCreateVestingAccount {
                from_address,
                to_address: receiver(to, from)?,
                amount: wire_coins(&some_coins("the amount", amount)?),
                end_time: later("the end time", end_time, now)?.seconds,
                delayed: *delayed,
            }),
            Self::CreatePermanentLockedAccount { to, amount } => pack(&MsgCreatePermanentLockedAccount {
                from_address,
                to_address: receiver(to, from)?,
                amount: wire_coins(&some_coins("the amount", amount)?),
            }),
            Self::CreatePeriodicVestingAccount { to, file } => {
                let to_address = receiver(to, from)?;
                let bytes = read_all(file)?;
                let (start_time, vesting_periods) =
                    periods(&bytes).map_err(|e| Failure::Usage(format!("{}: {e}", file.display())))?;
                pack(&MsgCreatePeriodicVestingAccount {
                    from_address,
                    to_address,
                    start_time,
                    vesting_periods,
                })
            }
        })
    }
}

fn receiver(text: &str, from: &AccAddress) -> Result<String> {
    let to = account("the new account", text)?;
    match to == *from {
        true => Err(Failure::Usage(format!(
            "account {to} already exists: it is the sender's"
        ))),
        false => Ok(to.to_string()),
    }
}

/// When the first period begins, and all of them.
fn periods(bytes: &[u8]) -> Result<(i64, Vec<Period>)> {
    let file: File = serde_json::from_slice(bytes).map_err(|e| usage(format!("no periods in JSON: {e}")))?;
    let start = file.start_time;
    if start < 1 {
        return Err(usage(format!(
            "invalid start time of {start}, length must be greater than 0"
        )));
    }
    if file.periods.is_empty() {
        return Err(usage("periods cannot be empty"));
    }
    let (mut end, mut total) = (start, Coins::empty());
    let mut periods = Vec::with_capacity(file.periods.len());
    for (i, part) in file.periods.iter().enumerate() {
        let length = part.length_seconds;
        if length < 1 {
            return Err(usage(format!(
                "invalid period length of {length} in period {i}, length must be greater than 0"
            )));
        }
        let coins = some_coins(&format!("coins of period {i}"), &part.coins)?;
        let too_much = |what: &str| usage(format!("{what} of the periods up to {i} is too large"));
        end = end.checked_add(length).ok_or_else(|| too_much("the length"))?;
        total = total.checked_add(&coins).map_err(|_| too_much("the sum"))?;
        periods.push(Period {
            length,
            amount: wire_coins(&coins),
        });
    }
    Ok((start, periods))
}
