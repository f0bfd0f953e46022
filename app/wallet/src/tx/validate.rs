//! `quernd tx validate-signatures`: whether those signed who must, and what they signed.

use std::path::Path;

use prost::Message;
use quern_proto::cosmos::{
    crypto::multisig::v1beta1::{CompactBitArray, MultiSignature},
    tx::v1beta1::{AuthInfo, SignerInfo, TxBody, mode_info::Sum},
};

use super::{
    TxFlags,
    factory::account,
    file::{self, FileArg},
    flags::Mode,
    send,
    sign_doc::{Facts, sign_bytes},
    signers::signers,
};
use crate::{Failure, Result, public_key::PublicKey};

/// Prints the signers and what is found about their signatures; fails if one does not hold. Without a node it
/// checks them only where --account-number and --sequence are given.
pub(crate) async fn validate_signatures(flags: &TxFlags, home: &Path, arg: &FileArg) -> Result<String> {
    let (body, auth_info, signatures) = file::read(arg)?;
    let chain_id = flags.chain(home)?;
    let node = match flags.offline {
        true => None,
        false => Some(flags.node.connect(home)?),
    };
    if let Some(node) = &node {
        send::same_chain(node, &chain_id).await?;
    }
    let expected = signers(&body, &auth_info)?;
    let mut text = String::from("Signers:\n");
    for (i, address) in expected.iter().enumerate() {
        text.push_str(&format!("  {i}: {address}\n"));
    }
    text.push_str("\nSignatures:\n");
    let mut wrong = Vec::new();
    if auth_info.signer_infos.len() != expected.len() || signatures.len() != expected.len() {
        wrong.push(format!("{} of {} signed", signatures.len(), expected.len()));
    }
    for (i, (info, signature)) in auth_info.signer_infos.iter().zip(&signatures).enumerate() {
        let key = info.public_key.as_ref().map(PublicKey::from_any).transpose()?;
        let Some(key) = key else {
            return Err(Failure::Usage(format!("signature {i} names no public key")));
        };
        let address = key.address();
        let mut found = "OK".to_owned();
        if expected.get(i) != Some(&address) {
            found = "ERROR: signature does not match its respective signer".into();
        } else if node.is_some() || (flags.account_number.is_some() && flags.sequence.is_some()) {
            let account = account(flags, node.as_ref(), &address).await?;
            let facts = Facts {
                chain_id: &chain_id,
                account_number: account.number,
                sequence: account.sequence,
                key: Some(&key),
            };
            if let Err(why) = check(&key, info, signature, facts, &body, &auth_info) {
                found = format!("ERROR: {why}");
            }
        }
        text.push_str(&format!("  {i}: {address}\t\t\t[{found}]\n"));
        if found != "OK" {
            wrong.push(format!("{address}: {found}"));
        }
    }
    if wrong.is_empty() {
        return Ok(text);
    }
    eprintln!("{text}");
    Err(Failure::Usage(format!(
        "signatures validation failed: {}",
        wrong.join("; ")
    )))
}

fn check(
    key: &PublicKey,
    info: &SignerInfo,
    signature: &[u8],
    facts: Facts<'_>,
    body: &TxBody,
    auth_info: &AuthInfo,
) -> Result<(), String> {
    let one = |key: &PublicKey, mode: i32, signature: &[u8]| -> Result<(), String> {
        let mode = Mode::from_wire(mode).ok_or("this sign mode cannot be checked here")?;
        let bytes = sign_bytes(mode, facts, body, auth_info).map_err(|e| e.to_string())?;
        match key.verifies(&bytes, signature) {
            true => Ok(()),
            false => Err(
                "the signature is not for this transaction, chain, account number and sequence".to_owned(),
            ),
        }
    };
    let mode = info.mode_info.as_ref().and_then(|mode| mode.sum.as_ref());
    match (key, mode) {
        (PublicKey::Single(_), Some(Sum::Single(single))) => one(key, single.mode, signature),
        (PublicKey::Multi { threshold, keys }, Some(Sum::Multi(multi))) => {
            let parts = MultiSignature::decode(signature)
                .map_err(|e| e.to_string())?
                .signatures;
            let set = signed(multi.bitarray.as_ref(), keys.len());
            if set.len() != parts.len() || set.len() != multi.mode_infos.len() {
                return Err("the marked keys and the signatures are not as many".into());
            }
            if set.len() < usize::try_from(*threshold).unwrap_or(usize::MAX) {
                return Err(format!("{} of {threshold} signatures are given", set.len()));
            }
            for ((i, mode), part) in set.iter().zip(&multi.mode_infos).zip(&parts) {
                let (Some(key), Some(Sum::Single(single))) = (keys.get(*i), &mode.sum) else {
                    return Err("a signature of one key is expected".into());
                };
                one(&PublicKey::Single(*key), single.mode, part)?;
            }
            Ok(())
        }
        _ => Err("the key and the mode do not belong together".into()),
    }
}

/// Which of `count` keys the bits mark.
fn signed(array: Option<&CompactBitArray>, count: usize) -> Vec<usize> {
    let elems = array.map(|array| array.elems.as_slice()).unwrap_or_default();
    let is_set = |i: &usize| elems.get(i / 8).is_some_and(|byte| byte & (0x80 >> (i % 8)) != 0);
    (0..count).filter(is_set).collect()
}
