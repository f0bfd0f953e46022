//! The Go types of messages, as far as amino sees them, out of the options in the descriptors.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use prost_reflect::{FieldDescriptor, Kind as Wire, MessageDescriptor};
use quern_proto::options::{Options, camel};
use quern_proto::pool;

use super::Outcome;
use super::prefix::prefix;

/// A type.
#[derive(Debug, PartialEq)]
pub(super) struct Type {
    /// Name under which it stands for an interface.
    pub name: Option<String>,
    /// The bytes for that name.
    pub prefix: [u8; 4],
    /// Its fields in their order: the first has the number 1.
    pub fields: Vec<Field>,
    /// It is written as the bytes of its only field.
    pub is_key: bool,
}

/// A field.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Field {
    /// Name in JSON.
    pub json: String,
    /// JSON leaves it out when it is empty.
    pub omit: bool,
    pub kind: Kind,
    pub list: bool,
    /// It, or each element of the list, may be nil.
    pub pointer: bool,
    /// A list of coins, which is never null.
    pub coins: bool,
}

/// What a field holds.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Kind {
    Bool,
    Int32,
    Uint32,
    Int64,
    Uint64,
    /// wasmd's enumeration whose members have names in JSON.
    Access,
    Text,
    Bytes,
    /// JSON within JSON.
    Raw,
    Integer,
    /// Eighteen decimals.
    Decimal,
    Time,
    /// Another type, by its full name.
    Struct(String),
    Any,
    Interface,
}

struct Table {
    types: BTreeMap<String, Type>,
    named: BTreeMap<String, String>,
    prefixed: BTreeMap<[u8; 4], String>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut types = BTreeMap::new();
    own(&mut types);
    let of_chain = |name: &str| {
        ["cosmos.", "cosmwasm.", "tendermint."]
            .iter()
            .any(|p| name.starts_with(p))
    };
    for message in pool()
        .all_messages()
        .filter(|message| of_chain(message.full_name()))
    {
        read(&message, &mut types);
    }
    let mut table = Table {
        types: BTreeMap::new(),
        named: BTreeMap::new(),
        prefixed: BTreeMap::new(),
    };
    for (full, of) in types {
        if let Some(name) = &of.name {
            table.named.insert(name.clone(), full.clone());
            table.prefixed.insert(of.prefix, full.clone());
        }
        table.types.insert(full, of);
    }
    table
});

/// A type by its full name.
pub(super) fn of(full_name: &str) -> Option<&'static Type> {
    TABLE.types.get(full_name)
}

/// The type of a name that stands for an interface.
pub(super) fn by_name(name: &str) -> Outcome<&'static Type> {
    let full = TABLE.named.get(name).and_then(|full| of(full));
    full.ok_or_else(|| format!("unrecognized concrete type name {name:?}"))
}

/// The type of a prefix.
pub(super) fn by_prefix(bytes: [u8; 4]) -> Outcome<&'static Type> {
    let full = TABLE.prefixed.get(&bytes).and_then(|full| of(full));
    full.ok_or_else(|| format!("unrecognized prefix bytes {}", hex::encode_upper(bytes)))
}

/// The transaction.
pub(super) fn std_tx() -> Outcome<&'static Type> {
    by_name("cosmos-sdk/StdTx")
}

fn field(json: &str, kind: Kind) -> Field {
    Field {
        json: json.to_owned(),
        omit: false,
        kind,
        list: false,
        pointer: false,
        coins: false,
    }
}

fn list(json: &str, kind: Kind) -> Field {
    Field {
        list: true,
        ..field(json, kind)
    }
}

fn named(name: Option<String>, fields: Vec<Field>) -> Type {
    Type {
        prefix: name.as_deref().map(prefix).unwrap_or_default(),
        name,
        fields,
        is_key: false,
    }
}

/// The types of the old transaction, which no descriptor has.
fn own(types: &mut BTreeMap<String, Type>) {
    let structure = |name: &str| Kind::Struct(name.to_owned());
    let coins = Field {
        coins: true,
        ..list("amount", structure("cosmos.base.v1beta1.Coin"))
    };
    let optional = |json: &str| Field {
        omit: true,
        ..field(json, Kind::Text)
    };
    let tx = vec![
        list("msg", Kind::Interface),
        field("fee", structure("StdFee")),
        list("signatures", structure("StdSignature")),
        field("memo", Kind::Text),
        field("timeout_height", Kind::Uint64),
    ];
    let fee = vec![
        coins,
        field("gas", Kind::Uint64),
        optional("payer"),
        optional("granter"),
    ];
    let signature = vec![field("pub_key", Kind::Interface), field("signature", Kind::Bytes)];
    types.insert("StdTx".to_owned(), named(Some("cosmos-sdk/StdTx".to_owned()), tx));
    types.insert("StdFee".to_owned(), named(None, fee));
    types.insert("StdSignature".to_owned(), named(None, signature));
}

fn read(message: &MessageDescriptor, types: &mut BTreeMap<String, Type>) {
    let options = Options::of_message(message);
    let name = options.text("amino.name");
    let full = message.full_name().to_owned();
    match options.text("amino.message_encoding").as_deref() {
        Some("key_field") => {
            let is_key = Type {
                is_key: true,
                ..named(name, vec![field("key", Kind::Bytes)])
            };
            types.insert(full, is_key);
            return;
        }
        Some("threshold_string") => {
            let fields = vec![field("threshold", Kind::Uint64), list("pubkeys", Kind::Interface)];
            types.insert(full, named(name, fields));
            return;
        }
        _ => {}
    }
    let mut wire: Vec<_> = message.fields().collect();
    // in the order of the file
    wire.sort_by_key(|field| field.path().last().copied());
    let mut fields = Vec::new();
    let mut seen = Vec::new();
    for one in &wire {
        let oneof = one
            .containing_oneof()
            .filter(|_| !one.field_descriptor_proto().proto3_optional());
        let Some(oneof) = oneof else {
            fields.push(read_field(one));
            continue;
        };
        // a member's own type stands for the interface
        if let Some(member) = Options::of_field(one).text("amino.oneof_name") {
            let inner = Field {
                omit: true,
                ..read_field(one)
            };
            types.insert(format!("{full}/{}", one.name()), named(Some(member), vec![inner]));
        }
        if !seen.contains(&oneof.name().to_owned()) {
            seen.push(oneof.name().to_owned());
            fields.push(field(&camel(oneof.name()), Kind::Interface));
        }
    }
    types.insert(full, named(name, fields));
}

fn read_field(wire: &FieldDescriptor) -> Field {
    let options = Options::of_field(wire);
    let custom = options.text("gogoproto.customtype");
    let kind = kind(wire, &options, custom.as_deref());
    let nullable = options.flag("gogoproto.nullable").unwrap_or(true);
    let is_message = matches!(wire.kind(), Wire::Message(_));
    let list = wire.is_list();
    let native_list = list && !is_message && custom.is_none();
    let tag = options.text("gogoproto.jsontag");
    let (json, omit) = match tag.as_deref().and_then(|tag| tag.split(',').next()) {
        Some(name) if !name.is_empty() => {
            let omit = tag.as_deref().is_some_and(|tag| tag.ends_with(",omitempty"));
            (name.to_owned(), omit)
        }
        _ => (wire.name().to_owned(), nullable || native_list),
    };
    Field {
        json,
        omit,
        kind,
        list,
        pointer: nullable && (is_message || custom.is_some()),
        coins: options
            .text("gogoproto.castrepeated")
            .is_some_and(|cast| cast.ends_with("types.Coins")),
    }
}

fn kind(wire: &FieldDescriptor, options: &Options, custom: Option<&str>) -> Kind {
    let casts_to = |name: &str| {
        options
            .text("gogoproto.casttype")
            .is_some_and(|cast| cast.ends_with(name))
    };
    match wire.kind() {
        _ if custom == Some("cosmossdk.io/math.Int") => Kind::Integer,
        _ if custom == Some("cosmossdk.io/math.LegacyDec") => Kind::Decimal,
        Wire::Bool => Kind::Bool,
        Wire::Int32 | Wire::Sint32 | Wire::Sfixed32 => Kind::Int32,
        Wire::Uint32 | Wire::Fixed32 => Kind::Uint32,
        Wire::Int64 | Wire::Sint64 | Wire::Sfixed64 => Kind::Int64,
        Wire::Uint64 | Wire::Fixed64 => Kind::Uint64,
        Wire::Enum(of) if of.full_name() == "cosmwasm.wasm.v1.AccessType" => Kind::Access,
        Wire::Enum(_) => Kind::Int32,
        Wire::Bytes if casts_to("RawContractMessage") => Kind::Raw,
        Wire::Bytes => Kind::Bytes,
        Wire::Message(of) => match of.full_name() {
            "google.protobuf.Any" => Kind::Any,
            "google.protobuf.Timestamp" => Kind::Time,
            "google.protobuf.Duration" => Kind::Int64,
            full => Kind::Struct(full.to_owned()),
        },
        _ => Kind::Text,
    }
}
