//! Authorizations and fee allowances.

use prost_types::{Duration, Timestamp};
use quern_proto::Any;
use quern_proto::cosmos::authz::v1beta1::{GenericAuthorization, Grant, MsgExec, MsgGrant, MsgRevoke};
use quern_proto::cosmos::bank::v1beta1::SendAuthorization;
use quern_proto::cosmos::feegrant::v1beta1::{
    AllowedMsgAllowance, BasicAllowance, MsgGrantAllowance, MsgRevokeAllowance, PeriodicAllowance,
};
use quern_proto::cosmwasm::wasm::v1::{
    AcceptedMessageKeysFilter, AcceptedMessagesFilter, AllowAllMessagesFilter, CodeGrant, CombinedLimit,
    ContractExecutionAuthorization, ContractGrant, ContractMigrationAuthorization, MaxCallsLimit,
    MaxFundsLimit, StoreCodeAuthorization,
};
use quern_testkit::{GENESIS_TIME, any};
use rand::Rng;
use sha2::{Digest, Sha256};

use super::Generator;

const SEND: &str = "/cosmos.bank.v1beta1.MsgSend";
const EXECUTE: &str = "/cosmwasm.wasm.v1.MsgExecuteContract";
const MIGRATE: &str = "/cosmwasm.wasm.v1.MsgMigrateContract";
const STORE: &str = "/cosmwasm.wasm.v1.MsgStoreCode";

impl Generator {
    pub(super) fn grants(&mut self, user: usize) -> (&'static str, Vec<Any>) {
        match self.rng.gen_range(0..20) {
            0..=5 => ("authz grant", vec![self.grant(user)]),
            6..=11 => ("authz exec", vec![self.exec(user)]),
            12..=13 => ("authz revoke", vec![self.revoke(user)]),
            14..=17 => ("feegrant", vec![self.allow(user)]),
            _ => ("feegrant revoke", vec![self.disallow(user)]),
        }
    }

    /// One of few neighbours, so that grants are met again.
    fn neighbour(&mut self, user: usize) -> usize {
        (user + self.rng.gen_range(0..4)) % self.users.len()
    }

    fn expiry(&mut self) -> Option<Timestamp> {
        let seconds = match self.rng.gen_range(0..6) {
            0 => return None,
            1 => GENESIS_TIME - 5,
            2 => GENESIS_TIME + self.rng.gen_range(0..300),
            _ => GENESIS_TIME + 100_000,
        };
        Some(Timestamp { seconds, nanos: 0 })
    }

    fn kind(&mut self) -> String {
        match self.rng.gen_range(0..10) {
            0 => EXECUTE.into(),
            4 => MIGRATE.into(),
            5 => STORE.into(),
            1 => "/cosmos.bank.v1beta1.MsgMultiSend".into(),
            2 => "/no.such.Msg".into(),
            3 => String::new(),
            _ => SEND.into(),
        }
    }

    fn grant(&mut self, user: usize) -> Any {
        let grantee = self.neighbour(user);
        let authorization = if self.rng.gen_bool(0.35) {
            any(&GenericAuthorization { msg: self.kind() })
        } else if self.rng.gen_bool(0.5) {
            self.contract_authorization()
        } else {
            let allow_list = (0..self.rng.gen_range(0..3_usize).saturating_sub(1)).map(|_| self.address());
            let allow_list = allow_list.collect();
            any(&SendAuthorization {
                spend_limit: self.limit(),
                allow_list,
            })
        };
        let expiration = self.expiry();
        any(&MsgGrant {
            granter: self.mine(user),
            grantee: self.of(grantee),
            grant: (!self.rng.gen_bool(0.02)).then_some(Grant {
                authorization: Some(authorization),
                expiration,
            }),
        })
    }

    /// Leave to act on contracts.
    fn contract_authorization(&mut self) -> Any {
        let count = self.rng.gen_range(0..6_usize).clamp(1, 3) - usize::from(self.rng.gen_bool(0.05));
        let kind = self.rng.gen_range(0..8);
        if kind == 0 {
            let grants = (0..count).map(|_| self.code_grant()).collect();
            return any(&StoreCodeAuthorization { grants });
        }
        let grants = (0..count).map(|_| self.contract_grant()).collect();
        match kind {
            1 => any(&ContractMigrationAuthorization { grants }),
            _ => any(&ContractExecutionAuthorization { grants }),
        }
    }

    fn code_grant(&mut self) -> CodeGrant {
        let code_hash = match self.rng.gen_range(0..4) {
            0 => b"*".to_vec(),
            1 => Sha256::digest(&self.artifacts.probe).to_vec(),
            2 => vec![],
            _ => vec![7; 32],
        };
        CodeGrant {
            code_hash,
            instantiate_permission: self.rng.gen_bool(0.3).then(|| self.access()),
        }
    }

    fn contract_grant(&mut self) -> ContractGrant {
        let token = self.rng.gen_bool(0.6);
        let limit = match self.rng.gen_range(0..12) {
            0 => None,
            1 => Some(any(&AllowAllMessagesFilter {})),
            2..=5 => Some(any(&MaxCallsLimit {
                remaining: self.rng.gen_range(0..4),
            })),
            6..=8 => Some(any(&MaxFundsLimit {
                amounts: self.limit(),
            })),
            _ => Some(any(&CombinedLimit {
                calls_remaining: self.rng.gen_range(0..4),
                amounts: self.limit(),
            })),
        };
        let keys = ["transfer", "echo", "sub", "burn", "", " x"];
        let filter = match self.rng.gen_range(0..12) {
            0 => None,
            1 => Some(any(&MaxCallsLimit { remaining: 1 })),
            2..=4 => Some(any(&AcceptedMessageKeysFilter {
                keys: (0..self.rng.gen_range(0..3))
                    .map(|_| keys[self.rng.gen_range(0..keys.len())].to_owned())
                    .collect(),
            })),
            5 => Some(any(&AcceptedMessagesFilter {
                messages: (0..self.rng.gen_range(0..3))
                    .map(|_| [&b"{\"fail\":{}}"[..], b"{", b"", b"{}"][self.rng.gen_range(0..4)].to_vec())
                    .collect(),
            })),
            _ => Some(any(&AllowAllMessagesFilter {})),
        };
        ContractGrant {
            contract: self.contract(token),
            limit,
            filter,
        }
    }

    fn exec(&mut self, user: usize) -> Any {
        let granter = (user + self.users.len() - self.rng.gen_range(0..4)) % self.users.len();
        let msgs = (0..self.rng.gen_range(0..3))
            .map(|_| match self.rng.gen_range(0..10) {
                0 => self.exec_of_nothing(user),
                1 => self.revoke(granter),
                2 | 3 => self.token(granter),
                4 => self.probe(granter),
                5 if self.rng.gen_bool(0.5) => self.administer(granter),
                5 => self.rubbish_code(granter),
                _ => self.send(granter),
            })
            .collect();
        any(&MsgExec {
            grantee: self.mine(user),
            msgs,
        })
    }

    fn exec_of_nothing(&mut self, user: usize) -> Any {
        any(&MsgExec {
            grantee: self.of(user),
            msgs: vec![],
        })
    }

    fn revoke(&mut self, user: usize) -> Any {
        let grantee = self.neighbour(user);
        any(&MsgRevoke {
            granter: self.mine(user),
            grantee: self.of(grantee),
            msg_type_url: self.kind(),
        })
    }

    fn allow(&mut self, user: usize) -> Any {
        let grantee = self.neighbour(user);
        let basic = BasicAllowance {
            spend_limit: self.limit(),
            expiration: self.expiry(),
        };
        let allowance = match self.rng.gen_range(0..4) {
            0 => any(&PeriodicAllowance {
                basic: Some(basic),
                period: Some(Duration {
                    seconds: self.rng.gen_range(-1..100),
                    nanos: 0,
                }),
                period_spend_limit: self.limit(),
                period_can_spend: vec![],
                period_reset: None,
            }),
            1 => any(&AllowedMsgAllowance {
                allowance: Some(any(&basic)),
                allowed_messages: (0..self.rng.gen_range(0..3)).map(|_| self.kind()).collect(),
            }),
            _ => any(&basic),
        };
        any(&MsgGrantAllowance {
            granter: self.mine(user),
            grantee: self.of(grantee),
            allowance: Some(allowance),
        })
    }

    fn disallow(&mut self, user: usize) -> Any {
        let grantee = self.neighbour(user);
        any(&MsgRevokeAllowance {
            granter: self.mine(user),
            grantee: self.of(grantee),
        })
    }
}
