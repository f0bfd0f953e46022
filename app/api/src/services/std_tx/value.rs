use std::cell::Cell;

use super::Outcome;
use super::types::{Field, Kind, Type};

/// A value of one of the types, as a Go program would hold it.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    /// A pointer or an interface to nothing; a decimal that was never set.
    Nil,
    Bool(bool),
    Signed(i64),
    Unsigned(u64),
    /// Text; of an integer or a decimal the digits that the wire has.
    Text(String),
    Bytes(Vec<u8>),
    /// Seconds since 1970, and nanoseconds.
    Time(i64, u32),
    List(Vec<Value>),
    Struct(Vec<Value>),
    /// What stands for an interface.
    Named(&'static Type, Box<Value>),
}

/// Midnight of 1 January of the year 1, Go's time that was never set.
const YEAR_ONE: i64 = -62_135_596_800;

/// What a field holds that nothing was said of.
pub(super) fn zero(field: &Field) -> Value {
    if field.list {
        return Value::List(Vec::new());
    }
    if field.pointer {
        return Value::Nil;
    }
    of_kind(&field.kind)
}

/// What a value of a kind is at first.
pub(super) fn of_kind(kind: &Kind) -> Value {
    match kind {
        Kind::Bool => Value::Bool(false),
        Kind::Int32 | Kind::Int64 | Kind::Access => Value::Signed(0),
        Kind::Uint32 | Kind::Uint64 => Value::Unsigned(0),
        Kind::Text => Value::Text(String::new()),
        Kind::Bytes | Kind::Raw => Value::Bytes(Vec::new()),
        Kind::Integer => Value::Text("0".to_owned()),
        Kind::Time => Value::Time(YEAR_ONE, 0),
        Kind::Decimal | Kind::Any | Kind::Interface => Value::Nil,
        Kind::Struct(name) => super::types::of(name).map_or(Value::Nil, empty),
    }
}

/// A type without anything in it. No type of these holds itself but behind a pointer.
fn empty(of: &'static Type) -> Value {
    Value::Struct(of.fields.iter().map(zero).collect())
}

impl Value {
    /// Whether amino's binary form leaves it out.
    pub(super) fn is_default(&self, kind: &Kind) -> bool {
        match (self, kind) {
            (Self::Nil, _) => true,
            (_, Kind::Integer | Kind::Decimal) => false,
            (Self::Signed(number), _) => *number == 0,
            (Self::Unsigned(number), _) => *number == 0,
            (Self::Text(text), _) => text.is_empty(),
            (Self::Bytes(bytes), _) => bytes.is_empty(),
            (Self::List(items), _) => items.is_empty(),
            _ => false,
        }
    }
}

/// How many more values a request may have: a few bytes stand for whole messages whose members are all missing. And how
/// many bytes of JSON may still be passed: what is nested is passed once for each object and list around it.
pub(super) struct Budget {
    values: Cell<u32>,
    bytes: Cell<usize>,
}

/// Most members of a type, those of the types in it included.
pub(super) const MEMBERS: u32 = 64;

impl Budget {
    /// Enough for a block full of transfers, and to pass the longest transaction sixteen times: a message of its own is
    /// passed six times.
    pub(super) const fn new() -> Self {
        Self {
            values: Cell::new(1_000_000),
            bytes: Cell::new(16 * super::MAX_BYTES),
        }
    }

    /// Takes away.
    pub(super) fn spend(&self, values: u32) -> Outcome<()> {
        let left = self.values.get().checked_sub(values);
        self.values
            .set(left.ok_or("the transaction holds too many values")?);
        Ok(())
    }

    /// Takes bytes of JSON away.
    pub(super) fn pass(&self, bytes: usize) -> Outcome<()> {
        let left = self.bytes.get().checked_sub(bytes);
        self.bytes
            .set(left.ok_or("the transaction is too long for how deeply it is nested")?);
        Ok(())
    }
}
