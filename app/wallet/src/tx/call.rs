//! A call of one of the chain's own contracts, and what the chain must be asked to make one.

use prost::Message;
use quern_interface::{registry, settlement};
use quern_proto::{Any, cosmwasm::wasm::v1::MsgExecuteContract, type_url};
use quern_protocol::Amount;
use quern_types::AccAddress;
use serde::{Serialize, de::DeserializeOwned};

use super::factory::wire_coins;
use crate::{
    Failure, Result,
    failure::usage,
    node::Node,
    qrn,
    system::{Asker, Contracts, System},
};

/// A call.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    to: System,
    msg: Vec<u8>,
    funds: Amount,
}

impl Call {
    /// A call without coins.
    pub(super) fn new(to: System, msg: &impl Serialize) -> Result<Self> {
        Ok(Self {
            to,
            msg: serde_json::to_vec(msg).map_err(usage)?,
            funds: Amount::ZERO,
        })
    }

    /// The same with coins.
    pub(super) fn with(self, funds: Amount) -> Self {
        Self { funds, ..self }
    }

    /// The transaction's message.
    pub(super) fn message(self, contracts: &Contracts, from: &AccAddress) -> Result<Any> {
        let message = MsgExecuteContract {
            sender: from.to_string(),
            contract: contracts.of(self.to).to_string(),
            msg: self.msg,
            funds: wire_coins(&qrn::funds(self.funds)?),
        };
        Ok(Any {
            type_url: type_url::<MsgExecuteContract>(),
            value: message.encode_to_vec(),
        })
    }
}

/// Coins that do something must be some.
pub(super) fn positive(amount: Amount) -> Result<Amount> {
    match amount.is_zero() {
        true => Err(Failure::Usage(
            "the amount is zero; write for example 12.5qrn".into(),
        )),
        false => Ok(amount),
    }
}

/// Answers what the flags leave open.
pub(crate) struct Chain<'a> {
    /// None with --offline.
    pub node: Option<&'a Node>,
    /// Where the contracts are.
    pub contracts: &'a Contracts,
}

impl Chain<'_> {
    /// Asks a contract; `flag` is what makes the question needless.
    pub(super) async fn ask<A: DeserializeOwned>(
        &self,
        of: System,
        question: &impl Serialize,
        flag: &str,
    ) -> Result<A> {
        let node = self
            .node
            .ok_or_else(|| Failure::Usage(format!("--offline needs {flag}")))?;
        let asker = Asker {
            node,
            contracts: self.contracts,
            height: 0,
        };
        asker.read(of, question).await
    }

    /// What registering costs.
    pub(super) async fn entry_fee(&self, given: Option<Amount>) -> Result<Amount> {
        match given {
            Some(fee) => Ok(fee),
            None => {
                let question = registry::QueryMsg::Params {};
                let params: registry::Params = self.ask(System::Registry, &question, "--entry-fee").await?;
                Ok(params.entry_fee)
            }
        }
    }

    /// Rules of sessions.
    pub(super) async fn session_params(&self) -> Result<settlement::Params> {
        let question = settlement::QueryMsg::Params {};
        self.ask(System::Settlement, &question, "--blocks").await
    }

    /// What opening a session burns now.
    pub(super) async fn open_fee(&self) -> Result<Amount> {
        let question = settlement::QueryMsg::Queue {};
        let queue: settlement::Queue = self.ask(System::Settlement, &question, "--open-fee").await?;
        queue.open_fee.ok_or_else(|| {
            let waiting = queue.waiting;
            Failure::Usage(format!(
                "{waiting} sessions wait for their draw, as many as may: try again in some blocks"
            ))
        })
    }

    /// A router's record.
    pub(super) async fn router(&self, router: &AccAddress, flag: &str) -> Result<registry::RouterInfo> {
        let router = router.to_string();
        let question = registry::QueryMsg::Router { router };
        self.ask(System::Registry, &question, flag).await
    }
}
