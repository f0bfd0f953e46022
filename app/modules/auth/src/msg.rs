//! Messages of x/auth.

use prost::Message;
use quern_context::{AnyMsg, Cx, MsgOutput};
use quern_proto::cosmos::auth::v1beta1 as wire;
use quern_types::{AccAddress, Error, Result, errors};

use crate::{Params, require_authority, set_params};

/// A message of this module.
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    /// Replaces the parameters; only the authority may.
    UpdateParams(wire::MsgUpdateParams),
}

impl Msg {
    /// Type URLs that [`Msg::decode`] takes.
    pub const TYPE_URLS: &[&str] = &["/cosmos.auth.v1beta1.MsgUpdateParams"];

    /// Decodes a message of this module; `None` for another's type.
    pub fn decode(type_url: &str, value: &[u8]) -> Option<Result<Self>> {
        Some(match type_url {
            "/cosmos.auth.v1beta1.MsgUpdateParams" => wire::MsgUpdateParams::decode(value)
                .map(Self::UpdateParams)
                .map_err(|e| errors::TX_DECODE.wrap(e.to_string())),
            _ => return None,
        })
    }

    /// Addresses that must sign.
    ///
    /// # Errors
    /// `undefined/1` for a malformed address, `sdk/35` for another chain's.
    pub fn signers(&self) -> Result<Vec<AccAddress>> {
        let Self::UpdateParams(msg) = self;
        Ok(vec![AccAddress::from_signer(&msg.authority)?])
    }

    /// Stateless checks.
    ///
    /// # Errors
    /// Those of the message's fields.
    pub fn validate(&self) -> Result<()> {
        Ok(())
    }

    /// Executes the message.
    ///
    /// # Errors
    /// `gov/13` for another signer, `sdk/18` for invalid parameters.
    pub fn execute(self, cx: &Cx) -> Result<MsgOutput> {
        let Self::UpdateParams(msg) = self;
        // The SDK's x/auth refuses in the same words as others, without a code of its own.
        require_authority(&msg.authority)
            .map_err(|e| Error::unregistered(format!("{}; {}", e.registered_text(), e.contexts())))?;
        let params = msg
            .params
            .ok_or_else(|| errors::INVALID_REQUEST.wrap("params are missing"))?;
        set_params(cx, Params::from_wire(&params))?;
        Ok(MsgOutput {
            response: AnyMsg {
                type_url: "/cosmos.auth.v1beta1.MsgUpdateParamsResponse".to_owned(),
                value: Vec::new(),
            },
        })
    }
}
