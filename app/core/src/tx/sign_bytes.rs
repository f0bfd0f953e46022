//! The bytes that signatures cover, one form per mode.

use prost::Message;
use quern_auth::PubKey;
use quern_proto::{
    amino,
    cosmos::tx::{
        signing::v1beta1::SignMode,
        v1beta1::{SignDoc, SignDocDirectAux},
    },
    unknown::reject_unknown_fields,
};
use quern_types::AccAddress;

use super::Tx;
use crate::msg::is_registered;

/// `SIGN_MODE_LEGACY_AMINO_JSON`.
pub(crate) const AMINO_JSON: i32 = SignMode::LegacyAminoJson as i32;

/// What a signature covers besides the transaction.
pub(crate) struct SignerFacts<'a> {
    pub address: &'a AccAddress,
    pub key: &'a PubKey,
    pub chain_id: &'a str,
    pub account_number: u64,
    pub sequence: u64,
}

impl Tx {
    /// The bytes that a signature in `mode` covers.
    ///
    /// # Errors
    /// Why there are none, in the SDK's words.
    pub(crate) fn sign_bytes(&self, mode: i32, signer: &SignerFacts<'_>) -> Result<Vec<u8>, String> {
        match SignMode::try_from(mode) {
            Ok(SignMode::Direct) => Ok(self.direct(signer)),
            Ok(SignMode::LegacyAminoJson) => self.amino_json(signer),
            Ok(SignMode::DirectAux) => self.direct_aux(signer),
            // the words of cosmossdk.io/x/tx, letter by letter
            Ok(SignMode::Textual) => Err("unsuppored sign mode SIGN_MODE_TEXTUAL".to_owned()),
            Ok(other) => Err(format!("unsupported sign mode {}", other.as_str_name())),
            Err(_) => Err(format!("unsupported sign mode {mode}")),
        }
    }

    fn direct(&self, signer: &SignerFacts<'_>) -> Vec<u8> {
        SignDoc {
            body_bytes: self.body_bytes.clone(),
            auth_info_bytes: self.auth_info_bytes.clone(),
            chain_id: signer.chain_id.to_owned(),
            account_number: signer.account_number,
        }
        .encode_to_vec()
    }

    fn amino_json(&self, signer: &SignerFacts<'_>) -> Result<Vec<u8>, String> {
        // a signer of JSON has seen no field that it does not show, critical or not
        reject_unknown_fields(
            "cosmos.tx.v1beta1.TxBody",
            &self.body_bytes,
            false,
            &is_registered,
        )
        .map_err(|e| e.to_string())?;
        let fee = self
            .auth_info
            .fee
            .as_ref()
            .ok_or("fee cannot be nil when tipper is not signer")?;
        let signer = amino::Signer {
            chain_id: signer.chain_id,
            account_number: signer.account_number,
            sequence: signer.sequence,
        };
        amino::sign_doc(signer, &self.body, fee)
            .map(String::into_bytes)
            .map_err(|e| e.to_string())
    }

    /// Whoever signs so has not seen the fee, and so cannot be the one that pays it.
    fn direct_aux(&self, signer: &SignerFacts<'_>) -> Result<Vec<u8>, String> {
        let payer = self.fee_payer().map_err(|e| e.to_string())?;
        if payer == *signer.address {
            return Err(format!(
                "fee payer {payer} cannot sign with SIGN_MODE_DIRECT_AUX: unauthorized"
            ));
        }
        let doc = SignDocDirectAux {
            body_bytes: self.body_bytes.clone(),
            public_key: Some(signer.key.to_any()),
            chain_id: signer.chain_id.to_owned(),
            account_number: signer.account_number,
            sequence: signer.sequence,
            ..Default::default()
        };
        Ok(doc.encode_to_vec())
    }
}
