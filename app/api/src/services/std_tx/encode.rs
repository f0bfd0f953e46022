//! Values in amino's binary form.

use prost::encoding::encode_varint;

use super::Outcome;
use super::types::{Field, Kind, Type, of};
use super::value::Value;

/// Wire types of protobuf, which amino shares.
const VARINT: u64 = 0;
const LENGTH: u64 = 2;

/// A value of a type, without its length.
pub(super) fn body(out: &mut Vec<u8>, of: &Type, value: &Value) -> Outcome<()> {
    let Value::Struct(values) = value else {
        return Err(format!("expected the members of {:?}", of.name));
    };
    if of.is_key {
        return match values.first() {
            Some(Value::Bytes(key)) => {
                sized(out, key);
                Ok(())
            }
            _ => Err("expected the bytes of a key".to_owned()),
        };
    }
    for ((field, value), number) in of.fields.iter().zip(values).zip(1_u64..) {
        member(out, field, number, value)?;
    }
    Ok(())
}

fn member(out: &mut Vec<u8>, field: &Field, number: u64, value: &Value) -> Outcome<()> {
    if let (true, Value::List(items)) = (field.list, value) {
        return list(out, field, number, items);
    }
    let unset_decimal = *value == Value::Nil && field.kind == Kind::Decimal && !field.pointer;
    if value.is_default(&field.kind) && !unset_decimal {
        return Ok(());
    }
    let mut written = Vec::new();
    one(&mut written, &field.kind, value)?;
    if !field.pointer && written == [0] {
        return Ok(());
    }
    tag(out, number, wire(&field.kind));
    out.extend(written);
    Ok(())
}

fn list(out: &mut Vec<u8>, field: &Field, number: u64, items: &[Value]) -> Outcome<()> {
    if items.is_empty() {
        return Ok(());
    }
    if wire(&field.kind) == VARINT {
        let mut packed = Vec::new();
        for item in items {
            one(&mut packed, &field.kind, item)?;
        }
        tag(out, number, LENGTH);
        sized(out, &packed);
        return Ok(());
    }
    for item in items {
        tag(out, number, LENGTH);
        match item.is_default(&field.kind) {
            true => out.push(0),
            false => one(out, &field.kind, item)?,
        }
    }
    Ok(())
}

/// One value with its length, where it has one.
fn one(out: &mut Vec<u8>, kind: &Kind, value: &Value) -> Outcome<()> {
    match (kind, value) {
        (_, Value::Bool(flag)) => out.push(u8::from(*flag)),
        (_, Value::Signed(number)) => encode_varint(number.cast_unsigned(), out),
        (_, Value::Unsigned(number)) => encode_varint(*number, out),
        (_, Value::Text(text)) => sized(out, text.as_bytes()),
        (_, Value::Bytes(bytes)) => sized(out, bytes),
        (Kind::Decimal, Value::Nil) => sized(out, b"0"),
        (_, Value::Time(seconds, nanos)) => {
            let mut time = Vec::new();
            for (number, part) in [(1, seconds.cast_unsigned()), (2, u64::from(*nanos))] {
                if part != 0 {
                    tag(&mut time, number, VARINT);
                    encode_varint(part, &mut time);
                }
            }
            sized(out, &time);
        }
        (Kind::Struct(name), Value::Struct(_)) => {
            let mut inner = Vec::new();
            body(
                &mut inner,
                of(name).ok_or_else(|| format!("no type {name}"))?,
                value,
            )?;
            // what is written as its key has a length already
            match of(name).is_some_and(|of| of.is_key) {
                true => out.extend(inner),
                false => sized(out, &inner),
            }
        }
        (Kind::Any | Kind::Interface, Value::Named(of, inner)) => {
            let mut named = of.prefix.to_vec();
            body(&mut named, of, inner)?;
            sized(out, &named);
        }
        _ => return Err("a value has another type than its field".to_owned()),
    }
    Ok(())
}

/// The wire type of a kind.
pub(super) fn wire(kind: &Kind) -> u64 {
    match kind {
        Kind::Bool | Kind::Int32 | Kind::Uint32 | Kind::Int64 | Kind::Uint64 | Kind::Access => VARINT,
        _ => LENGTH,
    }
}

fn tag(out: &mut Vec<u8>, number: u64, wire: u64) {
    encode_varint(number.wrapping_shl(3) | wire, out);
}

fn sized(out: &mut Vec<u8>, bytes: &[u8]) {
    encode_varint(u64::try_from(bytes.len()).unwrap_or(u64::MAX), out);
    out.extend_from_slice(bytes);
}
