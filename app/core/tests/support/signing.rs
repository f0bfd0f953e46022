//! Signatures in every mode, put together by hand.

use prost::Message;
use quern_proto::{
    Any, amino,
    cosmos::{
        crypto::{
            multisig::{
                LegacyAminoPubKey,
                v1beta1::{CompactBitArray, MultiSignature},
            },
            secp256k1::PubKey,
        },
        tx::{
            signing::v1beta1::SignMode,
            v1beta1::{
                AuthInfo, Fee, ModeInfo, SignDoc, SignDocDirectAux, SignerInfo, TxBody, TxRaw,
                mode_info::{Multi, Single, Sum},
            },
        },
    },
};
use quern_testkit::{CHAIN_ID, User, any, coins};

/// The mode of a single signature.
pub fn single(mode: SignMode) -> ModeInfo {
    ModeInfo {
        sum: Some(Sum::Single(Single { mode: mode.into() })),
    }
}

/// A user's key on the wire.
pub fn key(user: &User) -> Any {
    any(&PubKey {
        key: user.public_key().to_vec(),
    })
}

/// Messages and a fee such as `10nqrn`, with a million gas.
pub fn parts(messages: Vec<Any>, fee: &str) -> (TxBody, Fee) {
    let body = TxBody {
        messages,
        ..Default::default()
    };
    let fee = Fee {
        amount: coins(fee),
        gas_limit: 1_000_000,
        ..Default::default()
    };
    (body, fee)
}

/// A signer's part, with the number of its account.
pub struct Signer {
    pub info: SignerInfo,
    pub number: u64,
}

impl Signer {
    pub fn new(key: Option<Any>, mode: ModeInfo, number: u64, sequence: u64) -> Self {
        let info = SignerInfo {
            public_key: key,
            mode_info: Some(mode),
            sequence,
        };
        Self { info, number }
    }
}

/// The bytes that a signer signs in a mode.
pub fn sign_bytes(mode: SignMode, body: &TxBody, auth: &AuthInfo, signer: &Signer) -> Vec<u8> {
    match mode {
        SignMode::LegacyAminoJson => {
            let signer = amino::Signer {
                chain_id: CHAIN_ID,
                account_number: signer.number,
                sequence: signer.info.sequence,
            };
            let doc = amino::sign_doc(signer, body, auth.fee.as_ref().unwrap()).unwrap();
            doc.into_bytes()
        }
        SignMode::DirectAux => SignDocDirectAux {
            body_bytes: body.encode_to_vec(),
            public_key: signer.info.public_key.clone(),
            chain_id: CHAIN_ID.into(),
            account_number: signer.number,
            sequence: signer.info.sequence,
            ..Default::default()
        }
        .encode_to_vec(),
        _ => SignDoc {
            body_bytes: body.encode_to_vec(),
            auth_info_bytes: auth.encode_to_vec(),
            chain_id: CHAIN_ID.into(),
            account_number: signer.number,
        }
        .encode_to_vec(),
    }
}

/// A transaction of one user in one mode.
pub fn in_mode(
    mode: SignMode,
    user: &User,
    (body, fee): (TxBody, Fee),
    number: u64,
    sequence: u64,
) -> Vec<u8> {
    let signer = Signer::new(Some(key(user)), single(mode), number, sequence);
    let auth = AuthInfo {
        signer_infos: vec![signer.info.clone()],
        fee: Some(fee),
        ..Default::default()
    };
    let signature = user.sign(&sign_bytes(mode, &body, &auth, &signer));
    raw(&body, &auth, vec![signature])
}

/// The encoded transaction.
pub fn raw(body: &TxBody, auth: &AuthInfo, signatures: Vec<Vec<u8>>) -> Vec<u8> {
    TxRaw {
        body_bytes: body.encode_to_vec(),
        auth_info_bytes: auth.encode_to_vec(),
        signatures,
    }
    .encode_to_vec()
}

/// A threshold key of users, in their order.
pub fn multisig_key(threshold: u32, users: &[&User]) -> Any {
    any(&LegacyAminoPubKey {
        threshold,
        public_keys: users.iter().map(|user| key(user)).collect(),
    })
}

/// A transaction of a multisig account, signed by `who` (indices into `users`) in `mode`.
pub fn by_multisig(
    mode: SignMode,
    (threshold, users): (u32, &[&User]),
    who: &[usize],
    (body, fee): (TxBody, Fee),
    number: u64,
    sequence: u64,
) -> Vec<u8> {
    let mut elems = vec![0u8; users.len().div_ceil(8)];
    for i in who {
        elems[i / 8] |= 0x80 >> (i % 8);
    }
    let mode_info = ModeInfo {
        sum: Some(Sum::Multi(Multi {
            bitarray: Some(CompactBitArray {
                extra_bits_stored: u32::try_from(users.len() % 8).unwrap(),
                elems,
            }),
            mode_infos: who.iter().map(|_| single(mode)).collect(),
        })),
    };
    let signer = Signer::new(Some(multisig_key(threshold, users)), mode_info, number, sequence);
    let auth = AuthInfo {
        signer_infos: vec![signer.info.clone()],
        fee: Some(fee),
        ..Default::default()
    };
    let bytes = sign_bytes(mode, &body, &auth, &signer);
    let signatures = who.iter().map(|i| users[*i].sign(&bytes)).collect();
    raw(&body, &auth, vec![MultiSignature { signatures }.encode_to_vec()])
}
