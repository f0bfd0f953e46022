//! What a message's fields look like in JSON, read from its options once and kept.

use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, PoisonError, RwLock};

use prost_reflect::{ExtensionDescriptor, FieldDescriptor, MessageDescriptor};

/// How a field's value is written, where its type alone does not say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As its type says.
    Plain,
    /// Integer in a string; absent is `"0"`.
    Integer,
    /// On the wire an integer times 10^18, in JSON a decimal.
    Decimal,
    /// Bytes that are JSON themselves.
    Json,
    /// Bytes as upper-case hexadecimal digits.
    Hex,
}

/// A field and its form.
#[derive(Clone, Debug)]
pub struct Field {
    /// The field.
    pub descriptor: FieldDescriptor,
    /// What its value looks like.
    pub form: Form,
    /// Go holds the message by value: when it is absent, its defaults are written.
    pub by_value: bool,
    /// Go holds a `time.Time`, whose zero lies in year 1.
    pub std_time: bool,
    /// Member of a `oneof`: left out unless set.
    pub one_of: bool,
    /// Declared `optional`: `null` unless set.
    pub optional: bool,
}

type Known = BTreeMap<String, Arc<[Field]>>;
static KNOWN: LazyLock<RwLock<Known>> = LazyLock::new(RwLock::default);
static OPTIONS: LazyLock<Options> = LazyLock::new(Options::find);

/// Extensions of field options that change the JSON.
struct Options {
    custom_type: Option<ExtensionDescriptor>,
    cast_type: Option<ExtensionDescriptor>,
    nullable: Option<ExtensionDescriptor>,
    std_time: Option<ExtensionDescriptor>,
}

impl Options {
    fn find() -> Self {
        let find = |name| quern_proto::pool().get_extension_by_name(name);
        Self {
            custom_type: find("gogoproto.customtype"),
            cast_type: find("gogoproto.casttype"),
            nullable: find("gogoproto.nullable"),
            std_time: find("gogoproto.stdtime"),
        }
    }
}

/// The fields of a message in the order of their declaration.
pub fn of(message: &MessageDescriptor) -> Arc<[Field]> {
    let name = message.full_name();
    if let Some(fields) = KNOWN.read().unwrap_or_else(PoisonError::into_inner).get(name) {
        return Arc::clone(fields);
    }
    let fields: Arc<[Field]> = message.fields().map(field).collect();
    let mut known = KNOWN.write().unwrap_or_else(PoisonError::into_inner);
    Arc::clone(known.entry(name.to_owned()).or_insert(fields))
}

/// The field called `name`, by its own name or in camel case.
pub fn named(message: &MessageDescriptor, name: &str) -> Option<Field> {
    let found = message
        .get_field_by_name(name)
        .or_else(|| message.get_field_by_json_name(name))?;
    of(message)
        .iter()
        .find(|field| field.descriptor == found)
        .cloned()
}

fn field(descriptor: FieldDescriptor) -> Field {
    let options = descriptor.options();
    let text = |extension: &Option<ExtensionDescriptor>| {
        let extension = extension.as_ref().filter(|one| options.has_extension(one))?;
        options.get_extension(extension).as_str().map(str::to_owned)
    };
    let flag = |extension: &Option<ExtensionDescriptor>| {
        let extension = extension.as_ref().filter(|one| options.has_extension(one))?;
        options.get_extension(extension).as_bool()
    };
    let custom = text(&OPTIONS.custom_type).unwrap_or_default();
    let cast = text(&OPTIONS.cast_type).unwrap_or_default();
    let form = match (custom.rsplit('.').next(), cast.rsplit('.').next()) {
        (Some("LegacyDec" | "Dec"), _) => Form::Decimal,
        (Some("Int" | "Uint"), _) => Form::Integer,
        (_, Some("RawContractMessage" | "RawMessage")) => Form::Json,
        (_, Some("HexBytes")) => Form::Hex,
        _ => Form::Plain,
    };
    let optional = descriptor.field_descriptor_proto().proto3_optional();
    Field {
        form,
        by_value: flag(&OPTIONS.nullable) == Some(false),
        std_time: flag(&OPTIONS.std_time) == Some(true),
        one_of: descriptor.containing_oneof().is_some() && !optional,
        optional,
        descriptor,
    }
}
