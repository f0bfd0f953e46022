//! Questions to the application.

use crate::error::ChainError;
use crate::rpc::Chain;
use cosmrs::proto::cosmos::auth::v1beta1::{BaseAccount, QueryAccountRequest, QueryAccountResponse};
use cosmrs::proto::cosmwasm::wasm::v1::{QuerySmartContractStateRequest, QuerySmartContractStateResponse};
use cosmrs::proto::prost::encoding;
use cosmrs::proto::prost::{DecodeError, Message};
use cosmrs::tendermint::block::Height;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tendermint_rpc::Client;

const ACCOUNT: &str = "/cosmos.auth.v1beta1.Query/Account";
const SMART: &str = "/cosmwasm.wasm.v1.Query/SmartContractState";
const BEACON: &str = "/quern.beacon.v1.Query/Beacon";
/// Code of the SDK's "key not found".
const NOT_FOUND: u32 = 22;

/// An answer and the height it was true at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer<T> {
    /// Height of the state that was asked.
    pub height: u64,
    /// The answer.
    pub value: T,
}

/// Number and sequence of an account.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Account {
    /// Number, fixed.
    pub number: u64,
    /// Transactions signed so far.
    pub sequence: u64,
}

impl Chain {
    /// Asks a contract, at the latest height.
    ///
    /// # Errors
    /// When no node answers, the contract refuses, or the answer is not a `T`.
    pub async fn smart<T: DeserializeOwned>(
        &self,
        contract: &str,
        question: &impl Serialize,
    ) -> Result<Answer<T>, ChainError> {
        let query_data = serde_json::to_vec(question).map_err(|e| ChainError::Build(e.to_string()))?;
        let request = QuerySmartContractStateRequest {
            address: contract.to_owned(),
            query_data,
        };
        let answer = self.grpc(SMART, request.encode_to_vec()).await?;
        let data = decode::<QuerySmartContractStateResponse>(SMART, &answer.value)?.data;
        let value = serde_json::from_slice(&data);
        let value = value.map_err(|e| ChainError::Answer(format!("a query of {contract}"), e.to_string()))?;
        Ok(Answer {
            height: answer.height,
            value,
        })
    }

    /// The beacon of a height.
    ///
    /// # Errors
    /// When no node answers, or the height is not kept or not there yet.
    pub async fn beacon(&self, height: u64) -> Result<[u8; 32], ChainError> {
        let mut request = Vec::new();
        encoding::uint64::encode(1, &height, &mut request);
        let answer = self.grpc(BEACON, request).await?;
        let wrong = |reason: &str| ChainError::Answer(BEACON.into(), reason.into());
        let bytes = bytes_field(&answer.value).map_err(|e| wrong(&e.to_string()))?;
        bytes.try_into().map_err(|_| wrong("a beacon has 32 bytes"))
    }

    /// Number and sequence of an account; none if the chain does not know it yet.
    ///
    /// # Errors
    /// When no node answers.
    pub async fn account(&self, address: &str) -> Result<Option<Account>, ChainError> {
        let request = QueryAccountRequest {
            address: address.to_owned(),
        };
        let answer = match self.grpc(ACCOUNT, request.encode_to_vec()).await {
            Err(ChainError::Query { code: NOT_FOUND, .. }) => return Ok(None),
            other => other?,
        };
        let any = decode::<QueryAccountResponse>(ACCOUNT, &answer.value)?.account;
        let base = decode::<BaseAccount>(ACCOUNT, &any.unwrap_or_default().value)?;
        Ok(Some(Account {
            number: base.account_number,
            sequence: base.sequence,
        }))
    }

    /// Any gRPC method of the application by its path, as an ABCI query at the latest height.
    ///
    /// # Errors
    /// When no node answers or the application refuses.
    pub async fn grpc(&self, path: &str, request: Vec<u8>) -> Result<Answer<Vec<u8>>, ChainError> {
        let call = |client: tendermint_rpc::HttpClient| {
            let (path, request) = (path.to_owned(), request.clone());
            async move {
                client
                    .abci_query(Some(path), request, None::<Height>, false)
                    .await
            }
        };
        let answer = self.ask(path, call).await?;
        match answer.code.value() {
            0 => Ok(Answer {
                height: answer.height.value(),
                value: answer.value,
            }),
            code => Err(ChainError::Query {
                path: path.to_owned(),
                codespace: answer.codespace,
                code,
                log: answer.log,
            }),
        }
    }
}

pub(crate) fn decode<M: Message + Default>(path: &str, bytes: &[u8]) -> Result<M, ChainError> {
    M::decode(bytes).map_err(|e| ChainError::Answer(path.to_owned(), e.to_string()))
}

/// Field 1 of a message, of type bytes.
fn bytes_field(mut message: &[u8]) -> Result<Vec<u8>, DecodeError> {
    let mut value = Vec::new();
    while !message.is_empty() {
        let (tag, kind) = encoding::decode_key(&mut message)?;
        match tag {
            1 => encoding::bytes::merge(kind, &mut value, &mut message, encoding::DecodeContext::default())?,
            _ => encoding::skip_field(kind, tag, &mut message, encoding::DecodeContext::default())?,
        }
    }
    Ok(value)
}
