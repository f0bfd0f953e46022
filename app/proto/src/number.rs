//! Numbers that travel as text (`cosmossdk.io/math`), read where the SDK reads them: while it decodes.
//!
//! wasmd also takes what Go reads as an integer (`+5`, `0x10`, `1_000`, `010`); here a number has one text.

use std::{collections::BTreeMap, sync::LazyLock};

use prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor, MessageDescriptor, ReflectMessage, Value};

use crate::pool;

/// 2^256 - 1, the largest `Int`.
const INT_MAX: &str = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
/// 2^256 * 10^18 - 1, the largest `LegacyDec`, in units of 10^-18 as on the wire.
const DEC_MAX: &str =
    "115792089237316195423570985008687907853269984665640564039457584007913129639935999999999999999999";

/// A field that holds a number.
pub(crate) struct Number {
    /// Number of the field.
    pub field: u32,
    /// Whether the SDK takes an absent one as zero.
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
    let max = match option("gogoproto.customtype")?.as_str()? {
        "cosmossdk.io/math.Int" => INT_MAX,
        "cosmossdk.io/math.LegacyDec" => DEC_MAX,
        _ => return None,
    };
    let nullable = option("gogoproto.nullable")
        .and_then(|v| v.as_bool())
        .unwrap_or(true);
    Some(Number {
        field: field.number(),
        defaults: !nullable && !field.is_list(),
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

/// A message with zeros where numbers are left out, as the SDK holds it; `None` where the bytes are no such
/// message. What is inside an `Any` is filled as well.
pub fn fill(full_name: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let descriptor = pool().get_message_by_name(full_name)?;
    let mut message = DynamicMessage::decode(descriptor, bytes).ok()?;
    fill_message(&mut message)?;
    Some(message.encode_to_vec())
}

/// The depth is bounded by the decoder's, and by the walk that found a number missing.
fn fill_message(message: &mut DynamicMessage) -> Option<()> {
    let descriptor = message.descriptor();
    if descriptor.full_name() == "google.protobuf.Any" {
        let url = message.get_field_by_name("type_url")?.as_str()?.to_owned();
        let value = message.get_field_by_name("value")?.as_bytes()?.clone();
        let name = url.rsplit('/').next().unwrap_or_default();
        let filled = fill(name, &value)?;
        message.set_field_by_name("value", Value::Bytes(filled.into()));
        return Some(());
    }
    for number in of(descriptor.full_name()).iter().filter(|n| n.defaults) {
        let field = descriptor.get_field(number.field)?;
        if message.get_field(&field).as_str().is_some_and(str::is_empty) {
            message.set_field(&field, Value::String("0".to_owned()));
        }
    }
    for field in descriptor.fields().filter(|f| !f.is_map()) {
        if !message.has_field(&field) {
            continue;
        }
        match message.get_field_mut(&field) {
            Value::Message(inner) => fill_message(inner)?,
            Value::List(list) => {
                for inner in list.iter_mut().filter_map(Value::as_message_mut) {
                    fill_message(inner)?;
                }
            }
            _ => {}
        }
    }
    Some(())
}

#[cfg(test)]
mod tests {
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
}
