//! `quernd tx sign` and `tx sign-batch`: signatures for transactions in files.

use std::path::Path;

use quern_proto::cosmos::tx::{
    signing::v1beta1::{
        SignatureDescriptor, SignatureDescriptors,
        signature_descriptor::{
            Data,
            data::{Single, Sum},
        },
    },
    v1beta1::{AuthInfo, SignerInfo, mode_info},
};
use quern_types::AccAddress;

use super::{
    TxFlags, append,
    factory::{Account, account},
    file::{self, Document, FileArg, Parts},
    flags::Mode,
    send,
    sign_doc::{Facts, bytes_to_sign},
    signer::Signer,
    signers::signers,
};
use crate::{Failure, Result, SigningKey, failure::usage, json, keys::read_all, public_key::PublicKey};

/// What `tx sign` and `tx sign-batch` do with a signature.
#[derive(Clone, Debug, clap::Args)]
pub struct Manner {
    /// Sign for this multisig account, by its name or address: prints the signature alone, for `tx multisign`
    #[arg(long, value_name = "KEY")]
    pub multisig: Option<String>,
    /// Print the signature alone
    #[arg(long)]
    pub signature_only: bool,
    /// Drop the signatures that the file has
    #[arg(long)]
    pub overwrite: bool,
    /// Where to.
    #[command(flatten)]
    pub document: Document,
}

/// Arguments of `tx sign`.
#[derive(Clone, Debug, clap::Args)]
pub struct SignArgs {
    /// Transaction.
    #[command(flatten)]
    pub file: FileArg,
    /// How.
    #[command(flatten)]
    pub manner: Manner,
}

/// Arguments of `tx sign-batch`.
#[derive(Clone, Debug, clap::Args)]
pub struct BatchArgs {
    /// Files with a transaction in JSON on each line; `-` for standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<std::path::PathBuf>,
    /// Sign one transaction with the messages, fees and gas of them all
    #[arg(long)]
    pub append: bool,
    /// How.
    #[command(flatten)]
    pub manner: Manner,
}

/// Who signs, for which account, on which chain.
struct Desk<'a> {
    manner: &'a Manner,
    signer: Signer,
    key: SigningKey,
    /// The account whose coins move: the signer's, or the multisig account.
    address: AccAddress,
    mode: Mode,
    chain_id: String,
    account: Account,
}

/// Signs and prints the signed transaction, or its signature.
pub(crate) async fn sign(flags: &TxFlags, home: &Path, args: &SignArgs) -> Result<String> {
    let tx = file::read(&args.file)?;
    let desk = Desk::open(flags, home, &args.manner).await?;
    args.manner.document.write(desk.sign(tx, 0)?)
}

/// Signs one after the other, with sequences that follow each other, and prints each on a line.
pub(crate) async fn sign_batch(flags: &TxFlags, home: &Path, args: &BatchArgs) -> Result<String> {
    let mut txs = Vec::new();
    for path in &args.files {
        txs.extend(lines(path)?);
    }
    if args.append {
        txs = vec![append::all(flags, txs)?];
    }
    let desk = Desk::open(flags, home, &args.manner).await?;
    let signed = (0_u64..).zip(txs).map(|(nth, tx)| desk.sign(tx, nth));
    args.manner
        .document
        .write(signed.collect::<Result<Vec<_>>>()?.join("\n"))
}

/// The transactions of a file with one on each line.
pub(crate) fn lines(path: &Path) -> Result<Vec<Parts>> {
    let text = String::from_utf8(read_all(path)?).map_err(usage)?;
    let written = text
        .lines()
        .zip(1_usize..)
        .filter(|(line, _)| !line.trim().is_empty());
    let read = written.map(|(line, number)| {
        file::parse(line).map_err(|e| Failure::Usage(format!("{}, line {number}: {e}", path.display())))
    });
    read.collect()
}

impl<'a> Desk<'a> {
    async fn open(flags: &TxFlags, home: &Path, manner: &'a Manner) -> Result<Self> {
        let signer = flags.signer(home)?;
        let address = match &manner.multisig {
            None => signer.address.clone(),
            Some(name) => multisig(flags, home, name, &signer)?,
        };
        let mode = match (&manner.multisig, flags.sign_mode) {
            (None, _) => flags.mode(),
            (Some(_), None | Some(Mode::AminoJson)) => Mode::AminoJson,
            (Some(_), Some(Mode::Direct)) => {
                return Err(Failure::Usage(
                    "members of a multisig account sign with --sign-mode amino-json: in direct mode each signature \
                     would cover who else signs"
                        .into(),
                ));
            }
            (Some(_), Some(Mode::DirectAux)) => {
                return Err(Failure::Usage(
                    "members of a multisig account sign with --sign-mode amino-json".into(),
                ));
            }
        };
        let chain_id = flags.chain(home)?;
        let node = match flags.offline {
            true => None,
            false => Some(flags.node.connect(home)?),
        };
        if let Some(node) = &node {
            send::same_chain(node, &chain_id).await?;
        }
        let account = account(flags, node.as_ref(), &address).await?;
        let key = signer.unlock(flags)?;
        Ok(Self {
            manner,
            signer,
            key,
            address,
            mode,
            chain_id,
            account,
        })
    }

    /// Signs the `nth` transaction of a batch.
    fn sign(&self, tx: Parts, nth: u64) -> Result<String> {
        let (body, mut auth_info, mut signatures) = tx;
        let order = signers(&body, &auth_info)?;
        if !order.contains(&self.address) {
            let expected: Vec<_> = order.iter().map(ToString::to_string).collect();
            return Err(Failure::Usage(format!(
                "tx intended signer does not match the given signer: {} (expected {})",
                self.address,
                expected.join(", ")
            )));
        }
        let sequence = self.account.sequence.checked_add(nth);
        let sequence = sequence.ok_or_else(|| Failure::Usage("--sequence is out of range".into()))?;
        let public = self.signer.public();
        let facts = Facts {
            chain_id: &self.chain_id,
            account_number: self.account.number,
            sequence,
            key: public.as_ref(),
        };
        if self.manner.multisig.is_some() {
            // the document in amino JSON covers no signers, so it is the same for all members
            let signature = self
                .key
                .sign(&bytes_to_sign(self.mode, facts, &body, &auth_info)?);
            return self.alone(signature, sequence);
        }
        if self.manner.overwrite {
            auth_info.signer_infos.clear();
            signatures.clear();
        }
        let info = self.signer.info(self.mode, sequence);
        let place = place(&mut auth_info, &mut signatures, &order, info)?;
        let signature = self
            .key
            .sign(&bytes_to_sign(self.mode, facts, &body, &auth_info)?);
        if self.manner.signature_only {
            return self.alone(signature, sequence);
        }
        if let Some(slot) = signatures.get_mut(place) {
            *slot = signature;
        }
        file::print((body, auth_info, signatures))
    }

    /// The signature without its transaction, in the SDK's JSON.
    fn alone(&self, signature: Vec<u8>, sequence: u64) -> Result<String> {
        let single = Single {
            mode: self.mode.wire().into(),
            signature,
        };
        json::print(&SignatureDescriptors {
            signatures: vec![SignatureDescriptor {
                public_key: self.signer.public().map(|key| key.to_any()),
                data: Some(Data {
                    sum: Some(Sum::Single(single)),
                }),
                sequence,
            }],
        })
    }
}

/// The address of `--multisig`; where the keyring has its key, the signer must be a member.
fn multisig(flags: &TxFlags, home: &Path, name: &str, signer: &Signer) -> Result<AccAddress> {
    match (flags.keyring(home).find(name), AccAddress::from_bech32(name)) {
        (Ok((_, file)), _) => {
            let is_member = match (file.public()?, signer.public()) {
                (PublicKey::Multi { keys, .. }, Some(PublicKey::Single(key))) => keys.contains(&key),
                _ => false,
            };
            if !is_member {
                return Err(Failure::Usage(format!(
                    "{} is no member of the multisig account {name}",
                    signer.address
                )));
            }
            AccAddress::from_bech32(&file.address).map_err(usage)
        }
        (Err(_), Ok(address)) => Ok(address),
        (Err(e), Err(_)) => Err(e),
    }
}

/// Puts a signer among those that the transaction has, in the order in which signatures are expected, and says
/// where; its signature is left empty.
pub(crate) fn place(
    auth_info: &mut AuthInfo,
    signatures: &mut Vec<Vec<u8>>,
    order: &[AccAddress],
    info: SignerInfo,
) -> Result<usize> {
    if auth_info.signer_infos.len() != signatures.len() {
        // a list of signers without their signatures, as some programs make it, says nothing yet
        auth_info.signer_infos.clear();
        signatures.clear();
    }
    let rank = |info: &SignerInfo| {
        let key = info
            .public_key
            .as_ref()
            .and_then(|any| PublicKey::from_any(any).ok());
        key.and_then(|key| order.iter().position(|address| *address == key.address()))
            .unwrap_or(usize::MAX)
    };
    let own = rank(&info);
    let others = std::mem::take(&mut auth_info.signer_infos);
    let mut pairs: Vec<_> = others
        .into_iter()
        .zip(std::mem::take(signatures))
        .filter(|(other, _)| rank(other) != own)
        .collect();
    if pairs.iter().any(|(other, _)| is_direct(other)) {
        return Err(Failure::Usage(
            "txs signed with CLI can have maximum 1 DIRECT signer, and that one signs last: let the others sign with \
             --sign-mode amino-json first, or use --overwrite"
                .into(),
        ));
    }
    pairs.push((info, Vec::new()));
    pairs.sort_by_key(|(info, _)| rank(info));
    let place = pairs.iter().position(|(info, _)| rank(info) == own);
    (auth_info.signer_infos, *signatures) = pairs.into_iter().unzip();
    place.ok_or_else(|| Failure::Usage("the signer has no place in the transaction".into()))
}

fn is_direct(info: &SignerInfo) -> bool {
    let mode = info.mode_info.as_ref().and_then(|mode| mode.sum.as_ref());
    matches!(mode, Some(mode_info::Sum::Single(single)) if Mode::from_wire(single.mode) == Some(Mode::Direct))
}
