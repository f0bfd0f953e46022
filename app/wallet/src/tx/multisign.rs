//! `quernd tx multisign`: the signatures of a multisig account's members become the account's.

use std::path::{Path, PathBuf};

use prost::Message;
use quern_proto::cosmos::{
    crypto::multisig::v1beta1::{CompactBitArray, MultiSignature},
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
    factory::{Account, account},
    file::{self, Document, FileArg, Parts},
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

/// A signature of a file, with the file's name.
pub(crate) type Found = (String, SignatureDescriptor);

/// Joins signatures and prints the signed transaction.
pub(crate) async fn multisign(flags: &TxFlags, home: &Path, args: &MultisignArgs) -> Result<String> {
    let tx = file::read(&args.file)?;
    let manner = Manner {
        signature_only: args.signature_only,
        unchecked: args.skip_signature_verification,
    };
    let joint = Joint::open(flags, home, &args.name, manner).await?;
    let mut found = Vec::new();
    for path in &args.signatures {
        let text = String::from_utf8(read_all(path)?).map_err(usage)?;
        found.extend(descriptors(path, &text)?);
    }
    args.document
        .write(joint.join(tx, joint.account.sequence, found)?)
}

/// The signatures in a text of a file.
pub(crate) fn descriptors(path: &Path, text: &str) -> Result<Vec<Found>> {
    let name = path.display().to_string();
    let found: SignatureDescriptors =
        json::parse(text).map_err(|e| Failure::Usage(format!("{name}: {e}")))?;
    let signatures = found.signatures.into_iter();
    Ok(signatures.map(|signature| (name.clone(), signature)).collect())
}

/// What becomes of joined signatures.
#[derive(Clone, Copy)]
pub(crate) struct Manner {
    /// Print them without their transaction.
    pub signature_only: bool,
    /// Take them as they are.
    pub unchecked: bool,
}

/// A multisig account whose members have signed.
pub(crate) struct Joint {
    name: String,
    public: PublicKey,
    manner: Manner,
    chain_id: String,
    /// The account on the chain.
    pub account: Account,
}

impl Joint {
    /// Finds the account's key and where it stands.
    pub(crate) async fn open(flags: &TxFlags, home: &Path, name: &str, manner: Manner) -> Result<Self> {
        let (_, stored) = flags.keyring(home).find(name)?;
        let public = stored.public()?;
        if !matches!(public, PublicKey::Multi { .. }) {
            return Err(Failure::Usage(format!("{name} is no multisig key")));
        }
        let chain_id = match manner.unchecked && flags.offline {
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
        let account = account(flags, node.as_ref(), &public.address()).await?;
        Ok(Self {
            name: name.to_owned(),
            public,
            manner,
            chain_id,
            account,
        })
    }

    /// The signed transaction, or its signature.
    pub(crate) fn join(&self, tx: Parts, sequence: u64, found: Vec<Found>) -> Result<String> {
        let (body, mut auth_info, mut signatures) = tx;
        let PublicKey::Multi { threshold, keys } = &self.public else {
            return Err(Failure::Usage(format!("{} is no multisig key", self.name)));
        };
        let address = self.public.address();
        let order = signers(&body, &auth_info)?;
        if !order.contains(&address) {
            return Err(Failure::Usage(format!(
                "tx intended signer does not match the given signer: {address}"
            )));
        }
        let facts = Facts {
            chain_id: &self.chain_id,
            account_number: self.account.number,
            sequence,
            key: None,
        };
        let mut parts: Vec<Option<Part>> = keys.iter().map(|_| None).collect();
        for (file, descriptor) in found {
            let named = |e: Failure| Failure::Usage(format!("{file}: {e}"));
            let (key, part) = read_part(&descriptor).map_err(named)?;
            let slot = keys
                .iter()
                .zip(&mut parts)
                .find_map(|(known, slot)| (*known == key).then_some(slot));
            let slot = slot.ok_or_else(|| {
                named(Failure::Usage(format!(
                    "{} is no member of {}",
                    AccAddress::from_secp256k1(&key),
                    self.name
                )))
            })?;
            if !self.manner.unchecked {
                verify(&key, &part, facts, &body, &auth_info).map_err(named)?;
            }
            *slot = Some(part);
        }
        let signed: Vec<(usize, Part)> = (0..)
            .zip(parts)
            .filter_map(|(i, part)| part.map(|part| (i, part)))
            .collect();
        if signed.len() < usize::try_from(*threshold).unwrap_or(usize::MAX) {
            return Err(Failure::Usage(format!(
                "{} of the {threshold} signatures that {} needs are given",
                signed.len(),
                self.name
            )));
        }
        let bits = bits(keys.len(), signed.iter().map(|(i, _)| *i));
        let info = SignerInfo {
            public_key: Some(self.public.to_any()),
            mode_info: Some(ModeInfo {
                sum: Some(mode_info::Sum::Multi(mode_info::Multi {
                    bitarray: Some(bits.clone()),
                    mode_infos: signed.iter().map(|(_, part)| single(part.mode)).collect(),
                })),
            }),
            sequence,
        };
        if self.manner.signature_only {
            return alone(info, bits, signed);
        }
        let place = place(&mut auth_info, &mut signatures, &order, info)?;
        let together = MultiSignature {
            signatures: signed.into_iter().map(|(_, part)| part.signature).collect(),
        };
        if let Some(slot) = signatures.get_mut(place) {
            *slot = together.encode_to_vec();
        }
        file::print((body, auth_info, signatures))
    }
}

/// The joined signatures without their transaction, in the SDK's JSON.
fn alone(info: SignerInfo, bits: CompactBitArray, signed: Vec<(usize, Part)>) -> Result<String> {
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
    json::print(&SignatureDescriptors {
        signatures: vec![SignatureDescriptor {
            public_key: info.public_key,
            data: Some(data),
            sequence: info.sequence,
        }],
    })
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
