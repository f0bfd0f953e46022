//! Protobuf messages in the JSON of the SDK's command line: snake_case, defaults shown, 64-bit integers as strings, `Any`
//! inlined, messages of contracts as the JSON that they are.

use prost::{Message, Name};
use prost_reflect::{DynamicMessage, MessageDescriptor};
use quern_proto::pool;

use crate::{Failure, Result};

fn descriptor<M: Name>() -> Result<MessageDescriptor> {
    pool().get_message_by_name(&M::full_name()).ok_or_else(|| {
        Failure::Local(format!(
            "no descriptor of {}; run `make setup` and rebuild",
            M::full_name()
        ))
    })
}

/// A message as one line of JSON.
pub(crate) fn print<M: Message + Name>(message: &M) -> Result<String> {
    print_bytes(&descriptor::<M>()?, &message.encode_to_vec())
}

fn print_bytes(descriptor: &MessageDescriptor, bytes: &[u8]) -> Result<String> {
    let message = DynamicMessage::decode(descriptor.clone(), bytes)
        .map_err(|e| Failure::Local(format!("the node's answer is no {}: {e}", descriptor.full_name())))?;
    quern_json::write(&message)
        .map_err(|e| Failure::Local(format!("{} has no JSON form: {e}", descriptor.full_name())))
}

/// Reads a message from JSON, refusing unknown fields. It is what [`print()`] would show of it: a contract's message that is
/// signed with its blanks, and printed without them, would be another than the one that was signed.
pub(crate) fn parse<M: Message + Name + Default>(json: &str) -> Result<M> {
    let descriptor = descriptor::<M>()?;
    let read = |json: &str| {
        quern_json::parse(&descriptor, json)
            .map_err(|e| Failure::Usage(format!("this is no {} in JSON: {e}", M::NAME)))
    };
    let shown = quern_json::write(&read(json)?)
        .map_err(|e| Failure::Usage(format!("this {} has no JSON form: {e}", M::NAME)))?;
    let message = read(&shown)?;
    message.transcode_to().map_err(crate::failure::usage)
}

#[cfg(test)]
mod tests {
    use quern_proto::{
        Any,
        cosmos::{
            auth::v1beta1::{BaseAccount, QueryAccountResponse},
            tx::v1beta1::Tx,
        },
        type_url,
    };

    use super::*;

    #[test]
    fn accounts_print_as_the_sdk_prints_them() {
        let account = BaseAccount {
            address: "quern1x".into(),
            account_number: 7,
            ..Default::default()
        };
        let account = Any {
            type_url: type_url::<BaseAccount>(),
            value: account.encode_to_vec(),
        };
        let json = print(&QueryAccountResponse {
            account: Some(account),
        })
        .unwrap();
        assert_eq!(
            json,
            r#"{"account":{"@type":"/cosmos.auth.v1beta1.BaseAccount","address":"quern1x","pub_key":null,"account_number":"7","sequence":"0"}}"#
        );
    }

    #[test]
    fn a_transaction_survives_its_json_and_unknown_fields_are_refused() {
        let tx = Tx {
            signatures: vec![vec![1, 2]],
            ..Default::default()
        };
        assert_eq!(parse::<Tx>(&print(&tx).unwrap()).unwrap(), tx);
        assert!(parse::<Tx>(r#"{"signatures":[],"surprise":1}"#).is_err());
        assert!(parse::<Tx>("{} {}").is_err());
    }
}
