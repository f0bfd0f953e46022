//! JSON in which no object names a field twice: all but one of its values would be dropped in silence.

use crate::error::ApiError;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};
use std::cell::RefCell;
use std::fmt::{self, Write};

/// The fields of a body. An explicit null means the default everywhere in the schemas.
///
/// # Errors
/// When it is no JSON object, or names a field twice.
pub(crate) fn fields(body: &[u8]) -> Result<Map<String, Value>, ApiError> {
    let Value::Object(mut fields) = value(body)? else {
        return Err(ApiError::body("The request body must be a JSON object."));
    };
    fields.retain(|_, value| !value.is_null());
    Ok(fields)
}

/// A body's value.
///
/// # Errors
/// When it is no JSON, or names a field twice.
pub(crate) fn value(body: &[u8]) -> Result<Value, ApiError> {
    let twice = RefCell::new(None);
    let mut reader = serde_json::Deserializer::from_slice(body);
    let read = Reading {
        at: &Place::Top,
        twice: &twice,
    };
    let value = read.deserialize(&mut reader);
    let whole = value.and_then(|value| reader.end().map(|()| value));
    whole.map_err(|error| match twice.take() {
        Some(path) => {
            let message = format!("'{path}' is there twice; send it once.");
            ApiError::invalid(&path, message)
        }
        None => ApiError::body(format!(
            "We could not parse the JSON body of your request: {error}"
        )),
    })
}

/// Where a value stands.
enum Place<'a> {
    Top,
    Field(&'a Place<'a>, &'a str),
    Item(&'a Place<'a>, usize),
}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Top => Ok(()),
            Self::Field(Self::Top, name) => f.write_str(name),
            Self::Field(within, name) => write!(f, "{within}.{name}"),
            Self::Item(within, index) => write!(f, "{within}[{index}]"),
        }
    }
}

/// Reads one value.
struct Reading<'a> {
    at: &'a Place<'a>,
    /// The field that came twice.
    twice: &'a RefCell<Option<String>>,
}

impl<'de> DeserializeSeed<'de> for Reading<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Reading<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut items = Vec::new();
        loop {
            let at = Place::Item(self.at, items.len());
            let read = Reading {
                at: &at,
                twice: self.twice,
            };
            match from.next_element_seed(read)? {
                Some(item) => items.push(item),
                None => return Ok(Value::Array(items)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut from: A) -> Result<Value, A::Error> {
        let mut fields = Map::new();
        while let Some(name) = from.next_key::<String>()? {
            let at = Place::Field(self.at, &name);
            if fields.contains_key(&name) {
                let mut path = String::new();
                let _ = write!(path, "{at}");
                self.twice.replace(Some(path));
                return Err(A::Error::custom("a field is there twice"));
            }
            let read = Reading {
                at: &at,
                twice: self.twice,
            };
            let value = from.next_value_seed(read)?;
            fields.insert(name, value);
        }
        Ok(Value::Object(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_field_that_comes_twice_is_refused_by_its_path() {
        for (body, path) in [
            (r#"{"a": 1, "a": 1}"#, "a"),
            (r#"{"a": null, "b": 1, "a": 2}"#, "a"),
            (
                r#"{"tools": [{"x": 1}, {"function": {"name": "f", "name": "g"}}]}"#,
                "tools[1].function.name",
            ),
            (r#"{"a\u0062": 1, "ab": 2}"#, "ab"),
        ] {
            let error = fields(body.as_bytes()).unwrap_err();
            assert_eq!((error.status.as_u16(), error.param.as_deref()), (400, Some(path)));
            assert!(error.message.contains(path), "{}", error.message);
        }
        let fine = fields(br#"{"a": {"b": 1}, "b": [{"b": 2}, {"b": 3}], "c": null}"#).unwrap();
        assert_eq!(fine.len(), 2);
    }

    #[test]
    fn what_is_no_json_is_no_parameters_fault() {
        let deep = "[".repeat(100_000);
        for body in [
            "",
            "{",
            "[1]",
            "5",
            "{} x",
            "{\"a\": NaN}",
            "{\"a\": 1e999}",
            "\u{feff}{}",
            &deep,
        ] {
            let error = fields(body.as_bytes()).unwrap_err();
            assert_eq!((error.status.as_u16(), error.param), (400, None), "{body:.20}");
        }
        assert!(fields(b"{\"a\": \"\xff\"}").is_err());
    }

    proptest! {
        #[test]
        fn all_else_is_read_as_ever(bits in any::<u64>(), whole in any::<i64>(), text in ".{0,9}") {
            let decimal = f64::from_bits(bits);
            let body = serde_json::json!({"a": [whole, bits, text, null, true, {text.clone(): -0.0}],
                "b": decimal}).to_string();
            prop_assert_eq!(value(body.as_bytes()).unwrap(), serde_json::from_str::<Value>(&body).unwrap());
        }
    }
}
