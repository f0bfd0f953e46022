//! Envelopes that are wrong.

use prost::Message;
use quern_proto::cosmos::tx::v1beta1::TxRaw;

use crate::{TxBuilder, User};

/// What is done to a transaction when it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mangle {
    /// Nothing.
    None,
    /// The signature is for another chain.
    Chain,
    /// For a sequence that is this much ahead.
    Ahead(u64),
    /// For a sequence that was used.
    Behind,
    /// A bit of the signature is turned.
    Bit,
    /// No signature.
    Unsigned,
    /// The signature twice.
    Twice,
    /// A field that the body does not have.
    UnknownField,
    /// Cut off in the middle.
    Cut,
    /// Signed by somebody else.
    Stranger,
}

impl Mangle {
    /// Every kind once.
    pub const ALL: [Self; 10] = [
        Self::None,
        Self::Chain,
        Self::Ahead(5),
        Self::Behind,
        Self::Bit,
        Self::Unsigned,
        Self::Twice,
        Self::UnknownField,
        Self::Cut,
        Self::Stranger,
    ];

    /// The transaction's bytes, for an account of this number and sequence.
    pub fn sign(self, tx: &TxBuilder, user: &User, number: u64, sequence: u64) -> Vec<u8> {
        let mut tx = tx.clone();
        (tx.account_number, tx.sequence) = (number, sequence);
        let other = User::new("a stranger");
        let mut signer = user;
        match self {
            Self::Chain => tx.chain_id = "another-chain".into(),
            Self::Ahead(by) => tx.sequence += by,
            Self::Behind => tx.sequence = tx.sequence.saturating_sub(1),
            Self::UnknownField => tx.extra_body = vec![0xba, 0x06, 1, 0],
            Self::Stranger => signer = &other,
            _ => {}
        }
        let mut raw: TxRaw = tx.sign_raw(signer);
        match self {
            Self::Bit => raw.signatures[0][20] ^= 4,
            Self::Unsigned => raw.signatures.clear(),
            Self::Twice => raw.signatures.push(raw.signatures[0].clone()),
            _ => {}
        }
        let mut bytes = raw.encode_to_vec();
        if self == Self::Cut {
            bytes.truncate(bytes.len() / 2);
        }
        bytes
    }
}
