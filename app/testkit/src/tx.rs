//! A transaction in the making.

use prost::Message;
use quern_proto::{
    Any,
    cosmos::{
        crypto::secp256k1::PubKey,
        tx::{
            signing::v1beta1::SignMode,
            v1beta1::{
                AuthInfo, Fee, ModeInfo, SignDoc, SignerInfo, TxBody, TxRaw,
                mode_info::{Single, Sum},
            },
        },
    },
};

use crate::{CHAIN_ID, User, any, coins};

/// A transaction in the making, signed in SIGN_MODE_DIRECT. Every part can be made wrong.
#[derive(Clone, Debug)]
pub struct TxBuilder {
    /// Messages, memo, time-out.
    pub body: TxBody,
    /// Fee.
    pub fee: Fee,
    /// Chain that the signature is for.
    pub chain_id: String,
    /// Account number that the signature is for.
    pub account_number: u64,
    /// Sequence.
    pub sequence: u64,
    /// Bytes appended to the encoded body before it is signed.
    pub extra_body: Vec<u8>,
}

impl TxBuilder {
    /// A transaction without messages and fee, with a million gas.
    pub fn new(account_number: u64, sequence: u64) -> Self {
        Self {
            body: TxBody::default(),
            fee: Fee {
                gas_limit: 1_000_000,
                ..Default::default()
            },
            chain_id: CHAIN_ID.into(),
            account_number,
            sequence,
            extra_body: Vec::new(),
        }
    }

    /// Appends a message.
    #[must_use]
    pub fn message(mut self, message: Any) -> Self {
        self.body.messages.push(message);
        self
    }

    /// Sets the fee, such as `100nqrn`.
    #[must_use]
    pub fn fee(mut self, amount: &str) -> Self {
        self.fee.amount = coins(amount);
        self
    }

    /// Sets the gas limit.
    #[must_use]
    pub fn gas(mut self, limit: u64) -> Self {
        self.fee.gas_limit = limit;
        self
    }

    /// Sets the memo.
    #[must_use]
    pub fn memo(mut self, memo: &str) -> Self {
        self.body.memo = memo.into();
        self
    }

    /// Sets the sequence.
    #[must_use]
    pub fn sequence(mut self, sequence: u64) -> Self {
        self.sequence = sequence;
        self
    }

    /// Changes the body in any way.
    #[must_use]
    pub fn body(mut self, change: impl FnOnce(&mut TxBody)) -> Self {
        change(&mut self.body);
        self
    }

    /// What the user signs, as the wire's three parts.
    pub fn sign_raw(&self, user: &User) -> TxRaw {
        let signer = SignerInfo {
            public_key: Some(any(&PubKey {
                key: user.public_key().to_vec(),
            })),
            mode_info: Some(ModeInfo {
                sum: Some(Sum::Single(Single {
                    mode: SignMode::Direct.into(),
                })),
            }),
            sequence: self.sequence,
        };
        let auth_info = AuthInfo {
            signer_infos: vec![signer],
            fee: Some(self.fee.clone()),
            ..Default::default()
        };
        let doc = SignDoc {
            body_bytes: [self.body.encode_to_vec(), self.extra_body.clone()].concat(),
            auth_info_bytes: auth_info.encode_to_vec(),
            chain_id: self.chain_id.clone(),
            account_number: self.account_number,
        };
        let signature = user.sign(&doc.encode_to_vec());
        TxRaw {
            body_bytes: doc.body_bytes,
            auth_info_bytes: doc.auth_info_bytes,
            signatures: vec![signature],
        }
    }

    /// The signed bytes.
    pub fn sign(&self, user: &User) -> Vec<u8> {
        self.sign_raw(user).encode_to_vec()
    }
}
