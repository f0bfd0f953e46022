//! Messages of x/authz.

use std::sync::Arc;

use prost::Message;
use quern_context::{AnyMsg, Cx, MsgOutput, Router};
use quern_proto::{Any, cosmos::authz::v1beta1 as wire, time};
use quern_types::{AccAddress, Result, errors};

use crate::{GRANTEE_IS_GRANTER, authorization, dispatch, state};

/// A message of this module.
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    /// Lets another account send messages of one type.
    Grant(wire::MsgGrant),
    /// Takes a grant back.
    Revoke(wire::MsgRevoke),
    /// Sends messages for others.
    Exec(wire::MsgExec),
}

impl Msg {
    /// Type URLs that [`Msg::decode`] takes.
    pub const TYPE_URLS: &[&str] = &[
        "/cosmos.authz.v1beta1.MsgGrant",
        "/cosmos.authz.v1beta1.MsgRevoke",
        "/cosmos.authz.v1beta1.MsgExec",
    ];

    /// Decodes a message of this module; `None` for another's type. The messages inside a `MsgExec` are not
    /// looked at: whoever knows all messages must do so.
    pub fn decode(type_url: &str, value: &[u8]) -> Option<Result<Self>> {
        let decoded = match type_url.strip_prefix("/cosmos.authz.v1beta1.")? {
            "MsgGrant" => wire::MsgGrant::decode(value).map(Self::Grant),
            "MsgRevoke" => wire::MsgRevoke::decode(value).map(Self::Revoke),
            "MsgExec" => wire::MsgExec::decode(value).map(Self::Exec),
            _ => return None,
        };
        let decoded = decoded.map_err(|e| errors::TX_DECODE.wrap(e.to_string()));
        Some(decoded.and_then(Self::checked))
    }

    /// Refuses an `Any` that is no authorization, and times that are none.
    fn checked(self) -> Result<Self> {
        if let Self::Grant(msg) = &self {
            let grant = msg.grant.iter();
            grant
                .clone()
                .filter_map(|g| g.authorization.as_ref())
                .try_for_each(authorization::check_type)?;
            let mut ends = grant.filter_map(|g| g.expiration.as_ref());
            ends.try_for_each(|end| time::from_wire(end).map(drop))?;
        }
        Ok(self)
    }

    /// Messages that it carries.
    pub fn inner(&self) -> &[Any] {
        match self {
            Self::Exec(msg) => &msg.msgs,
            Self::Grant(_) | Self::Revoke(_) => &[],
        }
    }

    /// Addresses that must sign.
    ///
    /// # Errors
    /// `undefined/1` for a malformed address, `sdk/35` for another chain's.
    pub fn signers(&self) -> Result<Vec<AccAddress>> {
        let signer = match self {
            Self::Grant(msg) => &msg.granter,
            Self::Revoke(msg) => &msg.granter,
            Self::Exec(msg) => &msg.grantee,
        };
        Ok(vec![AccAddress::from_signer(signer)?])
    }

    /// Stateless checks: none, the handlers make them.
    ///
    /// # Errors
    /// Never.
    pub fn validate(&self) -> Result<()> {
        Ok(())
    }

    /// Executes the message.
    ///
    /// # Errors
    /// `authz/2` to `/12`, `sdk/29` for a type of message that the chain does not serve, and those of the
    /// messages inside.
    pub fn execute(self, cx: &Cx, router: &Arc<dyn Router>) -> Result<MsgOutput> {
        match self {
            Self::Grant(msg) => {
                grant(cx, router, msg)?;
                Ok(output("MsgGrantResponse", Vec::new()))
            }
            Self::Revoke(msg) => {
                let (granter, grantee) = parties(&msg.granter, &msg.grantee)?;
                if msg.msg_type_url.is_empty() {
                    return Err(errors::INVALID_REQUEST.wrap("missing msg method name"));
                }
                state::delete(cx, &granter, &grantee, &msg.msg_type_url)?;
                Ok(output("MsgRevokeResponse", Vec::new()))
            }
            Self::Exec(msg) => {
                let results = dispatch::exec(cx, router, &msg)?;
                let response = wire::MsgExecResponse { results };
                Ok(output("MsgExecResponse", response.encode_to_vec()))
            }
        }
    }
}

fn grant(cx: &Cx, router: &Arc<dyn Router>, msg: wire::MsgGrant) -> Result<()> {
    let (granter, grantee) = parties(&msg.granter, &msg.grantee)?;
    let grant = msg.grant.unwrap_or_default();
    let nil = || errors::INVALID_TYPE.wrap("authorization is nil");
    let any = grant.authorization.ok_or_else(nil)?;
    let authorization = authorization::read(&any)?;
    authorization.validate()?;
    if !quern_auth::has(cx, &grantee)? {
        if quern_bank::is_blocked(&grantee) {
            return Err(errors::UNAUTHORIZED.wrap(format!("{grantee} is not allowed to receive funds")));
        }
        quern_auth::create(cx, &grantee)?;
    }
    let ty = authorization.msg_type_url()?;
    if !router.serves(ty) {
        return Err(errors::INVALID_TYPE.wrap(format!("{ty} doesn't exist.")));
    }
    let end = grant.expiration.as_ref().map(time::from_wire).transpose()?;
    state::save(cx, &granter, &grantee, ty, any, end)
}

fn parties(granter: &str, grantee: &str) -> Result<(AccAddress, AccAddress)> {
    if grantee.eq_ignore_ascii_case(granter) {
        return Err((&GRANTEE_IS_GRANTER).into());
    }
    let address = |text: &str, name: &str| {
        AccAddress::from_signer(text)
            .map_err(|e| errors::INVALID_ADDRESS.wrap(format!("invalid {name} address: {e}")))
    };
    let grantee = address(grantee, "grantee")?;
    Ok((address(granter, "granter")?, grantee))
}

fn output(name: &str, value: Vec<u8>) -> MsgOutput {
    let response = AnyMsg {
        type_url: format!("/cosmos.authz.v1beta1.{name}"),
        value,
    };
    MsgOutput { response }
}
