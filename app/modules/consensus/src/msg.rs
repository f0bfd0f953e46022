//! Messages of x/consensus.

use prost::Message;
use quern_context::{AnyMsg, Cx, MsgOutput};
use quern_proto::cosmos::consensus::v1 as wire;
use quern_types::{AccAddress, Result, errors};

use crate::{get, set, validate};

/// A message of this module.
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    /// Replaces block, evidence and validator parameters; only the authority may.
    UpdateParams(wire::MsgUpdateParams),
}

impl Msg {
    /// Type URLs that [`Msg::decode`] takes.
    pub const TYPE_URLS: &[&str] = &["/cosmos.consensus.v1.MsgUpdateParams"];

    /// Decodes a message of this module; `None` for another's type.
    pub fn decode(type_url: &str, value: &[u8]) -> Option<Result<Self>> {
        (type_url == "/cosmos.consensus.v1.MsgUpdateParams").then(|| {
            wire::MsgUpdateParams::decode(value)
                .map(Self::UpdateParams)
                .map_err(|e| errors::TX_DECODE.wrap(e.to_string()))
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

    /// Stateless checks: none, the handler sees the complete set.
    ///
    /// # Errors
    /// Never.
    pub fn validate(&self) -> Result<()> {
        Ok(())
    }

    /// Executes the message.
    ///
    /// # Errors
    /// `gov/13` for another signer, `sdk/18` for parameters that CometBFT would refuse.
    pub fn execute(self, cx: &Cx) -> Result<MsgOutput> {
        let Self::UpdateParams(msg) = self;
        quern_auth::require_authority(&msg.authority)?;
        if msg.block.is_none() || msg.evidence.is_none() || msg.validator.is_none() {
            return Err(errors::INVALID_REQUEST.wrap("all parameters must be present"));
        }
        let mut params = get(cx)?;
        params.block = msg.block;
        params.evidence = msg.evidence;
        params.validator = msg.validator;
        validate(&params)?;
        set(cx, &params)?;
        let type_url = "/cosmos.consensus.v1.MsgUpdateParamsResponse".to_owned();
        Ok(MsgOutput {
            response: AnyMsg {
                type_url,
                value: Vec::new(),
            },
        })
    }
}
