//! gRPC queries by path, from a list. A path is listed only if its answer is the same on every node,
//! bounded, and tested.

use std::sync::Arc;

use cosmwasm_std::Binary;
use prost::Message;
use prost_reflect::{DynamicMessage, ReflectMessage, Value};
use quern_context::{Cx, Router};
use quern_types::errors as sdk;
use serde::{Serialize, Serializer, ser::SerializeMap};

use super::{Answer, Refusal, unsupported};
use crate::json::{self, PathQuery};

/// Paths that contracts may ask, with the type of the answer.
const ALLOWED: &[(&str, &str)] = &[
    (
        "/cosmos.auth.v1beta1.Query/Params",
        "cosmos.auth.v1beta1.QueryParamsResponse",
    ),
    (
        "/cosmos.bank.v1beta1.Query/Balance",
        "cosmos.bank.v1beta1.QueryBalanceResponse",
    ),
    (
        "/cosmos.bank.v1beta1.Query/DenomMetadata",
        "cosmos.bank.v1beta1.QueryDenomMetadataResponse",
    ),
    (
        "/cosmos.bank.v1beta1.Query/Params",
        "cosmos.bank.v1beta1.QueryParamsResponse",
    ),
    (
        "/cosmos.bank.v1beta1.Query/SupplyOf",
        "cosmos.bank.v1beta1.QuerySupplyOfResponse",
    ),
    (
        "/quern.beacon.v1.Query/Beacon",
        "quern.beacon.v1.QueryBeaconResponse",
    ),
];

/// The answer in protobuf.
pub(super) fn as_protobuf(cx: &Cx, router: &Arc<dyn Router>, query: &PathQuery) -> Answer {
    // Encoding it again fixes its form, whatever the handler wrote.
    Ok(ask(cx, router, query)?.encode_to_vec())
}

/// The answer in the SDK's JSON.
pub(super) fn as_json(cx: &Cx, router: &Arc<dyn Router>, query: &PathQuery) -> Answer {
    Ok(json::to_vec(&Json(&ask(cx, router, query)?))?)
}

/// A message with its fields in the order of their numbers, under their protobuf names, defaults
/// included (gogoproto's `JSONPb` as the SDK sets it up).
struct Json<'a>(&'a DynamicMessage);

impl Serialize for Json<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        let mut map = out.serialize_map(None)?;
        for field in self.0.descriptor().fields() {
            map.serialize_key(field.name())?;
            if field.supports_presence() && !self.0.has_field(&field) {
                map.serialize_value(&())?;
            } else {
                map.serialize_value(&JsonValue(&self.0.get_field(&field)))?;
            }
        }
        map.end()
    }
}

/// A value of the kinds that the allowed answers hold.
struct JsonValue<'a>(&'a Value);

impl Serialize for JsonValue<'_> {
    fn serialize<S: Serializer>(&self, out: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Value::Bool(b) => out.serialize_bool(*b),
            Value::U32(n) => out.serialize_u32(*n),
            Value::I32(n) => out.serialize_i32(*n),
            Value::U64(n) => out.collect_str(n),
            Value::I64(n) => out.collect_str(n),
            Value::String(text) => out.serialize_str(text),
            Value::Bytes(bytes) => out.serialize_str(&Binary::from(bytes.as_ref()).to_base64()),
            Value::Message(message) => Json(message).serialize(out),
            Value::List(list) => out.collect_seq(list.iter().map(JsonValue)),
            Value::F32(_) | Value::F64(_) | Value::EnumNumber(_) | Value::Map(_) => out.serialize_unit(),
        }
    }
}

fn ask(cx: &Cx, router: &Arc<dyn Router>, query: &PathQuery) -> Result<DynamicMessage, Refusal> {
    let path = query.path.as_str();
    let Some((_, ty)) = ALLOWED.iter().find(|(allowed, _)| *allowed == path) else {
        return Err(unsupported(format!(
            "'{path}' path is not allowed from the contract"
        )));
    };
    let no_route = || unsupported(format!("No route to query '{path}'"));
    let descriptor = quern_proto::pool().get_message_by_name(ty).ok_or_else(no_route)?;
    let bytes = router.query(cx, path, &query.data).map_err(|e| {
        if e.is(&sdk::UNKNOWN_REQUEST) {
            no_route()
        } else {
            Refusal::Chain(e)
        }
    })?;
    DynamicMessage::decode(descriptor, bytes.as_slice())
        .map_err(|_| Refusal::Chain(sdk::LOGIC.wrap("malformed answer of a query")))
}

#[cfg(test)]
mod tests {
    use prost_reflect::Kind;

    use super::*;

    #[test]
    fn every_allowed_answer_has_a_known_type() {
        assert!(ALLOWED.is_sorted());
        for (path, ty) in ALLOWED {
            let message = quern_proto::pool().get_message_by_name(ty).unwrap();
            assert!(is_covered(&message), "{path}");
        }
    }

    /// Whether `value_json` knows every kind of value in a message.
    fn is_covered(message: &prost_reflect::MessageDescriptor) -> bool {
        message.fields().all(|field| match field.kind() {
            Kind::Message(inner) => !field.is_map() && is_covered(&inner),
            Kind::Enum(_) | Kind::Float | Kind::Double => false,
            _ => true,
        })
    }
}
