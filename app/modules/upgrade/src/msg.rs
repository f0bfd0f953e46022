//! Messages of x/upgrade; only governance may send them.

use prost::Message;
use quern_context::{AnyMsg, Cx, MsgOutput};
use quern_proto::cosmos::upgrade::v1beta1 as wire;
use quern_types::{AccAddress, Result, errors};

use crate::{INVALID_SIGNER, plan};

/// A message of this module.
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    /// Plans an upgrade in place of an earlier plan.
    SoftwareUpgrade(wire::MsgSoftwareUpgrade),
    /// Drops the plan.
    CancelUpgrade(wire::MsgCancelUpgrade),
}

impl Msg {
    /// Type URLs that [`Msg::decode`] takes.
    pub const TYPE_URLS: &[&str] = &[
        "/cosmos.upgrade.v1beta1.MsgSoftwareUpgrade",
        "/cosmos.upgrade.v1beta1.MsgCancelUpgrade",
    ];

    /// Decodes a message of this module; `None` for another's type.
    pub fn decode(type_url: &str, value: &[u8]) -> Option<Result<Self>> {
        let decoded = match type_url.strip_prefix("/cosmos.upgrade.v1beta1.")? {
            "MsgSoftwareUpgrade" => wire::MsgSoftwareUpgrade::decode(value).map(Self::SoftwareUpgrade),
            "MsgCancelUpgrade" => wire::MsgCancelUpgrade::decode(value).map(Self::CancelUpgrade),
            _ => return None,
        };
        Some(decoded.map_err(|e| errors::TX_DECODE.wrap(e.to_string())))
    }

    fn authority(&self) -> &str {
        match self {
            Self::SoftwareUpgrade(msg) => &msg.authority,
            Self::CancelUpgrade(msg) => &msg.authority,
        }
    }

    /// Addresses that must sign.
    ///
    /// # Errors
    /// `undefined/1` for a malformed address, `sdk/35` for another chain's.
    pub fn signers(&self) -> Result<Vec<AccAddress>> {
        Ok(vec![AccAddress::from_signer(self.authority())?])
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
    /// `upgrade/6` for another signer, `sdk/18` for a plan that cannot be.
    pub fn execute(self, cx: &Cx) -> Result<MsgOutput> {
        let expected = quern_auth::authority();
        if self.authority() != expected {
            let got = self.authority();
            return Err(INVALID_SIGNER.wrap(format!("invalid authority; expected {expected}, got {got}")));
        }
        match self {
            Self::SoftwareUpgrade(msg) => {
                plan::schedule(cx, &msg.plan.unwrap_or_default())?;
                Ok(output(&wire::MsgSoftwareUpgradeResponse {}))
            }
            Self::CancelUpgrade(_) => {
                plan::clear(cx)?;
                Ok(output(&wire::MsgCancelUpgradeResponse {}))
            }
        }
    }
}

fn output<M: prost::Name>(response: &M) -> MsgOutput {
    MsgOutput {
        response: AnyMsg {
            type_url: quern_proto::type_url::<M>(),
            value: response.encode_to_vec(),
        },
    }
}
