//! Decoding, with the refusals of the SDK's `DefaultTxDecoder`.

use prost::Message;
use quern_context::AnyMsg;
use quern_proto::{
    cosmos::tx::v1beta1::{AuthInfo, Fee, ModeInfo, TxBody, TxRaw, mode_info},
    unknown::reject_unknown_fields,
};
use quern_types::{AccAddress, Error, Result, errors};
use sha2::{Digest, Sha256};

use super::{adr027, sign_bytes};
use crate::{Msg, msg::is_registered};

/// `SIGN_MODE_DIRECT`.
const MODE_DIRECT: i32 = 1;

/// A decoded transaction. Nothing about state has been checked.
pub(crate) struct Tx {
    /// SHA-256 of the raw bytes.
    pub hash: [u8; 32],
    /// Length of the raw bytes.
    pub size: usize,
    pub body: TxBody,
    pub auth_info: AuthInfo,
    pub msgs: Vec<Msg>,
    /// Addresses that must sign, each once, in the order of their messages; the fee payer last.
    pub signers: Vec<AccAddress>,
    pub signatures: Vec<Vec<u8>>,
    body_bytes: Vec<u8>,
    auth_info_bytes: Vec<u8>,
}

/// One signer's entry, borrowed from the transaction.
pub(crate) struct Signature<'a> {
    pub sequence: u64,
    pub mode: Option<&'a ModeInfo>,
    pub bytes: &'a [u8],
}

impl Signature<'_> {
    /// Whether the signature is in mode DIRECT, the only one that is verified today.
    pub(crate) fn is_direct(&self) -> bool {
        matches!(
            self.mode.and_then(|m| m.sum.as_ref()),
            Some(mode_info::Sum::Single(single)) if single.mode == MODE_DIRECT
        )
    }
}

impl Tx {
    /// Decodes raw bytes.
    ///
    /// # Errors
    /// `sdk/2` for anything that is not exactly a transaction of this chain's profile.
    pub(crate) fn decode(bytes: &[u8]) -> Result<Self> {
        adr027::check(bytes).map_err(|e| errors::TX_DECODE.wrap(e))?;
        let reject = |name: &str, bytes: &[u8], lenient| {
            reject_unknown_fields(name, bytes, lenient, &is_registered)
                .map_err(|e| errors::TX_DECODE.wrap(e.to_string()))
        };
        reject("cosmos.tx.v1beta1.TxRaw", bytes, false)?;
        let raw = TxRaw::decode(bytes).map_err(malformed)?;
        reject("cosmos.tx.v1beta1.TxBody", &raw.body_bytes, true)?;
        let body = TxBody::decode(raw.body_bytes.as_slice()).map_err(malformed)?;
        reject("cosmos.tx.v1beta1.AuthInfo", &raw.auth_info_bytes, false)?;
        let auth_info = AuthInfo::decode(raw.auth_info_bytes.as_slice()).map_err(malformed)?;
        let msgs = body
            .messages
            .iter()
            .map(|any| {
                Msg::decode(&AnyMsg {
                    type_url: any.type_url.clone(),
                    value: any.value.clone(),
                })
            })
            .collect::<Result<Vec<_>>>()?;
        let signers = signers(&msgs, auth_info.fee.as_ref())?;
        Ok(Self {
            hash: Sha256::digest(bytes).into(),
            size: bytes.len(),
            body,
            auth_info,
            msgs,
            signers,
            signatures: raw.signatures,
            body_bytes: raw.body_bytes,
            auth_info_bytes: raw.auth_info_bytes,
        })
    }

    /// Gas limit that the fee pays for.
    pub(crate) fn gas_limit(&self) -> u64 {
        self.auth_info.fee.as_ref().map_or(0, |fee| fee.gas_limit)
    }

    /// Who pays: the named payer, else the first signer.
    pub(crate) fn fee_payer(&self) -> Result<AccAddress> {
        match self.auth_info.fee.as_ref().map(|fee| fee.payer.as_str()) {
            Some(payer) if !payer.is_empty() => AccAddress::from_bech32(payer),
            _ => self
                .signers
                .first()
                .cloned()
                .ok_or_else(|| Error::from(&errors::NO_SIGNATURES)),
        }
    }

    /// The signers' entries, paired with signatures.
    pub(crate) fn entries(&self) -> impl Iterator<Item = Signature<'_>> {
        self.auth_info
            .signer_infos
            .iter()
            .zip(&self.signatures)
            .map(|(info, bytes)| Signature {
                sequence: info.sequence,
                mode: info.mode_info.as_ref(),
                bytes,
            })
    }

    /// The bytes that a DIRECT signature covers.
    pub(crate) fn direct_sign_bytes(&self, chain_id: &str, account_number: u64) -> Vec<u8> {
        sign_bytes::direct(&self.body_bytes, &self.auth_info_bytes, chain_id, account_number)
    }
}

fn signers(msgs: &[Msg], fee: Option<&Fee>) -> Result<Vec<AccAddress>> {
    let mut signers: Vec<AccAddress> = Vec::new();
    let mut add = |address: AccAddress| {
        if !signers.contains(&address) {
            signers.push(address);
        }
    };
    for msg in msgs {
        let own = msg.signers().map_err(|e| errors::TX_DECODE.wrap(e.to_string()))?;
        own.into_iter().for_each(&mut add);
    }
    if let Some(fee) = fee.filter(|fee| !fee.payer.is_empty()) {
        add(AccAddress::from_bech32(&fee.payer).map_err(|e| errors::TX_DECODE.wrap(e.to_string()))?);
    }
    Ok(signers)
}

fn malformed(error: prost::DecodeError) -> Error {
    errors::TX_DECODE.wrap(error.to_string())
}
