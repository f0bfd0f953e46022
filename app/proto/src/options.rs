//! What descriptors say beside the wire format, and names as Go's programs form them.

use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor, Value};

use crate::pool;

/// The options of a message or a field.
#[derive(Clone, Debug)]
pub struct Options(DynamicMessage);

impl Options {
    /// Those of a message.
    pub fn of_message(message: &MessageDescriptor) -> Self {
        Self(message.options())
    }

    /// Those of a field.
    pub fn of_field(field: &FieldDescriptor) -> Self {
        Self(field.options())
    }

    fn get(&self, name: &str) -> Option<Value> {
        let extension = pool().get_extension_by_name(name)?;
        let set = self.0.has_extension(&extension);
        set.then(|| self.0.get_extension(&extension).into_owned())
    }

    /// An option that is a text, by its full name; `None` where it is not set.
    pub fn text(&self, name: &str) -> Option<String> {
        self.get(name)?.as_str().map(str::to_owned)
    }

    /// An option that is a flag, by its full name; `None` where it is not set.
    pub fn flag(&self, name: &str) -> Option<bool> {
        self.get(name)?.as_bool()
    }
}

/// `snake_case` as `CamelCase`.
pub fn camel(name: &str) -> String {
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

#[cfg(test)]
mod tests {
    use super::{Options, camel};

    #[test]
    fn options_that_are_not_set_are_told_from_those_that_are() {
        let message = crate::pool()
            .get_message_by_name("cosmos.base.v1beta1.Coin")
            .unwrap();
        let amount = Options::of_field(&message.get_field_by_name("amount").unwrap());
        assert_eq!(amount.text("cosmos_proto.scalar").as_deref(), Some("cosmos.Int"));
        assert_eq!(amount.flag("gogoproto.nullable"), Some(false));
        let denom = Options::of_field(&message.get_field_by_name("denom").unwrap());
        assert_eq!(
            (
                denom.text("cosmos_proto.scalar"),
                denom.flag("gogoproto.nullable")
            ),
            (None, None)
        );
        assert_eq!(Options::of_message(&message).text("amino.name"), None);
    }

    #[test]
    fn names_are_those_of_go() {
        for (name, go) in [
            ("sum", "Sum"),
            ("public_key", "PublicKey"),
            ("_a__b", "AB"),
            ("", ""),
        ] {
            assert_eq!(camel(name), go);
        }
    }
}
