//! The table of the encoding's rules, read once from the options in the descriptors.

use std::{collections::BTreeMap, sync::LazyLock};

use prost_reflect::{FieldDescriptor, FileDescriptor, Kind, MessageDescriptor};

use crate::{
    options::{Options, camel},
    pool,
};

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
    /// A message of which nothing is seen: `{}`, whatever it holds.
    Unseen,
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
    let options = Options::of_message(message);
    let shape = match (
        message.full_name(),
        options.text("amino.message_encoding").as_deref(),
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
        name: options.text("amino.name"),
        shape,
        fields,
    }
}

fn sort_name(plan: &FieldPlan) -> &str {
    plan.oneof.as_ref().map_or(&plan.name, |(oneof, _)| oneof)
}

fn read_field(field: &FieldDescriptor) -> FieldPlan {
    let options = Options::of_field(field);
    let oneof = field
        .containing_oneof()
        .filter(|_| !field.field_descriptor_proto().proto3_optional());
    let scalar = options.text("cosmos_proto.scalar");
    let legacy_dec =
        || options.text("gogoproto.customtype").as_deref() == Some("cosmossdk.io/math.LegacyDec");
    let rule = match (options.text("amino.encoding").as_deref(), scalar.as_deref()) {
        (Some("legacy_coins"), _) => Rule::LegacyCoins,
        (Some("inline_json"), _) => Rule::InlineJson,
        (_, Some("cosmos.Int")) => Rule::Int,
        (_, Some("cosmos.Dec")) if legacy_dec() => Rule::Dec,
        _ if is_unseen(field) => Rule::Unseen,
        _ => Rule::Kind,
    };
    FieldPlan {
        name: options
            .text("amino.field_name")
            .unwrap_or_else(|| field.name().to_owned()),
        oneof: oneof.map(|o| {
            (
                camel(o.name()),
                options.text("amino.oneof_name").unwrap_or_default(),
            )
        }),
        omit_empty: !options.flag("amino.dont_omitempty").unwrap_or(false),
        rule,
        field: field.clone(),
    }
}

/// Whether the SDK's encoder knows nothing of the message in a field.
///
/// It reads the descriptors of `cosmos.*` from the complete ones of cosmossdk.io/api. Those of wasmd it has from
/// gogoproto alone, whose generated files register themselves one after another as Go starts a package: in the order
/// of their names. A file that is registered before one that it imports from its own package gets placeholders for
/// the messages in there, and a placeholder has no fields: `tx.proto` and `authz.proto` come before `types.proto`.
fn is_unseen(field: &FieldDescriptor) -> bool {
    let go_package = |file: &FileDescriptor| {
        let options = file.file_descriptor_proto().options.as_ref();
        options.and_then(|o| o.go_package.clone())
    };
    let Kind::Message(message) = field.kind() else {
        return false;
    };
    let (from, to) = (field.parent_file(), message.parent_file());
    from.package_name().starts_with("cosmwasm.")
        && go_package(&from) == go_package(&to)
        && from.name() < to.name()
}
