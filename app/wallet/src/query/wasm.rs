//! `quernd query wasm`.

use std::path::PathBuf;

use base64::{Engine, engine::general_purpose::STANDARD};
use quern_proto::cosmwasm::wasm::v1::{
    QueryAllContractStateRequest, QueryAllContractStateResponse, QueryCodeRequest, QueryCodeResponse,
    QueryCodesRequest, QueryCodesResponse, QueryContractHistoryRequest, QueryContractHistoryResponse,
    QueryContractInfoRequest, QueryContractInfoResponse, QueryContractsByCodeRequest,
    QueryContractsByCodeResponse, QueryContractsByCreatorRequest, QueryContractsByCreatorResponse,
    QueryParamsRequest, QueryParamsResponse, QueryRawContractStateRequest, QueryRawContractStateResponse,
};

use super::PageFlags;
use crate::{
    Failure, Result,
    failure::local,
    node::{Node, ask},
    system::smart,
};

/// Commands of `quernd query wasm`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Download stored code
    Code {
        /// Code
        code_id: u64,
        /// File to write
        file: PathBuf,
    },
    /// Creator and checksum of stored code
    CodeInfo {
        /// Code
        code_id: u64,
    },
    /// Code, admin and label of a contract
    Contract {
        /// Contract address
        address: String,
    },
    /// Code that a contract ran
    ContractHistory {
        /// Contract address
        address: String,
        /// Page.
        #[command(flatten)]
        page: PageFlags,
    },
    /// State of a contract
    ContractState {
        /// What to ask.
        #[command(subcommand)]
        command: StateCommand,
    },
    /// All stored code
    ListCode(PageFlags),
    /// Contracts of a code
    ListContractByCode {
        /// Code
        code_id: u64,
        /// Page.
        #[command(flatten)]
        page: PageFlags,
    },
    /// Contracts that an account made
    ListContractsByCreator {
        /// Address
        creator: String,
        /// Page.
        #[command(flatten)]
        page: PageFlags,
    },
    /// Parameters
    Params,
}

/// Commands of `quernd query wasm contract-state`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum StateCommand {
    /// Ask the contract itself
    Smart {
        /// Contract address
        address: String,
        /// Question in JSON
        query: String,
    },
    /// A value of its storage
    Raw {
        /// Contract address
        address: String,
        /// Key in hexadecimal
        key: String,
        /// The key is plain text
        #[arg(long)]
        ascii: bool,
    },
    /// All of its storage
    All {
        /// Contract address
        address: String,
        /// Page.
        #[command(flatten)]
        page: PageFlags,
    },
}

fn path(method: &str) -> String {
    format!("/cosmwasm.wasm.v1.Query/{method}")
}

impl Command {
    pub(super) async fn run(self, node: &Node, height: u64) -> Result<String> {
        match self {
            Self::Code { code_id, file } => {
                let code: QueryCodeResponse = node
                    .query(&path("Code"), &QueryCodeRequest { code_id }, height)
                    .await?;
                std::fs::write(&file, &code.data).map_err(local(file.display()))?;
                Ok(serde_json::json!({"file": file, "bytes": code.data.len().to_string()}).to_string())
            }
            Self::CodeInfo { code_id } => {
                let mut code: QueryCodeResponse = node
                    .query(&path("Code"), &QueryCodeRequest { code_id }, height)
                    .await?;
                code.data.clear();
                crate::json::print(&code)
            }
            Self::Contract { address } => {
                let request = QueryContractInfoRequest { address };
                ask::<_, QueryContractInfoResponse>(node, &path("ContractInfo"), &request, height).await
            }
            Self::ContractHistory { address, page } => {
                let request = QueryContractHistoryRequest {
                    address,
                    pagination: page.request()?,
                };
                ask::<_, QueryContractHistoryResponse>(node, &path("ContractHistory"), &request, height).await
            }
            Self::ContractState { command } => command.run(node, height).await,
            Self::ListCode(page) => {
                let request = QueryCodesRequest {
                    pagination: page.request()?,
                };
                ask::<_, QueryCodesResponse>(node, &path("Codes"), &request, height).await
            }
            Self::ListContractByCode { code_id, page } => {
                let request = QueryContractsByCodeRequest {
                    code_id,
                    pagination: page.request()?,
                };
                ask::<_, QueryContractsByCodeResponse>(node, &path("ContractsByCode"), &request, height).await
            }
            Self::ListContractsByCreator { creator, page } => {
                let request = QueryContractsByCreatorRequest {
                    creator_address: creator,
                    pagination: page.request()?,
                };
                ask::<_, QueryContractsByCreatorResponse>(node, &path("ContractsByCreator"), &request, height)
                    .await
            }
            Self::Params => {
                ask::<_, QueryParamsResponse>(node, &path("Params"), &QueryParamsRequest {}, height).await
            }
        }
    }
}

impl StateCommand {
    async fn run(self, node: &Node, height: u64) -> Result<String> {
        match self {
            Self::Smart { address, query } => {
                serde_json::from_str::<serde::de::IgnoredAny>(&query)
                    .map_err(|e| Failure::Usage(format!("the question is no JSON: {e}")))?;
                let data = smart(node, address, query.into_bytes(), height).await?;
                Ok(format!(r#"{{"data":{data}}}"#))
            }
            Self::Raw { address, key, ascii } => {
                let key = match ascii {
                    true => key.into_bytes(),
                    false => hex::decode(&key).map_err(|e| Failure::Usage(format!("the key: {e}")))?,
                };
                let request = QueryRawContractStateRequest {
                    address,
                    query_data: key,
                };
                let answer: QueryRawContractStateResponse =
                    node.query(&path("RawContractState"), &request, height).await?;
                Ok(serde_json::json!({"data": STANDARD.encode(answer.data)}).to_string())
            }
            Self::All { address, page } => {
                let request = QueryAllContractStateRequest {
                    address,
                    pagination: page.request()?,
                };
                ask::<_, QueryAllContractStateResponse>(node, &path("AllContractState"), &request, height)
                    .await
            }
        }
    }
}
