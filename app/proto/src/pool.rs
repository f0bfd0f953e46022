//! The descriptors of the whole profile, for reflection and for checks by field number.

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

/// Encoded `google.protobuf.FileDescriptorSet` of the whole profile.
pub static DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.binpb"));

static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
    // The bytes are fixed at build time and a test decodes them; an empty pool refuses every type.
    DescriptorPool::decode(DESCRIPTORS).unwrap_or_default()
});

/// The decoded descriptors.
pub fn pool() -> &'static DescriptorPool {
    &POOL
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::cosmwasm::wasm::v1::MsgPinCodes;

    #[test]
    fn lists_of_numbers_are_read_in_both_forms_and_written_packed() {
        let packed = [0x12, 2, 1, 2];
        let one_by_one = [0x10, 1, 0x10, 2];
        for bytes in [&packed, &one_by_one] {
            let pin = MsgPinCodes::decode(bytes.as_slice()).unwrap();
            assert_eq!(pin.code_ids, [1, 2]);
            assert_eq!(pin.encode_to_vec(), packed);
            let kind = pool()
                .get_message_by_name("cosmwasm.wasm.v1.MsgPinCodes")
                .unwrap();
            let pin = prost_reflect::DynamicMessage::decode(kind, bytes.as_slice()).unwrap();
            assert_eq!(pin.encode_to_vec(), packed);
        }
    }

    #[test]
    fn the_profile_is_sdk_0_53() {
        let body = pool().get_message_by_name("cosmos.tx.v1beta1.TxBody").unwrap();
        assert_eq!(body.get_field(4).unwrap().name(), "unordered");
        assert_eq!(body.get_field(5).unwrap().name(), "timeout_timestamp");
        assert!(
            pool()
                .get_message_by_name("cosmwasm.wasm.v1.MsgStoreAndMigrateContract")
                .is_some()
        );
        // as Go writes it, though it has options
        let pin = pool()
            .get_message_by_name("cosmwasm.wasm.v1.MsgPinCodes")
            .unwrap();
        assert!(pin.get_field_by_name("code_ids").unwrap().is_packed());
        // the numbers that clients read, not those of wasmd before 0.61.5
        let info = pool()
            .get_message_by_name("cosmwasm.wasm.v1.ContractInfo")
            .unwrap();
        assert_eq!(info.get_field(7).unwrap().name(), "extension");
        assert_eq!(info.get_field(8).unwrap().name(), "ibc2_port_id");
    }
}
