//! What staking pages ask both chains over ABCI.

use quern_proto::cosmos::base::query::v1beta1::PageRequest;
use quern_proto::cosmos::{
    distribution::v1beta1 as distribution, mint::v1beta1 as mint, slashing::v1beta1 as slashing,
    staking::v1beta1 as staking,
};
use quern_testkit::User;
use quern_types::consensus_bech32;
use rand::Rng;
use sha2::{Digest, Sha256};

use crate::generate::{Generator, consensus_key};
use crate::questions::{Question, question};

/// Consensus address of an operator, by its place.
pub fn signer(place: usize) -> String {
    consensus_bech32(&consensus_address(place))
}

/// Its bytes.
pub fn consensus_address(place: usize) -> [u8; 20] {
    let hash = Sha256::digest(consensus_key(place));
    hash[..20].try_into().expect("a hash has 32 bytes")
}

impl Generator {
    /// Of those who sent something: what they have, behind whom, and what leaves.
    pub fn after_stakes(&self, users: &[usize]) -> Vec<Question> {
        let of = |user: &usize| {
            let delegator_addr = self.users[*user].address().to_string();
            let about = delegator_addr.clone();
            [
                question(
                    "/cosmos.staking.v1beta1.Query/DelegatorDelegations",
                    &about,
                    &staking::QueryDelegatorDelegationsRequest {
                        delegator_addr: delegator_addr.clone(),
                        pagination: None,
                    },
                ),
                question(
                    "/cosmos.staking.v1beta1.Query/DelegatorUnbondingDelegations",
                    &about,
                    &staking::QueryDelegatorUnbondingDelegationsRequest {
                        delegator_addr,
                        pagination: None,
                    },
                ),
            ]
        };
        let mut all = self.after(users);
        all.extend(users.iter().flat_map(of));
        all
    }

    /// A round through the methods of staking, distribution, slashing and mint.
    pub fn stake_questions(&mut self) -> Vec<Question> {
        let mut all = chain_questions();
        let roles = self.known.roles;
        let mut validators: Vec<(String, String)> = (0..roles.operators + roles.creators)
            .map(|place| (self.operator(place), signer(place)))
            .collect();
        validators.push((User::new("nobody").address().to_validator_bech32(), signer(90)));
        validators.push((
            "quernvaloper1notanaddress".into(),
            "quernvalcons1notanaddress".into(),
        ));
        validators.push((String::new(), String::new()));
        let mut delegators: Vec<String> = (0..3)
            .map(|_| {
                let count = self.users.len();
                let place = self.rng().gen_range(0..count);
                self.users[place].address().to_string()
            })
            .collect();
        delegators.push(User::new("nobody").address().to_string());
        delegators.push("quern1notanaddress".into());
        delegators.push(String::new());
        for (validator, signer) in &validators {
            all.extend(validator_questions(validator, signer));
        }
        for delegator in &delegators {
            all.extend(delegator_questions(delegator));
            let place = self.rng().gen_range(0..validators.len());
            let (one, _) = validators[place].clone();
            let place = self.rng().gen_range(0..validators.len());
            all.extend(pair_questions(delegator, &one, &validators[place].0));
        }
        all
    }
}

/// Of the chain.
fn chain_questions() -> Vec<Question> {
    let with = |status: &str, page: Option<PageRequest>| {
        let request = staking::QueryValidatorsRequest {
            status: status.into(),
            pagination: page,
        };
        question("/cosmos.staking.v1beta1.Query/Validators", status, &request)
    };
    let page = |limit, offset, key: &[u8]| PageRequest {
        key: key.to_vec(),
        offset,
        limit,
        count_total: true,
        reverse: false,
    };
    let reverse = PageRequest {
        reverse: true,
        limit: 3,
        ..PageRequest::default()
    };
    vec![
        with("", None),
        with("BOND_STATUS_BONDED", None),
        with("BOND_STATUS_UNBONDING", None),
        with("BOND_STATUS_UNSPECIFIED", None),
        with("nosuch", None),
        with("", Some(page(2, 1, b""))),
        with("", Some(page(2, 100, b""))),
        with("", Some(page(2, 1, b"key"))),
        with("", Some(reverse)),
        question(
            "/cosmos.staking.v1beta1.Query/Pool",
            "",
            &staking::QueryPoolRequest {},
        ),
        question(
            "/cosmos.staking.v1beta1.Query/Params",
            "",
            &staking::QueryParamsRequest {},
        ),
        question(
            "/cosmos.distribution.v1beta1.Query/Params",
            "",
            &distribution::QueryParamsRequest {},
        ),
        question(
            "/cosmos.distribution.v1beta1.Query/CommunityPool",
            "",
            &distribution::QueryCommunityPoolRequest {},
        ),
        question(
            "/cosmos.slashing.v1beta1.Query/Params",
            "",
            &slashing::QueryParamsRequest {},
        ),
        question(
            "/cosmos.slashing.v1beta1.Query/SigningInfos",
            "",
            &slashing::QuerySigningInfosRequest { pagination: None },
        ),
        question(
            "/cosmos.mint.v1beta1.Query/Params",
            "",
            &mint::QueryParamsRequest {},
        ),
        question(
            "/cosmos.mint.v1beta1.Query/Inflation",
            "",
            &mint::QueryInflationRequest {},
        ),
        question(
            "/cosmos.mint.v1beta1.Query/AnnualProvisions",
            "",
            &mint::QueryAnnualProvisionsRequest {},
        ),
        question(
            "/cosmos.staking.v1beta1.Query/HistoricalInfo",
            "-1",
            &staking::QueryHistoricalInfoRequest { height: -1 },
        ),
        question(
            "/cosmos.staking.v1beta1.Query/HistoricalInfo",
            "later",
            &staking::QueryHistoricalInfoRequest { height: 1_000_000 },
        ),
    ]
}

fn validator_questions(validator: &str, signer: &str) -> Vec<Question> {
    let (address, none) = (validator.to_owned(), None::<PageRequest>);
    vec![
        question(
            "/cosmos.staking.v1beta1.Query/Validator",
            validator,
            &staking::QueryValidatorRequest {
                validator_addr: address.clone(),
            },
        ),
        question(
            "/cosmos.staking.v1beta1.Query/ValidatorDelegations",
            validator,
            &staking::QueryValidatorDelegationsRequest {
                validator_addr: address.clone(),
                pagination: none.clone(),
            },
        ),
        question(
            "/cosmos.staking.v1beta1.Query/ValidatorUnbondingDelegations",
            validator,
            &staking::QueryValidatorUnbondingDelegationsRequest {
                validator_addr: address.clone(),
                pagination: none.clone(),
            },
        ),
        question(
            "/cosmos.distribution.v1beta1.Query/ValidatorDistributionInfo",
            validator,
            &distribution::QueryValidatorDistributionInfoRequest {
                validator_address: address.clone(),
            },
        ),
        question(
            "/cosmos.distribution.v1beta1.Query/ValidatorOutstandingRewards",
            validator,
            &distribution::QueryValidatorOutstandingRewardsRequest {
                validator_address: address.clone(),
            },
        ),
        question(
            "/cosmos.distribution.v1beta1.Query/ValidatorCommission",
            validator,
            &distribution::QueryValidatorCommissionRequest {
                validator_address: address.clone(),
            },
        ),
        question(
            "/cosmos.distribution.v1beta1.Query/ValidatorSlashes",
            validator,
            &distribution::QueryValidatorSlashesRequest {
                validator_address: address.clone(),
                starting_height: 0,
                ending_height: 1_000_000,
                pagination: none.clone(),
            },
        ),
        question(
            "/cosmos.distribution.v1beta1.Query/ValidatorSlashes",
            "a range that ends before it begins",
            &distribution::QueryValidatorSlashesRequest {
                validator_address: address.clone(),
                starting_height: 5,
                ending_height: 4,
                pagination: none,
            },
        ),
        question(
            "/cosmos.slashing.v1beta1.Query/SigningInfo",
            signer,
            &slashing::QuerySigningInfoRequest {
                cons_address: signer.to_owned(),
            },
        ),
    ]
}

fn delegator_questions(delegator: &str) -> Vec<Question> {
    let address = delegator.to_owned();
    vec![
        question(
            "/cosmos.staking.v1beta1.Query/DelegatorDelegations",
            delegator,
            &staking::QueryDelegatorDelegationsRequest {
                delegator_addr: address.clone(),
                pagination: None,
            },
        ),
        question(
            "/cosmos.staking.v1beta1.Query/DelegatorUnbondingDelegations",
            delegator,
            &staking::QueryDelegatorUnbondingDelegationsRequest {
                delegator_addr: address.clone(),
                pagination: None,
            },
        ),
        question(
            "/cosmos.staking.v1beta1.Query/DelegatorValidators",
            delegator,
            &staking::QueryDelegatorValidatorsRequest {
                delegator_addr: address.clone(),
                pagination: None,
            },
        ),
        question(
            "/cosmos.staking.v1beta1.Query/Redelegations",
            delegator,
            &staking::QueryRedelegationsRequest {
                delegator_addr: address.clone(),
                ..Default::default()
            },
        ),
        question(
            "/cosmos.distribution.v1beta1.Query/DelegationTotalRewards",
            delegator,
            &distribution::QueryDelegationTotalRewardsRequest {
                delegator_address: address.clone(),
            },
        ),
        question(
            "/cosmos.distribution.v1beta1.Query/DelegatorValidators",
            delegator,
            &distribution::QueryDelegatorValidatorsRequest {
                delegator_address: address.clone(),
            },
        ),
        question(
            "/cosmos.distribution.v1beta1.Query/DelegatorWithdrawAddress",
            delegator,
            &distribution::QueryDelegatorWithdrawAddressRequest {
                delegator_address: address,
            },
        ),
    ]
}

fn pair_questions(delegator: &str, validator: &str, other: &str) -> Vec<Question> {
    let (delegator_addr, validator_addr) = (delegator.to_owned(), validator.to_owned());
    let about = format!("{delegator} {validator} {other}");
    vec![
        question(
            "/cosmos.staking.v1beta1.Query/Delegation",
            &about,
            &staking::QueryDelegationRequest {
                delegator_addr: delegator_addr.clone(),
                validator_addr: validator_addr.clone(),
            },
        ),
        question(
            "/cosmos.staking.v1beta1.Query/UnbondingDelegation",
            &about,
            &staking::QueryUnbondingDelegationRequest {
                delegator_addr: delegator_addr.clone(),
                validator_addr: validator_addr.clone(),
            },
        ),
        question(
            "/cosmos.staking.v1beta1.Query/DelegatorValidator",
            &about,
            &staking::QueryDelegatorValidatorRequest {
                delegator_addr: delegator_addr.clone(),
                validator_addr: validator_addr.clone(),
            },
        ),
        question(
            "/cosmos.distribution.v1beta1.Query/DelegationRewards",
            &about,
            &distribution::QueryDelegationRewardsRequest {
                delegator_address: delegator_addr.clone(),
                validator_address: validator_addr.clone(),
            },
        ),
        question(
            "/cosmos.staking.v1beta1.Query/Redelegations",
            &about,
            &staking::QueryRedelegationsRequest {
                delegator_addr,
                src_validator_addr: validator_addr,
                dst_validator_addr: other.to_owned(),
                pagination: None,
            },
        ),
    ]
}
