//! Refusal of fields that a decoder would drop in silence (Cosmos SDK `codec/unknownproto`).
//!
//! prost skips unknown fields; a signer who did not know of a field must not have it executed away.
//! The walk follows the descriptors through every nested message and every `Any`.

use prost_reflect::{Kind, MessageDescriptor};

use crate::{number, pool};

/// Messages nested deeper than this are refused: the walk's stack stays bounded.
pub const MAX_DEPTH: usize = 32;

/// Bit of a field number that marks it as non-critical (ADR-020).
const NON_CRITICAL_BIT: u32 = 1 << 10;

/// Why bytes were refused. The text is the SDK's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Rejection {
    /// A field that the message does not have.
    Field {
        /// Full protobuf name of the message.
        message: String,
        /// Field number.
        number: u32,
        /// Wire type as in the encoding.
        wire_type: u8,
    },
    /// A field in a wire type that its declaration forbids.
    WireType {
        /// Full protobuf name of the message.
        message: String,
        /// Field number.
        number: u32,
        /// Wire type as in the encoding.
        wire_type: u8,
    },
    /// An `Any` whose type is not registered.
    Unregistered(String),
    /// A number that is none, in Go's words.
    Number(String),
    /// Broken encoding.
    Malformed,
    /// Nested deeper than [`MAX_DEPTH`].
    TooDeep,
}

impl std::fmt::Display for Rejection {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Field {
                message,
                number,
                wire_type,
            } => write!(
                f,
                "errUnknownField {:?}: {{TagNum: {number}, WireType:{:?}}}",
                go_type(message),
                wire_name(*wire_type)
            ),
            Self::WireType {
                message,
                number,
                wire_type,
            } => write!(
                f,
                "errMismatchedWireType {:?}: {{TagNum: {number}, GotWireType: {:?}}}",
                go_type(message),
                wire_name(*wire_type)
            ),
            Self::Unregistered(url) => write!(f, "unable to resolve type URL {url}"),
            Self::Number(text) => f.write_str(text),
            Self::Malformed => f.write_str("unexpected EOF"),
            Self::TooDeep => write!(f, "message nested deeper than {MAX_DEPTH}"),
        }
    }
}

/// Clients log the Go type of the SDK's message.
fn go_type(message: &str) -> String {
    let name = message.rsplit('.').next().unwrap_or(message);
    let package = match message {
        m if m.starts_with("cosmos.tx.signing.") => "signing",
        m if m.starts_with("cosmos.tx.") => "tx",
        m if m.starts_with("cosmos.crypto.secp256k1.") => "secp256k1",
        m if m.starts_with("cosmos.crypto.ed25519.") => "ed25519",
        _ => "types",
    };
    format!("*{package}.{name}")
}

fn wire_name(wire_type: u8) -> &'static str {
    match wire_type {
        0 => "varint",
        1 => "fixed64",
        2 => "bytes",
        3 => "start_group",
        4 => "end_group",
        5 => "fixed32",
        _ => "unknown",
    }
}

/// What the walk met besides refusals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Met {
    /// A non-critical unknown field.
    pub non_critical: bool,
    /// An integer left out that the SDK takes as zero ([`number::fill`] writes it).
    pub missing_number: bool,
}

/// Refuses unknown fields in `bytes` as the message named `full_name`, and numbers that are none.
///
/// With `allow_non_critical`, fields whose number has bit 11 set pass. `registered` says which
/// type URLs an `Any` may carry.
///
/// # Errors
/// The first [`Rejection`] of a field, else of a number.
pub fn reject_unknown_fields(
    full_name: &str,
    bytes: &[u8],
    allow_non_critical: bool,
    registered: &dyn Fn(&str) -> bool,
) -> Result<Met, Rejection> {
    let message = pool()
        .get_message_by_name(full_name)
        .ok_or_else(|| Rejection::Unregistered(format!("/{full_name}")))?;
    let mut walk = Walk {
        allow_non_critical,
        registered,
        met: Met::default(),
        number: None,
    };
    walk.message(&message, bytes, 0)?;
    walk.number
        .map_or(Ok(walk.met), |text| Err(Rejection::Number(text)))
}

struct Walk<'a> {
    allow_non_critical: bool,
    registered: &'a dyn Fn(&str) -> bool,
    met: Met,
    /// What is wrong with the first bad number. The SDK reads numbers after it has seen all fields.
    number: Option<String>,
}

impl Walk<'_> {
    fn message(&mut self, message: &MessageDescriptor, bytes: &[u8], depth: usize) -> Result<(), Rejection> {
        if depth > MAX_DEPTH {
            return Err(Rejection::TooDeep);
        }
        if message.full_name() == "google.protobuf.Any" {
            return self.any(bytes, depth);
        }
        let numbers = number::of(message.full_name());
        let mut given = 0_u32;
        let mut rest = bytes;
        while !rest.is_empty() {
            let (number, wire_type) = take_tag(&mut rest)?;
            let value = take_value(&mut rest, wire_type)?;
            let Some(field) = message.get_field(number) else {
                if self.allow_non_critical && number & NON_CRITICAL_BIT != 0 {
                    self.met.non_critical = true;
                    continue;
                }
                let message = message.full_name().to_owned();
                return Err(Rejection::Field {
                    message,
                    number,
                    wire_type,
                });
            };
            if !accepts(&field.kind(), field.is_list(), wire_type) {
                let message = message.full_name().to_owned();
                return Err(Rejection::WireType {
                    message,
                    number,
                    wire_type,
                });
            }
            if let Some((at, number)) = (0_u32..).zip(numbers).find(|(_, n)| n.field == number) {
                if let Err(text) = number.check(value) {
                    self.number.get_or_insert(text);
                }
                if !value.is_empty() {
                    given |= 1_u32.checked_shl(at).unwrap_or_default();
                }
            }
            if let Kind::Message(inner) = field.kind() {
                self.message(&inner, value, depth + 1)?;
            }
        }
        let missing = |(at, number): (u32, &number::Number)| {
            number.defaults && given & 1_u32.checked_shl(at).unwrap_or_default() == 0
        };
        self.met.missing_number |= (0_u32..).zip(numbers).any(missing);
        Ok(())
    }

    fn any(&mut self, bytes: &[u8], depth: usize) -> Result<(), Rejection> {
        let mut url = "";
        let mut value: &[u8] = &[];
        let mut rest = bytes;
        while !rest.is_empty() {
            let (number, wire_type) = take_tag(&mut rest)?;
            let bytes = take_value(&mut rest, wire_type)?;
            match (number, wire_type) {
                (1, 2) => url = std::str::from_utf8(bytes).map_err(|_| Rejection::Malformed)?,
                (2, 2) => value = bytes,
                _ => {
                    let message = "google.protobuf.Any".to_owned();
                    return Err(Rejection::Field {
                        message,
                        number,
                        wire_type,
                    });
                }
            }
        }
        let unregistered = || Rejection::Unregistered(url.to_owned());
        if !(self.registered)(url) {
            return Err(unregistered());
        }
        let name = url.rsplit('/').next().unwrap_or_default();
        let message = pool().get_message_by_name(name).ok_or_else(unregistered)?;
        self.message(&message, value, depth + 1)
    }
}

/// Whether a field of this kind may be encoded in this wire type. Lists of scalars may be packed.
fn accepts(kind: &Kind, list: bool, wire_type: u8) -> bool {
    let own = match kind {
        Kind::String | Kind::Bytes | Kind::Message(_) => return wire_type == 2,
        Kind::Double | Kind::Fixed64 | Kind::Sfixed64 => 1,
        Kind::Float | Kind::Fixed32 | Kind::Sfixed32 => 5,
        _ => 0,
    };
    wire_type == own || (list && wire_type == 2)
}

fn take_varint(rest: &mut &[u8]) -> Result<u64, Rejection> {
    let mut value = 0u64;
    for shift in (0..70).step_by(7) {
        let (byte, tail) = rest.split_first().ok_or(Rejection::Malformed)?;
        *rest = tail;
        let bits = u64::from(byte & 0x7f);
        if shift == 63 && bits > 1 {
            return Err(Rejection::Malformed);
        }
        value |= bits << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err(Rejection::Malformed)
}

/// Number and wire type of the next field.
pub(crate) fn take_tag(rest: &mut &[u8]) -> Result<(u32, u8), Rejection> {
    let tag = take_varint(rest)?;
    let number = u32::try_from(tag >> 3).map_err(|_| Rejection::Malformed)?;
    if number == 0 || number > (1 << 29) - 1 {
        return Err(Rejection::Malformed);
    }
    Ok((number, u8::try_from(tag & 7).unwrap_or(7)))
}

/// The next field's bytes; none of a varint.
pub(crate) fn take_value<'a>(rest: &mut &'a [u8], wire_type: u8) -> Result<&'a [u8], Rejection> {
    let len = match wire_type {
        0 => {
            take_varint(rest)?;
            return Ok(&[]);
        }
        1 => 8,
        2 => usize::try_from(take_varint(rest)?).map_err(|_| Rejection::Malformed)?,
        5 => 4,
        _ => return Err(Rejection::Malformed), // groups are in no message of the profile
    };
    let (value, tail) = rest.split_at_checked(len).ok_or(Rejection::Malformed)?;
    *rest = tail;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;

    use super::*;
    use crate::{
        Any, cosmos::bank::v1beta1::MsgSend, cosmos::base::v1beta1::Coin, cosmos::tx::v1beta1::TxBody,
    };

    fn body(extra: &[u8]) -> Vec<u8> {
        let mut send = MsgSend {
            from_address: "a".into(),
            to_address: "b".into(),
            amount: vec![Coin {
                denom: "nqrn".into(),
                amount: "1".into(),
            }],
        }
        .encode_to_vec();
        send.extend_from_slice(extra);
        let any = Any {
            type_url: "/cosmos.bank.v1beta1.MsgSend".into(),
            value: send,
        };
        TxBody {
            messages: vec![any],
            memo: "m".into(),
            ..Default::default()
        }
        .encode_to_vec()
    }

    fn check(bytes: &[u8], allow: bool) -> Result<Met, Rejection> {
        reject_unknown_fields("cosmos.tx.v1beta1.TxBody", bytes, allow, &|url| {
            url.contains("bank")
        })
    }

    #[test]
    fn known_fields_pass() {
        assert_eq!(check(&body(&[]), false), Ok(Met::default()));
    }

    #[test]
    fn a_field_hidden_inside_a_message_is_refused_with_the_sdk_text() {
        // field 9, varint 1
        let error = check(&body(&[0x48, 1]), true).unwrap_err();
        assert_eq!(
            error.to_string(),
            r#"errUnknownField "*types.MsgSend": {TagNum: 9, WireType:"varint"}"#
        );
    }

    #[test]
    fn non_critical_fields_pass_only_where_allowed() {
        // field 1031 has bit 11 set; varint 0
        let bytes = body(&[0xb8, 0x40, 0]);
        assert!(check(&bytes, true).unwrap().non_critical);
        assert!(check(&bytes, false).is_err());
    }

    #[test]
    fn an_amount_that_is_no_number_does_not_parse_and_one_left_out_is_seen() {
        let with = |amount: &str| {
            let coin = Coin {
                denom: "nqrn".into(),
                amount: amount.into(),
            };
            // a second amount behind the first
            let mut extra = vec![0x1a, u8::try_from(coin.encoded_len()).unwrap()];
            extra.extend(coin.encode_to_vec());
            check(&body(&extra), true)
        };
        assert_eq!(
            with("1.5").unwrap_err().to_string(),
            "math/big: cannot unmarshal \"1.5\" into a *big.Int"
        );
        assert!(with("").unwrap().missing_number);
        assert!(!with("-5").unwrap().missing_number);
    }

    #[test]
    fn wrong_wire_type_unregistered_type_and_deep_nesting_are_refused() {
        assert!(matches!(
            check(&body(&[0x08, 1]), true),
            Err(Rejection::WireType { number: 1, .. })
        ));
        let any = Any {
            type_url: "/cosmos.gov.v1.MsgVote".into(),
            value: vec![],
        };
        let other = TxBody {
            messages: vec![any],
            ..Default::default()
        }
        .encode_to_vec();
        assert!(matches!(check(&other, true), Err(Rejection::Unregistered(_))));
        let mut nested = Vec::new();
        for _ in 0..100 {
            nested = Any {
                type_url: "/google.protobuf.Any".into(),
                value: nested,
            }
            .encode_to_vec();
        }
        let refused = reject_unknown_fields("google.protobuf.Any", &nested, false, &|_| true);
        assert_eq!(refused, Err(Rejection::TooDeep));
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = check(&bytes, true);
        }
    }
}
