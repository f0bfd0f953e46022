//! `quernd tx feegrant`, under the words and flags of the SDK's programs.

use prost_types::{Duration, Timestamp};
use quern_proto::{
    Any,
    cosmos::feegrant::v1beta1::{
        AllowedMsgAllowance, BasicAllowance, MsgGrantAllowance, MsgPruneAllowances, MsgRevokeAllowance,
        PeriodicAllowance,
    },
};
use quern_types::AccAddress;

use super::{
    bank::pack,
    factory::wire_coins,
    terms::{account, later, message_type, some_coins},
};
use crate::{Failure, Result};

/// Commands of `quernd tx feegrant`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Let another account pay its fees with the signer's coins
    Grant(GrantArgs),
    /// Take an allowance back
    Revoke {
        /// Granter, unless --from names it; account that was let
        #[arg(required = true, num_args = 1..=2, value_names = ["GRANTER", "GRANTEE"])]
        words: Vec<String>,
    },
    /// Remove allowances that have ended
    Prune,
}

/// What is allowed to whom.
#[derive(Clone, Debug, clap::Args)]
pub struct GrantArgs {
    /// Granter, unless --from names it; account that is let
    #[arg(required = true, num_args = 1..=2, value_names = ["GRANTER", "GRANTEE"])]
    words: Vec<String>,
    /// Most coins in all, for example 5qrn; without it there is no limit
    #[arg(long, value_name = "COINS")]
    spend_limit: Option<String>,
    /// Until when: RFC 3339 such as 2030-01-31T12:00:00Z, or seconds since 1970; without it there is no end
    #[arg(long, value_name = "TIME", allow_hyphen_values = true)]
    expiration: Option<String>,
    /// Seconds after which --period-limit may be spent again
    #[arg(long, value_name = "SECONDS", allow_hyphen_values = true)]
    period: Option<i64>,
    /// Most coins in each period
    #[arg(long, value_name = "COINS")]
    period_limit: Option<String>,
    /// Only transactions of these messages, such as /cosmos.gov.v1.MsgVote, with commas between
    #[arg(long, value_name = "TYPES", value_delimiter = ',')]
    allowed_messages: Vec<String>,
}

impl Command {
    /// The SDK's tools name the granter first, in place of --from.
    pub(crate) fn take_from(&mut self, from: &mut Option<String>) {
        let words = match self {
            Self::Grant(args) => &mut args.words,
            Self::Revoke { words } => words,
            Self::Prune => return,
        };
        if words.len() > 1 {
            *from = Some(words.remove(0));
        }
    }

    /// The message of the command.
    pub(crate) fn message(&self, from: &AccAddress, now: i64) -> Result<Any> {
        let granter = from.to_string();
        Ok(match self {
            Self::Grant(args) => pack(&MsgGrantAllowance {
                granter,
                grantee: grantee(&args.words, from, "cannot self-grant fee authorization")?,
                allowance: Some(args.allowance(now)?),
            }),
            Self::Revoke { words } => pack(&MsgRevokeAllowance {
                granter,
                grantee: grantee(words, from, "addresses must be different")?,
            }),
            Self::Prune => pack(&MsgPruneAllowances { pruner: granter }),
        })
    }
}

fn grantee(words: &[String], granter: &AccAddress, same: &str) -> Result<String> {
    let grantee = account("grantee", words.last().map_or("", String::as_str))?;
    match grantee == *granter {
        true => Err(Failure::Usage(same.into())),
        false => Ok(grantee.to_string()),
    }
}

impl GrantArgs {
    fn allowance(&self, now: i64) -> Result<Any> {
        let spend_limit = match &self.spend_limit {
            // none at all is without limit, which nobody means who writes zero
            Some(text) => wire_coins(&some_coins("--spend-limit", text)?),
            None => Vec::new(),
        };
        let expiration = self.expiration.as_deref();
        let expiration = expiration
            .map(|text| later("--expiration", text, now))
            .transpose()?;
        let basic = BasicAllowance {
            spend_limit,
            expiration,
        };
        let allowance = match (self.period, &self.period_limit) {
            (None, None) => pack(&basic),
            (None, Some(_)) => return Err(Failure::Usage("period clock was not set: give --period".into())),
            (Some(_), None) => {
                return Err(Failure::Usage(
                    "period limit was not set: give --period-limit".into(),
                ));
            }
            (Some(period), Some(limit)) => pack(&periodic(basic, period, limit, now)?),
        };
        if self.allowed_messages.is_empty() {
            return Ok(allowance);
        }
        let types = self.allowed_messages.iter();
        let types = types.map(|text| message_type("--allowed-messages", text));
        Ok(pack(&AllowedMsgAllowance {
            allowance: Some(allowance),
            allowed_messages: types.collect::<Result<_>>()?,
        }))
    }
}

fn periodic(basic: BasicAllowance, seconds: i64, limit: &str, now: i64) -> Result<PeriodicAllowance> {
    if seconds <= 0 {
        return Err(Failure::Usage(format!(
            "period clock was not set: --period is {seconds}, write seconds such as 3600"
        )));
    }
    let limit = some_coins("--period-limit", limit)?;
    let reset = later("--period", &now.saturating_add(seconds).to_string(), now)?.seconds;
    if let Some(end) = basic.expiration.as_ref().filter(|end| reset > end.seconds) {
        return Err(Failure::Usage(format!(
            "period ({seconds}) cannot reset after expiration ({})",
            end.seconds
        )));
    }
    Ok(PeriodicAllowance {
        basic: Some(basic),
        period: Some(Duration { seconds, nanos: 0 }),
        period_spend_limit: wire_coins(&limit),
        period_can_spend: wire_coins(&limit),
        period_reset: Some(Timestamp {
            seconds: reset,
            nanos: 0,
        }),
    })
}
