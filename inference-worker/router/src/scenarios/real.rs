//! The settlement contract itself, with a registry that knows the test's hosts and gives everybody the same capacity.

use super::chain::{CHAIN_ID, beacon, package, params};
use cosmwasm_std::testing::{MockApi, MockStorage, message_info, mock_env};
use cosmwasm_std::{
    Addr, Binary, Coin, ContractResult, Empty, Env, GrpcQuery, Order, OwnedDeps, Querier, QuerierResult,
    QueryRequest, Record, Storage, SystemError, SystemResult, WasmQuery, from_json, to_json_binary,
};
use quern_chain_client::Call;
use quern_interface::registry::{GroupMember, HostInfo, QueryMsg};
use quern_interface::settlement::{InstantiateMsg, SessionInfo};
use quern_interface::sudo::SudoMsg;
use quern_protocol::Price;
use serde_json::Value;
use settlement::contract;
use settlement::state::{SESSIONS, Session};
use std::marker::PhantomData;

/// Of every host.
pub(super) const CAPACITY: u64 = 2_100;

fn address(name: &str) -> Addr {
    MockApi::default().with_prefix("quern").addr_make(name)
}

/// The registry and the beacon.
#[derive(Debug)]
struct Around(Vec<HostInfo>);

impl Around {
    fn registry(&self, question: QueryMsg) -> Option<Binary> {
        let member = |host: &str| GroupMember {
            host: host.to_owned(),
            capacity: CAPACITY,
            generation: 0,
        };
        let answer = match question {
            QueryMsg::Model { .. } => to_json_binary(&package()),
            QueryMsg::PriceAt { .. } => to_json_binary(&"1.5".parse::<Price>().unwrap()),
            QueryMsg::Draw { .. } => {
                to_json_binary(&self.0.iter().map(|info| member(&info.host)).collect::<Vec<_>>())
            }
            QueryMsg::Members { hosts, .. } => {
                to_json_binary(&hosts.iter().map(|host| member(host)).collect::<Vec<_>>())
            }
            QueryMsg::WarmKeyAt { host, .. } => {
                to_json_binary(&self.0.iter().find(|info| info.host == host)?.warm_key)
            }
            QueryMsg::Host { host } => to_json_binary(self.0.iter().find(|info| info.host == host)?),
            _ => return None,
        };
        answer.ok()
    }
}

impl Querier for Around {
    fn raw_query(&self, request: &[u8]) -> QuerierResult {
        let answer = match from_json::<QueryRequest<Empty>>(request) {
            Ok(QueryRequest::Wasm(WasmQuery::Smart { msg, .. })) => {
                from_json(msg).ok().and_then(|question| self.registry(question))
            }
            Ok(QueryRequest::Grpc(GrpcQuery { .. })) => {
                let beacon = [&[0x0a, 32][..], &beacon(1).0].concat();
                Some(Binary::from(beacon))
            }
            _ => None,
        };
        match answer {
            Some(answer) => SystemResult::Ok(ContractResult::Ok(answer)),
            None => SystemResult::Err(SystemError::Unknown {}),
        }
    }
}

/// The contract and its store.
pub(super) struct RealSettlement {
    deps: OwnedDeps<MockStorage, MockApi, Around>,
    ended: u64,
}

impl std::fmt::Debug for RealSettlement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RealSettlement")
    }
}

fn env(height: u64) -> Env {
    let mut env = mock_env();
    env.block.chain_id = CHAIN_ID.into();
    env.block.height = height;
    env
}

/// As the node tells it.
fn failed(error: &dyn std::error::Error) -> anyhow::Error {
    anyhow::anyhow!(
        "failed to execute message; message index: 0: {error}: execute wasm contract failed (wasm 5)"
    )
}

impl RealSettlement {
    pub(super) fn new(hosts: &[HostInfo]) -> Self {
        let mut deps = OwnedDeps {
            storage: MockStorage::default(),
            api: MockApi::default().with_prefix("quern"),
            querier: Around(hosts.to_vec()),
            custom_query_type: PhantomData::<Empty>,
        };
        let registry = address("registry").to_string();
        let message = InstantiateMsg {
            authority: address("gov").into(),
            bonding: address("bonding").into(),
            price_source: registry.clone(),
            registry,
            audits: None,
            judges: Vec::new(),
            params: params(),
        };
        let sender = message_info(&address("gov"), &[]);
        contract::instantiate(deps.as_mut(), env(1), sender, message).unwrap();
        Self { deps, ended: 0 }
    }

    /// The attribute that names the session.
    pub(super) fn execute(
        &mut self,
        height: u64,
        sender: &str,
        call: &Call,
    ) -> anyhow::Result<Option<String>> {
        let funds: Vec<Coin> = call
            .funds
            .iter()
            .map(|(amount, denom)| Coin::new(*amount, denom))
            .collect();
        let sender = message_info(&Addr::unchecked(sender), &funds);
        let message = serde_json::from_slice(&call.message)?;
        // A transaction that fails leaves nothing behind.
        let before: Vec<Record> = self.deps.storage.range(None, None, Order::Ascending).collect();
        match contract::execute(self.deps.as_mut(), env(height), sender, message) {
            Ok(answer) => {
                let found = answer.attributes.into_iter().find(|one| one.key == "session");
                Ok(found.map(|one| one.value))
            }
            Err(error) => {
                self.deps.storage = MockStorage::new();
                before
                    .iter()
                    .for_each(|(key, value)| self.deps.storage.set(key, value));
                Err(failed(&error))
            }
        }
    }

    pub(super) fn query(&self, height: u64, question: &Value) -> anyhow::Result<Value> {
        let question = serde_json::from_value(question.clone())?;
        let answer =
            contract::query(self.deps.as_ref(), env(height), question).map_err(|error| failed(&error))?;
        Ok(serde_json::from_slice(&answer)?)
    }

    /// All sessions.
    pub(super) fn sessions(&self, height: u64) -> anyhow::Result<Vec<SessionInfo>> {
        let question = serde_json::json!({"sessions": {"payer": null, "start_after": null, "limit": 30}});
        Ok(serde_json::from_value(self.query(height, &question)?)?)
    }

    /// The block's end, once a height.
    pub(super) fn end_block(&mut self, height: u64) -> anyhow::Result<()> {
        if height > self.ended {
            self.ended = height;
            contract::sudo(self.deps.as_mut(), env(height), SudoMsg::EndBlock {})
                .map_err(|error| failed(&error))?;
        }
        Ok(())
    }

    /// A session as it is kept.
    pub(super) fn kept(&self, session: u64) -> Session {
        SESSIONS.load(&self.deps.storage, session).unwrap()
    }
}
