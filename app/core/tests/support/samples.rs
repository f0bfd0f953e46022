//! Messages and requests of every type, filled by the names and types of their fields.

use prost::Message;
use prost_reflect::{
    DynamicMessage, FieldDescriptor, Kind, MessageDescriptor, MethodDescriptor, ReflectMessage, Value,
};
use quern_context::AnyMsg;
use quern_core::Msg;
use quern_proto::{
    Any,
    cosmos::{
        authz::v1beta1::GenericAuthorization, bank::v1beta1::MsgSend, crypto::ed25519::PubKey,
        feegrant::v1beta1::BasicAllowance, gov::v1beta1::TextProposal,
    },
};
use quern_testkit::{GENESIS_TIME, User, any, coins};

/// How deep messages are filled.
const DEPTH: u32 = 5;

/// What the names in a sample stand for.
pub struct Names<'a> {
    /// Who signs and is asked about.
    pub user: &'a User,
    /// The other side of what has two.
    pub other: &'a User,
    /// A validator's operator.
    pub validator: &'a str,
    /// A contract.
    pub contract: &'a str,
    /// A signed transaction.
    pub tx: &'a [u8],
}

/// Every message that the chain executes, filled.
pub fn messages(names: &Names<'_>) -> Vec<Any> {
    let executed = |url: &str| {
        let empty = AnyMsg {
            type_url: url.to_owned(),
            value: Vec::new(),
        };
        Msg::decode(&empty).is_ok()
    };
    methods("Msg")
        .map(|method| method.input())
        .filter(|kind| executed(&format!("/{}", kind.full_name())))
        .map(|kind| {
            let mut message = fill(&kind, names, DEPTH);
            signed(&mut message, names.user);
            Any {
                type_url: format!("/{}", kind.full_name()),
                value: message.encode_to_vec(),
            }
        })
        .collect()
}

/// A message of a known type, taken apart.
pub fn decoded(message: &Any) -> DynamicMessage {
    let name = message.type_url.trim_start_matches('/');
    let kind = quern_proto::pool().get_message_by_name(name).unwrap();
    DynamicMessage::decode(kind, message.value.as_slice()).unwrap()
}

/// Puts the signer into the fields that the descriptor says must sign, those of inner messages too.
pub fn signed(message: &mut DynamicMessage, signer: &User) {
    let kind = message.descriptor();
    let extension = quern_proto::pool()
        .get_extension_by_name("cosmos.msg.v1.signer")
        .unwrap();
    let options = kind.options();
    let fields = options.get_extension(&extension);
    for name in fields
        .as_list()
        .unwrap_or_default()
        .iter()
        .filter_map(Value::as_str)
    {
        let field = kind.get_field_by_name(name).unwrap();
        let of_operator = name.starts_with("validator");
        match message.get_field_mut(&field) {
            Value::String(text) if of_operator => *text = signer.address().to_validator_bech32(),
            Value::String(text) => *text = signer.address().to_string(),
            Value::Message(inner) => signed(inner, signer),
            Value::List(list) => {
                for inner in list.iter_mut().filter_map(Value::as_message_mut) {
                    signed(inner, signer);
                }
            }
            other => panic!("a signer in {other:?}"),
        }
    }
}

/// Every query by its path, filled.
pub fn queries(names: &Names<'_>) -> Vec<(String, Vec<u8>)> {
    let of = |service: &'static str| {
        methods(service).map(move |method| {
            let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
            (path, fill(&method.input(), names, DEPTH).encode_to_vec())
        })
    };
    of("Query").chain(of("Service")).collect()
}

fn methods(service: &'static str) -> impl Iterator<Item = MethodDescriptor> {
    let services = quern_proto::pool().services();
    services
        .filter(move |found| found.name() == service)
        .flat_map(|found| found.methods().collect::<Vec<_>>())
}

fn fill(kind: &MessageDescriptor, names: &Names<'_>, depth: u32) -> DynamicMessage {
    let mut message = DynamicMessage::new(kind.clone());
    for field in kind.fields().filter(|field| !field.is_map()) {
        let oneof = field.containing_oneof();
        if oneof.is_some_and(|group| group.fields().next().is_some_and(|first| first != field)) {
            continue;
        }
        let Some(value) = one(&field, names, depth) else {
            continue;
        };
        let value = if field.is_list() {
            Value::List(vec![value])
        } else {
            value
        };
        message.set_field(&field, value);
    }
    message
}

fn one(field: &FieldDescriptor, names: &Names<'_>, depth: u32) -> Option<Value> {
    let value = match field.kind() {
        Kind::String => Value::String(text(field, names)),
        Kind::Bytes => Value::Bytes(bytes(field.name(), names).into()),
        Kind::Bool => Value::Bool(false),
        Kind::Enum(_) => Value::EnumNumber(1),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(1),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(1),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(1),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(1),
        Kind::Double => Value::F64(1.0),
        Kind::Float => Value::F32(1.0),
        Kind::Message(kind) => {
            if depth == 0 || field.name() == "pagination" {
                return None;
            }
            Value::Message(inner(field, &kind, names, depth))
        }
    };
    Some(value)
}

fn inner(field: &FieldDescriptor, kind: &MessageDescriptor, names: &Names<'_>, depth: u32) -> DynamicMessage {
    let of = |message: &[u8]| DynamicMessage::decode(kind.clone(), message).unwrap();
    match kind.full_name() {
        "google.protobuf.Any" => of(&within(field.name(), names).encode_to_vec()),
        "google.protobuf.Timestamp" => {
            let time = prost_types::Timestamp {
                seconds: GENESIS_TIME + 100_000,
                nanos: 0,
            };
            of(&time.encode_to_vec())
        }
        "google.protobuf.Duration" => {
            let time = prost_types::Duration {
                seconds: 1_000,
                nanos: 0,
            };
            of(&time.encode_to_vec())
        }
        "cosmos.base.v1beta1.Coin" => of(&coins("5nqrn")[0].encode_to_vec()),
        _ => fill(kind, names, depth - 1),
    }
}

/// What an `Any` of this name holds.
fn within(field: &str, names: &Names<'_>) -> Any {
    match field {
        "authorization" => any(&GenericAuthorization {
            msg: "/cosmos.bank.v1beta1.MsgSend".into(),
        }),
        "allowance" => any(&BasicAllowance::default()),
        "content" => any(&TextProposal {
            title: "a title".into(),
            description: "a description".into(),
        }),
        "pubkey" => any(&PubKey { key: vec![9; 32] }),
        _ => any(&MsgSend {
            from_address: names.user.address().to_string(),
            to_address: names.other.address().to_string(),
            amount: coins("5nqrn"),
        }),
    }
}

fn text(field: &FieldDescriptor, names: &Names<'_>) -> String {
    let name = field.name();
    if name.starts_with("validator") && name.contains("addr") || name.ends_with("validator_addr") {
        return names.validator.to_owned();
    }
    match name {
        "contract" => names.contract.to_owned(),
        "to_address" | "grantee" | "new_admin" | "recipient" => names.other.address().to_string(),
        "denom" => "nqrn".into(),
        "amount" | "min_self_delegation" | "value" => "1".into(),
        "weight" | "rate" => "1.000000000000000000".into(),
        "max_rate" | "max_change_rate" | "commission_rate" => "0.100000000000000000".into(),
        "msg" | "msg_type_url" | "type_url" | "allowed_messages" => "/cosmos.bank.v1beta1.MsgSend".into(),
        "path" => "/cosmos.bank.v1beta1.Query/Params".into(),
        "query" => "message.action='/cosmos.bank.v1beta1.MsgSend'".into(),
        _ if [
            "addr",
            "sender",
            "signer",
            "authority",
            "granter",
            "voter",
            "depositor",
            "proposer",
            "admin",
        ]
        .iter()
        .any(|part| name.contains(part)) =>
        {
            names.user.address().to_string()
        }
        _ => "text".into(),
    }
}

fn bytes(field: &str, names: &Names<'_>) -> Vec<u8> {
    match field {
        "tx_bytes" => names.tx.to_vec(),
        "wasm_byte_code" => b"\0asm\x01\0\0\0".to_vec(),
        "msg" | "query_data" => br#"{"echo":{}}"#.to_vec(),
        _ => vec![1, 2, 3],
    }
}
