//! `quernd tx authz`, under the words and flags of the SDK's programs.

use quern_proto::{
    Any,
    cosmos::authz::v1beta1::{Grant, MsgExec, MsgGrant, MsgRevoke},
    json,
};
use quern_types::AccAddress;
use serde_json::{Value, json};

use super::{
    bank::pack,
    factory::wire_coins,
    file::{self, FileArg},
    staking,
    terms::{account, later, message_type, some_coins},
};
use crate::{Failure, Result, failure::usage};

/// Commands of `quernd tx authz`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Let another account send messages of one type for the signer
    Grant(GrantArgs),
    /// Take a grant back
    Revoke {
        /// Account that was let
        grantee: String,
        /// Type of its messages, such as /cosmos.bank.v1beta1.MsgSend
        msg_type: String,
    },
    /// Send for others the messages of a transaction that was made with --generate-only and their --from
    Exec(FileArg),
}

/// What is granted to whom.
#[derive(Clone, Debug, clap::Args)]
pub struct GrantArgs {
    /// Account that is let
    grantee: String,
    /// send, generic, delegate, unbond or redelegate
    #[arg(value_parser = ["send", "generic", "delegate", "unbond", "redelegate"])]
    kind: String,
    /// Most coins in all, for example 5qrn: needed by send, without end for the others
    #[arg(long, value_name = "COINS")]
    spend_limit: Option<String>,
    /// Type of the messages of a generic grant, such as /cosmos.gov.v1.MsgVote
    #[arg(long, value_name = "TYPE")]
    msg_type: Option<String>,
    /// Until when: seconds since 1970, or RFC 3339; 0 for no end
    #[arg(
        long,
        value_name = "TIME",
        default_value = "0",
        hide_default_value = true,
        allow_hyphen_values = true
    )]
    expiration: String,
    /// Only accounts to which send may send, with commas between
    #[arg(long, value_name = "ADDRESSES", value_delimiter = ',')]
    allow_list: Vec<String>,
    /// Only hosts behind which coins may be put, quernvaloper1..., with commas between
    #[arg(long, value_name = "VALIDATORS", value_delimiter = ',')]
    allowed_validators: Vec<String>,
    /// Hosts behind which no coins may be put, quernvaloper1..., with commas between
    #[arg(long, value_name = "VALIDATORS", value_delimiter = ',')]
    deny_validators: Vec<String>,
}

impl Command {
    /// The message of the command.
    pub(crate) fn message(&self, from: &AccAddress, now: i64) -> Result<Any> {
        match self {
            Self::Grant(args) => args.message(from, now),
            Self::Revoke { grantee, msg_type } => Ok(pack(&MsgRevoke {
                granter: from.to_string(),
                grantee: account("grantee", grantee)?.to_string(),
                msg_type_url: message_type("the type", msg_type)?,
            })),
            Self::Exec(file) => {
                let (body, ..) = file::read(file)?;
                if body.messages.is_empty() {
                    let shown = file.file.display();
                    return Err(Failure::Usage(format!("{shown}: messages cannot be empty")));
                }
                Ok(pack(&MsgExec {
                    grantee: from.to_string(),
                    msgs: body.messages,
                }))
            }
        }
    }
}

impl GrantArgs {
    fn message(&self, from: &AccAddress, now: i64) -> Result<Any> {
        let grantee = account("grantee", &self.grantee)?;
        if grantee == *from {
            return Err(Failure::Usage("grantee and granter should be different".into()));
        }
        self.refuse_what_is_not_meant()?;
        let authorization = match self.kind.as_str() {
            "send" => self.send()?,
            "generic" => self.generic()?,
            kind => self.stake(kind)?,
        };
        let expiration = match self.expiration.as_str() {
            "0" => None,
            text => Some(later("--expiration", text, now)?),
        };
        Ok(pack(&MsgGrant {
            granter: from.to_string(),
            grantee: grantee.to_string(),
            grant: Some(Grant {
                authorization: Some(json::to_any(&authorization).map_err(usage)?),
                expiration,
            }),
        }))
    }

    /// A bound that the kind of grant does not know would be no bound: better refused than left out.
    fn refuse_what_is_not_meant(&self) -> Result<()> {
        let generic = self.kind == "generic";
        let send = self.kind == "send";
        let stake = !generic && !send;
        let given = [
            ("--spend-limit", self.spend_limit.is_some(), !generic),
            ("--msg-type", self.msg_type.is_some(), generic),
            ("--allow-list", !self.allow_list.is_empty(), send),
            ("--allowed-validators", !self.allowed_validators.is_empty(), stake),
            ("--deny-validators", !self.deny_validators.is_empty(), stake),
        ];
        match given.iter().find(|(_, given, meant)| *given && !meant) {
            Some((flag, ..)) => Err(Failure::Usage(format!("a grant to {} has no {flag}", self.kind))),
            None => Ok(()),
        }
    }

    fn send(&self) -> Result<Value> {
        let coins = some_coins("--spend-limit", self.spend_limit.as_deref().unwrap_or_default())?;
        for (at, address) in self.allow_list.iter().enumerate() {
            account("--allow-list", address)?;
            if let Some(first) = self.allow_list.iter().take(at).position(|other| other == address) {
                return Err(Failure::Usage(format!(
                    "duplicate address at position {first} and {at}"
                )));
            }
        }
        let coins = wire_coins(&coins);
        let coins: Vec<Value> = coins.iter().map(coin).collect();
        Ok(json!({
            "@type": "/cosmos.bank.v1beta1.SendAuthorization",
            "spend_limit": coins,
            "allow_list": self.allow_list,
        }))
    }

    fn generic(&self) -> Result<Value> {
        let Some(text) = &self.msg_type else {
            return Err(Failure::Usage(
                "which messages? Give --msg-type, such as /cosmos.gov.v1.MsgVote".into(),
            ));
        };
        Ok(json!({
            "@type": "/cosmos.authz.v1beta1.GenericAuthorization",
            "msg": message_type("--msg-type", text)?,
        }))
    }

    fn stake(&self, kind: &str) -> Result<Value> {
        let limit = match &self.spend_limit {
            Some(text) => staking::coin(text)
                .map_err(|e| Failure::Usage(format!("--spend-limit: {e}")))?
                .map(|limit| match limit.amount.as_str() {
                    "0" => Err(Failure::Usage("--spend-limit should be greater than zero".into())),
                    _ => Ok(coin(&limit)),
                })
                .transpose()?,
            None => None,
        };
        let (list, hosts) = match (
            self.allowed_validators.as_slice(),
            self.deny_validators.as_slice(),
        ) {
            ([], []) => {
                return Err(Failure::Usage(
                    "both allowed & deny list cannot be empty: give --allowed-validators or --deny-validators".into(),
                ));
            }
            (allowed, []) => ("allow_list", allowed),
            ([], denied) => ("deny_list", denied),
            _ => return Err(Failure::Usage("cannot set both allowed & deny list".into())),
        };
        for host in hosts {
            staking::validator(host)?;
        }
        let kind = match kind {
            "delegate" => "AUTHORIZATION_TYPE_DELEGATE",
            "unbond" => "AUTHORIZATION_TYPE_UNDELEGATE",
            "redelegate" => "AUTHORIZATION_TYPE_REDELEGATE",
            _ => return Err(Failure::Usage(format!("invalid authorization type, {kind}"))),
        };
        Ok(json!({
            "@type": "/cosmos.staking.v1beta1.StakeAuthorization",
            "max_tokens": limit,
            list: {"address": hosts},
            "authorization_type": kind,
        }))
    }
}

fn coin(coin: &quern_proto::cosmos::base::v1beta1::Coin) -> Value {
    json!({"denom": coin.denom, "amount": coin.amount})
}
