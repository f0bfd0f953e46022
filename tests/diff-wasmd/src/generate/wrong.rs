//! Envelopes that are wrong.

use prost::Message;
use quern_proto::Any;
use quern_proto::cosmos::tx::v1beta1::TxRaw;
use quern_testkit::{GENESIS_TIME, TxBuilder, User};
use rand::Rng;

use super::Generator;

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

impl Generator {
    /// Mostly nothing; changes the body where the fault is there.
    pub(super) fn mangle(&mut self, tx: &mut TxBuilder) -> Mangle {
        match self.rng.gen_range(0..120) {
            0 => Mangle::Chain,
            1 => Mangle::Ahead(self.rng.gen_range(1..3)),
            2 => Mangle::Behind,
            3 => Mangle::Bit,
            4 => Mangle::Unsigned,
            5 => Mangle::Twice,
            6 => Mangle::UnknownField,
            7 => Mangle::Cut,
            8 => Mangle::Stranger,
            9 => {
                tx.fee.gas_limit = self.rng.gen_range(0..3_000);
                Mangle::None
            }
            10 => {
                tx.body.memo = "m".repeat(self.rng.gen_range(250..270));
                Mangle::None
            }
            11 => {
                tx.body.timeout_height = self.rng.gen_range(1..400);
                Mangle::None
            }
            12 => {
                tx.body.unordered = true;
                Mangle::None
            }
            13 => {
                tx.body.messages.clear();
                Mangle::None
            }
            14 => {
                let unknown = Any {
                    type_url: "/no.such.Msg".into(),
                    value: vec![8, 1],
                };
                tx.body.messages.push(unknown);
                Mangle::None
            }
            15 => {
                tx.body.extension_options.push(Any::default());
                Mangle::None
            }
            16 => {
                tx.fee.granter = self.address();
                Mangle::None
            }
            17 => {
                tx.fee.payer = self.address();
                Mangle::None
            }
            18 => {
                tx.body.timeout_timestamp = Some(prost_types::Timestamp {
                    seconds: GENESIS_TIME + 10,
                    nanos: 0,
                });
                Mangle::None
            }
            19..=22 => {
                tx.fee.granter = self.someone();
                Mangle::None
            }
            _ => Mangle::None,
        }
    }
}

/// The transaction's bytes, for an account of this number and sequence.
pub fn sign(tx: &TxBuilder, mangle: Mangle, user: &User, number: u64, sequence: u64) -> Vec<u8> {
    let mut tx = tx.clone();
    (tx.account_number, tx.sequence) = (number, sequence);
    let other = User::new("a stranger");
    let mut signer = user;
    match mangle {
        Mangle::Chain => tx.chain_id = "another-chain".into(),
        Mangle::Ahead(by) => tx.sequence += by,
        Mangle::Behind => tx.sequence = tx.sequence.saturating_sub(1),
        Mangle::UnknownField => tx.extra_body = vec![0xba, 0x06, 1, 0],
        Mangle::Stranger => signer = &other,
        _ => {}
    }
    let mut raw: TxRaw = tx.sign_raw(signer);
    match mangle {
        Mangle::Bit => raw.signatures[0][20] ^= 4,
        Mangle::Unsigned => raw.signatures.clear(),
        Mangle::Twice => raw.signatures.push(raw.signatures[0].clone()),
        _ => {}
    }
    let mut bytes = raw.encode_to_vec();
    if mangle == Mangle::Cut {
        bytes.truncate(bytes.len() / 2);
    }
    bytes
}
