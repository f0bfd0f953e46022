//! Contracts: a published token and a probe that does whatever it is told.

use base64::{Engine, engine::general_purpose::STANDARD};
use quern_proto::Any;
use quern_proto::cosmwasm::wasm::v1::{
    AccessConfig, AccessType, MsgClearAdmin, MsgExecuteContract, MsgInstantiateContract,
    MsgInstantiateContract2, MsgMigrateContract, MsgPinCodes, MsgStoreCode, MsgSudoContract, MsgUpdateAdmin,
    MsgUpdateContractLabel, MsgUpdateInstantiateConfig,
};
use quern_testkit::{Mangle, TxBuilder, any, coins};
use rand::Rng;
use serde_json::{Value, json};

use super::{Draft, Generator, Signing};

impl Generator {
    /// Uploads one of the two contracts.
    pub(super) fn store(&mut self, user: usize, token: bool) -> Draft {
        let wasm_byte_code = if token {
            self.artifacts.token.clone()
        } else {
            self.artifacts.probe.clone()
        };
        let message = any(&MsgStoreCode {
            sender: self.of(user),
            wasm_byte_code,
            instantiate_permission: None,
        });
        alone(user, message, "store")
    }

    /// Makes an instance of one of the two.
    pub(super) fn instance(&mut self, user: usize, token: bool) -> Draft {
        let message = self.instantiate(user, token, false);
        alone(user, message, "instantiate")
    }

    pub(super) fn wasm(&mut self, user: usize) -> (&'static str, Vec<Any>) {
        match self.rng.gen_range(0..40) {
            0 => ("store", vec![self.rubbish_code(user)]),
            1..=3 => {
                let (token, second) = (self.rng.gen_bool(0.5), self.rng.gen_bool(0.3));
                ("instantiate", vec![self.instantiate(user, token, second)])
            }
            4..=6 => ("administer", vec![self.administer(user)]),
            7..=20 => ("token", vec![self.token(user)]),
            _ => ("probe", vec![self.probe(user)]),
        }
    }

    pub(super) fn rubbish_code(&mut self, user: usize) -> Any {
        let length = self.rng.gen_range(0..200);
        let mut code: Vec<u8> = (0..length).map(|_| self.rng.r#gen()).collect();
        if self.rng.gen_bool(0.5) {
            code.splice(0..0, *b"\0asm\x01\0\0\0");
        }
        let permission = match self.rng.gen_range(0..3) {
            0 => None,
            1 => Some(self.access()),
            _ => Some(AccessConfig {
                permission: AccessType::Unspecified.into(),
                addresses: vec![],
            }),
        };
        any(&MsgStoreCode {
            sender: self.mine(user),
            wasm_byte_code: code,
            instantiate_permission: permission,
        })
    }

    pub(super) fn access(&mut self) -> AccessConfig {
        match self.rng.gen_range(0..4) {
            0 => AccessConfig {
                permission: AccessType::Nobody.into(),
                addresses: vec![],
            },
            1 => AccessConfig {
                permission: AccessType::AnyOfAddresses.into(),
                addresses: (0..self.rng.gen_range(0..3)).map(|_| self.address()).collect(),
            },
            _ => AccessConfig {
                permission: AccessType::Everybody.into(),
                addresses: vec![],
            },
        }
    }

    fn code(&mut self, token: bool) -> u64 {
        let known = if token {
            &self.known.tokens
        } else {
            &self.known.probes
        };
        match self.rng.gen_range(0..20) {
            0 => 0,
            1 => 99,
            2 => self.rng.gen_range(1..4),
            _ => known.first().copied().unwrap_or(1),
        }
    }

    fn instantiate(&mut self, user: usize, token: bool, second: bool) -> Any {
        let code_id = self.code(token);
        let me = self.of(user);
        let msg = if self.rng.gen_bool(0.04) {
            json!({"rubbish": 1})
        } else if token {
            json!({
                "name": "Difference", "symbol": "DIFF", "decimals": self.rng.gen_range(0..20),
                "initial_balances": [{"address": me, "amount": "1000000"}],
                "mint": {"minter": me, "cap": "2000000"},
            })
        } else {
            json!({"attrs": [["made", "by"]], "set": [["k", "v"]]})
        };
        let msg = msg.to_string().into_bytes();
        let admin = match self.rng.gen_range(0..4) {
            0 => String::new(),
            1 => self.address(),
            _ => me.clone(),
        };
        let label = "l".repeat(*[0, 1, 5, 128, 129].get(self.rng.gen_range(0..12)).unwrap_or(&7));
        let funds = if self.rng.gen_bool(0.2) {
            self.amount()
        } else {
            vec![]
        };
        let sender = self.mine(user);
        if second {
            let salt = vec![7; *[0, 1, 64, 65].get(self.rng.gen_range(0..8)).unwrap_or(&3)];
            let fix_msg = self.rng.gen_bool(0.3);
            any(&MsgInstantiateContract2 {
                sender,
                admin,
                code_id,
                label,
                msg,
                funds,
                salt,
                fix_msg,
            })
        } else {
            any(&MsgInstantiateContract {
                sender,
                admin,
                code_id,
                label,
                msg,
                funds,
            })
        }
    }

    pub(super) fn contract(&mut self, token: bool) -> String {
        let known = if token {
            &self.known.token_contracts
        } else {
            &self.known.probe_contracts
        };
        let known = known.clone();
        match self.rng.gen_range(0..30) {
            0 => self.address(),
            _ => self.pick(&known).unwrap_or_default(),
        }
    }

    pub(super) fn administer(&mut self, user: usize) -> Any {
        let token = self.rng.gen_bool(0.5);
        let (sender, contract) = (self.mine(user), self.contract(token));
        match self.rng.gen_range(0..10) {
            0 => any(&MsgUpdateAdmin {
                sender,
                new_admin: self.address(),
                contract,
            }),
            1 => any(&MsgClearAdmin { sender, contract }),
            2 => any(&MsgUpdateContractLabel {
                sender,
                new_label: "new".into(),
                contract,
            }),
            3 => any(&MsgUpdateInstantiateConfig {
                sender,
                code_id: self.code(token),
                new_instantiate_permission: Some(self.access()),
            }),
            4 => any(&MsgPinCodes {
                authority: sender,
                code_ids: vec![1],
            }),
            // The same numbers one by one, as writers of proto2 have them.
            6 => Any {
                type_url: "/cosmwasm.wasm.v1.MsgUnpinCodes".into(),
                value: [
                    &[0x0a, sender.len() as u8],
                    sender.as_bytes(),
                    &[0x10, 1, 0x10, 2],
                ]
                .concat(),
            },
            5 => any(&MsgSudoContract {
                authority: sender,
                contract,
                msg: b"{\"fail\":{}}".to_vec(),
            }),
            _ => any(&MsgMigrateContract {
                sender,
                contract,
                code_id: self.code(token),
                msg: json!({"note": "moved"}).to_string().into_bytes(),
            }),
        }
    }

    fn execute(&mut self, user: usize, contract: String, msg: &Value) -> Any {
        let msg = match self.rng.gen_range(0..60) {
            0 => b"{not json".to_vec(),
            1 => b"\"a\"".to_vec(),
            _ => msg.to_string().into_bytes(),
        };
        let funds = match self.rng.gen_range(0..12) {
            0 => self.amount(),
            1 | 2 => self.small(),
            _ => vec![],
        };
        any(&MsgExecuteContract {
            sender: self.mine(user),
            contract,
            msg,
            funds,
        })
    }

    pub(super) fn token(&mut self, user: usize) -> Any {
        let contract = self.contract(true);
        let (someone, amount) = (self.address(), self.rng.gen_range(0..3_000_u32).to_string());
        let probe = self.contract(false);
        let owner = self.someone();
        let msg = match self.rng.gen_range(0..12) {
            0..=4 => json!({"transfer": {"recipient": someone, "amount": amount}}),
            5 => json!({"burn": {"amount": amount}}),
            6 => json!({"mint": {"recipient": someone, "amount": amount}}),
            7 => json!({"increase_allowance": {"spender": someone, "amount": amount}}),
            8 => {
                json!({"decrease_allowance": {"spender": someone, "amount": amount, "expires": {"at_height": 50}}})
            }
            9 => json!({"transfer_from": {"owner": owner, "recipient": someone, "amount": amount}}),
            10 => json!({"send": {"contract": probe, "amount": amount, "msg": "e30="}}),
            _ => json!({"update_minter": {"new_minter": null}}),
        };
        self.execute(user, contract, &msg)
    }

    pub(super) fn probe(&mut self, user: usize) -> Any {
        let contract = self.contract(false);
        let msg = self.order(&contract, 2);
        self.execute(user, contract, &msg)
    }

    /// What a probe is to do, with `depth` levels of submessages below.
    fn order(&mut self, contract: &str, depth: u32) -> Value {
        match self.rng.gen_range(0..24) {
            0 => json!({"echo": {"attrs": [["a", "1"], ["b", ""]], "data": "aGVsbG8="}}),
            1 => json!({"echo": {"events": [{"type": "seen", "attributes": [{"key": "k", "value": "v"}]}]}}),
            2 => {
                let key = ["_contract_address", "a", " ", ""][self.rng.gen_range(0..4)];
                json!({"echo": {"attrs": [[key, "x"]]}})
            }
            3 => {
                let kind = ["x", "", " y ", "wasm"][self.rng.gen_range(0..4)];
                json!({"echo": {"events": [{"type": kind, "attributes": []}]}})
            }
            4 | 5 => json!({"bank_send": {"to": self.address(), "amount": self.wasm_coins()}}),
            6 => json!({"set": {"key": "k", "value": "v".repeat(self.rng.gen_range(0..40))}}),
            7 => json!({"fail": {}}),
            8 => json!({"panic": {}}),
            9 => json!({"recurse": {"depth": self.rng.gen_range(0..6)}}),
            10 => json!({"query_recurse": {"depth": self.rng.gen_range(0..12)}}),
            11 => json!({"big_data": {"len": self.rng.gen_range(0..2_000)}}),
            12 => json!({"big_write": {"len": self.rng.gen_range(0..3_000)}}),
            13 => json!({"bad_reply": {}}),
            14 => json!({"fail_in_reply": {}}),
            15 => json!({"no_such_order": {}}),
            _ if depth == 0 => json!({"echo": {}}),
            _ => {
                let count = self.rng.gen_range(0..3);
                let msgs: Vec<Value> = (0..count)
                    .map(|id| self.submessage(contract, id, depth))
                    .collect();
                json!({"sub": {"msgs": msgs}})
            }
        }
    }

    fn submessage(&mut self, contract: &str, id: u64, depth: u32) -> Value {
        let mode = ["always", "error", "success", "never"][self.rng.gen_range(0..4)];
        let gas_limit = match self.rng.gen_range(0..6) {
            0 => json!(10),
            1 => json!(1_000_000),
            _ => Value::Null,
        };
        let msg = match self.rng.gen_range(0..8) {
            0 | 1 => json!({"bank": {"send": {"to_address": self.address(), "amount": self.wasm_coins()}}}),
            2 => json!({"bank": {"burn": {"amount": self.wasm_coins()}}}),
            3 => json!({"wasm": {"clear_admin": {"contract_addr": contract}}}),
            4 => {
                json!({"staking": {"delegate": {"validator": "x", "amount": {"denom": "nqrn", "amount": "1"}}}})
            }
            _ => {
                let order = self.order(contract, depth - 1);
                let inner = STANDARD.encode(order.to_string());
                json!({"wasm": {"execute": {"contract_addr": contract, "msg": inner, "funds": []}}})
            }
        };
        json!({"id": id, "payload": "cA==", "msg": msg, "gas_limit": gas_limit, "reply_on": mode})
    }

    fn wasm_coins(&mut self) -> Value {
        let list = match self.rng.gen_range(0..8) {
            0 => self.amount(),
            _ => coins(&format!("{}nqrn", self.rng.gen_range(1..300))),
        };
        list.into_iter()
            .map(|c| json!({"denom": c.denom, "amount": c.amount}))
            .collect()
    }
}

fn alone(user: usize, message: Any, what: &'static str) -> Draft {
    let tx = TxBuilder::new(0, 0)
        .gas(40_000_000)
        .message(message)
        .fee("1000nqrn");
    Draft {
        user,
        tx,
        mangle: Mangle::None,
        signing: Signing::Direct,
        what,
    }
}
