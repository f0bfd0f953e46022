//! Messages of any type in protobuf's JSON, as genesis documents hold them: names as in the files, defaults
//! written, 64-bit integers as strings, an `Any` inlined with `@type`.

use prost::Message;
use prost_reflect::{DynamicMessage, SerializeOptions};
use prost_types::Any;

use crate::pool;

/// An `Any` as JSON.
///
/// # Errors
/// For a type outside the descriptors, or bytes that are no such message.
pub fn from_any(any: &Any) -> Result<serde_json::Value, String> {
    let message =
        DynamicMessage::decode(descriptor()?, any.encode_to_vec().as_slice()).map_err(|e| e.to_string())?;
    let options = SerializeOptions::new()
        .use_proto_field_name(true)
        .skip_default_fields(false);
    message
        .serialize_with_options(serde_json::value::Serializer, &options)
        .map_err(|e| e.to_string())
}

/// Reads what [`from_any`] writes; unknown fields are refused.
///
/// # Errors
/// As [`from_any`].
pub fn to_any(json: &serde_json::Value) -> Result<Any, String> {
    let message = DynamicMessage::deserialize(descriptor()?, json).map_err(|e| e.to_string())?;
    Any::decode(message.encode_to_vec().as_slice()).map_err(|e| e.to_string())
}

/// A message as JSON.
///
/// # Errors
/// As [`from_any`].
pub fn from_message<M: prost::Name>(message: &M) -> Result<serde_json::Value, String> {
    let any = Any {
        type_url: crate::type_url::<M>(),
        value: message.encode_to_vec(),
    };
    let mut json = from_any(&any)?;
    if let Some(fields) = json.as_object_mut() {
        fields.remove("@type");
    }
    Ok(json)
}

/// Reads what [`from_message`] writes; unknown fields are refused.
///
/// # Errors
/// As [`from_any`].
pub fn to_message<M: prost::Name + Default>(json: &serde_json::Value) -> Result<M, String> {
    let mut json = json.clone();
    let fields = json.as_object_mut().ok_or("expected an object")?;
    fields.insert("@type".to_owned(), crate::type_url::<M>().into());
    M::decode(to_any(&json)?.value.as_slice()).map_err(|e| e.to_string())
}

fn descriptor() -> Result<prost_reflect::MessageDescriptor, String> {
    pool()
        .get_message_by_name("google.protobuf.Any")
        .ok_or_else(|| "the descriptors lack google.protobuf.Any".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cosmos::{authz::v1beta1::GenericAuthorization, feegrant::v1beta1::AllowedMsgAllowance};

    #[test]
    fn an_any_within_an_any_survives_the_way_through_json() {
        let inner = Any {
            type_url: "/cosmos.authz.v1beta1.GenericAuthorization".into(),
            value: GenericAuthorization { msg: "/a.B".into() }.encode_to_vec(),
        };
        let outer = Any {
            type_url: "/cosmos.feegrant.v1beta1.AllowedMsgAllowance".into(),
            value: AllowedMsgAllowance {
                allowance: Some(inner),
                allowed_messages: vec![],
            }
            .encode_to_vec(),
        };
        let json = from_any(&outer).unwrap();
        assert_eq!(
            json,
            serde_json::json!({
                "@type": "/cosmos.feegrant.v1beta1.AllowedMsgAllowance",
                "allowance": {"@type": "/cosmos.authz.v1beta1.GenericAuthorization", "msg": "/a.B"},
                "allowed_messages": [],
            })
        );
        assert_eq!(to_any(&json).unwrap(), outer);
        assert!(to_any(&serde_json::json!({"@type": "/no.Such"})).is_err());
    }
}
