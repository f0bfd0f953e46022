//! Questions to contracts.

use quern_proto::cosmwasm::wasm::v1::{QuerySmartContractStateRequest, QuerySmartContractStateResponse};
use serde::{Serialize, de::DeserializeOwned};

use super::{Contracts, System};
use crate::{Failure, Result, failure::usage, node::Node};

/// Asks a contract in JSON and returns its answer as it came.
pub(crate) async fn smart(node: &Node, address: String, question: Vec<u8>, height: u64) -> Result<String> {
    let request = QuerySmartContractStateRequest {
        address,
        query_data: question,
    };
    let answer: QuerySmartContractStateResponse = node
        .query("/cosmwasm.wasm.v1.Query/SmartContractState", &request, height)
        .await?;
    String::from_utf8(answer.data).map_err(usage)
}

/// Asks the chain's own contracts.
pub(crate) struct Asker<'a> {
    /// Node that answers.
    pub node: &'a Node,
    /// Where the contracts are.
    pub contracts: &'a Contracts,
    /// State after this block, 0 for the latest.
    pub height: u64,
}

impl Asker<'_> {
    /// The answer as it came.
    pub(crate) async fn raw(&self, of: System, question: &impl Serialize) -> Result<String> {
        let question = serde_json::to_vec(question).map_err(usage)?;
        let address = self.contracts.of(of).to_string();
        smart(self.node, address, question, self.height).await
    }

    /// The answer, read.
    pub(crate) async fn read<A: DeserializeOwned>(&self, of: System, question: &impl Serialize) -> Result<A> {
        read(of, &self.raw(of, question).await?)
    }
}

/// Reads a contract's answer.
pub(crate) fn read<A: DeserializeOwned>(of: System, answer: &str) -> Result<A> {
    serde_json::from_str(answer).map_err(|e| {
        Failure::Local(format!(
            "{} answered what this wallet cannot read: {e}. Is it of the same version as the chain? -o json \
             prints the answer as it came",
            of.name()
        ))
    })
}
