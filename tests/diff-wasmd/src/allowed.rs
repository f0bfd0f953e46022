//! Differences that are meant, each with its reason.

use prost::Message;
use quern_proto::cosmwasm::wasm::v1::{
    AbsoluteTxPosition, QueryAllContractStateResponse, QueryContractHistoryResponse,
    QueryContractInfoResponse,
};

use crate::compare::{Difference, Kind};
use crate::gas;

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
        covers: |d| d.kind == Kind::GasUsed && gas::bounded(d),
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
        reason: "a number that is none in a limit of a contract grant is told without the limit's name, and before a limit or \
                 filter of a wrong type in the same transaction",
        covers: |d| {
            let end = ": tx parse error: tx parse error";
            let named = ["limit: ", "filter: "].iter().any(|name| {
                let text = d.theirs.strip_prefix("sdk/2: ").unwrap_or(&d.theirs);
                text.starts_with(name)
            });
            let kinds = [
                "math/big: cannot unmarshal ",
                "no concrete type registered for type URL ",
            ];
            is_text(d)
                && d.what.contains("MsgGrant")
                && d.ours.contains(kinds[0])
                && named
                && kinds.iter().any(|kind| d.theirs.contains(kind))
                && d.ours.ends_with(end)
                && d.theirs.ends_with(end)
        },
    },
    Rule {
        reason: "amounts have 128 bits here and 256 there; no supply reaches either",
        covers: |d| (is_text(d) || is_code(d)) && d.ours.contains("340282366920938463463374607431768211456"),
    },
    Rule {
        reason: "wasmd has other accounts of modules at genesis, and its validator's, so accounts have other numbers",
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
        reason: "queries: what a handler refuses is the caller's fault here, or not found, where wasmd's status tells of a \
                 failure of the node; and the SDK's errors have their codes in front over gRPC, which ABCI does not carry",
        covers: |d| matches!(d.kind, Kind::Query | Kind::Grpc) && same_refusal(d),
    },
    Rule {
        reason: "queries: an address of another chain is told by the words of one of the SDK's two readers of them",
        covers: |d| {
            matches!(d.kind, Kind::Query | Kind::Grpc)
                && d.ours.contains("invalid Bech32 prefix; expected ")
                && d.theirs.contains("hrp does not match bech32 prefix: expected ")
        },
    },
    Rule {
        reason: "gRPC: what has the other's module accounts, parameters or older numbers of accounts is found by it",
        covers: |d| {
            let pairs = [
                (
                    "auth.v1beta1.Query/ModuleAccountByName",
                    "NotFound: account ",
                    "Ok",
                ),
                (
                    "cosmos.params.v1beta1.Query/",
                    "",
                    "Unimplemented: unknown service cosmos.params.v1beta1.Query",
                ),
                (
                    "auth.v1beta1.Query/AccountAddressByID",
                    "",
                    "InvalidArgument: requesting with id isn't supported",
                ),
            ];
            d.kind == Kind::Grpc
                && pairs.iter().any(|(path, ours, theirs)| {
                    d.what.contains(path) && d.ours.starts_with(ours) && d.theirs.starts_with(theirs)
                })
        },
    },
    Rule {
        reason: "gRPC: an empty name or address, and what is no hexadecimal, is refused in words of its own",
        covers: |d| {
            let pairs = [
                (
                    "ModuleAccountByName with nothing",
                    "account  not found",
                    "module name is empty",
                ),
                (
                    "AccountInfo with nothing",
                    "Address cannot be empty",
                    "address cannot be empty",
                ),
                (
                    "AddressBytesToString with nothing",
                    "addresses cannot be empty",
                    "empty address bytes is not allowed",
                ),
                (
                    "BuildAddress with nothing",
                    "invalid code hash: must have",
                    "invalid creator address: empty",
                ),
                (
                    "BuildAddress ",
                    "Invalid character '",
                    "encoding/hex: invalid byte: ",
                ),
            ];
            d.kind == Kind::Grpc
                && pairs.iter().any(|(path, ours, theirs)| {
                    d.what.contains(path) && d.ours.contains(ours) && d.theirs.contains(theirs)
                })
        },
    },
    Rule {
        reason: "gRPC: two keys or offsets at once are refused before what a module would say of its own list",
        covers: |d| {
            let both = "either offset or key is expected, got both";
            d.kind == Kind::Grpc && d.ours.ends_with(both) && d.theirs.ends_with(both)
        },
    },
    Rule {
        reason: "gRPC: what has no fields is not read",
        covers: |d| {
            d.kind == Kind::Grpc
                && d.what.ends_with("with what does not decode")
                && d.ours == "Ok"
                && d.theirs
                    .starts_with("Internal: grpc: error unmarshalling request: ")
        },
    },
    Rule {
        reason: "gRPC: a request that does not decode is the caller's fault, in the words of another reader of protobuf",
        covers: |d| {
            d.kind == Kind::Grpc
                && d.theirs
                    .starts_with("Internal: grpc: error unmarshalling request: ")
                && d.ours
                    .starts_with("InvalidArgument: failed to decode Protobuf message: ")
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

/// Whether refusals of a query say the same, whatever status wasmd's handler chose and however it wrapped it.
fn same_refusal(d: &Difference) -> bool {
    let (ours, theirs) = (refusal(&d.ours), refusal(&d.theirs));
    let node =
        ["Unknown", "Internal"].iter().any(|code| d.theirs.contains(code)) || d.theirs.starts_with("sdk/6");
    let same = crate::rest::same_words(ours, theirs) || ours.len() > 10 && theirs.contains(ours);
    node && same || ours == theirs && d.theirs.starts_with("sdk/18") && d.ours.starts_with("sdk/18")
}

/// A refusal's text without status and code.
fn refusal(text: &str) -> &str {
    let (_, mut text) = text.split_once(": ").unwrap_or(("", text));
    while let Some((_, inner)) = text
        .strip_prefix("rpc error: code = ")
        .and_then(|rest| rest.split_once(" desc = "))
    {
        text = inner;
    }
    let tails = [": key not found", ": invalid request", ": unknown request"];
    tails
        .iter()
        .find_map(|tail| text.strip_suffix(tail))
        .unwrap_or(text)
}

/// The rule that covers a difference.
pub fn rule(difference: &Difference) -> Option<&'static Rule> {
    let stakes = crate::stakes::RULES.iter().chain(crate::stakes::JAILED);
    let mut rules = RULES.iter().chain(crate::rest::RULES).chain(stakes);
    rules.find(|rule| (rule.covers)(difference))
}
