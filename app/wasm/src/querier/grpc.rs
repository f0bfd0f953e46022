//! gRPC queries by path, from a list. A path is listed only if its answer is the same on every node,
//! bounded, and tested.

use std::sync::Arc;

use prost::Message;
use prost_reflect::{DynamicMessage, SerializeOptions};
use quern_context::{Cx, Router};
use quern_types::{Error, errors as sdk};

use super::{Answer, Refusal, unsupported};
use crate::json::PathQuery;

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
];

/// The answer in protobuf.
pub(super) fn as_protobuf(cx: &Cx, router: &Arc<dyn Router>, query: &PathQuery) -> Answer {
    // Encoding it again fixes its form, whatever the handler wrote.
    Ok(ask(cx, router, query)?.encode_to_vec())
}

/// The answer in the SDK's JSON.
pub(super) fn as_json(cx: &Cx, router: &Arc<dyn Router>, query: &PathQuery) -> Answer {
    let answer = ask(cx, router, query)?;
    let options = SerializeOptions::new()
        .use_proto_field_name(true)
        .skip_default_fields(false)
        .stringify_64_bit_integers(true);
    let mut out = Vec::new();
    let mut serializer = serde_json::Serializer::new(&mut out);
    answer
        .serialize_with_options(&mut serializer, &options)
        .map_err(|_| Error::from(&sdk::JSON_MARSHAL))?;
    Ok(out)
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
    use super::*;

    #[test]
    fn every_allowed_answer_has_a_known_type() {
        assert!(ALLOWED.is_sorted());
        for (path, ty) in ALLOWED {
            assert!(quern_proto::pool().get_message_by_name(ty).is_some(), "{path}");
        }
    }
}
