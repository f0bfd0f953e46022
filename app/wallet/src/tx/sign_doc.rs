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

/// As [`sign_bytes`], for a signature that is made now: says on standard error what it does not cover.
///
/// # Errors
/// As there.
pub(crate) fn bytes_to_sign(
    mode: Mode,
    facts: Facts<'_>,
    body: &TxBody,
    auth_info: &AuthInfo,
) -> Result<Vec<u8>> {
    for warning in uncovered(mode, body) {
        eprintln!("{warning}");
    }
    sign_bytes(mode, facts, body, auth_info)
}

/// Warnings of what a signature in this mode does not cover of the messages.
fn uncovered(mode: Mode, body: &TxBody) -> Vec<String> {
    let unseen = match mode {
        Mode::AminoJson => amino::unseen(body),
        Mode::Direct | Mode::DirectAux => Vec::new(),
    };
    let warning = |field: String| {
        format!(
            "warning: the amino JSON document shows {field} as {{}}: the signature does not cover it, and whoever sends \
             the transaction can change it; --sign-mode direct covers it"
        )
    };
    unseen.into_iter().map(warning).collect()
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

#[cfg(test)]
mod tests {
    use quern_proto::{
        Any,
        cosmwasm::wasm::v1::{AccessConfig, AccessType, MsgStoreCode},
    };

    use super::*;

    #[test]
    fn what_an_amino_document_does_not_show_is_told_before_it_is_signed() {
        let store = MsgStoreCode {
            instantiate_permission: Some(AccessConfig {
                permission: AccessType::Nobody.into(),
                addresses: vec![],
            }),
            ..MsgStoreCode::default()
        };
        let body = TxBody {
            messages: vec![Any {
                type_url: "/cosmwasm.wasm.v1.MsgStoreCode".into(),
                value: store.encode_to_vec(),
            }],
            ..TxBody::default()
        };
        let told = uncovered(Mode::AminoJson, &body);
        assert_eq!(told.len(), 1, "{told:?}");
        assert!(
            told[0].contains("MsgStoreCode.instantiate_permission"),
            "{told:?}"
        );
        assert!(uncovered(Mode::Direct, &body).is_empty());
        assert!(uncovered(Mode::AminoJson, &TxBody::default()).is_empty());
    }
}
