//! `app_state.system`: the chain's own contracts, the epoch, and the validators' first transactions.

use quern_types::{AccAddress, contract_address};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Result,
    error::{invalid, no_duplicates},
    text,
};

/// Longest name of a system contract.
const MAX_NAME: usize = 64;

/// State of the system contracts. Empty for a chain without them.
///
/// A new chain names `contracts` and `gen_txs`; an exported one has neither, but `epoch`, `addresses` and
/// `validators` instead, beside the contracts themselves in `app_state.wasm`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemGenesis {
    /// Blocks per epoch.
    #[serde(with = "text::int")]
    pub epoch_blocks: u64,
    /// Most validators.
    pub max_validators: u32,
    /// Gas of each call at a block's borders.
    pub hook_gas: HookGas,
    /// Contracts to store, instantiate and pin, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub contracts: Vec<SystemContract>,
    /// Signed transactions to deliver after that: `TxRaw` in base64.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gen_txs: Vec<GenTx>,
    /// Number of the current epoch.
    #[serde(default, with = "text::int", skip_serializing_if = "is_zero")]
    pub epoch: u64,
    /// Contracts that `app_state.wasm` has already.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<SystemAddress>,
    /// Validators at export.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub validators: Vec<SystemValidator>,
}

/// Gas limits of the calls, in SDK gas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookGas {
    /// `end_block` of one contract.
    #[serde(with = "text::int")]
    pub end_block: u64,
    /// `end_epoch`.
    #[serde(with = "text::int")]
    pub end_epoch: u64,
    /// One `misbehavior`.
    #[serde(with = "text::int")]
    pub misbehavior: u64,
}

impl Default for HookGas {
    /// Two contracts' `end_block` together take at most half the gas of a block of default size.
    fn default() -> Self {
        Self {
            end_block: 10_000_000,
            end_epoch: 40_000_000,
            misbehavior: 5_000_000,
        }
    }
}

/// A contract of the chain itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemContract {
    /// Name, also its label.
    pub name: String,
    /// WebAssembly module, plain or gzipped.
    #[serde(with = "text::base64")]
    pub code: Vec<u8>,
    /// First message: a JSON object without fractions.
    pub init: Value,
}

/// A signed transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GenTx(#[serde(with = "text::base64")] pub Vec<u8>);

/// Where a system contract is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemAddress {
    /// Name.
    pub name: String,
    /// Address.
    #[serde(with = "text::address")]
    pub address: AccAddress,
}

/// A validator.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SystemValidator {
    /// Ed25519 key.
    #[serde(with = "text::base64")]
    pub pub_key: [u8; 32],
    /// Power.
    #[serde(with = "text::int")]
    pub power: u64,
    /// Blocks of the running epoch whose commit has its vote.
    #[serde(default, with = "text::int", skip_serializing_if = "is_zero")]
    pub signed: u64,
    /// Blocks of the running epoch whose commit could have its vote and does not.
    #[serde(default, with = "text::int", skip_serializing_if = "is_zero")]
    pub missed: u64,
}

impl SystemContract {
    /// The first message as the contract gets it: compact, with keys in order, so that neither an editor
    /// nor a library's choice of map can change what the chain records.
    pub fn init_bytes(&self) -> Vec<u8> {
        let mut text = String::new();
        canonical(&self.init, &mut text);
        text.into_bytes()
    }
}

/// Addresses that contracts get in this order on a chain that has no other contract: name and address.
pub fn predict<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<(&'a str, AccAddress)> {
    // code ids and instance ids both begin at 1
    (1u64..)
        .zip(names)
        .map(|(id, name)| (name, contract_address(id, id)))
        .collect()
}

impl SystemGenesis {
    /// Whether the chain has no system contracts.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Names and addresses, of contracts to come and of those that are there.
    pub fn contract_addresses(&self) -> Vec<(&str, AccAddress)> {
        let known = self
            .addresses
            .iter()
            .map(|a| (a.name.as_str(), a.address.clone()));
        predict(self.contracts.iter().map(|c| c.name.as_str()))
            .into_iter()
            .chain(known)
            .collect()
    }

    pub(crate) fn validate(&self, wasm: &crate::WasmGenesis) -> Result<()> {
        let at = |field: &str| format!("app_state.system.{field}");
        if self.is_empty() {
            return Ok(());
        }
        for (field, value) in [
            ("epoch_blocks", self.epoch_blocks),
            ("max_validators", u64::from(self.max_validators)),
            ("hook_gas.end_block", self.hook_gas.end_block),
            ("hook_gas.end_epoch", self.hook_gas.end_epoch),
            ("hook_gas.misbehavior", self.hook_gas.misbehavior),
        ] {
            if value == 0 {
                return Err(invalid(at(field), "must be at least 1"));
            }
        }
        let names = || {
            self.contracts
                .iter()
                .map(|c| &c.name)
                .chain(self.addresses.iter().map(|a| &a.name))
        };
        no_duplicates(&at("contracts"), names())?;
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if let Some(name) = names().find(|n| n.is_empty() || n.len() > MAX_NAME || !n.bytes().all(plain)) {
            let reason = "a name is 1 to 64 lower-case letters, digits and hyphens";
            return Err(invalid(at("contracts"), format!("{name:.80?}: {reason}")));
        }
        let fresh = wasm.codes.is_empty() && wasm.contracts.is_empty() && wasm.sequences.is_empty();
        if !self.contracts.is_empty() && !fresh {
            let reason = "app_state.wasm must be empty: the contracts' addresses count from 1";
            return Err(invalid(at("contracts"), reason));
        }
        for (i, contract) in self.contracts.iter().enumerate() {
            if !contract.init.is_object() || !is_integral(&contract.init) {
                let reason = "must be a JSON object without fractions";
                return Err(invalid(at(&format!("contracts[{i}].init")), reason));
            }
        }
        for (i, known) in self.addresses.iter().enumerate() {
            if !wasm.contracts.iter().any(|c| c.contract_address == known.address) {
                let reason = format!("{} is no contract of app_state.wasm", known.address);
                return Err(invalid(at(&format!("addresses[{i}]")), reason));
            }
        }
        no_duplicates(&at("gen_txs"), self.gen_txs.iter().map(|tx| &tx.0))?;
        no_duplicates(&at("validators"), self.validators.iter().map(|v| v.pub_key))?;
        if self
            .validators
            .iter()
            .any(|v| v.power == 0 || v.power > MAX_POWER)
        {
            return Err(invalid(
                at("validators"),
                "power must be positive and at most 10^12",
            ));
        }
        Ok(())
    }
}

/// Far above what the chain gives out, far below where CometBFT's arithmetic ends.
const MAX_POWER: u64 = 1_000_000_000_000;

fn is_zero(number: &u64) -> bool {
    *number == 0
}

fn is_integral(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_u64() || number.is_i64(),
        Value::Array(items) => items.iter().all(is_integral),
        Value::Object(fields) => fields.values().all(is_integral),
        Value::Null | Value::Bool(_) | Value::String(_) => true,
    }
}

fn canonical(value: &Value, out: &mut String) {
    match value {
        Value::Array(items) => {
            out.push('[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                canonical(item, out);
            }
            out.push(']');
        }
        Value::Object(fields) => {
            let sorted = fields.iter().collect::<std::collections::BTreeMap<_, _>>();
            out.push('{');
            for (i, (key, field)) in sorted.into_iter().enumerate() {
                if i > 0 {
                    out.push(',');
                }
                out.push_str(&Value::from(key.as_str()).to_string());
                out.push(':');
                canonical(field, out);
            }
            out.push('}');
        }
        plain => out.push_str(&plain.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_message_does_not_depend_on_how_the_file_is_written() {
        let contract = |init: &str| SystemContract {
            name: "probe".into(),
            code: Vec::new(),
            init: serde_json::from_str(init).unwrap(),
        };
        let tidy = contract(r#"{"a":{"x":[1,-2,null],"y":"\"ä"},"b":true}"#);
        let messy = contract("{ \"b\" : true,\n\"a\": {\"y\":\"\\\"\\u00e4\", \"x\":[1, -2, null]}}");
        assert_eq!(tidy.init_bytes(), messy.init_bytes());
        assert_eq!(
            String::from_utf8(messy.init_bytes()).unwrap(),
            r#"{"a":{"x":[1,-2,null],"y":"\"ä"},"b":true}"#
        );
    }
}
