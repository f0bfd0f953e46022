//! Query strings and the fields that they set.

use std::collections::BTreeMap;

use prost_reflect::{DynamicMessage, Kind, MessageDescriptor, ReflectMessage, Value};

use crate::json::{named, read_text};

/// Names and values of a query string, decoded.
///
/// # Errors
/// What is wrong with it.
pub(crate) fn pairs(query: &str) -> Result<Vec<(String, String)>, String> {
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        if pair.contains(';') {
            return Err("invalid semicolon separator in query".to_owned());
        }
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decode(name, true)?, decode(value, true)?))
    });
    pairs.collect()
}

/// Percent-decoded text.
///
/// # Errors
/// On a broken escape, or bytes that are no UTF-8.
pub(crate) fn decode(text: &str, plus_is_blank: bool) -> Result<String, String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'%' => {
                let digits = [rest.next(), rest.next()].map(|digit| char::from(digit.unwrap_or_default()));
                let [Some(high), Some(low)] = digits.map(|digit| digit.to_digit(16)) else {
                    return Err(format!("invalid URL escape in {text:?}"));
                };
                u8::try_from(high * 16 + low).unwrap_or_default()
            }
            b'+' if plus_is_blank => b' ',
            other => other,
        });
    }
    String::from_utf8(bytes).map_err(|_| "invalid UTF-8 in the URL".to_owned())
}

/// Sets the field at a dotted path such as `pagination.limit`. A name that the message does not have is
/// ignored, and of several values of one that is not repeated the first counts, as in grpc-gateway.
///
/// # Errors
/// What is wrong with the path or a value.
pub(crate) fn set(message: &mut DynamicMessage, path: &str, values: &[String]) -> Result<(), String> {
    let (name, rest) = match path.split_once('.') {
        Some((name, rest)) => (name, Some(rest)),
        None => (path, None),
    };
    let Some(field) = named(&message.descriptor(), name) else {
        return Ok(());
    };
    if let Some(rest) = rest {
        if field.descriptor.is_list() || !matches!(field.descriptor.kind(), Kind::Message(_)) {
            return Err(format!("unexpected nested field {rest} in {name}"));
        }
        let Some(inner) = message.get_field_mut(&field.descriptor).as_message_mut() else {
            return Err(format!("unexpected nested field {rest} in {name}"));
        };
        return set(inner, rest, values);
    }
    let value = if field.descriptor.is_list() {
        let values = values.iter().map(|value| read_text(&field, value));
        Value::List(values.collect::<Result<_, _>>()?)
    } else if field.descriptor.is_map() {
        return Err(format!("{name} cannot stand in a query"));
    } else {
        let first = values
            .first()
            .ok_or_else(|| format!("no value of field: {name}"))?;
        read_text(&field, first)?
    };
    message
        .try_set_field(&field.descriptor, value)
        .map_err(|error| error.to_string())
}

/// Sets all fields of a query string but those that the path has set.
///
/// # Errors
/// As [`pairs`] and [`set`].
pub(crate) fn fill(message: &mut DynamicMessage, query: &str, taken: &[&str]) -> Result<(), String> {
    let mut grouped: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (name, value) in pairs(query)? {
        grouped.entry(name).or_default().push(value);
    }
    for (name, values) in grouped {
        let in_path = |taken: &&str| name == **taken || name.starts_with(&format!("{taken}."));
        if !taken.iter().any(in_path) {
            set(message, &name, &values)?;
        }
    }
    Ok(())
}

/// Parameters that a query may set: dotted paths and whether they repeat, at most three deep.
pub(crate) fn parameters(kind: &MessageDescriptor, depth: usize) -> Vec<(String, crate::json::Field)> {
    let mut all = Vec::new();
    for field in crate::json::fields_of(kind).iter() {
        let name = field.descriptor.name().to_owned();
        match field.descriptor.kind() {
            _ if field.descriptor.is_map() => {}
            Kind::Message(inner) if !is_text(&inner) => {
                if depth < 3 && !field.descriptor.is_list() {
                    let inner = parameters(&inner, depth + 1).into_iter();
                    all.extend(inner.map(|(path, field)| (format!("{name}.{path}"), field)));
                }
            }
            _ => all.push((name, field.clone())),
        }
    }
    all
}

fn is_text(kind: &MessageDescriptor) -> bool {
    matches!(
        kind.full_name(),
        "google.protobuf.Timestamp" | "google.protobuf.Duration"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use prost::Message;
    use quern_proto::cosmos::bank::v1beta1::QueryAllBalancesRequest;
    use quern_proto::cosmos::tx::v1beta1::GetTxsEventRequest;

    fn filled<M: Message + Default>(name: &str, query: &str) -> Result<M, String> {
        let kind = quern_proto::pool().get_message_by_name(name).unwrap();
        let mut message = DynamicMessage::new(kind);
        fill(&mut message, query, &["address"])?;
        Ok(M::decode(message.encode_to_vec().as_slice()).unwrap())
    }

    #[test]
    fn nested_repeated_bytes_and_enumerations_are_set() {
        let name = "cosmos.bank.v1beta1.QueryAllBalancesRequest";
        let query = "pagination.limit=7&pagination.countTotal=true&pagination.key=-_8%3D&address=no&what=1";
        let request: QueryAllBalancesRequest = filled(name, query).unwrap();
        let page = request.pagination.unwrap();
        assert_eq!(
            (page.limit, page.count_total, page.key),
            (7, true, vec![0xfb, 0xff])
        );
        assert_eq!(request.address, "");

        let name = "cosmos.tx.v1beta1.GetTxsEventRequest";
        for order in ["2", "ORDER_BY_DESC"] {
            let query = format!("events=a%3D%27b+c%27&events=d&order_by={order}&page=1&page=2");
            let request: GetTxsEventRequest = filled(name, &query).unwrap();
            #[allow(deprecated)]
            let events = request.events.clone();
            assert_eq!(events, ["a='b c'", "d"]);
            assert_eq!((request.order_by, request.page), (2, 1));
        }
    }

    #[test]
    fn a_wrong_value_is_an_error_and_an_unknown_name_is_not() {
        let name = "cosmos.bank.v1beta1.QueryAllBalancesRequest";
        for wrong in [
            "pagination.limit=-1",
            "pagination.limit=x",
            "pagination.key=*",
            "a=%zz",
            "pagination.limit.x=1",
        ] {
            assert!(filled::<QueryAllBalancesRequest>(name, wrong).is_err(), "{wrong}");
        }
        assert!(filled::<QueryAllBalancesRequest>(name, "pagination.nothing=1&x.y=2").is_ok());
    }
}
