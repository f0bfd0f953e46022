use prost_reflect::{DynamicMessage, MessageDescriptor};

/// The message type that a type URL names.
pub(crate) fn resolve(type_url: &str) -> Option<MessageDescriptor> {
    let name = type_url.rsplit('/').next().unwrap_or_default();
    quern_proto::pool().get_message_by_name(name)
}

/// Type URL and bytes of a `google.protobuf.Any`.
pub(super) fn parts(any: &DynamicMessage) -> (String, Vec<u8>) {
    let url = any.get_field_by_number(1);
    let url = url.as_ref().and_then(|value| value.as_str()).unwrap_or_default();
    let value = any.get_field_by_number(2);
    let value = value.as_ref().and_then(|value| value.as_bytes());
    (
        url.to_owned(),
        value.map(|value| value.to_vec()).unwrap_or_default(),
    )
}
