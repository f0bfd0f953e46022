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
pub(crate) fn decode(field: &Field, text: &str) -> Result<Value, String> {
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

/// An integer that fits, or what Go says of it.
fn whole<T: TryFrom<i128>>(text: &str, function: &str) -> Result<T, String> {
    let wrong = |what: &str| format!("strconv.{function}: parsing {text:?}: {what}");
    let signed = text.starts_with(['-', '+']);
    let number = integer(text).filter(|_| !signed || function == "ParseInt");
    let number = number.ok_or_else(|| wrong("invalid syntax"))?;
    number.try_into().map_err(|_| wrong("value out of range"))
}

/// An integer in base 10, or with a prefix in 16, 8 or 2, as Go reads them.
fn integer(text: &str) -> Option<i128> {
    let (sign, digits) = match text.as_bytes().first()? {
        b'-' => (-1, text.get(1..)?),
        b'+' => (1, text.get(1..)?),
        _ => (1, text),
    };
    let lower = digits.to_ascii_lowercase();
    let (radix, digits) = match lower.get(..2) {
        Some("0x") => (16, lower.get(2..)?),
        Some("0b") => (2, lower.get(2..)?),
        Some("0o") => (8, lower.get(2..)?),
        _ if lower.len() > 1 && lower.starts_with('0') => (8, lower.get(1..)?),
        _ => (10, lower.as_str()),
    };
    if !digits.starts_with(|first: char| first.is_ascii_hexdigit()) {
        return None;
    }
    i128::from_str_radix(digits, radix).ok()?.checked_mul(sign)
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
            assert_eq!(crate::json::word_of(&kind.get_value(number).unwrap()), word);
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
    fn integers_are_read_as_go_reads_them() {
        for (text, expected) in [
            ("10", 10),
            ("-3", -3),
            ("+7", 7),
            ("0x1f", 31),
            ("010", 8),
            ("0", 0),
            ("0b11", 3),
        ] {
            assert_eq!(integer(text), Some(expected), "{text}");
        }
        for wrong in [
            "",
            "-",
            "1.5",
            "ten",
            "0x",
            "--1",
            "0x-1",
            "99999999999999999999999999999999999999999",
        ] {
            assert_eq!(integer(wrong), None, "{wrong}");
        }
    }
}
