//! Lists of what modules have beside what users have: accounts, owners of coins, the supply, versions. Modules are each
//! chain's own by name; all else in these lists must be the same, in the same order.

use serde_json::Value;

use super::excuses::json;
use crate::compare::{Difference, Kind};

/// Modules that have accounts on wasmd alone, and those whose accounts hold what is each chain's own.
const OWN_MODULES: [&str; 9] = [
    "distribution",
    "fee_collector",
    "interchainaccounts",
    "nft",
    "protocolpool",
    "protocolpool_escrow",
    "transfer",
    "wasm",
    "bonded_tokens_pool",
];
/// Other modules of one of the chains, which have versions.
const OWN_NAMES: [&str; 10] = [
    "07-tendermint",
    "beacon",
    "circuit",
    "emission",
    "epochs",
    "genutil",
    "group",
    "ibc",
    "system",
    "validators",
];
/// The coin that wasmd's validator stakes.
const OWN_COIN: &str = "stake";
/// Entries of a chain's own that may stand before others and move them to another page.
const MOVED: usize = OWN_MODULES.len() + 1;

/// A list: its route, its member of an answer, and what its entries are named by.
struct List {
    route: &'static str,
    member: &'static str,
    name: fn(&Value) -> Option<&str>,
}

const LISTS: [List; 6] = [
    List {
        route: "GET /cosmos/auth/v1beta1/accounts",
        member: "accounts",
        name: address,
    },
    List {
        route: "GET /cosmos/auth/v1beta1/module_accounts",
        member: "accounts",
        name: |entry| entry.get("name")?.as_str(),
    },
    List {
        route: "GET /cosmos/bank/v1beta1/supply",
        member: "supply",
        name: |entry| entry.get("denom")?.as_str(),
    },
    List {
        route: "GET /cosmos/bank/v1beta1/denom_owners/{denom}",
        member: "denom_owners",
        name: address,
    },
    List {
        route: "GET /cosmos/bank/v1beta1/denom_owners_by_query",
        member: "denom_owners",
        name: address,
    },
    List {
        route: "GET /cosmos/upgrade/v1beta1/module_versions",
        member: "module_versions",
        name: |entry| entry.get("name")?.as_str(),
    },
];

/// Address of an account of any kind.
fn address(entry: &Value) -> Option<&str> {
    let base = entry.get("base_vesting_account").unwrap_or(entry);
    base.get("base_account").unwrap_or(base).get("address")?.as_str()
}

/// Whether an entry is one of a chain's own.
fn is_own(name: &str) -> bool {
    let account = |module: &&str| name == quern_types::module_address(module).to_string();
    name == OWN_COIN
        || OWN_NAMES.contains(&name)
        || OWN_MODULES.iter().any(|own| own == &name || account(own))
}

/// The validator of wasmd's genesis, which comes first there.
fn is_validator(entry: &Value) -> bool {
    entry.get("account_number").is_some_and(|number| number == "0")
}

/// Whether lists are the same but for entries of each chain's own, and for what those move to another page.
pub fn same(d: &Difference) -> bool {
    let route = d.what.split(" | ").next().unwrap_or_default();
    let Some(list) = LISTS.iter().find(|list| list.route == route) else {
        return false;
    };
    d.kind == Kind::RestBody && alike(list, d).unwrap_or(false)
}

fn alike(list: &List, d: &Difference) -> Option<bool> {
    let (ours, theirs) = (json(&d.ours)?, json(&d.theirs)?);
    let names = |answer: &Value| Some(answer.as_object()?.keys().cloned().collect::<Vec<_>>());
    let entries = |answer: &Value| -> Option<Vec<(String, Value)>> {
        let all = answer.get(list.member)?.as_array()?;
        let named = |entry: &Value| Some(((list.name)(entry)?.to_owned(), entry.clone()));
        let kept = all.iter().filter(|entry| !(list.name)(entry).is_some_and(is_own));
        kept.map(named).collect()
    };
    let (mut here, mut there) = (entries(&ours)?, entries(&theirs)?);
    there.retain(|(_, entry)| !is_validator(entry));
    for (_, entry) in here.iter_mut().chain(&mut there) {
        strip_number(entry);
    }
    let among = |all: &[(String, Value)], name: &String| all.iter().any(|(known, _)| known == name);
    let common = |all: &[(String, Value)], other: &[(String, Value)]| -> Vec<(String, Value)> {
        let kept = all.iter().filter(|(name, _)| among(other, name));
        kept.cloned().collect()
    };
    let left = here.iter().filter(|(name, _)| !among(&there, name)).count();
    let right = there.iter().filter(|(name, _)| !among(&here, name)).count();
    // A page that is full on either side ends elsewhere on the other.
    let paged = d.what.contains("pagination.") || here.len().max(there.len()) + MOVED >= 100;
    let allowed = if paged { MOVED } else { 0 };
    Some(
        names(&ours)? == names(&theirs)?
            && common(&here, &there) == common(&there, &here)
            && left.max(right) <= allowed
            && totals(&ours, &theirs),
    )
}

/// Whether totals differ by no more than what is each chain's own; a total is counted though a page begins behind the end.
fn totals(ours: &Value, theirs: &Value) -> bool {
    let total =
        |answer: &Value| -> Option<usize> { answer.pointer("/pagination/total")?.as_str()?.parse().ok() };
    match (total(ours), total(theirs)) {
        (Some(ours), Some(theirs)) => theirs == 0 || ours.abs_diff(theirs) <= MOVED,
        (None, None) => true,
        _ => false,
    }
}

fn strip_number(entry: &mut Value) {
    if let Value::Object(members) = entry {
        members.remove("account_number");
        members.values_mut().for_each(strip_number);
    }
}
