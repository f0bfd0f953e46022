//! Events in a contract's words, made safe (wasmd `x/wasm/keeper/events.go`).

use quern_context::Cx;
use quern_types::{AccAddress, Event, Result};

use crate::{
    errors,
    json::{ContractAttribute, ContractEvent},
};

/// Emits the `wasm` event, if there are attributes, and then the custom ones.
pub(super) fn emit(
    cx: &Cx,
    contract: &AccAddress,
    attributes: &[ContractAttribute],
    custom: &[ContractEvent],
) -> Result<()> {
    if !attributes.is_empty() {
        cx.emit(build("wasm".into(), contract, attributes)?);
    }
    let custom: Vec<Event> = custom
        .iter()
        .map(|event| {
            let ty = event.ty.trim();
            if ty.len() <= 2 {
                return Err(errors::INVALID_EVENT.wrap(format!("Event type too short: '{ty}'")));
            }
            build(format!("wasm-{ty}"), contract, &event.attributes)
        })
        .collect::<Result<_>>()?;
    cx.events.extend(custom);
    Ok(())
}

/// An event that names the contract first and keeps the contract from speaking for the chain.
fn build(ty: String, contract: &AccAddress, attributes: &[ContractAttribute]) -> Result<Event> {
    let mut event = Event::new(ty).with("_contract_address", contract);
    for attribute in attributes {
        let (key, value) = (attribute.key.trim(), attribute.value.trim());
        if key.is_empty() {
            let text = format!("Empty attribute key. Value: {}", attribute.value);
            return Err(errors::INVALID_EVENT.wrap(text));
        }
        if key.starts_with('_') {
            let text = format!("Attribute key starts with reserved prefix _: '{key}'");
            return Err(errors::INVALID_EVENT.wrap(text));
        }
        event = event.with(key, value);
    }
    Ok(event)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn built(key: &str, value: &str) -> Result<Event> {
        let contract = AccAddress::from_bytes(vec![1; 32]).unwrap();
        let attribute = ContractAttribute {
            key: key.into(),
            value: value.into(),
        };
        build("wasm".into(), &contract, &[attribute])
    }

    #[test]
    fn attributes_are_trimmed_and_the_contract_comes_first() {
        let event = built(" action ", "\tmint\n").unwrap();
        assert_eq!(event.attributes[0].key, "_contract_address");
        assert_eq!(
            (
                event.attributes[1].key.as_str(),
                event.attributes[1].value.as_str()
            ),
            ("action", "mint")
        );
        assert!(built("empty", "  ").is_ok(), "a value may be empty");
    }

    #[test]
    fn empty_and_reserved_keys_are_refused() {
        for key in ["", "  ", "_contract_address", " _x"] {
            assert!(built(key, "v").unwrap_err().is(&errors::INVALID_EVENT), "{key:?}");
        }
    }
}
