//! The Cosmos SDK's own reflection services, from descriptors and from what is served.

mod interfaces;
mod v2;

use bytes::Bytes;
use prost::Message;
use prost_reflect::DynamicMessage;
use serde_json::{Value, json};
use tonic::Status;

use crate::calls::Calls;
use crate::json;
pub(crate) use interfaces::Interfaces;

const V1: &str = "/cosmos.base.reflection.v1beta1.ReflectionService/";
const V2: &str = "/cosmos.base.reflection.v2alpha1.ReflectionService/";

/// Methods that are answered here.
pub(crate) const METHODS: [(&str, &str); 8] = [
    (V1, "ListAllInterfaces"),
    (V1, "ListImplementations"),
    (V2, "GetAuthnDescriptor"),
    (V2, "GetChainDescriptor"),
    (V2, "GetCodecDescriptor"),
    (V2, "GetConfigurationDescriptor"),
    (V2, "GetQueryServicesDescriptor"),
    (V2, "GetTxDescriptor"),
];

/// The answer of one of [`METHODS`]; `None` for another method.
pub(crate) async fn answer(calls: &Calls, path: &str, data: &Bytes) -> Option<Result<Bytes, Status>> {
    let (service, method) = METHODS
        .into_iter()
        .find(|(service, method)| path.strip_prefix(service).is_some_and(|asked| asked == *method))?;
    let value = match (service, method) {
        (V1, "ListAllInterfaces") => {
            let interfaces = Interfaces::of(calls.messages());
            Ok(json!({"interface_names": interfaces.names().collect::<Vec<_>>()}))
        }
        (V1, _) => implementations(calls, path, data),
        (_, "GetChainDescriptor") => calls.chain_id().await.map(|id| json!({"chain": {"id": id}})),
        _ => Ok(v2::descriptor(calls, method)),
    };
    Some(value.and_then(|value| encode(path, &value)))
}

fn implementations(calls: &Calls, path: &str, data: &Bytes) -> Result<Value, Status> {
    let kind = method(path)?.input();
    let request = DynamicMessage::decode(kind, data.clone())
        .map_err(|error| Status::invalid_argument(format!("not this method's request: {error}")))?;
    let name = request.get_field_by_name("interface_name");
    let name = name.as_ref().and_then(|name| name.as_str()).unwrap_or_default();
    if name.is_empty() {
        return Err(Status::invalid_argument("invalid interface name"));
    }
    let interfaces = Interfaces::of(calls.messages());
    let urls: Vec<String> = interfaces
        .implementations(name)
        .map(|name| format!("/{name}"))
        .collect();
    Ok(json!({"implementation_message_names": urls}))
}

fn method(path: &str) -> Result<prost_reflect::MethodDescriptor, Status> {
    let found = path
        .trim_start_matches('/')
        .split_once('/')
        .and_then(|(service, method)| {
            let service = quern_proto::pool().get_service_by_name(service)?;
            service.methods().find(|known| known.name() == method)
        });
    found.ok_or_else(|| Status::internal(format!("{path} has no descriptor")))
}

/// Encodes JSON as the method's response.
fn encode(path: &str, value: &Value) -> Result<Bytes, Status> {
    let message = json::read(&method(path)?.output(), value).map_err(Status::internal)?;
    Ok(message.encode_to_vec().into())
}
