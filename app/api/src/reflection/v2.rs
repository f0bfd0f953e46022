use serde_json::{Value, json};

use super::interfaces::{Interfaces, MSG};
use crate::calls::Calls;

/// Ways to sign that the chain accepts, with their numbers.
const SIGN_MODES: [(&str, i32); 3] = [
    ("SIGN_MODE_DIRECT", 1),
    ("SIGN_MODE_DIRECT_AUX", 3),
    ("SIGN_MODE_LEGACY_AMINO_JSON", 127),
];

/// The answer of a method that needs no one else's.
pub(super) fn descriptor(calls: &Calls, method: &str) -> Value {
    let interfaces = || Interfaces::of(calls.messages());
    match method {
        "GetAuthnDescriptor" => {
            let modes = SIGN_MODES.map(|(name, number)| json!({"name": name, "number": number}));
            json!({"authn": {"sign_modes": modes}})
        }
        "GetConfigurationDescriptor" => {
            json!({"config": {"bech32_account_address_prefix": quern_types::BECH32_ACCOUNT}})
        }
        "GetTxDescriptor" => {
            let interfaces = interfaces();
            let urls = interfaces.implementations(MSG);
            let messages: Vec<Value> = urls
                .map(|name| json!({"msg_type_url": format!("/{name}")}))
                .collect();
            json!({"tx": {"fullname": "cosmos.tx.v1beta1.Tx", "msgs": messages}})
        }
        "GetCodecDescriptor" => json!({"codec": {"interfaces": codec(&interfaces())}}),
        _ => json!({"queries": {"query_services": services(calls)}}),
    }
}

fn codec(interfaces: &Interfaces) -> Vec<Value> {
    let implementers = |name: &str| -> Vec<Value> {
        let names = interfaces.implementations(name);
        names
            .map(|name| json!({"fullname": name, "type_url": format!("/{name}")}))
            .collect()
    };
    interfaces
        .names()
        .map(|name| json!({"fullname": name, "interface_implementers": implementers(name)}))
        .collect()
}

/// Services with the methods that are served.
fn services(calls: &Calls) -> Vec<Value> {
    let mut services: Vec<(String, Vec<Value>)> = Vec::new();
    for path in calls.served() {
        let Some((service, method)) = path.trim_start_matches('/').split_once('/') else {
            continue;
        };
        let method = json!({"name": method, "full_query_path": path});
        match services.last_mut().filter(|(name, _)| name == service) {
            Some((_, methods)) => methods.push(method),
            None => services.push((service.to_owned(), vec![method])),
        }
    }
    services
        .into_iter()
        .map(|(name, methods)| {
            let module = name.ends_with(".Query");
            json!({"fullname": name, "is_module": module, "methods": methods})
        })
        .collect()
}
