//! What a signature covers.

use prost::Message;
use quern_proto::{
    amino,
    cosmos::tx::{
        signing::v1beta1::SignMode,
        v1beta1::{AuthInfo, SignDoc, TxBody},
    },
};

use super::flags::Mode;
use crate::{Result, failure::usage};

/// What a signature says besides the transaction.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a> {
    /// Chain that it is for.
    pub chain_id: &'a str,
    /// Number of the signing account.
    pub account_number: u64,
    /// Sequence of the signing account.
    pub sequence: u64,
}

impl Mode {
    /// The mode on the wire.
    pub(crate) fn wire(self) -> SignMode {
        match self {
            Self::Direct => SignMode::Direct,
            Self::AminoJson => SignMode::LegacyAminoJson,
        }
    }

    /// The mode of a number on the wire, if signatures in it can be made and checked here.
    pub(crate) fn from_wire(mode: i32) -> Option<Self> {
        [Self::Direct, Self::AminoJson]
            .into_iter()
            .find(|known| i32::from(known.wire()) == mode)
    }
}

/// The bytes that are signed: over the chain, the account and the exact bytes that are sent, or over a JSON
/// document of all of it.
///
/// # Errors
/// A transaction without a form in amino JSON.
pub(crate) fn sign_bytes(
    mode: Mode,
    facts: Facts<'_>,
    body: &TxBody,
    auth_info: &AuthInfo,
) -> Result<Vec<u8>> {
    match mode {
        Mode::Direct => Ok(SignDoc {
            body_bytes: body.encode_to_vec(),
            auth_info_bytes: auth_info.encode_to_vec(),
            chain_id: facts.chain_id.to_owned(),
            account_number: facts.account_number,
        }
        .encode_to_vec()),
        Mode::AminoJson => {
            let signer = amino::Signer {
                chain_id: facts.chain_id,
                account_number: facts.account_number,
                sequence: facts.sequence,
            };
            let fee = auth_info.fee.clone().unwrap_or_default();
            amino::sign_doc(signer, body, &fee)
                .map(String::into_bytes)
                .map_err(usage)
        }
    }
}
