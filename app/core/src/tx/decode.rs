//! Decoding, with the refusals of the SDK's `DefaultTxDecoder`.

use std::collections::BTreeSet;

use prost::Message;
use quern_auth::PubKey;
use quern_context::AnyMsg;
use quern_proto::{
    Any,
    cosmos::tx::v1beta1::{AuthInfo, Fee, TxBody, TxRaw},
    number,
    unknown::reject_unknown_fields,
};
use quern_types::{AccAddress, Error, Result, errors};
use sha2::{Digest, Sha256};

use super::adr027;
use crate::{Msg, msg::is_registered};

/// A decoded transaction. Nothing about state has been checked.
pub(crate) struct Tx {
    /// SHA-256 of the raw bytes.
    pub hash: [u8; 32],
    /// Length of the raw bytes.
    pub size: usize,
    pub body: TxBody,
    pub auth_info: AuthInfo,
    pub msgs: Vec<Msg>,
    /// Addresses that must sign, each once, in the order of their messages; the fee payer last. None where
    /// [`Tx::check_signers`] fails.
    pub signers: Vec<AccAddress>,
    /// Why the signers cannot be told. The SDK finds it out after the messages' own checks.
    signers_fault: Option<Error>,
    pub signatures: Vec<Vec<u8>>,
    pub body_bytes: Vec<u8>,
    pub auth_info_bytes: Vec<u8>,
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
        let met = reject("cosmos.tx.v1beta1.TxBody", &raw.body_bytes, true)?;
        let body = TxBody::decode(raw.body_bytes.as_slice()).map_err(malformed)?;
        reject("cosmos.tx.v1beta1.AuthInfo", &raw.auth_info_bytes, false)?;
        let auth_info = AuthInfo::decode(raw.auth_info_bytes.as_slice()).map_err(malformed)?;
        let msgs = body
            .messages
            .iter()
            .map(|any| Msg::decode(&message(any, met.missing_number)))
            .collect::<Result<Vec<_>>>()?;
        let (signers, signers_fault) = match signers(&msgs, auth_info.fee.as_ref()) {
            Ok(signers) => (signers, None),
            Err(fault) => (Vec::new(), Some(fault)),
        };
        check_keys(&auth_info)?;
        Ok(Self {
            hash: Sha256::digest(bytes).into(),
            size: bytes.len(),
            body,
            auth_info,
            msgs,
            signers,
            signers_fault,
            signatures: raw.signatures,
            body_bytes: raw.body_bytes,
            auth_info_bytes: raw.auth_info_bytes,
        })
    }

    /// Refuses a transaction whose signers cannot be told.
    ///
    /// # Errors
    /// `undefined/1` or `sdk/35` for a malformed address, and those of messages that name their signers otherwise.
    pub(crate) fn check_signers(&self) -> Result<()> {
        self.signers_fault.clone().map_or(Ok(()), Err)
    }

    /// Who is named to pay by a grant.
    ///
    /// # Errors
    /// `undefined/111222` for a malformed address, where the SDK panics.
    pub(crate) fn fee_granter(&self) -> Result<Option<AccAddress>> {
        let granter = self.auth_info.fee.as_ref().map(|fee| fee.granter.as_str());
        let granter = granter.filter(|granter| !granter.is_empty());
        let granter = granter.map(AccAddress::from_signer).transpose();
        granter.map_err(|e| errors::PANIC.wrap(e.to_string()))
    }

    /// Gas limit that the fee pays for.
    pub(crate) fn gas_limit(&self) -> u64 {
        self.auth_info.fee.as_ref().map_or(0, |fee| fee.gas_limit)
    }

    /// Who pays: the named payer, else the first signer.
    pub(crate) fn fee_payer(&self) -> Result<AccAddress> {
        match self.auth_info.fee.as_ref().map(|fee| fee.payer.as_str()) {
            Some(payer) if !payer.is_empty() => AccAddress::from_signer(payer),
            _ => self
                .signers
                .first()
                .cloned()
                .ok_or_else(|| Error::from(&errors::NO_SIGNATURES)),
        }
    }

    /// The keys that the transaction names, one place per signer. A simulation asks nothing of the length of one, as in
    /// the SDK: wallets that do not know the key send an empty one.
    ///
    /// # Errors
    /// `sdk/8` for a malformed key.
    pub(crate) fn keys(&self, simulate: bool) -> Result<Vec<Option<PubKey>>> {
        let read = |any: &Any| match PubKey::from_any(any) {
            Err(error) if simulate => PubKey::of_any_length(any).ok_or(error),
            read => read,
        };
        let infos = self.auth_info.signer_infos.iter();
        infos
            .map(|info| info.public_key.as_ref().map(read).transpose())
            .collect()
    }
}

/// An `Any` of another type is no key at all; what is wrong within a key is found out later.
fn check_keys(auth_info: &AuthInfo) -> Result<()> {
    let mut keys = auth_info
        .signer_infos
        .iter()
        .filter_map(|info| info.public_key.as_ref());
    match keys.find(|any| !PubKey::TYPE_URLS.contains(&any.type_url.as_str())) {
        None => Ok(()),
        Some(any) => Err(errors::TX_DECODE.wrap(format!(
            "no concrete type registered for type URL {} against interface *types.PubKey",
            any.type_url
        ))),
    }
}

/// A message as the SDK holds it: with zeros for amounts that are left out.
fn message(any: &Any, missing_number: bool) -> AnyMsg {
    let name = any.type_url.rsplit('/').next().unwrap_or_default();
    let filled = missing_number.then(|| number::fill(name, &any.value)).flatten();
    AnyMsg {
        type_url: any.type_url.clone(),
        value: filled.unwrap_or_else(|| any.value.clone()),
    }
}

fn signers(msgs: &[Msg], fee: Option<&Fee>) -> Result<Vec<AccAddress>> {
    let (mut signers, mut known) = (Vec::new(), BTreeSet::new());
    let mut add = |address: AccAddress| {
        if known.insert(address.clone()) {
            signers.push(address);
        }
    };
    for msg in msgs {
        msg.signers()?.into_iter().for_each(&mut add);
    }
    if let Some(fee) = fee.filter(|fee| !fee.payer.is_empty()) {
        add(AccAddress::from_signer(&fee.payer)?);
    }
    Ok(signers)
}

fn malformed(error: prost::DecodeError) -> Error {
    errors::TX_DECODE.wrap(error.to_string())
}
