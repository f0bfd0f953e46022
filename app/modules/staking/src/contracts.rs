//! The chain's own contracts, as this module asks and calls them.

use prost::Message;
use quern_context::{AnyMsg, Cx, Router};
use quern_proto::{
    cosmos::base::v1beta1::Coin,
    cosmwasm::wasm::v1::{
        MsgExecuteContract, QuerySmartContractStateRequest, QuerySmartContractStateResponse,
    },
};
use quern_protocol::Amount;
use quern_system::{BONDING, REGISTRY};
use quern_types::{AccAddress, BASE_DENOM, Error, Event, Result, errors};
use serde::{Serialize, de::DeserializeOwned};

use crate::failure;

/// The way into the contracts from one message or query.
#[derive(Clone, Copy)]
pub(crate) struct Contracts<'a> {
    pub cx: &'a Cx,
    pub router: &'a dyn Router,
}

impl Contracts<'_> {
    /// Asks a contract; `None` on a chain without it.
    pub fn ask<T: DeserializeOwned>(&self, name: &str, question: &impl Serialize) -> Result<Option<T>> {
        let Some(contract) = quern_system::address(self.cx, name)? else {
            return Ok(None);
        };
        let request = QuerySmartContractStateRequest {
            address: contract.to_string(),
            query_data: json(question)?,
        };
        let path = "/cosmwasm.wasm.v1.Query/SmartContractState";
        let answer = self.router.query(self.cx, path, &request.encode_to_vec())?;
        let answer = QuerySmartContractStateResponse::decode(answer.as_slice())
            .map_err(|e| errors::LOGIC.wrap(e.to_string()))?;
        let read = serde_json::from_slice(&answer.data);
        read.map(Some)
            .map_err(|e| errors::JSON_UNMARSHAL.wrap(format!("answer of {name}: {e}")))
    }

    /// Asks `bonding`.
    pub fn bonding<T: DeserializeOwned>(
        &self,
        question: &quern_interface::bonding::QueryMsg,
    ) -> Result<Option<T>> {
        self.ask(BONDING, question)
    }

    /// Asks `registry`.
    pub fn registry<T: DeserializeOwned>(
        &self,
        question: &quern_interface::registry::QueryMsg,
    ) -> Result<Option<T>> {
        self.ask(REGISTRY, question)
    }

    /// A host's record; `None` for an address that never registered.
    pub fn host(&self, host: &AccAddress) -> Result<Option<quern_interface::registry::HostInfo>> {
        let question = quern_interface::registry::QueryMsg::Host {
            host: host.to_string(),
        };
        match self.registry(&question) {
            Err(error) if failure::name(&error) == Some("unknown_host") => Ok(None),
            other => other,
        }
    }

    /// Executes a contract for `sender`, who pays `amount` with it. Returns the contract's own event; all
    /// events are in the context. The failure is the SDK's.
    pub fn call(
        &self,
        name: &str,
        sender: &AccAddress,
        msg: &impl Serialize,
        amount: Amount,
    ) -> Result<Event> {
        let contract = quern_system::address(self.cx, name)?
            .ok_or_else(|| errors::NOT_SUPPORTED.wrap(format!("this chain has no contract {name}")))?
            .to_string();
        let funds = (!amount.is_zero()).then(|| Coin {
            denom: BASE_DENOM.into(),
            amount: amount.to_string(),
        });
        let msg = AnyMsg {
            type_url: quern_proto::type_url::<MsgExecuteContract>(),
            value: MsgExecuteContract {
                sender: sender.to_string(),
                contract: contract.clone(),
                msg: json(msg)?,
                funds: funds.into_iter().collect(),
            }
            .encode_to_vec(),
        };
        let own = self.cx.with_own_events();
        self.router.execute(&own, &msg).map_err(failure::translate)?;
        let mut events = own.events.take();
        events.iter_mut().for_each(as_bank_says);
        let said = events
            .iter()
            .find(|e| e.ty == "wasm" && e.get("_contract_address") == Some(contract.as_str()));
        let said = said.cloned();
        self.cx.events.extend(events);
        said.ok_or_else(|| errors::LOGIC.wrap(format!("contract {name} said nothing")))
    }
}

/// Puts the attributes of the bank's events in the bank's order: behind a contract's message they are in that of their names,
/// and a message of this module is none.
fn as_bank_says(event: &mut Event) {
    let order: &[&str] = match event.ty.as_str() {
        "coin_spent" => &["spender", "amount"],
        "coin_received" => &["receiver", "amount"],
        "transfer" => &["recipient", "sender", "amount"],
        _ => return,
    };
    let place = |key: &str| order.iter().position(|known| *known == key);
    event
        .attributes
        .sort_by_key(|attribute| place(&attribute.key).unwrap_or(order.len()));
}

/// An integer that a contract's event names.
pub(crate) fn number<T: std::str::FromStr>(event: &Event, key: &str) -> Result<T> {
    let read = event.get(key).and_then(|text| text.parse().ok());
    read.ok_or_else(|| errors::LOGIC.wrap(format!("the contract's event has no number {key}")))
}

fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(|e| Error::from(&errors::JSON_MARSHAL).wrap(e.to_string()))
}
