//! Who must sign a transaction: the accounts that its messages name in the fields that their descriptors say.

use prost_reflect::{DynamicMessage, ReflectMessage, Value};
use quern_proto::{
    Any,
    cosmos::tx::v1beta1::{AuthInfo, TxBody},
    pool,
};
use quern_types::AccAddress;

use crate::{Failure, Result, failure::usage};

/// Option of a message that names the fields with its signers.
const SIGNER: &str = "cosmos.msg.v1.signer";

/// The accounts that must sign, in the order that their signatures have; who pays the fee comes last.
///
/// # Errors
/// A message of unknown type, or an address that is none.
pub(crate) fn signers(body: &TxBody, auth_info: &AuthInfo) -> Result<Vec<AccAddress>> {
    let mut found = Vec::new();
    for message in &body.messages {
        named(&decode(message)?, &mut found)?;
    }
    let payer = auth_info.fee.as_ref().map(|fee| fee.payer.as_str());
    if let Some(payer) = payer.filter(|payer| !payer.is_empty()) {
        push(&mut found, AccAddress::from_bech32(payer).map_err(usage)?);
    }
    Ok(found)
}

/// Who pays the fee: whom it names, else the first signer.
///
/// # Errors
/// As [`signers`], and for a transaction without a signer.
pub(crate) fn fee_payer(body: &TxBody, auth_info: &AuthInfo) -> Result<AccAddress> {
    let payer = auth_info.fee.as_ref().map(|fee| fee.payer.as_str());
    if let Some(payer) = payer.filter(|payer| !payer.is_empty()) {
        return AccAddress::from_bech32(payer).map_err(usage);
    }
    let first = signers(body, auth_info)?.into_iter().next();
    first.ok_or_else(|| Failure::Usage("the transaction has no signer".into()))
}

fn decode(message: &Any) -> Result<DynamicMessage> {
    let name = message.type_url.strip_prefix('/').unwrap_or(&message.type_url);
    let descriptor = pool()
        .get_message_by_name(name)
        .ok_or_else(|| Failure::Usage(format!("{}: no message of this chain", message.type_url)))?;
    DynamicMessage::decode(descriptor, message.value.as_slice()).map_err(usage)
}

fn named(message: &DynamicMessage, found: &mut Vec<AccAddress>) -> Result<()> {
    let descriptor = message.descriptor();
    let options = descriptor.options();
    let none = || Failure::Usage(format!("{} names no signer", descriptor.full_name()));
    let extension = pool().get_extension_by_name(SIGNER).ok_or_else(none)?;
    let names = options.get_extension(&extension);
    let names = names
        .as_list()
        .filter(|names| !names.is_empty())
        .ok_or_else(none)?;
    for name in names.iter().filter_map(Value::as_str) {
        let value = message.get_field_by_name(name).ok_or_else(none)?;
        match value.as_ref() {
            Value::String(text) => push(found, address(text)?),
            Value::Message(inner) => named(inner, found)?,
            Value::List(items) => {
                for inner in items.iter().filter_map(Value::as_message) {
                    named(inner, found)?;
                }
            }
            _ => return Err(none()),
        }
    }
    Ok(())
}

/// Hosts sign by the address that they have as validators.
fn address(text: &str) -> Result<AccAddress> {
    AccAddress::from_validator_bech32(text)
        .or_else(|_| AccAddress::from_bech32(text))
        .map_err(usage)
}

fn push(found: &mut Vec<AccAddress>, address: AccAddress) {
    if !found.contains(&address) {
        found.push(address);
    }
}

#[cfg(test)]
mod tests {
    use prost::{Message, Name};
    use quern_proto::cosmos::{
        bank::v1beta1::{Input, MsgMultiSend, MsgSend},
        slashing::v1beta1::MsgUnjail,
        tx::v1beta1::Fee,
    };
    use quern_types::module_address;

    use super::*;

    fn pack<M: Message + Name>(message: &M) -> Any {
        Any {
            type_url: M::type_url(),
            value: message.encode_to_vec(),
        }
    }

    #[test]
    fn signers_are_found_in_fields_in_inner_messages_and_in_the_fee_each_once() {
        let [ann, bob, cat] = ["ann", "bob", "cat"].map(module_address);
        let messages = vec![
            pack(&MsgSend {
                from_address: ann.to_string(),
                ..Default::default()
            }),
            pack(&MsgMultiSend {
                inputs: vec![Input {
                    address: bob.to_string(),
                    ..Default::default()
                }],
                ..Default::default()
            }),
            pack(&MsgUnjail {
                validator_addr: ann.to_validator_bech32(),
            }),
        ];
        let body = TxBody {
            messages,
            ..Default::default()
        };
        let auth = AuthInfo {
            fee: Some(Fee {
                payer: cat.to_string(),
                ..Default::default()
            }),
            ..Default::default()
        };
        assert_eq!(fee_payer(&body, &auth).unwrap(), cat);
        assert_eq!(fee_payer(&body, &AuthInfo::default()).unwrap(), ann);
        assert_eq!(signers(&body, &auth).unwrap(), [ann, bob, cat]);
        let unknown = TxBody {
            messages: vec![Any {
                type_url: "/no.such.Msg".into(),
                value: Vec::new(),
            }],
            ..Default::default()
        };
        assert!(signers(&unknown, &auth).is_err());
    }
}
