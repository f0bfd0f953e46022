//! Queries that both chains are asked.

use prost::Message;
use quern_proto::cosmos::auth::v1beta1::{BaseAccount, QueryAccountRequest, QueryAccountResponse};
use quern_proto::cosmos::authz::v1beta1::{QueryGranteeGrantsRequest, QueryGranterGrantsRequest};
use quern_proto::cosmos::bank::v1beta1::{
    QueryAllBalancesRequest, QueryBalanceRequest, QuerySpendableBalancesRequest, QuerySupplyOfRequest,
};
use quern_proto::cosmos::feegrant::v1beta1::{QueryAllowancesByGranterRequest, QueryAllowancesRequest};
use quern_proto::cosmos::gov::v1::{QueryDepositsRequest, QueryProposalRequest, QueryVotesRequest};
use quern_proto::cosmos::vesting::v1beta1::{
    BaseVestingAccount, ContinuousVestingAccount, DelayedVestingAccount, PeriodicVestingAccount,
    PermanentLockedAccount,
};
use quern_proto::cosmos::{
    auth::v1beta1 as auth, bank::v1beta1 as bank, gov::v1 as gov, upgrade::v1beta1 as upgrade,
};
use quern_proto::cosmwasm::wasm::v1::{
    QueryAllContractStateRequest, QueryCodeInfoRequest, QueryContractHistoryRequest,
    QueryContractInfoRequest, QueryContractsByCodeRequest, QueryContractsByCreatorRequest,
    QueryParamsRequest, QuerySmartContractStateRequest,
};
use quern_testkit::Chain;
use rand::Rng;
use tendermint_abci::Application;

use crate::generate::Generator;

/// A gRPC method with its request.
pub struct Question {
    /// Path of the method.
    pub path: &'static str,
    /// Encoded request.
    pub request: Vec<u8>,
    /// Whom or what it asks about, for the report.
    pub about: String,
}

/// A question of this request.
pub fn question(path: &'static str, about: &str, request: &impl Message) -> Question {
    Question {
        path,
        request: request.encode_to_vec(),
        about: about.to_owned(),
    }
}

/// The base of an account of any kind.
pub fn account<A: Application>(chain: &Chain<A>, address: &str) -> Option<BaseAccount> {
    let request = QueryAccountRequest {
        address: address.to_owned(),
    };
    let found: QueryAccountResponse = chain.query("/cosmos.auth.v1beta1.Query/Account", &request).ok()?;
    let any = found.account?;
    let bytes = any.value.as_slice();
    let vesting = |base: Option<BaseVestingAccount>| base?.base_account;
    match any.type_url.rsplit('.').next()? {
        "BaseAccount" => BaseAccount::decode(bytes).ok(),
        "ContinuousVestingAccount" => {
            vesting(ContinuousVestingAccount::decode(bytes).ok()?.base_vesting_account)
        }
        "DelayedVestingAccount" => vesting(DelayedVestingAccount::decode(bytes).ok()?.base_vesting_account),
        "PeriodicVestingAccount" => vesting(PeriodicVestingAccount::decode(bytes).ok()?.base_vesting_account),
        "PermanentLockedAccount" => vesting(PermanentLockedAccount::decode(bytes).ok()?.base_vesting_account),
        other => panic!("an account of kind {other}"),
    }
}

impl Generator {
    /// Of those who sent something: what they have.
    pub fn after(&self, users: &[usize]) -> Vec<Question> {
        let of = |user: &usize| {
            let address = self.users[*user].address().to_string();
            question(
                "/cosmos.bank.v1beta1.Query/SpendableBalances",
                &address,
                &QuerySpendableBalancesRequest {
                    address: address.clone(),
                    pagination: None,
                },
            )
        };
        users.iter().map(of).collect()
    }

    /// A round through the other methods.
    pub fn questions(&mut self) -> Vec<Question> {
        let mut all = vec![
            question(
                "/cosmos.bank.v1beta1.Query/SupplyOf",
                "nqrn",
                &QuerySupplyOfRequest { denom: "nqrn".into() },
            ),
            question("/cosmwasm.wasm.v1.Query/Params", "", &QueryParamsRequest {}),
        ];
        for _ in 0..6 {
            let address = self.somebody();
            all.extend(people(&address));
        }
        let contracts: Vec<String> = [&self.known.token_contracts, &self.known.probe_contracts]
            .into_iter()
            .flatten()
            .cloned()
            .collect();
        for _ in 0..4 {
            let contract = contracts[self.roll(contracts.len())].clone();
            let holder = self.somebody();
            all.extend(contract_questions(&contract, &holder));
        }
        for _ in 0..3 {
            let id = self.known.proposals.saturating_sub(self.roll(8) as u64);
            all.extend(proposal_questions(id));
        }
        let code_id = self.roll(4) as u64;
        let about = format!("code {code_id}");
        all.push(question(
            "/cosmwasm.wasm.v1.Query/CodeInfo",
            &about,
            &QueryCodeInfoRequest { code_id },
        ));
        all.push(question(
            "/cosmwasm.wasm.v1.Query/ContractsByCode",
            &about,
            &QueryContractsByCodeRequest {
                code_id,
                pagination: None,
            },
        ));
        all
    }
}

/// Of a proposal: what it says, its votes and deposits.
pub fn proposal_questions(proposal_id: u64) -> Vec<Question> {
    let about = format!("proposal {proposal_id}");
    vec![
        question(
            "/cosmos.gov.v1.Query/Proposal",
            &about,
            &QueryProposalRequest { proposal_id },
        ),
        question(
            "/cosmos.gov.v1.Query/Votes",
            &about,
            &QueryVotesRequest {
                proposal_id,
                pagination: None,
            },
        ),
        question(
            "/cosmos.gov.v1.Query/Deposits",
            &about,
            &QueryDepositsRequest {
                proposal_id,
                pagination: None,
            },
        ),
    ]
}

/// What governance may change.
pub fn governed() -> Vec<Question> {
    let send_enabled = bank::QuerySendEnabledRequest::default();
    let proposals = gov::QueryProposalsRequest::default();
    let params = |of: &str| gov::QueryParamsRequest {
        params_type: of.into(),
    };
    vec![
        question("/cosmos.gov.v1.Query/Proposals", "", &proposals),
        question("/cosmos.gov.v1.Query/Params", "deposit", &params("deposit")),
        question("/cosmos.gov.v1.Query/Params", "", &params("")),
        question("/cosmos.bank.v1beta1.Query/SendEnabled", "", &send_enabled),
        question(
            "/cosmos.bank.v1beta1.Query/Params",
            "",
            &bank::QueryParamsRequest {},
        ),
        question(
            "/cosmos.auth.v1beta1.Query/Params",
            "",
            &auth::QueryParamsRequest {},
        ),
        question(
            "/cosmos.upgrade.v1beta1.Query/CurrentPlan",
            "",
            &upgrade::QueryCurrentPlanRequest {},
        ),
    ]
}

fn people(address: &str) -> Vec<Question> {
    let address = address.to_owned();
    let about = address.clone();
    vec![
        question(
            "/cosmos.bank.v1beta1.Query/AllBalances",
            &about,
            &QueryAllBalancesRequest {
                address: address.clone(),
                ..Default::default()
            },
        ),
        question(
            "/cosmos.bank.v1beta1.Query/Balance",
            &about,
            &QueryBalanceRequest {
                address: address.clone(),
                denom: "nqrn".into(),
            },
        ),
        question(
            "/cosmos.authz.v1beta1.Query/GranterGrants",
            &about,
            &QueryGranterGrantsRequest {
                granter: address.clone(),
                pagination: None,
            },
        ),
        question(
            "/cosmos.authz.v1beta1.Query/GranteeGrants",
            &about,
            &QueryGranteeGrantsRequest {
                grantee: address.clone(),
                pagination: None,
            },
        ),
        question(
            "/cosmos.feegrant.v1beta1.Query/Allowances",
            &about,
            &QueryAllowancesRequest {
                grantee: address.clone(),
                pagination: None,
            },
        ),
        question(
            "/cosmos.feegrant.v1beta1.Query/AllowancesByGranter",
            &about,
            &QueryAllowancesByGranterRequest {
                granter: address.clone(),
                pagination: None,
            },
        ),
        question(
            "/cosmwasm.wasm.v1.Query/ContractsByCreator",
            &about,
            &QueryContractsByCreatorRequest {
                creator_address: address,
                pagination: None,
            },
        ),
    ]
}

fn contract_questions(contract: &str, holder: &str) -> Vec<Question> {
    let address = contract.to_owned();
    let balance = serde_json::json!({"balance": {"address": holder}}).to_string();
    let smart = |query_data: Vec<u8>| QuerySmartContractStateRequest {
        address: contract.to_owned(),
        query_data,
    };
    vec![
        question(
            "/cosmwasm.wasm.v1.Query/ContractInfo",
            contract,
            &QueryContractInfoRequest {
                address: address.clone(),
            },
        ),
        question(
            "/cosmwasm.wasm.v1.Query/ContractHistory",
            contract,
            &QueryContractHistoryRequest {
                address: address.clone(),
                pagination: None,
            },
        ),
        question(
            "/cosmwasm.wasm.v1.Query/AllContractState",
            contract,
            &QueryAllContractStateRequest {
                address,
                pagination: None,
            },
        ),
        question(
            "/cosmwasm.wasm.v1.Query/SmartContractState",
            contract,
            &smart(balance.into_bytes()),
        ),
        question(
            "/cosmwasm.wasm.v1.Query/SmartContractState",
            contract,
            &smart(b"{\"nonsense\":{}}".to_vec()),
        ),
    ]
}

impl Generator {
    fn somebody(&mut self) -> String {
        let index = self.roll(self.users.len());
        self.users[index].address().to_string()
    }

    fn roll(&mut self, below: usize) -> usize {
        self.rng().gen_range(0..below)
    }
}
