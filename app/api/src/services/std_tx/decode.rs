//! Amino's binary form as values.

use prost::bytes::Buf;
use prost::encoding::decode_varint;

use super::encode::wire;
use super::types::{Field, Kind, Type, by_prefix, of};
use super::value::{Budget, MEMBERS, Value, of_kind, zero};
use super::{MAX_DEPTH, Outcome};

const LENGTH: u64 = 2;

/// A value of a type out of all these bytes.
pub(super) fn body(mut bytes: &[u8], of: &'static Type, depth: usize, budget: &Budget) -> Outcome<Value> {
    budget.spend(MEMBERS)?;
    if depth > MAX_DEPTH {
        return Err("messages are nested too deeply".to_owned());
    }
    if of.is_key {
        let key = sized(&mut bytes)?.to_vec();
        return match bytes.is_empty() {
            true => Ok(Value::Struct(vec![Value::Bytes(key)])),
            false => Err("bytes left over after reading interface contents".to_owned()),
        };
    }
    let mut values = Vec::with_capacity(of.fields.len());
    let mut last = 0;
    for (field, number) in of.fields.iter().zip(1_u64..) {
        values.push(member(&mut bytes, field, number, depth, budget)?);
    }
    while !bytes.is_empty() {
        // what comes after all known fields is passed over, as go-amino does
        let (number, wire) = tag(&mut bytes)?;
        if number <= last || number <= u64::try_from(of.fields.len()).unwrap_or(u64::MAX) {
            return Err(format!(
                "encountered field number {number} a second time, or too late"
            ));
        }
        last = number;
        skip(&mut bytes, wire)?;
    }
    Ok(Value::Struct(values))
}

fn member(bytes: &mut &[u8], field: &Field, number: u64, depth: usize, budget: &Budget) -> Outcome<Value> {
    let mut items = Vec::new();
    loop {
        let mut ahead = *bytes;
        let found = if bytes.is_empty() {
            None
        } else {
            Some(tag(&mut ahead)?)
        };
        let Some((_, given)) = found.filter(|(found, _)| *found == number) else {
            if found.is_some_and(|(found, _)| found < number) {
                return Err(format!("expected field number {number} or greater"));
            }
            return Ok(match (field.list, &field.kind) {
                (true, _) => Value::List(items),
                (false, Kind::Time) => Value::Time(0, 0),
                (false, _) => zero(field),
            });
        };
        let packed = field.list && wire(&field.kind) != LENGTH;
        let wanted = if packed { LENGTH } else { wire(&field.kind) };
        if given != wanted {
            return Err(format!(
                "expected field type {wanted} for field number {number}, got {given}"
            ));
        }
        *bytes = ahead;
        if packed {
            let mut inner = sized(bytes)?;
            while !inner.is_empty() {
                budget.spend(1)?;
                items.push(one(&mut inner, &field.kind, depth, budget)?);
            }
            return Ok(Value::List(items));
        }
        if !field.list {
            return one(bytes, &field.kind, depth, budget);
        }
        if let Some(rest) = bytes.strip_prefix(&[0]) {
            *bytes = rest;
            budget.spend(MEMBERS)?;
            items.push(match (field.pointer, &field.kind) {
                (_, Kind::Time) => Value::Time(0, 0),
                (true, _) => Value::Nil,
                (false, kind) => of_kind(kind),
            });
            continue;
        }
        budget.spend(1)?;
        items.push(one(bytes, &field.kind, depth, budget)?);
    }
}

fn one(bytes: &mut &[u8], kind: &Kind, depth: usize, budget: &Budget) -> Outcome<Value> {
    Ok(match kind {
        Kind::Bool => match varint(bytes)? {
            0 => Value::Bool(false),
            1 => Value::Bool(true),
            _ => return Err("invalid bool".to_owned()),
        },
        Kind::Int64 => Value::Signed(varint(bytes)?.cast_signed()),
        Kind::Int32 | Kind::Access => {
            let number = varint(bytes)?.cast_signed();
            let number = i32::try_from(number).map_err(|_| "encoded integer value overflows int(32)")?;
            Value::Signed(number.into())
        }
        Kind::Uint32 => {
            let number =
                u32::try_from(varint(bytes)?).map_err(|_| "encoded integer value overflows uint(32)")?;
            Value::Unsigned(number.into())
        }
        Kind::Uint64 => Value::Unsigned(varint(bytes)?),
        Kind::Text => Value::Text(utf8(sized(bytes)?)?),
        Kind::Bytes | Kind::Raw => Value::Bytes(sized(bytes)?.to_vec()),
        Kind::Integer | Kind::Decimal => {
            let digits = utf8(sized(bytes)?)?;
            if !super::text::is_integer(&digits) {
                return Err(format!("{digits:?} is no integer"));
            }
            Value::Text(digits)
        }
        Kind::Time => time(sized(bytes)?)?,
        Kind::Any | Kind::Interface => match sized(bytes)? {
            [] if *kind == Kind::Interface => Value::Nil,
            inner => {
                let (prefix, rest) = inner
                    .split_first_chunk::<4>()
                    .ok_or("Expected disambiguation or prefix bytes.")?;
                let of = by_prefix(*prefix)?;
                Value::Named(of, Box::new(body(rest, of, depth.saturating_add(1), budget)?))
            }
        },
        Kind::Struct(name) => {
            let of = of(name).ok_or_else(|| format!("no type {name}"))?;
            match of.is_key {
                true => Value::Struct(vec![Value::Bytes(sized(bytes)?.to_vec())]),
                false => body(sized(bytes)?, of, depth.saturating_add(1), budget)?,
            }
        }
    })
}

fn time(mut bytes: &[u8]) -> Outcome<Value> {
    let (mut seconds, mut nanos) = (0, 0);
    while !bytes.is_empty() {
        match tag(&mut bytes)? {
            (1, 0) => seconds = varint(&mut bytes)?.cast_signed(),
            (2, 0) => nanos = varint(&mut bytes)?,
            _ => return Err("expected the two fields of a time".to_owned()),
        }
    }
    let nanos = u32::try_from(nanos).ok().filter(|nanos| *nanos < 1_000_000_000);
    let nanos = nanos.ok_or("nanoseconds are out of range")?;
    match super::text::in_range(seconds) {
        true => Ok(Value::Time(seconds, nanos)),
        false => Err("seconds are out of range".to_owned()),
    }
}

fn utf8(bytes: &[u8]) -> Outcome<String> {
    String::from_utf8(bytes.to_vec()).map_err(|_| "a text is not UTF-8".to_owned())
}

fn varint(bytes: &mut &[u8]) -> Outcome<u64> {
    decode_varint(bytes).map_err(|error| error.to_string())
}

/// A field's number and wire type.
fn tag(bytes: &mut &[u8]) -> Outcome<(u64, u64)> {
    let tag = varint(bytes)?;
    match tag >> 3 {
        0 => Err("field number 0".to_owned()),
        number => Ok((number, tag & 7)),
    }
}

fn sized<'a>(bytes: &mut &'a [u8]) -> Outcome<&'a [u8]> {
    let length = usize::try_from(varint(bytes)?).unwrap_or(usize::MAX);
    let (found, rest) = bytes.split_at_checked(length).ok_or("insufficient bytes")?;
    *bytes = rest;
    Ok(found)
}

fn skip(bytes: &mut &[u8], wire: u64) -> Outcome<()> {
    let fixed = match wire {
        0 => return varint(bytes).map(drop),
        1 => 8,
        2 => return sized(bytes).map(drop),
        5 => 4,
        _ => return Err(format!("invalid field type {wire}")),
    };
    if bytes.remaining() < fixed {
        return Err("insufficient bytes".to_owned());
    }
    bytes.advance(fixed);
    Ok(())
}
