//! New coins: minted for the contract that divides them, or not at all.

use crate::support;

use prost::Message;
use quern_core::App;
use quern_genesis::{EmissionGenesis, HookGas, SystemContract, SystemGenesis, predict};
use quern_proto::cosmos::bank::v1beta1::{
    QueryBalanceRequest, QueryBalanceResponse, QuerySupplyOfRequest, QuerySupplyOfResponse,
};
use quern_proto::cosmwasm::wasm::v1::MsgExecuteContract;
use quern_testkit::{Chain, Genesis, User, any};
use quern_types::module_address;
use serde_json::json;
use support::{
    attribute_list, open,
    system::{EPOCH, probe, proposal},
};
use tempfile::TempDir;
use tendermint_proto::v0_38::abci::{Event, ResponseFinalizeBlock};

/// Coins of the user at genesis.
const FUNDED: u128 = 1_000_000_000;

struct World {
    _dir: TempDir,
    alice: User,
    chain: Chain<App>,
    names: Vec<&'static str>,
}

/// As `quern.emission.v1.QueryEmissionResponse`.
#[derive(Clone, PartialEq, Message)]
struct Emission {
    #[prost(string, tag = "4")]
    minted: String,
    #[prost(string, tag = "5")]
    next: String,
    #[prost(string, tag = "6")]
    genesis_supply: String,
    #[prost(string, tag = "7")]
    supply: String,
    #[prost(string, tag = "8")]
    burned: String,
}

fn schedule(cap: u128) -> EmissionGenesis {
    EmissionGenesis {
        denom: "nqrn".parse().unwrap(),
        cap,
        next: 1_000,
        retained: 900_000_000_000_000_000,
        minted: 0,
        genesis_supply: None,
    }
}

fn world(names: &[&'static str], emission: Option<EmissionGenesis>) -> World {
    let dir = tempfile::tempdir().unwrap();
    let alice = User::new("alice");
    let contract = |name: &&str| SystemContract {
        name: (*name).into(),
        code: probe(),
        init: match *name {
            "bonding" => json!({"set": [["end_epoch", proposal(&[(1, 1), (2, 1), (3, 1), (4, 1)])]]}),
            _ => json!({}),
        },
    };
    let system = SystemGenesis {
        epoch_blocks: EPOCH,
        max_validators: 10,
        hook_gas: HookGas::default(),
        contracts: names.iter().map(contract).collect(),
        ..SystemGenesis::default()
    };
    let genesis = Genesis::new()
        .fund(&alice, &format!("{FUNDED}nqrn"))
        .state(|state| {
            state.system = system;
            state.emission = emission;
        });
    let chain = Chain::start(open(dir.path()), genesis);
    assert_eq!(chain.app.halted(), None);
    World {
        _dir: dir,
        alice,
        chain,
        names: names.to_vec(),
    }
}

impl World {
    fn rewards(&self) -> String {
        let known = predict(self.names.iter().copied());
        known
            .iter()
            .find(|known| known.0 == "rewards")
            .unwrap()
            .1
            .to_string()
    }

    /// Blocks up to the next end of an epoch, and that one's answer.
    fn end_epoch(&mut self) -> ResponseFinalizeBlock {
        loop {
            let block = self.chain.block([]);
            assert_eq!(self.chain.app.halted(), None);
            if self.chain.app.last_height().is_multiple_of(EPOCH) {
                return block;
            }
        }
    }

    /// What the contract does at the end of an epoch.
    fn script(&mut self, text: &str) {
        let msg = any(&MsgExecuteContract {
            sender: self.alice.address().to_string(),
            contract: self.rewards(),
            msg: json!({"set": {"key": "end_epoch", "value": text}})
                .to_string()
                .into_bytes(),
            funds: Vec::new(),
        });
        let tx = self.chain.tx(&self.alice).message(msg).sign(&self.alice);
        let block = self.chain.block([tx]);
        assert_eq!(block.tx_results[0].code, 0, "{}", block.tx_results[0].log);
    }

    fn balance(&self, address: &str) -> u128 {
        let request = QueryBalanceRequest {
            address: address.into(),
            denom: "nqrn".into(),
        };
        let path = "/cosmos.bank.v1beta1.Query/Balance";
        let answer: QueryBalanceResponse = self.chain.query(path, &request).unwrap();
        answer.balance.unwrap().amount.parse().unwrap()
    }

    fn supply(&self) -> u128 {
        let denom = "nqrn".into();
        let path = "/cosmos.bank.v1beta1.Query/SupplyOf";
        let answer: QuerySupplyOfResponse = self.chain.query(path, &QuerySupplyOfRequest { denom }).unwrap();
        answer.amount.unwrap().amount.parse().unwrap()
    }

    fn emission(&self) -> Emission {
        self.chain
            .query("/quern.emission.v1.Query/Emission", &())
            .unwrap()
    }
}

fn named<'a>(events: &'a [Event], name: &str) -> Vec<&'a Event> {
    events.iter().filter(|event| event.r#type == name).collect()
}

#[test]
fn an_epochs_coins_are_minted_for_the_contract_and_every_book_says_so() {
    let mut w = world(&["bonding", "rewards"], Some(schedule(1_000_000)));
    let (mint, rewards) = (module_address("mint").to_string(), w.rewards());
    let block = w.end_epoch();
    assert_eq!(
        attribute_list(named(&block.events, "coinbase")[0]),
        [
            format!("minter={mint}"),
            "amount=1000nqrn".into(),
            "mode=EndBlock".into()
        ]
    );
    assert_eq!(
        attribute_list(named(&block.events, "emission")[0]),
        [
            format!("recipient={rewards}"),
            "amount=1000nqrn".into(),
            "minted=1000".into(),
            "next=900".into(),
            "mode=EndBlock".into()
        ]
    );
    // coins first, then the call
    let order = block.events.iter().map(|event| event.r#type.as_str());
    let order = order.filter(|kind| ["coinbase", "transfer", "emission", "sudo"].contains(kind));
    let order = order.skip_while(|kind| *kind == "sudo").collect::<Vec<_>>();
    assert_eq!(order, ["coinbase", "transfer", "emission", "sudo"]);
    w.end_epoch();
    assert_eq!((w.balance(&rewards), w.balance(&mint)), (1_900, 0));
    assert_eq!(w.supply(), FUNDED + 1_900);
    let said = w.emission();
    assert_eq!((said.minted.as_str(), said.next.as_str()), ("1900", "810"));
    assert_eq!(said.genesis_supply, FUNDED.to_string());
    assert_eq!(
        (said.supply, said.burned.as_str()),
        ((FUNDED + 1_900).to_string(), "0")
    );
    // the modules' books hold; the probe that is called `bonding` here keeps none
    let unanswered = w.chain.app.check_invariants(0).unwrap_err().to_string();
    assert!(unanswered.starts_with("bonding/balance: "), "{unanswered}");
}

#[test]
fn a_contract_that_fails_gets_nothing_and_the_coins_wait() {
    let mut w = world(&["bonding", "rewards"], Some(schedule(1_000_000)));
    for broken in ["fail", "panic", "loop"] {
        w.script(broken);
        let block = w.end_epoch();
        assert!(named(&block.events, "coinbase").is_empty(), "{broken}");
        let failed = attribute_list(named(&block.events, "hook_failed")[0]);
        assert!(failed.contains(&"contract=rewards".to_owned()), "{failed:?}");
        assert!(failed.contains(&"hook=end_epoch".to_owned()), "{failed:?}");
        assert_eq!((w.balance(&w.rewards()), w.supply()), (0, FUNDED));
    }
    w.script("{}");
    w.end_epoch();
    assert_eq!((w.balance(&w.rewards()), w.supply()), (1_000, FUNDED + 1_000));
}

#[test]
fn a_chain_without_the_contract_or_without_a_schedule_mints_nothing() {
    let mut w = world(&["bonding"], Some(schedule(1_000_000)));
    assert!(named(&w.end_epoch().events, "coinbase").is_empty());
    assert_eq!(w.emission().minted, "0");
    let mut w = world(&["bonding", "rewards"], None);
    assert!(named(&w.end_epoch().events, "coinbase").is_empty());
    assert_eq!(w.supply(), FUNDED);
}

#[test]
fn the_cap_is_never_passed() {
    let mut w = world(&["bonding", "rewards"], Some(schedule(2_500)));
    for minted in [1_000, 1_900, 2_500, 2_500] {
        w.end_epoch();
        assert_eq!(w.supply(), FUNDED + minted);
    }
    assert_eq!(w.emission().next, "0");
}

#[test]
fn an_exported_chain_goes_on_with_its_schedule() {
    let mut w = world(&["bonding", "rewards"], Some(schedule(1_000_000)));
    w.end_epoch();
    w.end_epoch();
    let exported = w.chain.app.export(0).unwrap().emission.unwrap();
    let expected = EmissionGenesis {
        minted: 1_900,
        next: 810,
        genesis_supply: Some(FUNDED),
        ..schedule(1_000_000)
    };
    assert_eq!(exported, expected);
    let text = serde_json::to_string(&exported).unwrap();
    assert_eq!(serde_json::from_str::<EmissionGenesis>(&text).unwrap(), expected);
}
