//! Delegations, rewards, validators: messages of x/staking, x/distribution and x/slashing.

use base64::{Engine, engine::general_purpose::STANDARD};
use quern_proto::Any;
use quern_proto::cosmos::base::v1beta1::Coin;
use quern_proto::cosmos::crypto::{ed25519, secp256k1};
use quern_proto::cosmos::{
    distribution::v1beta1 as distribution, slashing::v1beta1 as slashing, staking::v1beta1 as staking,
};
use quern_testkit::{User, any};
use rand::Rng;
use serde_json::json;

use super::{Generator, coin};

/// Decimals as they are on the wire.
const ONE: &str = "1000000000000000000";
const TENTH: &str = "100000000000000000";

/// Who stakes in what role, by places among the users: operators first, those who become operators next.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles {
    /// Operators of validators at genesis.
    pub operators: usize,
    /// Users after them who make a validator of their own.
    pub creators: usize,
}

/// Something that is on its way out.
#[derive(Clone, Debug)]
pub struct Leaving {
    /// Delegator.
    pub delegator: String,
    /// Operator address.
    pub validator: String,
    /// Height at which it began.
    pub height: i64,
}

/// A key of consensus, by the place of its operator.
pub fn consensus_key(place: usize) -> [u8; 32] {
    [u8::try_from(place + 1).expect("few operators"); 32]
}

/// What the description of a new host says of its worker.
fn worker(place: usize) -> String {
    let warm = User::new(&format!("warm {place}")).public_key();
    json!({"transport_key": STANDARD.encode(consensus_key(place + 100)), "warm_key": STANDARD.encode(warm)})
        .to_string()
}

impl Generator {
    /// A message of a delegator or an operator.
    pub(super) fn staking(&mut self, user: usize) -> (&'static str, Vec<Any>) {
        match self.rng.gen_range(0..100) {
            0..=31 => ("delegate", vec![self.delegate(user)]),
            32..=49 => ("undelegate", vec![self.undelegate(user)]),
            50..=55 => ("redelegate what is not there", vec![self.redelegate_wrong(user)]),
            56..=66 => ("cancel unbonding", vec![self.cancel_unbonding(user)]),
            67..=74 => ("withdraw reward", vec![self.withdraw_reward(user)]),
            75..=77 => ("withdraw commission", vec![self.withdraw_commission(user)]),
            78..=81 => ("set withdraw address", vec![self.set_withdraw_address(user)]),
            82..=89 => ("create validator", vec![self.create_wrong(user)]),
            90..=93 => ("edit validator", vec![self.edit(user)]),
            94 | 95 => ("unjail", vec![self.unjail(user)]),
            96 => ("parameters", vec![self.parameters(user)]),
            _ => self.bank(user),
        }
    }

    /// Validators of those who become operators, each good.
    pub fn creations(&mut self) -> Vec<Any> {
        let Roles { operators, creators } = self.known.roles;
        (operators..operators + creators)
            .map(|place| any(&self.validator(place)))
            .collect()
    }

    /// Moves a part of what a user may have behind the first operators to the next one.
    pub fn redelegation(&mut self, user: usize) -> Any {
        let from = self.rng.gen_range(0..self.known.roles.operators);
        let to = (from + 1) % self.known.roles.operators;
        any(&staking::MsgBeginRedelegate {
            delegator_address: self.of(user),
            validator_src_address: self.operator(from),
            validator_dst_address: self.operator(to),
            amount: self.small().pop(),
        })
    }

    /// Operator address of a user.
    pub fn operator(&self, place: usize) -> String {
        self.users[place].address().to_validator_bech32()
    }

    fn validator(&self, place: usize) -> staking::MsgCreateValidator {
        let key = ed25519::PubKey {
            key: consensus_key(place).to_vec(),
        };
        staking::MsgCreateValidator {
            description: Some(staking::Description {
                moniker: format!("host {place}"),
                website: "https://127.0.0.1:8443".into(),
                details: worker(place),
                ..Default::default()
            }),
            commission: Some(staking::CommissionRates {
                rate: "100000000000000000".into(),
                max_rate: "1000000000000000000".into(),
                max_change_rate: "10000000000000000".into(),
            }),
            min_self_delegation: "1".into(),
            validator_address: self.operator(place),
            pubkey: Some(any(&key)),
            value: Some(coin("nqrn", "500000000000")),
            ..Default::default()
        }
    }

    /// A validator's address: mostly an operator's, at times nobody's or none.
    fn behind(&mut self) -> String {
        let Roles { operators, creators } = self.known.roles;
        match self.rng.gen_range(0..60) {
            0 => "quernvaloper1notanaddress".into(),
            1 => String::new(),
            2 => self.someone(),
            3 => User::new("nobody").address().to_validator_bech32(),
            4 => "cosmosvaloper1sjllsnramtg3ewxqwwrwjxfgc4n4ef9u2lcnj0".into(),
            5 => quern_types::module_address("gov").to_validator_bech32(),
            6 => "x".into(),
            _ => {
                let place = self.rng.gen_range(0..operators + creators);
                self.operator(place)
            }
        }
    }

    /// One coin, right or wrong.
    fn stake(&mut self) -> Option<Coin> {
        Some(match self.rng.gen_range(0..50) {
            0 => coin("nqrn", "0"),
            1 => coin("nqrn", "-5"),
            2 => coin("other", "7"),
            3 => coin("other", "700000000000000000"),
            4 => coin("9bad", "1"),
            5 => coin("nqrn", "1.5"),
            6 => coin("", "1"),
            7 | 8 => coin("nqrn", "70000000000000000000"),
            9 => coin("nosuch", "1"),
            10 => coin("nqrn", "1"),
            _ => coin("nqrn", &self.rng.gen_range(1..2_000_000_000_u32).to_string()),
        })
    }

    fn delegate(&mut self, user: usize) -> Any {
        any(&staking::MsgDelegate {
            delegator_address: self.mine(user),
            validator_address: self.behind(),
            amount: self.stake(),
        })
    }

    fn undelegate(&mut self, user: usize) -> Any {
        any(&staking::MsgUndelegate {
            delegator_address: self.mine(user),
            validator_address: self.behind(),
            amount: self.stake(),
        })
    }

    /// Never one that could be done: what moves lands at once there and with its bucket here.
    fn redelegate_wrong(&mut self, user: usize) -> Any {
        let from = self.behind();
        let (mut to, mut amount) = (self.behind(), self.stake());
        match self.rng.gen_range(0..3) {
            0 => to.clone_from(&from),
            1 => to = User::new("nobody").address().to_validator_bech32(),
            _ => {
                amount = Some(coin(
                    ["nqrn", "other"][self.rng.gen_range(0..2)],
                    "70000000000000000000",
                ))
            }
        }
        any(&staking::MsgBeginRedelegate {
            delegator_address: self.mine(user),
            validator_src_address: from,
            validator_dst_address: to,
            amount,
        })
    }

    fn cancel_unbonding(&mut self, user: usize) -> Any {
        let own = self.of(user);
        let mine: Vec<Leaving> = (self.known.leaving.iter())
            .filter(|leaving| leaving.delegator == own)
            .cloned()
            .collect();
        let found = (!mine.is_empty()).then(|| mine[self.rng.gen_range(0..mine.len())].clone());
        let (mut validator, mut height) = match found {
            Some(found) => (found.validator, found.height),
            None => (self.behind(), self.rng.gen_range(1..400)),
        };
        match self.rng.gen_range(0..12) {
            0 => height = 0,
            1 => height = -3,
            2 => height += 1,
            3 => validator = self.behind(),
            _ => {}
        }
        any(&staking::MsgCancelUnbondingDelegation {
            delegator_address: self.mine(user),
            validator_address: validator,
            amount: self.stake(),
            creation_height: height,
        })
    }

    fn withdraw_reward(&mut self, user: usize) -> Any {
        any(&distribution::MsgWithdrawDelegatorReward {
            delegator_address: self.mine(user),
            validator_address: self.behind(),
        })
    }

    fn withdraw_commission(&mut self, user: usize) -> Any {
        let validator_address = self.own_operator(user);
        any(&distribution::MsgWithdrawValidatorCommission { validator_address })
    }

    fn set_withdraw_address(&mut self, user: usize) -> Any {
        let (delegator_address, mut withdraw_address) = (self.mine(user), self.address());
        // An operator's commission goes there on wasmd, and to its host's payout address here.
        let Roles { operators, creators } = self.known.roles;
        let operates = |address: &String| (0..operators + creators).any(|place| self.of(place) == *address);
        if operates(&delegator_address) && withdraw_address.len() == delegator_address.len() {
            withdraw_address.clone_from(&delegator_address);
        }
        any(&distribution::MsgSetWithdrawAddress {
            delegator_address,
            withdraw_address,
        })
    }

    /// A gift to the community pool, or what would take from it.
    pub fn pool(&mut self, user: usize) -> Any {
        if self.rng.gen_bool(0.3) {
            return any(&distribution::MsgCommunityPoolSpend {
                authority: self.mine(user),
                recipient: self.address(),
                amount: self.amount(),
            });
        }
        any(&distribution::MsgFundCommunityPool {
            depositor: self.mine(user),
            amount: self.amount(),
        })
    }

    /// The user's operator address, whether it has a validator or not; at times another's.
    fn own_operator(&mut self, user: usize) -> String {
        match self.rng.gen_range(0..20) {
            0 => self.behind(),
            _ => self.operator(user),
        }
    }

    /// A validator with something wrong, if only that there is one already.
    fn create_wrong(&mut self, user: usize) -> Any {
        let Roles { operators, creators } = self.known.roles;
        let known = user < operators + creators;
        // Of somebody new another's key.
        let other = self.rng.gen_range(0..operators);
        let mut message = self.validator(if known { user } else { other });
        message.validator_address = self.own_operator(user);
        let rates = |rate: &str, max: &str, change: &str| {
            Some(staking::CommissionRates {
                rate: rate.into(),
                max_rate: max.into(),
                max_change_rate: change.into(),
            })
        };
        match self.rng.gen_range(0..20) {
            0 => message.pubkey = None,
            1 => {
                let key = User::new("nobody").public_key().to_vec();
                message.pubkey = Some(any(&secp256k1::PubKey { key }));
            }
            2 => message.value = Some(coin("nqrn", "0")),
            3 => message.value = Some(coin("nqrn", "-1")),
            4 => message.value = Some(coin("other", "5")),
            5 => message.description = Some(staking::Description::default()),
            6 => message.commission = Some(staking::CommissionRates::default()),
            7 => message.commission = rates(TENTH, "1000000000000000001", "0"),
            8 => message.commission = rates(TENTH, "-1", "0"),
            9 => message.commission = rates("-1", ONE, "0"),
            10 => message.commission = rates(ONE, TENTH, "0"),
            11 => message.commission = rates(TENTH, ONE, "-1"),
            12 => message.commission = rates("0", TENTH, ONE),
            13 => message.min_self_delegation = "0".into(),
            14 => message.min_self_delegation = "-1".into(),
            15 => message.min_self_delegation = "600000000000".into(),
            16 => message.value = Some(coin("9bad", "5")),
            17 => message.commission = rates(TENTH, "", "0"),
            18 => message.commission = rates("", ONE, ""),
            _ => {}
        }
        any(&message)
    }

    fn edit(&mut self, user: usize) -> Any {
        let keep = || "[do-not-modify]".to_owned();
        let mut description = staking::Description {
            moniker: keep(),
            identity: keep(),
            website: keep(),
            security_contact: keep(),
            details: keep(),
        };
        let text = |generator: &mut Self, most: usize| match generator.rng.gen_range(0..4) {
            0 => "t".repeat(most + 1),
            1 => "t".repeat(most),
            _ => "some words".to_owned(),
        };
        match self.rng.gen_range(0..8) {
            0 => description = staking::Description::default(),
            1 => description.identity = text(self, 3_000),
            2 => description.security_contact = text(self, 140),
            3 => description.details = text(self, 280),
            4 => description.identity = String::new(),
            5 => description.moniker = "another name".into(),
            _ => {}
        }
        let rates = ["-1", "1000000000000000001", "x"];
        let commission_rate = match self.rng.gen_range(0..8) {
            0 | 1 => rates[self.rng.gen_range(0..3)].into(),
            _ => String::new(),
        };
        let min_self_delegation = match self.rng.gen_range(0..8) {
            0 => "0".into(),
            1 => "-1".into(),
            _ => String::new(),
        };
        any(&staking::MsgEditValidator {
            description: Some(description),
            validator_address: self.own_operator(user),
            commission_rate,
            min_self_delegation,
        })
    }

    fn unjail(&mut self, user: usize) -> Any {
        let validator_addr = self.own_operator(user);
        any(&slashing::MsgUnjail { validator_addr })
    }

    /// What governance alone may change.
    fn parameters(&mut self, user: usize) -> Any {
        let authority = self.mine(user);
        match self.rng.gen_range(0..3) {
            0 => any(&slashing::MsgUpdateParams {
                authority,
                params: Some(slashing::Params::default()),
            }),
            1 => any(&distribution::MsgUpdateParams {
                authority,
                params: Some(distribution::Params::default()),
            }),
            _ => any(&staking::MsgUpdateParams {
                authority,
                params: Some(staking::Params::default()),
            }),
        }
    }
}
