//! Differences that are meant, each with its reason.

use prost::Message;
use quern_proto::cosmwasm::wasm::v1::{
    AbsoluteTxPosition, QueryAllContractStateResponse, QueryContractHistoryResponse,
    QueryContractInfoResponse,
};

use crate::compare::{Difference, Kind};

/// A rule: what it covers, and why this chain differs there.
pub struct Rule {
    /// Why.
    pub reason: &'static str,
    /// Whether it is the reason of a difference.
    pub covers: fn(&Difference) -> bool,
}

/// All of them. What no rule covers fails the run.
pub const RULES: &[Rule] = &[
    Rule {
        reason: "records are laid out otherwise, so reads and writes of other lengths cost other gas",
        covers: |d| d.kind == Kind::GasUsed,
    },
    Rule {
        reason: "wasmd prints the raw bytes of an address, this chain its Bech32 form",
        covers: |d| {
            let raw = [
                "does not exist: unknown address",
                "does not allow to pay fees for",
            ];
            is_text(d)
                && raw
                    .iter()
                    .any(|text| d.ours.contains(text) && d.ours.contains("quern1"))
        },
    },
    Rule {
        reason: "both print the raw bytes of a key; what is no UTF-8 in them is replaced otherwise",
        covers: |d| {
            let key = "failed to delete grant with key ";
            let end = |text: &str| text.rsplit_once('/').map(|(_, end)| end.to_owned());
            is_text(d) && d.ours.contains(key) && d.theirs.contains(key) && end(&d.ours) == end(&d.theirs)
        },
    },
    Rule {
        reason: "amounts have 128 bits here and 256 there; no supply reaches either",
        covers: |d| (is_text(d) || is_code(d)) && d.ours.contains("340282366920938463463374607431768211456"),
    },
    Rule {
        reason: "wasmd has accounts of modules at genesis, so accounts have other numbers",
        covers: |d| {
            let without = |text: &str| -> Option<String> {
                let (before, after) = text.split_once("verify account number (")?;
                Some(format!("{before}{}", after.split_once(')')?.1))
            };
            is_text(d) && without(&d.ours).is_some_and(|ours| Some(ours) == without(&d.theirs))
        },
    },
    Rule {
        reason: "wasmd takes a fee or a content that is not there and panics; this chain says what is missing",
        covers: |d| is_code(d) && d.theirs.contains("nil pointer dereference") && d.ours.contains("missing"),
    },
    Rule {
        reason: "wasmd asks its circuit breaker before each message, so that a submessage of almost no gas runs out",
        covers: |d| {
            is_code(d) && d.theirs.ends_with("SubMsg hit gas limit: out of gas")
                || d.kind == Kind::Query && same_but_exhausted(d).unwrap_or(false)
        },
    },
    Rule {
        reason: "a code that is not there is unknown to wasmd, which over REST is an error of the server; here it is \
                 not found",
        covers: |d| {
            d.kind == Kind::Query
                && d.ours
                    .replacen("sdk/22", "sdk/6", 1)
                    .replace("key not found", "unknown request")
                    == d.theirs
        },
    },
    Rule {
        reason: "wasmd prints its stack where it panics",
        covers: |d| is_text(d) && d.theirs.contains("stack:"),
    },
    Rule {
        reason: "a contract's position in its block is the gas used before it on wasmd, its transaction's index here",
        covers: |d| d.kind == Kind::Query && same_but_position(d).unwrap_or(false),
    },
];

fn is_text(d: &Difference) -> bool {
    matches!(d.kind, Kind::Log | Kind::AdmissionLog)
}

fn is_code(d: &Difference) -> bool {
    matches!(d.kind, Kind::Code | Kind::AdmissionCode)
}

/// Whether answers about contracts are the same, positions aside.
fn same_but_position(d: &Difference) -> Option<bool> {
    let clear = |at: &mut Option<AbsoluteTxPosition>| {
        if let Some(at) = at {
            at.tx_index = 0;
        }
    };
    let info = |text: &str| {
        let mut answer = QueryContractInfoResponse::decode(hex::decode(text).ok()?.as_slice()).ok()?;
        clear(&mut answer.contract_info.as_mut()?.created);
        Some(answer)
    };
    let history = |text: &str| {
        let mut answer = QueryContractHistoryResponse::decode(hex::decode(text).ok()?.as_slice()).ok()?;
        answer
            .entries
            .iter_mut()
            .for_each(|entry| clear(&mut entry.updated));
        Some(answer)
    };
    if d.what.starts_with("/cosmwasm.wasm.v1.Query/ContractInfo ") {
        return Some(info(&d.ours)? == info(&d.theirs)?);
    }
    if d.what.starts_with("/cosmwasm.wasm.v1.Query/ContractHistory ") {
        return Some(history(&d.ours)? == history(&d.theirs)?);
    }
    None
}

/// Key and value of a contract's state.
type Entry = (Vec<u8>, String);

/// Whether states of contracts are the same, but for replies of which wasmd's tells that the gas was out.
fn same_but_exhausted(d: &Difference) -> Option<bool> {
    let asked = d.what.starts_with("/cosmwasm.wasm.v1.Query/AllContractState ");
    let models = |text: &str| -> Option<Vec<Entry>> {
        let text = text.rsplit(' ').next()?;
        let answer = QueryAllContractStateResponse::decode(hex::decode(text).ok()?.as_slice()).ok()?;
        let text = |value: Vec<u8>| String::from_utf8(value).ok();
        answer
            .models
            .into_iter()
            .map(|m| Some((m.key, text(m.value)?)))
            .collect()
    };
    let (ours, theirs) = (models(&d.ours)?, models(&d.theirs)?);
    let exhausted = |ours: &str, theirs: &str| -> Option<bool> {
        let (before, after) = theirs.split_once("codespace: sdk, code: 11\"")?;
        let middle = ours.strip_prefix(before)?.strip_suffix(after)?;
        Some(before.contains(r#""success":false"#) && middle.starts_with("codespace: "))
    };
    let same = |(ours, theirs): (&Entry, &Entry)| {
        ours == theirs || (ours.0 == theirs.0 && exhausted(&ours.1, &theirs.1).unwrap_or(false))
    };
    Some(asked && ours.len() == theirs.len() && ours.iter().zip(&theirs).all(same))
}

/// The rule that covers a difference.
pub fn rule(difference: &Difference) -> Option<&'static Rule> {
    let mut rules = RULES.iter().chain(crate::rest::RULES);
    rules.find(|rule| (rule.covers)(difference))
}
