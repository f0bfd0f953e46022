//! What a signature covers.

use prost::Message;
use quern_proto::{
    amino,
    cosmos::tx::{
        signing::v1beta1::SignMode,
        v1beta1::{AuthInfo, SignDoc, SignDocDirectAux, TxBody},
    },
};

use super::{flags::Mode, signers::fee_payer};
use crate::{Failure, Result, failure::usage, public_key::PublicKey};

/// What a signature says besides the transaction.
#[derive(Clone, Copy)]
pub(crate) struct Facts<'a> {
    /// Chain that it is for.
    pub chain_id: &'a str,
    /// Number of the signing account.
    pub account_number: u64,
    /// Sequence of the signing account.
    pub sequence: u64,
    /// Key of the signing account, which a signature in `direct-aux` covers.
    pub key: Option<&'a PublicKey>,
}

impl Mode {
    /// The mode on the wire.
    pub(crate) fn wire(self) -> SignMode {
        match self {
            Self::Direct => SignMode::Direct,
            Self::AminoJson => SignMode::LegacyAminoJson,
            Self::DirectAux => SignMode::DirectAux,
        }
    }

    /// The mode of a number on the wire, if signatures in it can be made and checked here.
    pub(crate) fn from_wire(mode: i32) -> Option<Self> {
        [Self::Direct, Self::AminoJson, Self::DirectAux]
            .into_iter()
            .find(|known| i32::from(known.wire()) == mode)
    }
}

/// The bytes that are signed: over the chain, the account and the exact bytes that are sent, over a JSON document of
/// all of it, or over all but the fee and the other signers.
///
/// # Errors
/// A transaction without a form in amino JSON; a fee's payer that would not cover the fee.
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
        Mode::DirectAux => {
            let key = facts
                .key
                .ok_or_else(|| Failure::Usage("SIGN_MODE_DIRECT_AUX needs the signer's public key".into()))?;
            let payer = fee_payer(body, auth_info)?;
            if payer == key.address() {
                return Err(Failure::Usage(format!(
                    "fee payer {payer} cannot sign with SIGN_MODE_DIRECT_AUX: unauthorized"
                )));
            }
            Ok(aux_doc(facts, key, body).encode_to_vec())
        }
    }
}

/// What one signs who leaves the fee, and who else signs, to somebody else.
pub(crate) fn aux_doc(facts: Facts<'_>, key: &PublicKey, body: &TxBody) -> SignDocDirectAux {
    SignDocDirectAux {
        body_bytes: body.encode_to_vec(),
        public_key: Some(key.to_any()),
        chain_id: facts.chain_id.to_owned(),
        account_number: facts.account_number,
        sequence: facts.sequence,
        ..Default::default()
    }
}
