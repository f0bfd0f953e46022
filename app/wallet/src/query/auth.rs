//! `quernd query auth`.

use quern_proto::cosmos::auth::v1beta1::{
    QueryAccountInfoRequest, QueryAccountInfoResponse, QueryAccountRequest, QueryAccountResponse,
    QueryAccountsRequest, QueryAccountsResponse, QueryParamsRequest, QueryParamsResponse,
};

use super::PageFlags;
use crate::{
    Result,
    node::{Node, ask},
};

/// Commands of `quernd query auth`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// An account, whatever its type
    Account {
        /// Address
        address: String,
    },
    /// Number, sequence and key of an account
    AccountInfo {
        /// Address
        address: String,
    },
    /// All accounts
    Accounts(PageFlags),
    /// Parameters
    Params,
}

impl Command {
    pub(super) async fn run(self, node: &Node, height: u64) -> Result<String> {
        const SERVICE: &str = "/cosmos.auth.v1beta1.Query";
        match self {
            Self::Account { address } => {
                let request = QueryAccountRequest { address };
                ask::<_, QueryAccountResponse>(node, &format!("{SERVICE}/Account"), &request, height).await
            }
            Self::AccountInfo { address } => {
                let request = QueryAccountInfoRequest { address };
                ask::<_, QueryAccountInfoResponse>(node, &format!("{SERVICE}/AccountInfo"), &request, height)
                    .await
            }
            Self::Accounts(page) => {
                let request = QueryAccountsRequest {
                    pagination: page.request()?,
                };
                ask::<_, QueryAccountsResponse>(node, &format!("{SERVICE}/Accounts"), &request, height).await
            }
            Self::Params => {
                ask::<_, QueryParamsResponse>(
                    node,
                    &format!("{SERVICE}/Params"),
                    &QueryParamsRequest {},
                    height,
                )
                .await
            }
        }
    }
}
