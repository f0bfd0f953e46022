//! What the fields of requests are asked with: values that exist, that do not, and that are none.

use base64::{Engine, engine::general_purpose::STANDARD};
use quern_testkit::User;
use quern_types::consensus_bech32;

/// Names of what both chains have.
#[derive(Clone, Debug, Default)]
pub struct Known {
    /// Accounts.
    pub users: Vec<String>,
    /// Contracts.
    pub contracts: Vec<String>,
    /// Operators' addresses of validators.
    pub validators: Vec<String>,
    /// Consensus addresses of validators.
    pub signers: Vec<String>,
    /// Hashes of transactions.
    pub hashes: Vec<String>,
    /// The last proposal.
    pub proposals: u64,
    /// Height of the last block.
    pub height: u64,
}

const MALFORMED: [&str; 3] = [
    "quern1notanaddress",
    "cosmos1fl48vsnmsdzcv85q5d2q4z5ajdha8yu34mf0eh",
    "x",
];

const NUMBERS: [&str; 9] = [
    "0",
    "999999",
    "18446744073709551616",
    "100000000000000000000000000000000000000000",
    "18446744073709551616x",
    "0x_1",
    "-1",
    "abc",
    "1.5",
];

impl Known {
    /// Values for a field of a service's request, the best first.
    pub fn values(&self, service: &str, field: &str) -> Vec<String> {
        let wasm = service.starts_with("cosmwasm.");
        let mut values: Vec<String> = match field {
            "address" if wasm => self.contracts.iter().take(4).cloned().collect(),
            "address" | "owner" | "granter" | "grantee" | "voter" | "depositor" | "proposer"
            | "creator_address" | "delegator_addr" | "delegator_address" | "address_string" => {
                self.users.iter().take(6).cloned().collect()
            }
            "validator_addr" | "validator_address" | "src_validator_addr" | "dst_validator_addr" => {
                self.validators.clone()
            }
            "cons_address" => self.signers.clone(),
            "hash" => self.hashes.clone(),
            "proposal_id" => {
                let last = self.proposals;
                (0..6).map(|back| last.saturating_sub(back).to_string()).collect()
            }
            "height" | "last_height" | "starting_height" | "ending_height" => {
                vec![self.height.to_string(), "1".into()]
            }
            "code_id" => vec!["1".into(), "2".into()],
            "id" | "account_id" => vec!["1".into()],
            _ => words(field),
        };
        let nobody = User::new("nobody").address();
        let others: Vec<String> = match field {
            "address" if wasm => {
                let contract = quern_types::contract_address(9, 9);
                vec![contract.to_string(), nobody.to_string()]
            }
            "address" | "owner" | "granter" | "grantee" | "voter" | "depositor" | "proposer"
            | "creator_address" | "delegator_addr" | "delegator_address" | "address_string" => {
                vec![nobody.to_string()]
            }
            "validator_addr" | "validator_address" | "src_validator_addr" | "dst_validator_addr" => {
                vec![nobody.to_validator_bech32(), nobody.to_string()]
            }
            "cons_address" => vec![consensus_bech32(nobody.as_bytes()), nobody.to_string()],
            "hash" => vec!["00".repeat(31) + "FF", "ff".into(), "nothex".into()],
            _ => Vec::new(),
        };
        values.extend(others);
        let ends = |ends: &[&str]| ends.iter().any(|end| field.ends_with(end));
        let more: &[&str] = if ends(&["id", "height"]) {
            &NUMBERS
        } else if ends(&[
            "addr",
            "address",
            "address_string",
            "granter",
            "grantee",
            "voter",
            "depositor",
        ]) {
            &MALFORMED
        } else {
            &[]
        };
        values.extend(more.iter().map(|text| (*text).to_owned()));
        values
    }
}

/// Values of fields that mean the same on every chain.
fn words(field: &str) -> Vec<String> {
    let json = |text: &str| STANDARD.encode(text);
    let texts: &[&str] = match field {
        "denom" => &["nqrn", "other", "nosuch", "9bad", "factory/a/b", "%", " "],
        "denoms" => &["nqrn", "nosuch"],
        "name" => &["gov", "fee_collector", "bonded_tokens_pool", "nosuch", " "],
        "params_type" => &["voting", "deposit", "tallying", "nosuch", "Voting"],
        "msg_type_url" => &[
            "/cosmos.bank.v1beta1.MsgSend",
            "/cosmwasm.wasm.v1.MsgExecuteContract",
            "/no.such.Msg",
            "x",
        ],
        "proposal_status" => &[
            "PROPOSAL_STATUS_VOTING_PERIOD",
            "PROPOSAL_STATUS_REJECTED",
            "2",
            "99",
            "nosuch",
        ],
        "status" => &["BOND_STATUS_BONDED", "BOND_STATUS_UNBONDED", "nosuch"],
        "module_name" => &["bank", "gov", "nosuch"],
        "resolve_denom" | "prove" => &["true", "false", "maybe"],
        "address_bytes" => &["AQIDBAUGBwgJCgsMDQ4PEBESExQ=", "AQ==", "!!"],
        "subspace" | "key" => &["bank", "nosuch"],
        "query_data" => {
            return [
                r#"{"token_info":{}}"#,
                r#"{"minter":{}}"#,
                r#"{"nonsense":{}}"#,
                "not json",
                "",
            ]
            .into_iter()
            .map(json)
            .chain(["!!".into(), "e30".into()])
            .collect();
        }
        "code_hash" => &[
            "0000000000000000000000000000000000000000000000000000000000000000",
            "zz",
        ],
        "salt" => &["61", "zz"],
        "init_args" => &["7b7d", "zz"],
        "query" => &[
            "message.action='/cosmos.bank.v1beta1.MsgSend'",
            "tx.height>0",
            "nosuch",
            "a=b",
        ],
        "order_by" => &["ORDER_BY_ASC", "ORDER_BY_DESC", "1", "nosuch"],
        "page" | "limit" => &["1", "2", "1000", "-1", "abc"],
        "events" => &["message.action='/cosmos.bank.v1beta1.MsgSend'", "nosuch"],
        "path" => &["/cosmos.bank.v1beta1.Query/Params", "/store/bank/key", "/nosuch"],
        "data" => &["", "AQ==", "!!"],
        "interface_name" => &["cosmos.base.v1beta1.Msg", "nosuch"],
        _ => &["x"],
    };
    texts.iter().map(|text| (*text).to_owned()).collect()
}
