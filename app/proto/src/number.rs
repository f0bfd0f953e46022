//! Numbers that travel as text (`cosmossdk.io/math`), read where the SDK reads them: while it decodes.
//!
//! wasmd also takes what Go reads as an integer (`+5`, `0x10`, `1_000`, `010`); here a number has one text.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::LazyLock,
};

use prost::encoding::{WireType, encode_key, encode_varint};
use prost_reflect::{FieldDescriptor, Kind, MessageDescriptor};

use crate::{pool, unknown};

/// 2^256 - 1, the largest `Int`.
const INT_MAX: &str = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
/// 2^256 * 10^18 - 1, the largest `LegacyDec`, in units of 10^-18 as on the wire.
const DEC_MAX: &str =
    "115792089237316195423570985008687907853269984665640564039457584007913129639935999999999999999999";

/// A field that holds a number.
pub(crate) struct Number {
    /// Number of the field.
    pub field: u32,
    /// Whether the SDK takes an absent one as zero. An `Int` becomes one where the ante handler encodes its message to look
    /// for signers; a `LegacyDec` stays none, which handlers refuse.
    pub defaults: bool,
    max: &'static str,
}

/// The numbers of each message that has any.
static NUMBERS: LazyLock<BTreeMap<String, Vec<Number>>> = LazyLock::new(|| {
    let with_numbers = |message: MessageDescriptor| {
        let numbers: Vec<Number> = message.fields().filter_map(|field| read(&field)).collect();
        (!numbers.is_empty()).then(|| (message.full_name().to_owned(), numbers))
    };
    pool().all_messages().filter_map(with_numbers).collect()
});

/// The numbers of a message, by its full name.
pub(crate) fn of(full_name: &str) -> &'static [Number] {
    NUMBERS.get(full_name).map_or(&[], Vec::as_slice)
}

fn read(field: &FieldDescriptor) -> Option<Number> {
    let options = field.options();
    let option = |name: &str| {
        let extension = pool().get_extension_by_name(name)?;
        options
            .has_extension(&extension)
            .then(|| options.get_extension(&extension).into_owned())
    };
    let (max, integer) = match option("gogoproto.customtype")?.as_str()? {
        "cosmossdk.io/math.Int" => (INT_MAX, true),
        "cosmossdk.io/math.LegacyDec" => (DEC_MAX, false),
        _ => return None,
    };
    let nullable = option("gogoproto.nullable")
        .and_then(|v| v.as_bool())
        .unwrap_or(true);
    Some(Number {
        field: field.number(),
        defaults: integer && !nullable && !field.is_list(),
        max,
    })
}

impl Number {
    /// Checks a number's text, which may be empty.
    ///
    /// # Errors
    /// Go's text for what is no integer, or is out of range.
    pub fn check(&self, text: &[u8]) -> Result<(), String> {
        let digits = text.strip_prefix(b"-").unwrap_or(text);
        let decimal = match digits {
            [] => text.is_empty(),
            [b'0'] => text.len() == 1,
            [first, ..] => *first != b'0' && digits.iter().all(u8::is_ascii_digit),
        };
        if !decimal {
            let text = String::from_utf8_lossy(text);
            return Err(format!("math/big: cannot unmarshal {text:?} into a *big.Int"));
        }
        // without leading zeros the longer number is the larger one
        let most = self.max.as_bytes();
        if (digits.len(), digits) > (most.len(), most) {
            return Err("integer out of range".to_owned());
        }
        Ok(())
    }
}

/// A message with zeros where integers are left out, as the SDK holds it; `None` where the bytes are no such
/// message, or one of its single messages comes in several parts. What is inside an `Any` is filled as well.
///
/// It copies bytes and adds three at most for each number: a tree of values would take hundreds of times the
/// bytes, before anybody has paid.
pub fn fill(full_name: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    fill_message(&pool().get_message_by_name(full_name)?, bytes, 0)
}

fn fill_message(message: &MessageDescriptor, bytes: &[u8], depth: usize) -> Option<Vec<u8>> {
    if depth > unknown::MAX_DEPTH {
        return None;
    }
    if message.full_name() == "google.protobuf.Any" {
        return fill_any(bytes, depth);
    }
    let (mut rest, mut filled) = (bytes, Vec::with_capacity(bytes.len()));
    // of the last value of each number, which counts, and of single messages
    let (mut given, mut seen) = (BTreeSet::new(), BTreeSet::new());
    while !rest.is_empty() {
        let whole = rest;
        let (number, wire_type) = unknown::take_tag(&mut rest).ok()?;
        let value = unknown::take_value(&mut rest, wire_type).ok()?;
        let field = message.get_field(number);
        let kind = field.as_ref().map(FieldDescriptor::kind);
        if let (Some(field), Some(Kind::Message(inner)), false) =
            (&field, &kind, field.as_ref().is_some_and(FieldDescriptor::is_map))
        {
            if !field.is_list() && !seen.insert(number) {
                return None;
            }
            put(&mut filled, number, &fill_message(inner, value, depth + 1)?);
            continue;
        }
        match value.is_empty() {
            true => given.remove(&number),
            false => given.insert(number),
        };
        filled.extend_from_slice(whole.get(..whole.len().checked_sub(rest.len())?)?);
    }
    for number in of(message.full_name()).iter().filter(|n| n.defaults) {
        if !given.contains(&number.field) {
            put(&mut filled, number.field, b"0");
        }
    }
    Some(filled)
}

fn fill_any(bytes: &[u8], depth: usize) -> Option<Vec<u8>> {
    let (mut rest, mut url, mut value): (_, &[u8], &[u8]) = (bytes, &[], &[]);
    while !rest.is_empty() {
        let (number, wire_type) = unknown::take_tag(&mut rest).ok()?;
        let bytes = unknown::take_value(&mut rest, wire_type).ok()?;
        match number {
            1 => url = bytes,
            2 => value = bytes,
            _ => return None,
        }
    }
    let name = std::str::from_utf8(url).ok()?.rsplit('/').next()?;
    let inner = fill_message(&pool().get_message_by_name(name)?, value, depth + 1)?;
    let mut filled = Vec::with_capacity(bytes.len());
    put(&mut filled, 1, url);
    put(&mut filled, 2, &inner);
    Some(filled)
}

/// Adds a field of bytes.
fn put(to: &mut Vec<u8>, number: u32, value: &[u8]) {
    encode_key(number, WireType::LengthDelimited, to);
    encode_varint(u64::try_from(value.len()).unwrap_or(u64::MAX), to);
    to.extend_from_slice(value);
}

#[cfg(test)]
mod tests {
    use prost::Message;

    use super::*;
    use crate::{
        Any,
        cosmos::{authz::v1beta1::MsgExec, bank::v1beta1::MsgSend, base::v1beta1::Coin},
    };

    #[test]
    fn only_decimal_integers_of_256_bits_are_numbers() {
        let [amount] = of("cosmos.base.v1beta1.Coin") else {
            panic!("one number");
        };
        assert!(amount.defaults && amount.field == 2);
        for good in ["", "0", "5", "-5", INT_MAX] {
            assert_eq!(amount.check(good.as_bytes()), Ok(()), "{good}");
        }
        for bad in ["1.5", "+5", "010", "-0", "0x10", "1_000", "-", " 1", "5qrn"] {
            assert_eq!(
                amount.check(bad.as_bytes()),
                Err(format!("math/big: cannot unmarshal {bad:?} into a *big.Int"))
            );
        }
        let more = format!("{}6", &INT_MAX[..INT_MAX.len() - 1]);
        for large in [
            more.as_str(),
            "1000000000000000000000000000000000000000000000000000000000000000000000000000000",
        ] {
            assert_eq!(
                amount.check(large.as_bytes()),
                Err("integer out of range".to_owned())
            );
        }
    }

    #[test]
    fn numbers_that_may_be_left_out_stay_so() {
        let edit = of("cosmos.staking.v1beta1.MsgEditValidator");
        assert!(edit.len() == 2 && edit.iter().all(|n| !n.defaults));
        let rates = of("cosmos.staking.v1beta1.CommissionRates");
        assert!(rates.len() == 3 && rates.iter().all(|n| !n.defaults));
        assert!(
            fill("cosmos.staking.v1beta1.CommissionRates", b"")
                .unwrap()
                .is_empty()
        );
    }

    #[test]
    fn a_missing_amount_becomes_zero_at_any_depth() {
        let send = |amount: &str| MsgSend {
            amount: vec![Coin {
                denom: "nqrn".into(),
                amount: amount.into(),
            }],
            ..Default::default()
        };
        let exec = |amount: &str| {
            let send = Any {
                type_url: "/cosmos.bank.v1beta1.MsgSend".into(),
                value: send(amount).encode_to_vec(),
            };
            MsgExec {
                grantee: "g".into(),
                msgs: vec![send],
            }
            .encode_to_vec()
        };
        let filled = fill("cosmos.authz.v1beta1.MsgExec", &exec(""));
        assert_eq!(filled, Some(exec("0")));
        assert_eq!(fill("cosmos.authz.v1beta1.MsgExec", &exec("7")), Some(exec("7")));
    }

    #[test]
    fn the_last_text_of_a_number_counts_and_a_message_in_parts_is_left_as_it_is() {
        let coin = |fields: &[&[u8]]| fill("cosmos.base.v1beta1.Coin", &fields.concat()).unwrap();
        let amount = |bytes: &[u8]| Coin::decode(bytes).unwrap().amount;
        assert_eq!(amount(&coin(&[b"\x12\x017", b"\x12\x00"])), "0");
        assert_eq!(amount(&coin(&[b"\x12\x00", b"\x12\x017"])), "7");
        let delegate = |fields: &[&[u8]]| fill("cosmos.staking.v1beta1.MsgDelegate", &fields.concat());
        assert!(delegate(&[b"\x1a\x03\x0a\x01q"]).is_some());
        assert_eq!(delegate(&[b"\x1a\x03\x12\x017", b"\x1a\x03\x0a\x01q"]), None);
        assert_eq!(fill("cosmos.base.v1beta1.Coin", b"\x12"), None);
    }

    #[test]
    fn many_empty_coins_grow_by_three_bytes_each() {
        let sent = [0x1a, 0].repeat(100_000);
        let filled = fill("cosmos.bank.v1beta1.MsgSend", &sent).unwrap();
        assert_eq!(filled.len(), sent.len() + 300_000);
        assert!(
            MsgSend::decode(&*filled)
                .unwrap()
                .amount
                .iter()
                .all(|c| c.amount == "0")
        );
    }
}
