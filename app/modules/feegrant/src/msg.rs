//! Messages of x/feegrant.

use prost::Message;
use quern_context::{AnyMsg, Cx, MsgOutput};
use quern_proto::cosmos::feegrant::v1beta1 as wire;
use quern_types::{AccAddress, Result, errors};

use crate::{NO_ALLOWANCE, event, state, wire as allowances};

/// Allowances that one message prunes at most.
const PRUNED_PER_MESSAGE: usize = 75;

/// A message of this module.
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    /// Lets another account spend on fees.
    GrantAllowance(wire::MsgGrantAllowance),
    /// Takes an allowance back.
    RevokeAllowance(wire::MsgRevokeAllowance),
    /// Removes some allowances that have ended.
    PruneAllowances(wire::MsgPruneAllowances),
}

impl Msg {
    /// Type URLs that [`Msg::decode`] takes.
    pub const TYPE_URLS: &[&str] = &[
        "/cosmos.feegrant.v1beta1.MsgGrantAllowance",
        "/cosmos.feegrant.v1beta1.MsgRevokeAllowance",
        "/cosmos.feegrant.v1beta1.MsgPruneAllowances",
    ];

    /// Decodes a message of this module; `None` for another's type.
    pub fn decode(type_url: &str, value: &[u8]) -> Option<Result<Self>> {
        let decoded = match type_url.strip_prefix("/cosmos.feegrant.v1beta1.")? {
            "MsgGrantAllowance" => wire::MsgGrantAllowance::decode(value).map(Self::GrantAllowance),
            "MsgRevokeAllowance" => wire::MsgRevokeAllowance::decode(value).map(Self::RevokeAllowance),
            "MsgPruneAllowances" => wire::MsgPruneAllowances::decode(value).map(Self::PruneAllowances),
            _ => return None,
        };
        let decoded = decoded.map_err(|e| errors::TX_DECODE.wrap(e.to_string()));
        Some(decoded.and_then(|msg| msg.checked()))
    }

    /// Refuses an `Any` that is no allowance.
    fn checked(self) -> Result<Self> {
        if let Self::GrantAllowance(msg) = &self {
            msg.allowance.iter().try_for_each(allowances::check_type)?;
        }
        Ok(self)
    }

    /// Addresses that must sign.
    ///
    /// # Errors
    /// `undefined/1` for a malformed address, `sdk/35` for another chain's.
    pub fn signers(&self) -> Result<Vec<AccAddress>> {
        let signer = match self {
            Self::GrantAllowance(msg) => &msg.granter,
            Self::RevokeAllowance(msg) => &msg.granter,
            Self::PruneAllowances(msg) => &msg.pruner,
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
    /// `sdk/7` for an allowance to oneself, `sdk/18` if there is one already, `sdk/38` if there is none,
    /// and those of the allowance.
    pub fn execute(self, cx: &Cx) -> Result<MsgOutput> {
        match self {
            Self::GrantAllowance(msg) => {
                if msg.grantee.eq_ignore_ascii_case(&msg.granter) {
                    return Err(errors::INVALID_ADDRESS.wrap("cannot self-grant fee authorization"));
                }
                let grantee = AccAddress::from_signer(&msg.grantee)?;
                let granter = AccAddress::from_signer(&msg.granter)?;
                if state::find(cx, &granter, &grantee)?.is_some() {
                    return Err(errors::INVALID_REQUEST.wrap("fee allowance already exists"));
                }
                let any = msg
                    .allowance
                    .ok_or_else(|| NO_ALLOWANCE.wrap("failed to get allowance"))?;
                let allowance = allowances::read(&any)?;
                allowance.validate()?;
                state::grant(cx, &granter, &grantee, &allowance)?;
                Ok(output("MsgGrantAllowanceResponse"))
            }
            Self::RevokeAllowance(msg) => {
                if msg.grantee == msg.granter {
                    return Err(errors::INVALID_ADDRESS.wrap("addresses must be different"));
                }
                let grantee = AccAddress::from_signer(&msg.grantee)?;
                let granter = AccAddress::from_signer(&msg.granter)?;
                state::revoke(cx, &granter, &grantee)?;
                Ok(output("MsgRevokeAllowanceResponse"))
            }
            Self::PruneAllowances(msg) => {
                state::prune(cx, PRUNED_PER_MESSAGE)?;
                cx.emit(event::prune(&msg.pruner));
                Ok(output("MsgPruneAllowancesResponse"))
            }
        }
    }
}

/// Every response of this module is an empty message.
fn output(name: &str) -> MsgOutput {
    let response = AnyMsg {
        type_url: format!("/cosmos.feegrant.v1beta1.{name}"),
        value: Vec::new(),
    };
    MsgOutput { response }
}
