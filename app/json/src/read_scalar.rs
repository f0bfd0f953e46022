//! Scalars from the text of a path or a query, and from JSON.

use base64::{DecodeError, Engine, engine::general_purpose::STANDARD, engine::general_purpose::URL_SAFE};
use prost_reflect::{EnumDescriptor, Kind, Value};

use super::fields::{Field, Form};
use super::forms;
use super::write::WORDS;

/// Bytes of base64 text with padding, in the standard alphabet or that of URLs.
pub(crate) fn base64(text: &str) -> Result<Vec<u8>, String> {
    let decoded = STANDARD.decode(text).or_else(|_| URL_SAFE.decode(text));
    decoded.map_err(|error| {
        let at = match error {
            DecodeError::InvalidByte(at, _) | DecodeError::InvalidLastSymbol(at, _) => at,
            // Go names the begin of what is left over.
            DecodeError::InvalidLength(length) => length - length % 4,
            DecodeError::InvalidPadding => text.len() - text.len() % 4,
        };
        format!("illegal base64 data at input byte {at}")
    })
}

/// A value from the text that a URL carries.
///
/// # Errors
/// What is wrong with the text, for people.
pub fn decode(field: &Field, text: &str) -> Result<Value, String> {
    let bad = |what: &str| format!("parsing {text:?}: invalid {what}");
    Ok(match field.descriptor.kind() {
        Kind::String => Value::String(string(field.form, text)?),
        Kind::Bytes => Value::Bytes(base64(text)?.into()),
        Kind::Bool => Value::Bool(match text {
            "1" | "t" | "T" | "TRUE" | "true" | "True" => true,
            "0" | "f" | "F" | "FALSE" | "false" | "False" => false,
            _ => return Err(format!("strconv.ParseBool: parsing {text:?}: invalid syntax")),
        }),
        Kind::Int32 | Kind::Sint32 | Kind::Sfixed32 => Value::I32(whole(text, "ParseInt")?),
        Kind::Int64 | Kind::Sint64 | Kind::Sfixed64 => Value::I64(whole(text, "ParseInt")?),
        Kind::Uint32 | Kind::Fixed32 => Value::U32(whole(text, "ParseUint")?),
        Kind::Uint64 | Kind::Fixed64 => Value::U64(whole(text, "ParseUint")?),
        Kind::Float => Value::F32(text.parse().map_err(|_| bad("float"))?),
        Kind::Double => Value::F64(text.parse().map_err(|_| bad("float"))?),
        Kind::Enum(kind) => Value::EnumNumber(enumeration(&kind, text)?),
        Kind::Message(kind) => {
            let message = well_known(&kind, text).ok_or_else(|| bad(kind.name()))?;
            Value::Message(message)
        }
    })
}

/// What Go says of text that is no integer, or of none that fits.
const SYNTAX: &str = "invalid syntax";
const RANGE: &str = "value out of range";

/// An integer that fits, or what Go says of it.
fn whole<T: TryFrom<i128>>(text: &str, function: &str) -> Result<T, String> {
    let signed = text.starts_with(['-', '+']);
    let number = match signed && function == "ParseUint" {
        true => Err(SYNTAX),
        false => integer(text, most::<T>()),
    };
    let number = number.and_then(|number| number.try_into().map_err(|_| RANGE));
    number.map_err(|what| format!("strconv.{function}: parsing {text:?}: {what}"))
}

/// The largest integer without a sign that has the bits of this type.
const fn most<T>() -> i128 {
    match size_of::<T>() {
        4 => 0xffff_ffff,
        _ => 0xffff_ffff_ffff_ffff,
    }
}

/// An integer in base 10, or with a prefix in 16, 8 or 2, as Go reads them: digit by digit, until one is none or what they
/// make is more than `most`.
fn integer(text: &str, most: i128) -> Result<i128, &'static str> {
    let (sign, unsigned) = match text.as_bytes() {
        [b'-', rest @ ..] => (-1, rest),
        [b'+', rest @ ..] => (1, rest),
        all => (1, all),
    };
    let (radix, digits) = match unsigned {
        [] => return Err(SYNTAX),
        [b'0', b'x' | b'X', digits @ ..] if !digits.is_empty() => (16, digits),
        [b'0', b'b' | b'B', digits @ ..] if !digits.is_empty() => (2, digits),
        [b'0', b'o' | b'O', digits @ ..] if !digits.is_empty() => (8, digits),
        [b'0', digits @ ..] => (8, digits),
        digits => (10, digits),
    };
    let mut number: i128 = 0;
    for digit in digits.iter().filter(|digit| **digit != b'_') {
        let digit = char::from(*digit).to_digit(radix).ok_or(SYNTAX)?;
        number = number * i128::from(radix) + i128::from(digit);
        if number > most {
            return Err(RANGE);
        }
    }
    match separates(digits, radix == 10) {
        true => Ok(sign * number),
        false => Err(SYNTAX),
    }
}

/// Whether each underscore stands between digits; a prefix counts as one.
fn separates(digits: &[u8], decimal: bool) -> bool {
    let first = decimal && digits.first() == Some(&b'_');
    !first && digits.last() != Some(&b'_') && !digits.windows(2).any(|pair| pair == b"__")
}

/// An enumeration's number from a name or a number that it has.
pub(super) fn enumeration(kind: &EnumDescriptor, text: &str) -> Result<i32, String> {
    let name = WORDS.iter().find(|(_, word)| *word == text);
    let name = name.map_or(text, |(name, _)| name);
    let by_name = kind.get_value_by_name(name);
    let by_number = || text.parse().ok().and_then(|number| kind.get_value(number));
    let value = by_name.or_else(by_number);
    value
        .map(|value| value.number())
        .ok_or_else(|| format!("{text} is not a valid {}", go_name(kind)))
}

/// The name of an enumeration's type in the SDK, which errors print.
fn go_name(kind: &EnumDescriptor) -> String {
    let package = match kind.package_name() {
        "cosmos.tx.v1beta1" => "tx",
        name => name.rsplit('.').next().unwrap_or(name),
    };
    format!("{package}.{}", kind.name())
}

/// A string in the wire's form.
pub(super) fn string(form: Form, text: &str) -> Result<String, String> {
    match form {
        Form::Decimal => forms::undecimal(text).ok_or_else(|| format!("{text:?} is not a decimal")),
        Form::Integer => {
            let digits = text.strip_prefix('-').unwrap_or(text);
            if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(format!("{text:?} is not an integer"));
            }
            Ok(text.to_owned())
        }
        Form::Plain | Form::Json | Form::Hex => Ok(text.to_owned()),
    }
}

/// Instants and spans, whose JSON is a string.
pub(super) fn well_known(
    kind: &prost_reflect::MessageDescriptor,
    text: &str,
) -> Option<prost_reflect::DynamicMessage> {
    let (seconds, nanos) = match kind.full_name() {
        "google.protobuf.Timestamp" => forms::parse_timestamp(text)?,
        "google.protobuf.Duration" => forms::parse_duration(text)?,
        _ => return None,
    };
    let mut message = prost_reflect::DynamicMessage::new(kind.clone());
    message.try_set_field_by_number(1, Value::I64(seconds)).ok()?;
    message.try_set_field_by_number(2, Value::I32(nanos)).ok()?;
    Some(message)
}

#[cfg(test)]
mod tests {
    use super::{base64, integer};

    #[test]
    fn bytes_are_read_in_both_alphabets() {
        assert_eq!(base64("+/8=").unwrap(), [0xfb, 0xff]);
        assert_eq!(base64("-_8=").unwrap(), [0xfb, 0xff]);
        assert!(base64("a").is_err());
        assert!(base64("+_8=").is_err());
    }

    #[test]
    fn wasmd_s_permissions_have_words_of_their_own() {
        let kind = quern_proto::pool()
            .get_enum_by_name("cosmwasm.wasm.v1.AccessType")
            .unwrap();
        for (word, name, number) in [
            ("Everybody", "ACCESS_TYPE_EVERYBODY", 3),
            ("Unspecified", "ACCESS_TYPE_UNSPECIFIED", 0),
        ] {
            assert_eq!(super::enumeration(&kind, word), Ok(number));
            assert_eq!(super::enumeration(&kind, name), Ok(number));
            assert_eq!(crate::word_of(&kind.get_value(number).unwrap()), word);
        }
        let status = quern_proto::pool()
            .get_enum_by_name("cosmos.gov.v1.ProposalStatus")
            .unwrap();
        let wrong = super::enumeration(&status, "nosuch").unwrap_err();
        assert_eq!(wrong, "nosuch is not a valid v1.ProposalStatus");
    }

    #[test]
    fn what_is_no_integer_is_refused_in_go_s_words() {
        let unsigned = |text| super::whole::<u64>(text, "ParseUint").unwrap_err();
        let syntax = |text: &str| format!("strconv.ParseUint: parsing {text:?}: invalid syntax");
        assert_eq!(unsigned("abc"), syntax("abc"));
        assert_eq!(unsigned("-1"), syntax("-1"));
        let large = "18446744073709551616";
        let range = format!("strconv.ParseUint: parsing {large:?}: value out of range");
        assert_eq!(unsigned(large), range);
        assert_eq!(super::whole::<i64>("-7", "ParseInt"), Ok(-7));
        assert_eq!(base64("!!").unwrap_err(), "illegal base64 data at input byte 0");
    }

    #[test]
    fn of_more_digits_than_fit_the_range_is_what_is_wrong() {
        let range = |text: &str| format!("parsing {text:?}: value out of range");
        let long = "9".repeat(60);
        for text in [long.as_str(), "18446744073709551616x", "0x10000000000000000"] {
            let found = super::whole::<u64>(text, "ParseUint").unwrap_err();
            assert_eq!(found, format!("strconv.ParseUint: {}", range(text)));
        }
        for text in [&format!("-{long}"), "9223372036854775808", "-9223372036854775809"] {
            let found = super::whole::<i64>(text, "ParseInt").unwrap_err();
            assert_eq!(found, format!("strconv.ParseInt: {}", range(text)));
        }
        let small = super::whole::<u32>("4294967296", "ParseUint").unwrap_err();
        assert!(small.ends_with(&range("4294967296")), "{small}");
        let bad = super::whole::<u64>("1844674407370955161x", "ParseUint").unwrap_err();
        assert!(bad.ends_with("invalid syntax"), "{bad}");
        assert_eq!(
            super::whole::<i64>("-9223372036854775808", "ParseInt"),
            Ok(i64::MIN)
        );
    }

    #[test]
    fn integers_are_read_as_go_reads_them() {
        let most = super::most::<u64>();
        for (text, expected) in [
            ("10", 10),
            ("-3", -3),
            ("+7", 7),
            ("0x1f", 31),
            ("010", 8),
            ("0", 0),
            ("0b11", 3),
            ("0O17", 15),
            ("1_000", 1_000),
            ("0x_f", 15),
            ("0_7", 7),
        ] {
            assert_eq!(integer(text, most), Ok(expected), "{text}");
        }
        for wrong in [
            "", "-", "1.5", "ten", "0x", "--1", "0x-1", "_1", "1_", "1__0", "08", "é",
        ] {
            assert_eq!(integer(wrong, most), Err(super::SYNTAX), "{wrong}");
        }
    }
}
