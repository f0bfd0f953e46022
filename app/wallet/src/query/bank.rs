//! `quernd query bank`.

use quern_proto::cosmos::bank::v1beta1::{
    QueryAllBalancesRequest, QueryAllBalancesResponse, QueryBalanceRequest, QueryBalanceResponse,
    QueryDenomMetadataRequest, QueryDenomMetadataResponse, QueryDenomsMetadataRequest,
    QueryDenomsMetadataResponse, QueryParamsRequest, QueryParamsResponse, QuerySpendableBalancesRequest,
    QuerySpendableBalancesResponse, QuerySupplyOfRequest, QuerySupplyOfResponse, QueryTotalSupplyRequest,
    QueryTotalSupplyResponse,
};

use super::PageFlags;
use crate::{
    Result,
    node::{Node, ask},
};

/// Commands of `quernd query bank`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// All balances of an account
    Balances {
        /// Address
        address: String,
        /// Page.
        #[command(flatten)]
        page: PageFlags,
    },
    /// One balance of an account
    Balance {
        /// Address
        address: String,
        /// Denomination
        #[arg(default_value = quern_types::BASE_DENOM)]
        denom: String,
    },
    /// Balances of an account that it may spend
    SpendableBalances {
        /// Address
        address: String,
        /// Page.
        #[command(flatten)]
        page: PageFlags,
    },
    /// Total supply, of all denominations or one
    #[command(alias = "total-supply")]
    Total {
        /// Denomination
        #[arg(long)]
        denom: Option<String>,
        /// Page.
        #[command(flatten)]
        page: PageFlags,
    },
    /// Units and names, of all denominations or one
    DenomMetadata {
        /// Denomination
        #[arg(long)]
        denom: Option<String>,
        /// Page.
        #[command(flatten)]
        page: PageFlags,
    },
    /// Parameters
    Params,
}

impl Command {
    pub(super) async fn run(self, node: &Node, height: u64) -> Result<String> {
        let path = |method: &str| format!("/cosmos.bank.v1beta1.Query/{method}");
        match self {
            Self::Balances { address, page } => {
                let request = QueryAllBalancesRequest {
                    address,
                    pagination: page.request()?,
                    ..Default::default()
                };
                ask::<_, QueryAllBalancesResponse>(node, &path("AllBalances"), &request, height).await
            }
            Self::Balance { address, denom } => {
                let request = QueryBalanceRequest { address, denom };
                ask::<_, QueryBalanceResponse>(node, &path("Balance"), &request, height).await
            }
            Self::SpendableBalances { address, page } => {
                let request = QuerySpendableBalancesRequest {
                    address,
                    pagination: page.request()?,
                };
                ask::<_, QuerySpendableBalancesResponse>(node, &path("SpendableBalances"), &request, height)
                    .await
            }
            Self::Total {
                denom: Some(denom), ..
            } => {
                let request = QuerySupplyOfRequest { denom };
                ask::<_, QuerySupplyOfResponse>(node, &path("SupplyOf"), &request, height).await
            }
            Self::Total { denom: None, page } => {
                let request = QueryTotalSupplyRequest {
                    pagination: page.request()?,
                };
                ask::<_, QueryTotalSupplyResponse>(node, &path("TotalSupply"), &request, height).await
            }
            Self::DenomMetadata {
                denom: Some(denom), ..
            } => {
                let request = QueryDenomMetadataRequest { denom };
                ask::<_, QueryDenomMetadataResponse>(node, &path("DenomMetadata"), &request, height).await
            }
            Self::DenomMetadata { denom: None, page } => {
                let request = QueryDenomsMetadataRequest {
                    pagination: page.request()?,
                };
                ask::<_, QueryDenomsMetadataResponse>(node, &path("DenomsMetadata"), &request, height).await
            }
            Self::Params => {
                ask::<_, QueryParamsResponse>(node, &path("Params"), &QueryParamsRequest {}, height).await
            }
        }
    }
}
