//! `quernd tx multisign`: the signatures of a multisig account's members become the account's.

use std::path::{Path, PathBuf};

use prost::Message;
use quern_proto::cosmos::{
    crypto::multisig::v1beta1::MultiSignature,
    tx::{
        signing::v1beta1::{
            SignatureDescriptor, SignatureDescriptors,
            signature_descriptor::{
                Data,
                data::{Multi, Single, Sum},
            },
        },
        v1beta1::{AuthInfo, ModeInfo, SignerInfo, TxBody, mode_info},
    },
};
use quern_types::AccAddress;

use super::{
    TxFlags,
    factory::account,
    file::{self, Document, FileArg},
    flags::Mode,
    send,
    sign::place,
    sign_doc::{Facts, sign_bytes},
    signer::{bits, single},
    signers::signers,
};
use crate::{Failure, Result, failure::usage, json, keys::read_all, public_key::PublicKey};

/// Arguments of `tx multisign`.
#[derive(Clone, Debug, clap::Args)]
pub struct MultisignArgs {
    /// Transaction.
    #[command(flatten)]
    pub file: FileArg,
    /// Name or address of the multisig key in the keyring
    pub name: String,
    /// Files with the members' signatures, as `tx sign --multisig` makes them
    #[arg(required = true, value_name = "SIGNATURE")]
    pub signatures: Vec<PathBuf>,
    /// Print the signature alone
    #[arg(long)]
    pub signature_only: bool,
    /// Do not check the signatures
    #[arg(long)]
    pub skip_signature_verification: bool,
    /// Where to.
    #[command(flatten)]
    pub document: Document,
}

/// One member's signature.
struct Part {
    mode: Mode,
    signature: Vec<u8>,
}

/// Joins signatures and prints the signed transaction.
pub(crate) async fn multisign(flags: &TxFlags, home: &Path, args: &MultisignArgs) -> Result<String> {
    let (body, mut auth_info, mut signatures) = file::read(&args.file)?;
    let (_, stored) = flags.keyring(home).find(&args.name)?;
    let public = stored.public()?;
    let PublicKey::Multi { threshold, keys } = &public else {
        return Err(Failure::Usage(format!("{} is no multisig key", args.name)));
    };
    let address = public.address();
    let order = signers(&body, &auth_info)?;
    if !order.contains(&address) {
        return Err(Failure::Usage(format!(
            "tx intended signer does not match the given signer: {address}"
        )));
    }
    let chain_id = match args.skip_signature_verification && flags.offline {
        true => String::new(),
        false => flags.chain(home)?,
    };
    let node = match flags.offline {
        true => None,
        false => Some(flags.node.connect(home)?),
    };
    if let Some(node) = &node {
        send::same_chain(node, &chain_id).await?;
    }
    let account = account(flags, node.as_ref(), &address).await?;
    let facts = Facts {
        chain_id: &chain_id,
        account_number: account.number,
        sequence: account.sequence,
    };

    let mut parts: Vec<Option<Part>> = keys.iter().map(|_| None).collect();
    for path in &args.signatures {
        let text = String::from_utf8(read_all(path)?).map_err(usage)?;
        let named = |e: Failure| Failure::Usage(format!("{}: {e}", path.display()));
        let found: SignatureDescriptors = json::parse(&text).map_err(named)?;
        for descriptor in &found.signatures {
            let (key, part) = read_part(descriptor).map_err(named)?;
            let slot = keys
                .iter()
                .zip(&mut parts)
                .find_map(|(known, slot)| (*known == key).then_some(slot));
            let slot = slot.ok_or_else(|| {
                named(Failure::Usage(format!(
                    "{} is no member of {}",
                    AccAddress::from_secp256k1(&key),
                    args.name
                )))
            })?;
            if !args.skip_signature_verification {
                verify(&key, &part, facts, &body, &auth_info).map_err(named)?;
            }
            *slot = Some(part);
        }
    }
    let signed: Vec<(usize, Part)> = (0..)
        .zip(parts)
        .filter_map(|(i, part)| part.map(|part| (i, part)))
        .collect();
    if signed.len() < usize::try_from(*threshold).unwrap_or(usize::MAX) {
        return Err(Failure::Usage(format!(
            "{} of the {threshold} signatures that {} needs are given",
            signed.len(),
            args.name
        )));
    }
    let bits = bits(keys.len(), signed.iter().map(|(i, _)| *i));
    let info = SignerInfo {
        public_key: Some(public.to_any()),
        mode_info: Some(ModeInfo {
            sum: Some(mode_info::Sum::Multi(mode_info::Multi {
                bitarray: Some(bits.clone()),
                mode_infos: signed.iter().map(|(_, part)| single(part.mode)).collect(),
            })),
        }),
        sequence: account.sequence,
    };
    if args.signature_only {
        let single = |(_, part): (usize, Part)| Data {
            sum: Some(Sum::Single(Single {
                mode: part.mode.wire().into(),
                signature: part.signature,
            })),
        };
        let data = Data {
            sum: Some(Sum::Multi(Multi {
                bitarray: Some(bits),
                signatures: signed.into_iter().map(single).collect(),
            })),
        };
        let alone = SignatureDescriptor {
            public_key: info.public_key,
            data: Some(data),
            sequence: account.sequence,
        };
        return args.document.write(json::print(&SignatureDescriptors {
            signatures: vec![alone],
        })?);
    }
    let place = place(&mut auth_info, &mut signatures, &order, info)?;
    let together = MultiSignature {
        signatures: signed.into_iter().map(|(_, part)| part.signature).collect(),
    };
    if let Some(slot) = signatures.get_mut(place) {
        *slot = together.encode_to_vec();
    }
    args.document.write(file::print((body, auth_info, signatures))?)
}

fn read_part(descriptor: &SignatureDescriptor) -> Result<([u8; 33], Part)> {
    let key = descriptor
        .public_key
        .as_ref()
        .map(PublicKey::from_any)
        .transpose()?;
    let data = descriptor.data.as_ref().and_then(|data| data.sum.as_ref());
    let (Some(PublicKey::Single(key)), Some(Sum::Single(single))) = (key, data) else {
        return Err(Failure::Usage("expected one key's signature".into()));
    };
    let mode = Mode::from_wire(single.mode).filter(|mode| *mode == Mode::AminoJson);
    let mode = mode.ok_or_else(|| {
        Failure::Usage("members of a multisig account sign in SIGN_MODE_LEGACY_AMINO_JSON".into())
    })?;
    let signature = single.signature.clone();
    Ok((key, Part { mode, signature }))
}

fn verify(key: &[u8; 33], part: &Part, facts: Facts<'_>, body: &TxBody, auth_info: &AuthInfo) -> Result<()> {
    let bytes = sign_bytes(part.mode, facts, body, auth_info)?;
    if PublicKey::Single(*key).verifies(&bytes, &part.signature) {
        return Ok(());
    }
    Err(Failure::Usage(format!(
        "couldn't verify signature for address {}: it is not for this transaction with chain id {}, account number {} \
         and sequence {}",
        AccAddress::from_secp256k1(key),
        facts.chain_id,
        facts.account_number,
        facts.sequence
    )))
}
