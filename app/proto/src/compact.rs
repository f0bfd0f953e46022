//! Messages as one line of text, for logs: the form in which Go's `%v` prints them (`CompactTextString`).

use std::fmt::Write;

use prost_reflect::{DynamicMessage, Kind, Value};

use crate::pool;

/// A message as text such as `to_address:"..." amount:<denom:"nqrn" amount:"5" > `; its type alone if it
/// cannot be read.
pub fn text(type_url: &str, bytes: &[u8]) -> String {
    let name = type_url.strip_prefix('/').unwrap_or(type_url);
    let message = pool()
        .get_message_by_name(name)
        .and_then(|descriptor| DynamicMessage::decode(descriptor, bytes).ok());
    let mut out = String::new();
    match message {
        Some(message) => fields(&mut out, &message),
        None => out.push_str(name),
    }
    out
}

fn fields(out: &mut String, message: &DynamicMessage) {
    for (field, value) in message.fields() {
        match value {
            Value::List(items) => {
                for item in items {
                    one(out, field.name(), &field.kind(), item);
                }
            }
            value => one(out, field.name(), &field.kind(), value),
        }
    }
}

fn one(out: &mut String, name: &str, kind: &Kind, value: &Value) {
    out.push_str(name);
    out.push(':');
    match value {
        Value::Message(message) => {
            out.push('<');
            fields(out, message);
            out.push('>');
        }
        Value::String(text) => quoted(out, text.as_bytes()),
        Value::Bytes(bytes) => quoted(out, bytes),
        Value::EnumNumber(number) => {
            let known = match kind {
                Kind::Enum(of) => of.get_value(*number),
                _ => None,
            };
            match known {
                Some(value) => out.push_str(value.name()),
                None => number_text(out, number),
            }
        }
        Value::Bool(b) => number_text(out, b),
        Value::I32(n) => number_text(out, n),
        Value::I64(n) => number_text(out, n),
        Value::U32(n) => number_text(out, n),
        Value::U64(n) => number_text(out, n),
        Value::F32(_) | Value::F64(_) | Value::List(_) | Value::Map(_) => {}
    }
    out.push(' ');
}

fn number_text(out: &mut String, value: &impl std::fmt::Display) {
    let _ = write!(out, "{value}"); // a String takes everything
}

/// Text in quotes, what is not printable ASCII as octal.
fn quoted(out: &mut String, bytes: &[u8]) {
    out.push('"');
    for byte in bytes {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'\r' => out.push_str("\\r"),
            b'\t' => out.push_str("\\t"),
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            0x20..=0x7e => out.push(char::from(*byte)),
            other => {
                let _ = write!(out, "\\{other:03o}");
            }
        }
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::cosmos::{bank::v1beta1::MsgSend, base::v1beta1::Coin};

    #[test]
    fn a_message_reads_as_go_prints_it() {
        let send = MsgSend {
            from_address: "a\"\u{e9}".into(),
            to_address: String::new(),
            amount: vec![Coin {
                denom: "nqrn".into(),
                amount: "5".into(),
            }],
        };
        assert_eq!(
            text("/cosmos.bank.v1beta1.MsgSend", &send.encode_to_vec()),
            r#"from_address:"a\"\303\251" amount:<denom:"nqrn" amount:"5" > "#
        );
        assert_eq!(text("/no.Such", &[]), "no.Such");
    }
}
