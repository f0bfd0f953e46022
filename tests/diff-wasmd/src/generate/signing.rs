//! Ways of signing: by one key directly, or as older wallets and Ledgers do, by some of a group's keys, by two accounts.

use prost::Message;
use quern_proto::cosmos::auth::v1beta1::BaseAccount;
use quern_proto::cosmos::crypto::multisig::{
    LegacyAminoPubKey,
    v1beta1::{CompactBitArray, MultiSignature},
};
use quern_proto::cosmos::crypto::secp256k1::PubKey;
use quern_proto::cosmos::tx::signing::v1beta1::SignMode;
use quern_proto::cosmos::tx::v1beta1::mode_info::{Multi, Single, Sum};
use quern_proto::cosmos::tx::v1beta1::{AuthInfo, ModeInfo, SignDoc, SignerInfo, TxRaw};
use quern_proto::{Any, amino};
use quern_testkit::{Genesis, Mangle, TxBuilder, User, any};
use quern_types::AccAddress;
use rand::Rng;

use super::{Draft, Generator};

/// Users whose groups have coins.
pub const GROUPS: usize = 20;
/// Keys of a group, and how many of them must sign.
const KEYS: usize = 3;
const NEEDED: u32 = 2;

/// How a transaction is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signing {
    /// By the user, in the mode of wallets.
    Direct,
    /// By the user, in that of Ledgers.
    Amino,
    /// By these keys of the user's group, whose address stands for the user's in every message.
    Group(Vec<usize>),
    /// By the user and by another, who has messages of its own in it.
    With(usize),
}

/// A group of a user: its own key and those of the next users.
fn group(users: &[User], user: usize) -> Vec<&User> {
    (0..KEYS)
        .map(|next| &users[(user + next) % users.len()])
        .collect()
}

/// Address of a user's group: a hash of its keys as amino writes them.
fn group_address(users: &[User], user: usize) -> AccAddress {
    let mut bytes = vec![0x22, 0xc1, 0xf7, 0xe2, 0x08, NEEDED as u8];
    for member in group(users, user) {
        bytes.extend([0x12, 38, 0xeb, 0x5a, 0xe9, 0x87, 33]);
        bytes.extend(member.public_key());
    }
    AccAddress::from_sha256(&bytes)
}

/// Gives groups accounts and coins.
pub fn fund_groups(genesis: Genesis, users: &[User]) -> Genesis {
    (0..GROUPS).fold(genesis, |genesis, user| {
        let address = group_address(users, user);
        genesis.state(|state| {
            state.auth.add_account(address.clone()).expect("a new account");
            let coins = "1000000000nqrn,1000000other".parse().expect("coins");
            state.bank.add_balance(&address, &coins).expect("supply fits");
        })
    })
}

fn key(user: &User) -> Any {
    any(&PubKey {
        key: user.public_key().to_vec(),
    })
}

fn single(mode: SignMode) -> ModeInfo {
    ModeInfo {
        sum: Some(Sum::Single(Single { mode: mode.into() })),
    }
}

/// A signer's part of a transaction, and the number of its account.
struct Signer {
    info: SignerInfo,
    number: u64,
}

impl Signer {
    fn new(key: Any, mode: ModeInfo, account: &BaseAccount) -> Self {
        Self {
            info: SignerInfo {
                public_key: Some(key),
                mode_info: Some(mode),
                sequence: account.sequence,
            },
            number: account.account_number,
        }
    }
}

/// What a signer signs; `None` for what amino has no form of.
fn document(tx: &TxBuilder, auth: &AuthInfo, signer: &Signer, mode: SignMode) -> Option<Vec<u8>> {
    if mode == SignMode::LegacyAminoJson {
        let signer = amino::Signer {
            chain_id: &tx.chain_id,
            account_number: signer.number,
            sequence: signer.info.sequence,
        };
        return Some(amino::sign_doc(signer, &tx.body, &tx.fee).ok()?.into_bytes());
    }
    let doc = SignDoc {
        body_bytes: tx.body.encode_to_vec(),
        auth_info_bytes: auth.encode_to_vec(),
        chain_id: tx.chain_id.clone(),
        account_number: signer.number,
    };
    Some(doc.encode_to_vec())
}

fn auth(tx: &TxBuilder, signers: &[Signer]) -> AuthInfo {
    AuthInfo {
        signer_infos: signers.iter().map(|signer| signer.info.clone()).collect(),
        fee: Some(tx.fee.clone()),
        ..AuthInfo::default()
    }
}

fn raw(tx: &TxBuilder, auth: &AuthInfo, signatures: Vec<Vec<u8>>) -> Vec<u8> {
    TxRaw {
        body_bytes: tx.body.encode_to_vec(),
        auth_info_bytes: auth.encode_to_vec(),
        signatures,
    }
    .encode_to_vec()
}

impl Draft {
    /// The signed bytes for a chain that has these accounts.
    pub fn signed(&self, users: &[User], account: impl Fn(&AccAddress) -> BaseAccount) -> Vec<u8> {
        let user = &users[self.user];
        let (tx, direct) = (&self.tx, SignMode::Direct);
        let signed = match &self.signing {
            _ if self.mangle != Mangle::None => None,
            Signing::Direct => None,
            Signing::Amino => {
                let mode = SignMode::LegacyAminoJson;
                let signer = Signer::new(key(user), single(mode), &account(&user.address()));
                let signers = [signer];
                let auth = auth(tx, &signers);
                document(tx, &auth, &signers[0], mode).map(|doc| raw(tx, &auth, vec![user.sign(&doc)]))
            }
            Signing::Group(who) => self.by_group(users, who, &account),
            Signing::With(other) => {
                let both = [user, &users[*other]];
                let signers =
                    both.map(|user| Signer::new(key(user), single(direct), &account(&user.address())));
                let auth = auth(tx, &signers);
                let sign = |(user, signer): (&User, &Signer)| {
                    document(tx, &auth, signer, direct).map(|doc| user.sign(&doc))
                };
                let signatures: Option<Vec<_>> = both.into_iter().zip(&signers).map(sign).collect();
                signatures.map(|signatures| raw(tx, &auth, signatures))
            }
        };
        signed.unwrap_or_else(|| {
            let account = account(&user.address());
            self.mangle
                .sign(tx, user, account.account_number, account.sequence)
        })
    }

    fn by_group(
        &self,
        users: &[User],
        who: &[usize],
        account: &impl Fn(&AccAddress) -> BaseAccount,
    ) -> Option<Vec<u8>> {
        let (members, address) = (group(users, self.user), group_address(users, self.user));
        let mode = SignMode::LegacyAminoJson;
        let mut tx = self.tx.clone();
        let names = (users[self.user].address().to_string(), address.to_string());
        for message in &mut tx.body.messages {
            replace(&mut message.value, names.0.as_bytes(), names.1.as_bytes());
        }
        let bits = who.iter().fold(0_u8, |bits, place| bits | 0x80 >> place);
        let mode_info = ModeInfo {
            sum: Some(Sum::Multi(Multi {
                bitarray: Some(CompactBitArray {
                    extra_bits_stored: u32::try_from(KEYS).expect("few keys"),
                    elems: vec![bits],
                }),
                mode_infos: who.iter().map(|_| single(mode)).collect(),
            })),
        };
        let keys = any(&LegacyAminoPubKey {
            threshold: NEEDED,
            public_keys: members.iter().map(|user| key(user)).collect(),
        });
        let signers = [Signer::new(keys, mode_info, &account(&address))];
        let auth = auth(&tx, &signers);
        let doc = document(&tx, &auth, &signers[0], mode)?;
        let signatures = who.iter().map(|place| members[*place].sign(&doc)).collect();
        Some(raw(
            &tx,
            &auth,
            vec![MultiSignature { signatures }.encode_to_vec()],
        ))
    }
}

/// Writes an address over another of the same length.
fn replace(bytes: &mut [u8], from: &[u8], to: &[u8]) {
    assert_eq!(from.len(), to.len());
    for at in 0..bytes.len().saturating_sub(from.len() - 1) {
        if bytes[at..].starts_with(from) {
            bytes[at..at + to.len()].copy_from_slice(to);
        }
    }
}

impl Generator {
    /// How a user signs: mostly as wallets do.
    pub(super) fn signing(&mut self, user: usize) -> Signing {
        match self.rng.gen_range(0..40) {
            0..=9 => Signing::Amino,
            10 | 11 if self.known.roles.operators == 0 && user < GROUPS => {
                let of = [[0, 1], [0, 2], [1, 2]];
                let mut who = of[self.rng.gen_range(0..of.len())].to_vec();
                match self.rng.gen_range(0..8) {
                    0 => who.truncate(1),
                    1 => who = vec![0, 1, 2],
                    _ => {}
                }
                Signing::Group(who)
            }
            _ => Signing::Direct,
        }
    }

    /// Makes some transactions those of two, of whom the other sends nothing else in the block.
    pub(super) fn pair(&mut self, drafts: &mut [Draft], others: Vec<usize>) {
        let mut others = others.into_iter();
        for draft in drafts {
            if !self.rng.gen_bool(0.04) || draft.mangle != Mangle::None || draft.tx.body.messages.is_empty() {
                continue;
            }
            let Some(other) = others.next() else {
                return;
            };
            let (_, messages) = self.messages(other);
            draft.tx.body.messages.extend(messages);
            draft.signing = Signing::With(other);
        }
    }
}
