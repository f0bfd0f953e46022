//! The table of the encoding's rules, read once from the options in the descriptors.

use std::{collections::BTreeMap, sync::LazyLock};

use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor, Value};

use crate::pool;

/// How one message is written.
pub(super) struct Plan {
    pub descriptor: MessageDescriptor,
    /// Name of its envelope (`amino.name`).
    pub name: Option<String>,
    pub shape: Shape,
    /// Sorted by the name under which each is written.
    pub fields: Vec<FieldPlan>,
}

/// Messages that are not written field by field.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Fields,
    Any,
    Timestamp,
    Duration,
    /// The bytes of the field `key` alone.
    Key,
    /// A multisig key, its threshold in quotes.
    Threshold,
}

pub(super) struct FieldPlan {
    pub field: FieldDescriptor,
    pub name: String,
    /// For a member of a oneof: the oneof's name, the member's type name.
    pub oneof: Option<(String, String)>,
    pub omit_empty: bool,
    pub rule: Rule,
}

/// Fields that are not written by their kind.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rule {
    Kind,
    LegacyCoins,
    InlineJson,
    Int,
    Dec,
}

static PLANS: LazyLock<BTreeMap<String, Plan>> = LazyLock::new(|| {
    pool()
        .all_messages()
        .filter(|m| {
            ["cosmos.", "cosmwasm.", "google.protobuf.", "tendermint."]
                .iter()
                .any(|p| m.full_name().starts_with(p))
        })
        .map(|m| (m.full_name().to_owned(), read(&m)))
        .collect()
});

/// The plan of a message, by its full name.
pub(super) fn of(full_name: &str) -> Option<&'static Plan> {
    PLANS.get(full_name)
}

fn read(message: &MessageDescriptor) -> Plan {
    let options = message.options();
    let shape = match (
        message.full_name(),
        text(&options, "amino.message_encoding").as_deref(),
    ) {
        ("google.protobuf.Any", _) => Shape::Any,
        ("google.protobuf.Timestamp", _) => Shape::Timestamp,
        ("google.protobuf.Duration", _) => Shape::Duration,
        (_, Some("key_field")) => Shape::Key,
        (_, Some("threshold_string")) => Shape::Threshold,
        _ => Shape::Fields,
    };
    let mut fields = message.fields().map(|f| read_field(&f)).collect::<Vec<_>>();
    // first in the order of the file, so that equal names (members of one oneof) keep it
    fields.sort_by_key(|f| f.field.path().last().copied());
    fields.sort_by(|a, b| sort_name(a).cmp(sort_name(b)));
    Plan {
        descriptor: message.clone(),
        name: text(&options, "amino.name"),
        shape,
        fields,
    }
}

fn sort_name(plan: &FieldPlan) -> &str {
    plan.oneof.as_ref().map_or(&plan.name, |(oneof, _)| oneof)
}

fn read_field(field: &FieldDescriptor) -> FieldPlan {
    let options = field.options();
    let oneof = field
        .containing_oneof()
        .filter(|_| !field.field_descriptor_proto().proto3_optional());
    let scalar = text(&options, "cosmos_proto.scalar");
    let legacy_dec =
        || text(&options, "gogoproto.customtype").as_deref() == Some("cosmossdk.io/math.LegacyDec");
    let rule = match (text(&options, "amino.encoding").as_deref(), scalar.as_deref()) {
        (Some("legacy_coins"), _) => Rule::LegacyCoins,
        (Some("inline_json"), _) => Rule::InlineJson,
        (_, Some("cosmos.Int")) => Rule::Int,
        (_, Some("cosmos.Dec")) if legacy_dec() => Rule::Dec,
        _ => Rule::Kind,
    };
    FieldPlan {
        name: text(&options, "amino.field_name").unwrap_or_else(|| field.name().to_owned()),
        oneof: oneof.map(|o| {
            (
                camel(o.name()),
                text(&options, "amino.oneof_name").unwrap_or_default(),
            )
        }),
        omit_empty: !flag(&options, "amino.dont_omitempty"),
        rule,
        field: field.clone(),
    }
}

fn extension(options: &DynamicMessage, name: &str) -> Option<Value> {
    let extension = pool().get_extension_by_name(name)?;
    options
        .has_extension(&extension)
        .then(|| options.get_extension(&extension).into_owned())
}

fn text(options: &DynamicMessage, name: &str) -> Option<String> {
    extension(options, name)?.as_str().map(str::to_owned)
}

fn flag(options: &DynamicMessage, name: &str) -> bool {
    extension(options, name)
        .and_then(|v| v.as_bool())
        .unwrap_or(false)
}

/// `snake_case` as `CamelCase`, the name of a oneof in amino JSON.
fn camel(name: &str) -> String {
    name.split('_')
        .map(|word| {
            let mut chars = word.chars();
            chars
                .next()
                .map(|first| first.to_ascii_uppercase().to_string() + chars.as_str())
                .unwrap_or_default()
        })
        .collect()
}
