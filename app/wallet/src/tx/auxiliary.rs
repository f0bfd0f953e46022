//! `--aux` and `quernd tx aux-to-fee`: one account signs what happens, another one pays for it.

use std::path::Path;

use prost::Message;
use quern_proto::{
    Any,
    cosmos::tx::v1beta1::{AuthInfo, AuxSignerData, Fee, SignDocDirectAux, SignerInfo, TxBody, TxRaw},
};
use quern_types::AccAddress;

use super::{
    TxFlags,
    factory::{Unsigned, account, adjusted, priced, simulate},
    file::FileArg,
    flags::{Gas, Mode},
    send::{Sent, as_tx, broadcast, confirm, same_chain},
    sign::place,
    sign_doc::{Facts, aux_doc, bytes_to_sign},
    signer::{Signer, single},
    signers::signers,
};
use crate::{Failure, Result, failure::usage, json, keys::read_all, node::Node, public_key::PublicKey};

/// Signs these messages for whoever pays the fee, and returns what that account needs, in the SDK's JSON.
pub(crate) async fn sign(
    flags: &TxFlags,
    home: &Path,
    node: Option<&Node>,
    signer: &Signer,
    messages: Vec<Any>,
) -> Result<String> {
    if flags.mode() != Mode::DirectAux {
        return Err(Failure::Usage(
            "--aux signs with --sign-mode direct-aux: in the other modes a signature covers the fee, which somebody \
             else is to choose"
                .into(),
        ));
    }
    let Some(public @ PublicKey::Single(_)) = signer.public() else {
        return Err(Failure::Usage(format!(
            "--aux needs one key's signature: {}",
            signer.address
        )));
    };
    let chain_id = flags.chain(home)?;
    if let Some(node) = node {
        same_chain(node, &chain_id).await?;
    }
    let account = account(flags, node, &signer.address).await?;
    let body = TxBody {
        messages,
        memo: flags.memo.clone(),
        timeout_height: flags.timeout_height,
        ..Default::default()
    };
    let facts = Facts {
        chain_id: &chain_id,
        account_number: account.number,
        sequence: account.sequence,
        key: Some(&public),
    };
    let doc = aux_doc(facts, &public, &body);
    let sig = signer.unlock(flags)?.sign(&doc.encode_to_vec());
    json::print(&AuxSignerData {
        address: signer.address.to_string(),
        sign_doc: Some(doc),
        mode: Mode::DirectAux.wire().into(),
        sig,
    })
}

/// What somebody else signed, checked.
struct Signed {
    address: AccAddress,
    doc: SignDocDirectAux,
    body: TxBody,
    signature: Vec<u8>,
}

/// Reads what `--aux` printed. Nobody pays for a signature that does not hold.
fn read(text: &str, chain_id: &str) -> Result<Signed> {
    let data: AuxSignerData = json::parse(text)?;
    let refused = |text: &str| Failure::Usage(text.to_owned());
    if Mode::from_wire(data.mode) != Some(Mode::DirectAux) {
        return Err(refused("the signature is not of SIGN_MODE_DIRECT_AUX"));
    }
    let doc = data.sign_doc.ok_or_else(|| refused("sign_doc is missing"))?;
    if doc.chain_id != chain_id {
        return Err(Failure::Usage(format!(
            "expected chain-id {chain_id}, got {} in aux signer data",
            doc.chain_id
        )));
    }
    let key = doc.public_key.as_ref().map(PublicKey::from_any).transpose()?;
    let key = key.ok_or_else(|| refused("public key cannot be empty: invalid pubkey"))?;
    let address = AccAddress::from_bech32(&data.address).map_err(usage)?;
    if key.address() != address {
        return Err(Failure::Usage(format!("the public key is not that of {address}")));
    }
    let body = TxBody::decode(doc.body_bytes.as_slice()).map_err(usage)?;
    if body.encode_to_vec() != doc.body_bytes {
        return Err(refused("body_bytes hold fields that this program does not know"));
    }
    if !key.verifies(&doc.encode_to_vec(), &data.sig) {
        return Err(Failure::Usage(format!(
            "couldn't verify signature for address {address}"
        )));
    }
    Ok(Signed {
        address,
        doc,
        body,
        signature: data.sig,
    })
}

/// Adds the fee and the signature of who pays it, and sends.
pub(crate) async fn to_fee(flags: &TxFlags, home: &Path, arg: &FileArg) -> Result<Sent> {
    let signer = flags.signer(home)?;
    let chain_id = flags.chain(home)?;
    let text = String::from_utf8(read_all(&arg.file)?).map_err(usage)?;
    let signed =
        read(&text, &chain_id).map_err(|e| Failure::Usage(format!("{}: {e}", arg.file.display())))?;
    agrees(flags, &signer, &signed)?;
    let node = match flags.offline {
        true => None,
        false => Some(flags.node.connect(home)?),
    };
    if let Some(node) = &node {
        same_chain(node, &chain_id).await?;
    }
    let pays = |gas: u64, limit: u64| {
        priced(flags, gas, limit).map(|fee| AuthInfo {
            fee: Some(Fee {
                payer: signer.address.to_string(),
                ..fee
            }),
            ..AuthInfo::default()
        })
    };
    let theirs = SignerInfo {
        public_key: signed.doc.public_key.clone(),
        mode_info: Some(single(Mode::DirectAux)),
        sequence: signed.doc.sequence,
    };
    // Who only prepares the transaction for another machine signs nothing here.
    let account = match flags.generate_only {
        true => None,
        false => Some(account(flags, node.as_ref(), &signer.address).await?),
    };
    let ours = account.map(|account| signer.info(flags.mode(), account.sequence));
    let complete = |mut auth_info: AuthInfo| -> Result<(AuthInfo, Vec<Vec<u8>>, usize)> {
        let order = signers(&signed.body, &auth_info)?;
        if !order.contains(&signed.address) {
            return Err(Failure::Usage(format!(
                "address {} is not a signer",
                signed.address
            )));
        }
        let mut signatures = Vec::new();
        let at = place(&mut auth_info, &mut signatures, &order, theirs.clone())?;
        if let Some(slot) = signatures.get_mut(at) {
            slot.clone_from(&signed.signature);
        }
        let own = match &ours {
            Some(info) => place(&mut auth_info, &mut signatures, &order, info.clone())?,
            None => usize::MAX,
        };
        Ok((auth_info, signatures, own))
    };
    let gas = match (flags.gas, &node, &ours) {
        (Gas::Limit(gas), ..) if !flags.dry_run => gas,
        (_, Some(node), Some(_)) => {
            // a token fee, so that the gas of taking a fee is counted
            let (auth_info, ..) = complete(pays(1, 0)?)?;
            adjusted(flags, simulate(node, &signed.body, &auth_info).await?)?
        }
        _ => {
            return Err(Failure::Usage(
                "--gas auto needs a node, and an account that signs: give a number".into(),
            ));
        }
    };
    if flags.dry_run {
        let estimate = serde_json::json!({"gas_estimate": gas.to_string()}).to_string();
        return Ok(Sent::Nothing(flags.output.output.show(&estimate)));
    }
    let (auth_info, mut signatures, own) = complete(pays(gas, gas)?)?;
    let (number, sequence) = account.map_or((0, 0), |account| (account.number, account.sequence));
    let unsigned = Unsigned {
        body: signed.body,
        auth_info,
        account_number: number,
        sequence,
    };
    if ours.is_none() {
        return json::print(&as_tx(&unsigned, signatures)).map(Sent::Nothing);
    }
    if node.is_some() {
        confirm(flags, &unsigned)?;
    }
    let public = signer.public();
    let facts = Facts {
        chain_id: &chain_id,
        account_number: number,
        sequence,
        key: public.as_ref(),
    };
    let bytes = bytes_to_sign(flags.mode(), facts, &unsigned.body, &unsigned.auth_info)?;
    let signature = signer.unlock(flags)?.sign(&bytes);
    if let Some(slot) = signatures.get_mut(own) {
        *slot = signature;
    }
    let Some(node) = &node else {
        return json::print(&as_tx(&unsigned, signatures)).map(Sent::Nothing);
    };
    let raw = TxRaw {
        body_bytes: unsigned.body.encode_to_vec(),
        auth_info_bytes: unsigned.auth_info.encode_to_vec(),
        signatures,
    };
    Ok(Sent::Response(Box::new(broadcast(flags, node, raw).await?)))
}

/// Refuses flags that say otherwise than what was signed, a payer that signed without the fee, and messages that act for
/// the payer.
fn agrees(flags: &TxFlags, payer: &Signer, signed: &Signed) -> Result<()> {
    if signed.address == payer.address {
        return Err(Failure::Usage(format!(
            "fee payer {} cannot sign with SIGN_MODE_DIRECT_AUX: unauthorized",
            payer.address
        )));
    }
    // The payer's signature covers the messages, too: it would consent to what a stranger says in its name.
    if signers(&signed.body, &AuthInfo::default())?.contains(&payer.address) {
        return Err(Failure::Usage(format!(
            "these messages act for {}, which only pays the fee: refused. If you want them, sign a file that \
             --generate-only made, with `tx sign`, as both accounts",
            payer.address
        )));
    }
    if flags
        .fee_payer
        .as_ref()
        .is_some_and(|other| *other != payer.address)
    {
        return Err(Failure::Usage(
            "the account of --from pays the fee: leave --fee-payer out".into(),
        ));
    }
    if !flags.memo.is_empty() && flags.memo != signed.body.memo {
        return Err(Failure::Usage(format!(
            "TxBuilder has memo {}, got {} in AuxSignerData",
            flags.memo, signed.body.memo
        )));
    }
    if flags.timeout_height != 0 && flags.timeout_height != signed.body.timeout_height {
        return Err(Failure::Usage(format!(
            "TxBuilder has timeout height {}, got {} in AuxSignerData",
            flags.timeout_height, signed.body.timeout_height
        )));
    }
    Ok(())
}
