//! The bytes that a signature in mode DIRECT covers.

use prost::Message;
use quern_proto::cosmos::tx::v1beta1::SignDoc;

/// Encodes the sign document over the transaction's original bytes.
pub(super) fn direct(body: &[u8], auth_info: &[u8], chain_id: &str, account_number: u64) -> Vec<u8> {
    SignDoc {
        body_bytes: body.to_vec(),
        auth_info_bytes: auth_info.to_vec(),
        chain_id: chain_id.to_owned(),
        account_number,
    }
    .encode_to_vec()
}
