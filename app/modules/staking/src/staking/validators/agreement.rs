//! That a contract answered what it was asked: lists are joined by position, and a contract that left one out would
//! give every host behind it another one's coins.

use quern_interface::bonding::Backing;
use quern_types::{Result, errors};

/// Backings of these hosts, in their order.
///
/// # Errors
/// `sdk/35`.
pub(super) fn backings(hosts: &[String], told: Vec<Backing>) -> Result<Vec<Backing>> {
    if hosts.iter().eq(told.iter().map(|backing| &backing.host)) {
        return Ok(told);
    }
    Err(errors::LOGIC.wrap("bonding answered about other hosts than it was asked about"))
}

/// Owners of so many addresses.
///
/// # Errors
/// `sdk/35`.
pub(super) fn owners(asked: usize, told: Vec<Option<String>>) -> Result<Vec<Option<String>>> {
    if told.len() == asked {
        return Ok(told);
    }
    Err(errors::LOGIC.wrap("the registry answered about other keys than it was asked about"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use prost::Message;
    use quern_context::{AnyMsg, Cx, Mode, MsgOutput, Router};
    use quern_genesis::{HookGas, SystemAddress, SystemGenesis};
    use quern_proto::cosmwasm::wasm::v1::QuerySmartContractStateResponse;
    use quern_store::{Branch, Snapshot};
    use quern_system::{BONDING, REGISTRY};
    use quern_types::AccAddress;
    use serde_json::{Value, json};

    use super::super::{Contracts, backings, errors, voters};
    use super::Result;

    /// Contracts that all answer the same.
    struct Says(Value);

    impl Router for Says {
        fn signers(&self, _: &AnyMsg) -> Result<Vec<AccAddress>> {
            Err(errors::UNKNOWN_REQUEST.wrap("no message"))
        }

        fn execute(&self, _: &Cx, _: &AnyMsg) -> Result<MsgOutput> {
            Err(errors::UNKNOWN_REQUEST.wrap("no message"))
        }

        fn query(&self, _: &Cx, _: &str, _: &[u8]) -> Result<Vec<u8>> {
            let data = self.0.to_string().into_bytes();
            Ok(QuerySmartContractStateResponse { data }.encode_to_vec())
        }
    }

    fn chain() -> Cx {
        let branch = Branch::new(Snapshot::in_memory(0, Default::default()));
        let cx = Cx::new(branch, Arc::default(), Mode::Query);
        let addresses = [BONDING, REGISTRY].map(|name| SystemAddress {
            name: name.to_owned(),
            address: AccAddress::from_sha256(name.as_bytes()),
        });
        let genesis = SystemGenesis {
            epoch_blocks: 10,
            max_validators: 2,
            hook_gas: HookGas::default(),
            contracts: vec![],
            gen_txs: vec![],
            epoch: 0,
            addresses: addresses.to_vec(),
            validators: vec![],
        };
        quern_system::init_genesis(&cx, &genesis).unwrap();
        cx
    }

    fn backing(host: &str, active: &str) -> Value {
        json!({"host": host, "active": active, "operator": "1", "rate_bps": 0})
    }

    #[test]
    fn an_answer_about_other_hosts_gives_nobody_the_coins_of_another() {
        let cx = chain();
        let hosts = ["a".to_owned(), "b".to_owned()];
        let ask = |said: Value| {
            let router = &Says(said);
            let found = backings(Contracts { cx: &cx, router }, &hosts)?;
            Ok::<Vec<u128>, quern_types::Error>(found.iter().map(|backing| backing.active.0).collect())
        };
        let (a, b, c) = (backing("a", "7"), backing("b", "9"), backing("c", "5"));
        assert_eq!(ask(json!([a, b])).unwrap(), [7, 9]);
        for said in [
            json!([]),
            json!([a]),
            json!([b]),
            json!([b, a]),
            json!([a, c]),
            json!([a, b, c]),
        ] {
            let error = ask(said.clone()).unwrap_err();
            assert!(error.is(&errors::LOGIC), "{said}: {error}");
        }
    }

    #[test]
    fn an_answer_about_fewer_keys_hides_no_voter() {
        let cx = chain();
        let ask = |said: Value| {
            let router = &Says(said);
            let powers = [([1; 32], 5), ([2; 32], 7)].into_iter().collect();
            voters(Contracts { cx: &cx, router }, &powers)
        };
        assert_eq!(ask(json!(["a", null])).unwrap(), ["a"]);
        for said in [json!([]), json!(["a"]), json!(["a", null, "b"])] {
            let error = ask(said.clone()).unwrap_err();
            assert!(error.is(&errors::LOGIC), "{said}: {error}");
        }
    }
}
