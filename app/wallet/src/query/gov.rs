//! `quernd query gov` and `quernd query upgrade`.

use quern_proto::cosmos::{
    gov::v1 as gov,
    upgrade::v1beta1::{
        QueryAppliedPlanRequest, QueryAppliedPlanResponse, QueryAuthorityRequest, QueryAuthorityResponse,
        QueryCurrentPlanRequest, QueryCurrentPlanResponse, QueryModuleVersionsRequest,
        QueryModuleVersionsResponse,
    },
};

use super::PageFlags;
use crate::{
    Result,
    node::{Node, ask},
};

/// Commands of `quernd query gov`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// A proposal
    Proposal {
        /// Its number
        id: u64,
    },
    /// Proposals
    Proposals {
        /// Only those in this state
        #[arg(long)]
        status: Option<Status>,
        /// Only those with a vote of this account
        #[arg(long, default_value = "", hide_default_value = true)]
        voter: String,
        /// Only those with a deposit of this account
        #[arg(long, default_value = "", hide_default_value = true)]
        depositor: String,
        /// Page.
        #[command(flatten)]
        page: PageFlags,
    },
    /// One account's vote, while it is not counted yet
    Vote {
        /// Proposal
        id: u64,
        /// Address
        voter: String,
    },
    /// Votes that are not counted yet
    Votes {
        /// Proposal
        id: u64,
        /// Page.
        #[command(flatten)]
        page: PageFlags,
    },
    /// One account's deposit
    Deposit {
        /// Proposal
        id: u64,
        /// Address
        depositor: String,
    },
    /// Deposits on a proposal
    Deposits {
        /// Proposal
        id: u64,
        /// Page.
        #[command(flatten)]
        page: PageFlags,
    },
    /// What votes make of a proposal so far, or made of it
    Tally {
        /// Proposal
        id: u64,
    },
    /// Parameters
    Params,
    /// Constitution
    Constitution,
}

/// State of a proposal.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Status {
    /// Awaits deposits
    DepositPeriod,
    /// Is voted on
    VotingPeriod,
    /// Was executed
    Passed,
    /// Was voted down
    Rejected,
    /// Passed, and its messages failed
    Failed,
}

impl Status {
    fn number(self) -> i32 {
        use gov::ProposalStatus as Wire;
        match self {
            Self::DepositPeriod => Wire::DepositPeriod,
            Self::VotingPeriod => Wire::VotingPeriod,
            Self::Passed => Wire::Passed,
            Self::Rejected => Wire::Rejected,
            Self::Failed => Wire::Failed,
        }
        .into()
    }
}

impl Command {
    pub(super) async fn run(self, node: &Node, height: u64) -> Result<String> {
        let path = |method: &str| format!("/cosmos.gov.v1.Query/{method}");
        match self {
            Self::Proposal { id } => {
                let request = gov::QueryProposalRequest { proposal_id: id };
                ask::<_, gov::QueryProposalResponse>(node, &path("Proposal"), &request, height).await
            }
            Self::Proposals {
                status,
                voter,
                depositor,
                page,
            } => {
                let request = gov::QueryProposalsRequest {
                    proposal_status: status.map_or(0, Status::number),
                    voter,
                    depositor,
                    pagination: page.request()?,
                };
                ask::<_, gov::QueryProposalsResponse>(node, &path("Proposals"), &request, height).await
            }
            Self::Vote { id, voter } => {
                let request = gov::QueryVoteRequest {
                    proposal_id: id,
                    voter,
                };
                ask::<_, gov::QueryVoteResponse>(node, &path("Vote"), &request, height).await
            }
            Self::Votes { id, page } => {
                let request = gov::QueryVotesRequest {
                    proposal_id: id,
                    pagination: page.request()?,
                };
                ask::<_, gov::QueryVotesResponse>(node, &path("Votes"), &request, height).await
            }
            Self::Deposit { id, depositor } => {
                let request = gov::QueryDepositRequest {
                    proposal_id: id,
                    depositor,
                };
                ask::<_, gov::QueryDepositResponse>(node, &path("Deposit"), &request, height).await
            }
            Self::Deposits { id, page } => {
                let request = gov::QueryDepositsRequest {
                    proposal_id: id,
                    pagination: page.request()?,
                };
                ask::<_, gov::QueryDepositsResponse>(node, &path("Deposits"), &request, height).await
            }
            Self::Tally { id } => {
                let request = gov::QueryTallyResultRequest { proposal_id: id };
                ask::<_, gov::QueryTallyResultResponse>(node, &path("TallyResult"), &request, height).await
            }
            Self::Params => {
                let request = gov::QueryParamsRequest::default();
                ask::<_, gov::QueryParamsResponse>(node, &path("Params"), &request, height).await
            }
            Self::Constitution => {
                let request = gov::QueryConstitutionRequest {};
                ask::<_, gov::QueryConstitutionResponse>(node, &path("Constitution"), &request, height).await
            }
        }
    }
}

/// Commands of `quernd query upgrade`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum UpgradeCommand {
    /// The plan, if there is one
    Plan,
    /// Height at which an upgrade was made; 0 for none
    Applied {
        /// Name
        name: String,
    },
    /// Versions of the modules
    ModuleVersions {
        /// Only this module
        #[arg(default_value = "", hide_default_value = true)]
        module: String,
    },
    /// Who may plan
    Authority,
}

impl UpgradeCommand {
    pub(super) async fn run(self, node: &Node, height: u64) -> Result<String> {
        let path = |method: &str| format!("/cosmos.upgrade.v1beta1.Query/{method}");
        match self {
            Self::Plan => {
                let request = QueryCurrentPlanRequest {};
                ask::<_, QueryCurrentPlanResponse>(node, &path("CurrentPlan"), &request, height).await
            }
            Self::Applied { name } => {
                let request = QueryAppliedPlanRequest { name };
                ask::<_, QueryAppliedPlanResponse>(node, &path("AppliedPlan"), &request, height).await
            }
            Self::ModuleVersions { module } => {
                let request = QueryModuleVersionsRequest { module_name: module };
                ask::<_, QueryModuleVersionsResponse>(node, &path("ModuleVersions"), &request, height).await
            }
            Self::Authority => {
                let request = QueryAuthorityRequest {};
                ask::<_, QueryAuthorityResponse>(node, &path("Authority"), &request, height).await
            }
        }
    }
}
