//! JSON schemas of messages, as the gateway writes them.

use std::collections::BTreeMap;

use prost_reflect::{Kind, MessageDescriptor};
use serde_json::{Value, json};

use crate::json::{Field, Form, fields_of, word_of};

/// Schemas by the message's full name.
#[derive(Debug, Default)]
pub(super) struct Schemas(BTreeMap<String, Value>);

impl Schemas {
    /// All of them.
    pub(super) fn into_json(self) -> Value {
        self.0.into_iter().collect::<serde_json::Map<_, _>>().into()
    }

    /// A reference to a message's schema, which is made if it is new.
    pub(super) fn message(&mut self, kind: &MessageDescriptor) -> Value {
        match kind.full_name() {
            "google.protobuf.Timestamp" => return json!({"type": "string", "format": "date-time"}),
            "google.protobuf.Duration" => {
                return json!({"type": "string", "pattern": "^-?[0-9]+(\\.[0-9]+)?s$"});
            }
            "google.protobuf.Any" => {
                let properties = json!({"@type": {"type": "string"}});
                return json!({
                    "type": "object", "required": ["@type"], "properties": properties,
                    "additionalProperties": true,
                });
            }
            _ => {}
        }
        let name = kind.full_name().to_owned();
        if !self.0.contains_key(&name) {
            // First the name: messages may hold themselves.
            self.0.insert(name.clone(), Value::Null);
            let fields = fields_of(kind);
            let properties: serde_json::Map<_, _> = fields
                .iter()
                .map(|field| (field.descriptor.name().to_owned(), self.field(field)))
                .collect();
            self.0
                .insert(name.clone(), json!({"type": "object", "properties": properties}));
        }
        json!({"$ref": format!("#/components/schemas/{name}")})
    }

    /// A field's schema.
    pub(super) fn field(&mut self, field: &Field) -> Value {
        if field.descriptor.is_map() {
            let kind = field.descriptor.kind();
            let entry = kind.as_message().map(fields_of);
            let value = entry.as_deref().and_then(|fields| fields.get(1));
            let value = value.map_or(json!({}), |value| self.single(value));
            return json!({"type": "object", "additionalProperties": value});
        }
        let single = self.single(field);
        if field.descriptor.is_list() {
            return json!({"type": "array", "items": single});
        }
        let absent = matches!(field.descriptor.kind(), Kind::Message(_) | Kind::Bytes) || field.optional;
        match single {
            Value::Object(mut members) if absent && !members.is_empty() => {
                if let Some(reference) = members.remove("$ref") {
                    return json!({"allOf": [{"$ref": reference}], "nullable": true});
                }
                members.insert("nullable".to_owned(), true.into());
                Value::Object(members)
            }
            other => other,
        }
    }

    fn single(&mut self, field: &Field) -> Value {
        match field.descriptor.kind() {
            Kind::Message(kind) => self.message(&kind),
            Kind::Bytes => match field.form {
                Form::Json => json!({}),
                Form::Decimal | Form::Integer => json!({"type": "string"}),
                Form::Hex => json!({"type": "string", "pattern": "^[0-9A-Fa-f]*$"}),
                Form::Plain => json!({"type": "string", "format": "byte"}),
            },
            _ => parameter(field),
        }
    }
}

/// The schema of a value that stands in a path or a query.
pub(super) fn parameter(field: &Field) -> Value {
    match field.descriptor.kind() {
        Kind::Message(_) | Kind::String => json!({"type": "string"}),
        Kind::Bytes => json!({"type": "string", "format": "byte"}),
        Kind::Bool => json!({"type": "boolean"}),
        Kind::Float | Kind::Double => json!({"type": "number"}),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => json!({"type": "integer", "format": "int32"}),
        Kind::Uint32 | Kind::Fixed32 => {
            json!({"type": "integer", "format": "int64", "minimum": 0, "maximum": u32::MAX})
        }
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => {
            json!({"type": "string", "format": "int64", "pattern": "^-?[0-9]+$"})
        }
        Kind::Uint64 | Kind::Fixed64 => json!({"type": "string", "format": "uint64", "pattern": "^[0-9]+$"}),
        Kind::Enum(kind) => {
            let names: Vec<String> = kind.values().map(|value| word_of(&value).to_owned()).collect();
            json!({"type": "string", "enum": names})
        }
    }
}
