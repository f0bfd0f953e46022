//! The beacon transaction: an ordinary `TxRaw` without messages, signers and signatures, whose memo is
//! the preimage in lower-case hexadecimal and whose fee is present and empty, so that every explorer can
//! decode the block. It has exactly one encoding, and only that one is recognised.

use crate::hash::Hash;

/// Field 1 of `TxRaw` (66 bytes of body), field 2 of `TxBody` (64 characters of memo).
const HEAD: [u8; 4] = [0x0a, 0x42, 0x12, 0x40];
/// Field 2 of `TxRaw` (2 bytes of auth info), field 2 of `AuthInfo` (an empty fee).
const TAIL: [u8; 4] = [0x12, 0x02, 0x12, 0x00];

/// Bytes of a beacon transaction.
pub const SIZE: usize = 72;

/// The transaction that reveals a preimage.
pub fn encode(preimage: &Hash) -> Vec<u8> {
    [&HEAD, hex::encode(preimage).as_bytes(), &TAIL].concat()
}

/// The preimage of a beacon transaction; `None` for any other bytes.
pub fn decode(tx: &[u8]) -> Option<Hash> {
    let memo = tx.strip_prefix(&HEAD)?.strip_suffix(&TAIL)?;
    let mut preimage = Hash::default();
    hex::decode_to_slice(memo, &mut preimage).ok()?;
    // hexadecimal may be upper-case, this transaction may not
    (!memo.iter().any(u8::is_ascii_uppercase)).then_some(preimage)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;
    use quern_proto::cosmos::tx::v1beta1::{AuthInfo, Fee, TxBody, TxRaw};

    use super::*;

    /// What a protobuf library makes of the same content.
    fn by_library(memo: &str) -> Vec<u8> {
        let body = TxBody {
            memo: memo.to_owned(),
            ..Default::default()
        };
        let auth_info = AuthInfo {
            fee: Some(Fee::default()),
            ..Default::default()
        };
        TxRaw {
            body_bytes: body.encode_to_vec(),
            auth_info_bytes: auth_info.encode_to_vec(),
            signatures: Vec::new(),
        }
        .encode_to_vec()
    }

    proptest! {
        #[test]
        fn it_is_what_a_protobuf_library_writes(preimage: Hash) {
            let tx = encode(&preimage);
            prop_assert_eq!(tx.len(), SIZE);
            prop_assert_eq!(&tx, &by_library(&hex::encode(preimage)));
            prop_assert_eq!(decode(&tx), Some(preimage));
        }

        #[test]
        fn every_other_spelling_is_no_beacon_transaction(preimage: Hash, at in 0..SIZE, bit in 0u8..8) {
            let mut tx = encode(&preimage);
            tx[at] ^= 1 << bit;
            if let Some(other) = decode(&tx) {
                prop_assert_ne!(other, preimage);
                prop_assert_eq!(encode(&other), tx);
            }
        }

        #[test]
        fn no_bytes_stop_the_decoder(tx: Vec<u8>) {
            prop_assert!(decode(&tx).is_none_or(|preimage| encode(&preimage) == tx));
        }
    }

    #[test]
    fn upper_case_is_refused() {
        assert_eq!(decode(&by_library(&"AB".repeat(32))), None);
        assert_eq!(decode(&by_library(&"ab".repeat(32))), Some([0xab; 32]));
    }

    #[test]
    fn clients_decode_it_as_an_ordinary_transaction() {
        let tx = cosmrs::Tx::from_bytes(&encode(&[0xab; 32])).unwrap();
        assert_eq!(tx.body.memo, "ab".repeat(32));
        assert!(tx.body.messages.is_empty() && tx.auth_info.signer_infos.is_empty());
        assert!(tx.signatures.is_empty() && tx.auth_info.fee.amount.is_empty());
        assert_eq!(tx.auth_info.fee.gas_limit, 0);
    }
}
