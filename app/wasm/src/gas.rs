//! Gas figures and their arithmetic (wasmd `x/wasm/types/gas_register.go`), pure.
//!
//! SDK gas is what a transaction pays; CosmWasm gas is what the VM counts.

use crate::json::{ContractAttribute, ContractEvent, Reply, SubMsgResult};

/// CosmWasm gas of one SDK gas.
pub const MULTIPLIER: u64 = 140_000;
/// SDK gas of preparing a contract for a call.
pub const INSTANCE: u64 = 60_000;
/// The same where the contract is surely in memory: pinned, replying, or loaded in this transaction.
pub const INSTANCE_DISCOUNTED: u64 = 2_000;
/// SDK gas per byte of compiling a code.
pub const COMPILE_PER_BYTE: u64 = 3;
/// SDK gas of pinning or unpinning a code.
pub const PIN: u64 = 500_000;
/// SDK gas per byte that a contract returns, for parsing it.
pub const RESULT_PER_BYTE: u64 = 1;
/// SDK gas of making a readable address.
pub const HUMANIZE: u64 = 5;
/// SDK gas of reading an address.
pub const CANONICALIZE: u64 = 4;
/// SDK gas of unpacking a message that a contract sends as `Any`.
pub const ANY: u64 = 5;
/// SDK gas of the query that builds an address.
pub const BUILD_ADDRESS: u64 = 10;

const PER_ATTRIBUTE: u64 = 10;
const PER_EVENT: u64 = 20;
const PER_ATTRIBUTE_BYTE: u64 = 1;
const FREE_ATTRIBUTE_BYTES: u64 = 100;
const UNCOMPRESS_HUNDREDTHS_PER_BYTE: u64 = 15;

/// SDK gas of one step of an iterator, beside its bytes.
pub(crate) const ITERATE: u64 = 30;
/// SDK gas of a byte that an iterator reads.
pub(crate) const ITERATE_PER_BYTE: u64 = 3;

/// SDK gas as CosmWasm gas; saturates, which only an unlimited meter reaches.
pub fn to_vm(sdk: u64) -> u64 {
    sdk.saturating_mul(MULTIPLIER)
}

/// CosmWasm gas as SDK gas, rounded down.
pub fn from_vm(vm: u64) -> u64 {
    vm / MULTIPLIER
}

/// SDK gas of preparing a contract for a call. Messages are free of charge by the byte.
pub fn setup(discounted: bool) -> u64 {
    if discounted { INSTANCE_DISCOUNTED } else { INSTANCE }
}

/// SDK gas of unpacking `packed` bytes of gzip: 0.15 each, rounded down.
pub fn uncompress(packed: usize) -> u64 {
    bytes(packed).saturating_mul(UNCOMPRESS_HUNDREDTHS_PER_BYTE) / 100
}

/// CosmWasm gas of compiling a code.
pub fn compile(code: usize) -> u64 {
    to_vm(bytes(code).saturating_mul(COMPILE_PER_BYTE))
}

/// SDK gas of the events of one contract response. The free bytes are shared by all of them.
pub fn events(attributes: &[ContractAttribute], events: &[ContractEvent]) -> u64 {
    let (mut gas, mut free) = attribute_gas(attributes, FREE_ATTRIBUTE_BYTES);
    for event in events {
        let (cost, left) = attribute_gas(&event.attributes, free);
        free = left;
        gas = gas
            .saturating_add(PER_EVENT)
            .saturating_add(bytes(event.ty.len()).saturating_mul(PER_ATTRIBUTE_BYTE))
            .saturating_add(cost);
    }
    gas
}

/// SDK gas of handing a reply to a contract, which is in memory by then.
pub fn reply(reply: &Reply) -> u64 {
    let mut gas = setup(true);
    if let SubMsgResult::Ok(response) = &reply.result {
        let types = response
            .events
            .iter()
            .map(|e| bytes(e.ty.len()).saturating_mul(PER_ATTRIBUTE_BYTE));
        gas = types.fold(gas, u64::saturating_add);
        let all = || response.events.iter().flat_map(|e| &e.attributes);
        gas = gas.saturating_add(sum(all(), FREE_ATTRIBUTE_BYTES).0);
    }
    gas
}

/// SDK gas of an iterator's look at one entry, or at the end.
pub(crate) fn seek(entry: Option<(usize, usize)>) -> u64 {
    let (key, value) = entry.unwrap_or_default();
    bytes(key)
        .saturating_add(bytes(value))
        .saturating_mul(ITERATE_PER_BYTE)
        .saturating_add(ITERATE)
}

fn attribute_gas(attributes: &[ContractAttribute], free: u64) -> (u64, u64) {
    sum(attributes.iter(), free)
}

/// Cost of the attributes and the free bytes that they leave.
fn sum<'a>(attributes: impl Iterator<Item = &'a ContractAttribute>, free: u64) -> (u64, u64) {
    let (mut count, mut stored) = (0_u64, 0_u64);
    for attribute in attributes {
        count = count.saturating_add(1);
        stored = stored
            .saturating_add(bytes(attribute.key.len()))
            .saturating_add(bytes(attribute.value.len()));
    }
    let gas = stored
        .saturating_sub(free)
        .saturating_mul(PER_ATTRIBUTE_BYTE)
        .saturating_add(count.saturating_mul(PER_ATTRIBUTE));
    (gas, free.saturating_sub(stored))
}

fn bytes(len: usize) -> u64 {
    u64::try_from(len).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::SubMsgResponse;

    fn attribute(key: &str, value: &str) -> ContractAttribute {
        ContractAttribute {
            key: key.into(),
            value: value.into(),
        }
    }

    fn event(ty: &str, attributes: Vec<ContractAttribute>) -> ContractEvent {
        ContractEvent {
            ty: ty.into(),
            attributes,
        }
    }

    fn ok_reply(events: Vec<ContractEvent>) -> Reply {
        Reply {
            gas_used: 0,
            id: 1,
            result: SubMsgResult::Ok(SubMsgResponse {
                events,
                data: Some(vec![1].into()),
                msg_responses: vec![],
            }),
            payload: Default::default(),
        }
    }

    #[test]
    fn a_reply_costs_what_wasmd_charges() {
        // Figures of wasmd's TestReplyCost.
        assert_eq!(
            reply(&ok_reply(vec![event("foo", vec![attribute("myKey", "myData")])])),
            2_000 + 3 + 10
        );
        let long = attribute(&"x".repeat(100), "myData");
        assert_eq!(
            reply(&ok_reply(vec![event("foo", vec![long])])),
            2_000 + 3 + 6 + 10
        );
        assert_eq!(reply(&ok_reply(vec![event("", vec![]); 10])), 2_000);
        let failed = Reply {
            result: SubMsgResult::Err("foo".into()),
            ..ok_reply(vec![])
        };
        assert_eq!(reply(&failed), 2_000);
    }

    #[test]
    fn events_share_one_free_allowance() {
        assert_eq!(events(&[], &[event("", vec![])]), 20);
        assert_eq!(events(&[attribute("", "")], &[]), 10);
        assert_eq!(events(&[], &[]), 0);
        // 60 + 50 bytes against 100 free: ten are paid for, in the second event.
        let first = [attribute(&"a".repeat(60), "")];
        let second = [event("tick", vec![attribute(&"b".repeat(50), "")])];
        assert_eq!(events(&first, &second), 10 + 20 + 4 + 10 + 10);
    }

    #[test]
    fn setup_unpacking_and_compiling_cost_what_wasmd_charges() {
        assert_eq!((setup(true), setup(false)), (2_000, 60_000));
        assert_eq!(
            (uncompress(0), uncompress(1), uncompress(6), uncompress(7)),
            (0, 0, 0, 1)
        );
        assert_eq!(uncompress(1_000), 150);
        assert_eq!(compile(1), 420_000);
    }

    #[test]
    fn conversion_rounds_down_and_does_not_wrap() {
        assert_eq!((to_vm(3), from_vm(419_999), from_vm(420_000)), (420_000, 2, 3));
        assert_eq!(to_vm(u64::MAX), u64::MAX);
    }
}
