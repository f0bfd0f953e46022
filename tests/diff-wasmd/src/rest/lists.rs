//! Lists of what modules have beside what users have: accounts, owners of coins, the supply, versions. Modules are each
//! chain's own by name, and move what is both chains' to other pages. So the complete lists are compared, entry by entry and
//! in order, and each page that differs must be the part of its own chain's list that was asked for. Accounts are numbered
//! in the same order, modules' aside, and each answer must tell the number that its own chain's list has.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::LazyLock;

use serde_json::Value;

use super::cases::Case;
use super::client::ask;
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
/// Entries of a page that names no limit.
const PAGE: usize = 100;
/// Entries of a page of a complete list.
const LARGE: usize = 1_000;

static OWN_ACCOUNTS: LazyLock<Vec<String>> = LazyLock::new(|| {
    OWN_MODULES
        .map(|module| quern_types::module_address(module).to_string())
        .to_vec()
});

/// A list: its route, its member of an answer, what its entries are named by, and whether it has pages.
struct List {
    route: &'static str,
    member: &'static str,
    name: fn(&Value) -> Option<&str>,
    pages: bool,
}

const ACCOUNTS: List = List {
    route: "GET /cosmos/auth/v1beta1/accounts",
    member: "accounts",
    name: address,
    pages: true,
};
static LISTS: [List; 6] = [
    ACCOUNTS,
    List {
        route: "GET /cosmos/auth/v1beta1/module_accounts",
        member: "accounts",
        name: |entry| entry.get("name")?.as_str(),
        pages: false,
    },
    List {
        route: "GET /cosmos/bank/v1beta1/supply",
        member: "supply",
        name: |entry| entry.get("denom")?.as_str(),
        pages: true,
    },
    List {
        route: "GET /cosmos/bank/v1beta1/denom_owners/{denom}",
        member: "denom_owners",
        name: address,
        pages: true,
    },
    List {
        route: "GET /cosmos/bank/v1beta1/denom_owners_by_query",
        member: "denom_owners",
        name: address,
        pages: true,
    },
    List {
        route: "GET /cosmos/upgrade/v1beta1/module_versions",
        member: "module_versions",
        name: |entry| entry.get("name")?.as_str(),
        pages: false,
    },
];

/// Both chains' entries, ours first.
type Both = [Vec<Value>; 2];

/// Both chains' complete lists, as far as answers differed that they explain.
pub struct Lists {
    sides: [SocketAddr; 2],
    known: BTreeMap<String, Option<Both>>,
}

impl Lists {
    /// Asks these, this chain first.
    pub const fn new(sides: [SocketAddr; 2]) -> Self {
        Self {
            sides,
            known: BTreeMap::new(),
        }
    }

    /// Judges an answer that differs: it is a page or a number that its own chain's complete list explains, or stays what
    /// it is. Complete lists that are not the same are one difference more.
    pub fn judge(&mut self, case: &Case, mut found: Difference) -> Vec<Difference> {
        let mut all = Vec::new();
        if found.kind == Kind::RestBody
            && let Some((ours, theirs)) = json(&found.ours).zip(json(&found.theirs))
        {
            let answers = [&ours, &theirs];
            if let Some(list) = LISTS.iter().find(|list| list.route == case.route) {
                let whole = self.whole(list, &case.target, &case.headers, &mut all);
                if whole.is_some_and(|whole| explains(list, whole, &case.target, answers)) {
                    found.kind = Kind::RestPage;
                }
            } else if case.route.starts_with("GET /cosmos/auth/v1beta1/") {
                let target = ACCOUNTS.route.trim_start_matches("GET ");
                let whole = self.whole(&ACCOUNTS, target, &case.headers, &mut all);
                if whole.is_some_and(|whole| numbered(whole, &case.target, answers)) {
                    found.kind = Kind::RestNumber;
                }
            }
        }
        all.push(found);
        all
    }

    /// The complete list that a request asks for a page of, at the same height. What differs in it is told once.
    fn whole(
        &mut self,
        list: &List,
        target: &str,
        headers: &[(&'static str, String)],
        differences: &mut Vec<Difference>,
    ) -> Option<&Both> {
        let target = without_page(target);
        let key = format!("{target} {headers:?}");
        if !self.known.contains_key(&key) {
            let case = |page: String| {
                let mut case = Case::get(list.route, page);
                case.headers = headers.to_vec();
                case
            };
            let side = |side: &SocketAddr| complete(list, &target, |page| ask(*side, &case(page)).ok());
            let [ours, theirs] = self.sides.each_ref().map(side);
            let both = ours.zip(theirs).map(|(ours, theirs)| [ours, theirs]);
            if let Some([ours, theirs]) = &both
                && !same(list, ours, theirs)
            {
                let text = |entries: &[Value]| format!("200 {}", Value::from(entries.to_vec()));
                differences.push(Difference {
                    kind: Kind::RestBody,
                    what: format!("{} | all of {target}", list.route),
                    ours: text(ours),
                    theirs: text(theirs),
                });
            }
            self.known.insert(key.clone(), both);
        }
        self.known.get(&key)?.as_ref()
    }
}

/// All entries, page after page.
fn complete(
    list: &List,
    target: &str,
    answer: impl Fn(String) -> Option<super::Answer>,
) -> Option<Vec<Value>> {
    let mut all = Vec::new();
    loop {
        let mut page = target.to_owned();
        if list.pages {
            let sign = if page.contains('?') { '&' } else { '?' };
            page.push_str(&format!(
                "{sign}pagination.limit={LARGE}&pagination.offset={}",
                all.len()
            ));
        }
        let answer = answer(page).filter(|answer| answer.status == 200)?;
        let body: Value = serde_json::from_slice(&answer.body).ok()?;
        let entries = body.get(list.member)?.as_array()?;
        all.extend(entries.iter().cloned());
        if !list.pages || entries.len() < LARGE {
            return Some(all);
        }
    }
}

/// A target without what it says of a page.
fn without_page(target: &str) -> String {
    let Some((path, query)) = target.split_once('?') else {
        return target.to_owned();
    };
    let kept: Vec<&str> = query
        .split('&')
        .filter(|part| !part.starts_with("pagination."))
        .collect();
    match kept.is_empty() {
        true => path.to_owned(),
        false => format!("{path}?{}", kept.join("&")),
    }
}

/// An account without what one of its kind has besides.
fn base(entry: &Value) -> &Value {
    let base = entry.get("base_vesting_account").unwrap_or(entry);
    base.get("base_account").unwrap_or(base)
}

/// Address of an account of any kind.
fn address(entry: &Value) -> Option<&str> {
    base(entry).get("address")?.as_str()
}

/// Number of an account of any kind.
fn number(entry: &Value) -> Option<u64> {
    base(entry).get("account_number")?.as_str()?.parse().ok()
}

/// Whether an entry is one of a chain's own.
fn is_own(name: &str) -> bool {
    name == OWN_COIN
        || OWN_NAMES.contains(&name)
        || OWN_MODULES.contains(&name)
        || OWN_ACCOUNTS.iter().any(|own| own == name)
}

/// The validator of wasmd's genesis, which comes first there.
fn is_validator(entry: &Value) -> bool {
    number(entry) == Some(0)
}

/// Whether complete lists have the same entries in the same order, those of each chain's own aside, and number accounts in
/// the same order.
fn same(list: &List, ours: &[Value], theirs: &[Value]) -> bool {
    let shared = |all: &[Value]| -> Vec<Value> {
        let kept = all.iter().filter(|entry| !(list.name)(entry).is_some_and(is_own));
        kept.cloned().collect()
    };
    let (ours, mut theirs) = (shared(ours), shared(theirs));
    theirs.retain(|entry| !is_validator(entry));
    let plain = |all: &[Value]| -> Vec<Value> { all.iter().map(without_number).collect() };
    plain(&ours) == plain(&theirs) && same_order(&ours, &theirs)
}

/// Whether accounts have numbers in the same order. Those of modules are made at genesis there, and here when they are used.
fn same_order(ours: &[Value], theirs: &[Value]) -> bool {
    let users = ours
        .iter()
        .zip(theirs)
        .filter(|(entry, _)| entry.get("name").is_none());
    let mut numbers: Vec<_> = users
        .map(|(ours, theirs)| (number(ours), number(theirs)))
        .collect();
    numbers.sort_unstable();
    numbers
        .windows(2)
        .all(|pair| pair[0] == (None, None) || pair[0].0 < pair[1].0 && pair[0].1 < pair[1].1)
}

/// Which part of a list a request asks for.
struct Page<'a> {
    key: Option<&'a str>,
    offset: usize,
    limit: usize,
    reverse: bool,
}

impl<'a> Page<'a> {
    fn of(target: &'a str) -> Self {
        let query = target.split_once('?').map_or("", |(_, query)| query);
        let value = |name: &str| {
            let parts = query.split('&').filter_map(|part| part.split_once('='));
            parts
                .into_iter()
                .find_map(|(known, value)| (known == name).then_some(value))
        };
        let count = |name| {
            let count: Option<usize> = value(name).and_then(|text| text.parse().ok());
            count.filter(|count| *count > 0)
        };
        Self {
            key: value("pagination.key"),
            offset: count("pagination.offset").unwrap_or(0),
            limit: count("pagination.limit").unwrap_or(PAGE),
            reverse: value("pagination.reverse") == Some("true"),
        }
    }

    /// How many entries stand before it and behind it, if it has just these.
    fn around(&self, whole: &[Value], entries: &[Value]) -> Option<(usize, usize)> {
        let mut all: Vec<&Value> = whole.iter().collect();
        if self.reverse {
            all.reverse();
        }
        let start = match (self.key, entries.first()) {
            // What a key means is its chain's own; entries follow each other from where it points to.
            (Some(_), Some(first)) => all.iter().position(|entry| *entry == first)?,
            (Some(_), None) => all.len(),
            (None, _) => self.offset.min(all.len()),
        };
        let end = start.saturating_add(self.limit).min(all.len());
        let expected = &all[start..end];
        let found: Vec<&Value> = entries.iter().collect();
        (expected == found).then(|| (start, all.len() - end))
    }
}

/// Whether both answers are the parts of their chains' lists that were asked for.
fn explains(list: &List, whole: &Both, target: &str, answers: [&Value; 2]) -> bool {
    let members =
        |answer: &Value| -> Option<Vec<String>> { Some(answer.as_object()?.keys().cloned().collect()) };
    let page = Page::of(target);
    let part = |side: usize| -> Option<bool> {
        let entries = answers[side].get(list.member)?.as_array()?;
        if !list.pages {
            return Some(*entries == whole[side]);
        }
        let (_, behind) = page.around(&whole[side], entries)?;
        let next = answers[side].pointer("/pagination/next_key")?;
        // wasmd adds one to the largest limit.
        Some(page.limit == usize::MAX || next.is_null() == (behind == 0))
    };
    let total = |side: usize| -> Option<usize> {
        let text = answers[side].pointer("/pagination/total")?.as_str()?;
        text.parse().ok()
    };
    let none = answers[1]
        .get(list.member)
        .and_then(Value::as_array)
        .is_some_and(Vec::is_empty);
    let totals = match (total(0), total(1)) {
        // A total is counted here though a page begins behind the last entry, or has no limit.
        (Some(ours), Some(0)) => ours == 0 || ours == whole[0].len() && (none || page.limit == usize::MAX),
        (Some(ours), Some(theirs)) => ours == whole[0].len() && theirs == whole[1].len(),
        (None, None) => !list.pages,
        _ => false,
    };
    totals && members(answers[0]) == members(answers[1]) && part(0) == Some(true) && part(1) == Some(true)
}

/// Whether answers about accounts are the same but for numbers, and tell those that their chains' lists have.
fn numbered(whole: &Both, target: &str, answers: [&Value; 2]) -> bool {
    let known = [0, 1].map(|side| {
        let entries = whole[side].iter();
        let numbers = entries.filter_map(|entry| Some((address(entry)?.to_owned(), number(entry)?)));
        numbers.collect::<BTreeMap<String, u64>>()
    });
    if let Some((_, asked)) = target.split_once("/address_by_id/") {
        let asked: Vec<u64> = asked
            .split(|c: char| !c.is_ascii_digit())
            .filter_map(|text| text.parse().ok())
            .collect();
        let found = |side: usize| -> Option<u64> {
            let answer: &serde_json::Map<_, _> = answers[side].as_object()?;
            let address = answer.get("account_address")?.as_str()?;
            known[side].get(address).copied().filter(|_| answer.len() == 1)
        };
        return found(0).is_some_and(|number| asked.contains(&number) && found(1) == Some(number));
    }
    let own = |side: usize| {
        let mut told = Vec::new();
        numbers(answers[side], &mut told);
        !told.is_empty()
            && told
                .iter()
                .all(|(address, number)| known[side].get(address) == Some(number))
    };
    without_number(answers[0]) == without_number(answers[1]) && own(0) && own(1)
}

/// Addresses of accounts in an answer, with their numbers.
fn numbers(value: &Value, found: &mut Vec<(String, u64)>) {
    match value {
        Value::Object(members) => {
            if members.contains_key("account_number") {
                found.extend(address(value).map(str::to_owned).zip(number(value)));
            }
            members.values().for_each(|inner| numbers(inner, found));
        }
        Value::Array(list) => list.iter().for_each(|inner| numbers(inner, found)),
        _ => {}
    }
}

/// A value without numbers of accounts.
fn without_number(value: &Value) -> Value {
    match value {
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| *name != "account_number")
            .map(|(name, inner)| (name.clone(), without_number(inner)))
            .collect(),
        Value::Array(list) => list.iter().map(without_number).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn account(address: &str, number: u64) -> Value {
        json!({"@type": "/cosmos.auth.v1beta1.BaseAccount", "address": address,
            "account_number": number.to_string(), "sequence": "3"})
    }

    fn module(name: &str, number: u64) -> Value {
        let address = quern_types::module_address(name).to_string();
        json!({"@type": "/cosmos.auth.v1beta1.ModuleAccount", "name": name, "permissions": [],
            "base_account": {"address": address, "account_number": number.to_string(), "sequence": "0"}})
    }

    fn both() -> Both {
        [
            vec![
                account("a", 0),
                account("b", 1),
                module("gov", 2),
                account("c", 3),
            ],
            vec![
                account("a", 1),
                module("transfer", 4),
                account("b", 2),
                module("gov", 3),
                account("val", 0),
                account("c", 9),
            ],
        ]
    }

    fn page(entries: &[Value], next: Option<&str>, total: usize) -> Value {
        json!({"accounts": entries, "pagination": {"next_key": next, "total": total.to_string()}})
    }

    const TARGET: &str = "/cosmos/auth/v1beta1/accounts";

    #[test]
    fn complete_lists_differ_by_named_entries_alone() {
        let [ours, theirs] = both();
        assert!(same(&ACCOUNTS, &ours, &theirs));
        let lacking = |all: &[Value], place: usize| [&all[..place], &all[place + 1..]].concat();
        assert!(!same(&ACCOUNTS, &lacking(&ours, 1), &theirs));
        assert!(!same(&ACCOUNTS, &ours, &lacking(&theirs, 5)));
        let more = [&ours[..], &[account("d", 4)]].concat();
        assert!(!same(&ACCOUNTS, &more, &theirs));
        let mut other = ours.clone();
        other[0]["sequence"] = "4".into();
        assert!(!same(&ACCOUNTS, &other, &theirs));
    }

    #[test]
    fn accounts_are_numbered_in_the_same_order() {
        let [mut ours, theirs] = both();
        ours[0]["account_number"] = "1".into();
        ours[1]["account_number"] = "0".into();
        assert!(!same(&ACCOUNTS, &ours, &theirs));
    }

    #[test]
    fn a_page_is_what_its_own_list_has_there() {
        let whole = both();
        let limited = format!("{TARGET}?pagination.limit=2");
        let (ours, theirs) = (
            page(&whole[0][..2], Some("x"), 0),
            page(&whole[1][..2], Some("y"), 0),
        );
        assert!(explains(&ACCOUNTS, &whole, &limited, [&ours, &theirs]));
        for wrong in [
            page(&whole[0][..1], Some("x"), 0),
            page(&whole[0][1..3], Some("x"), 0),
            page(&whole[0][..2], None, 0),
            page(&whole[0][..2], Some("x"), 4),
        ] {
            assert!(
                !explains(&ACCOUNTS, &whole, &limited, [&wrong, &theirs]),
                "{wrong}"
            );
        }
        let turned = format!("{TARGET}?pagination.limit=2&pagination.key=eA%3D%3D");
        let ours = page(&whole[0][2..], None, 0);
        let theirs = page(&whole[1][2..4], Some("z"), 0);
        assert!(explains(&ACCOUNTS, &whole, &turned, [&ours, &theirs]));
        let torn = page(&[whole[0][0].clone(), whole[0][2].clone()], None, 0);
        assert!(!explains(&ACCOUNTS, &whole, &turned, [&torn, &theirs]));
        let (ours, theirs) = (page(&whole[0], None, 4), page(&whole[1], None, 6));
        assert!(explains(&ACCOUNTS, &whole, TARGET, [&ours, &theirs]));
        let missing = page(&whole[0][..3], None, 3);
        assert!(!explains(&ACCOUNTS, &whole, TARGET, [&missing, &theirs]));
    }

    #[test]
    fn a_number_is_that_of_the_accounts_own_list() {
        let whole = both();
        let of = |entry: &Value| json!({"account": entry});
        let (ours, theirs) = (of(&whole[0][1]), of(&whole[1][2]));
        assert!(numbered(&whole, TARGET, [&ours, &theirs]));
        let wrong = of(&account("b", 2));
        assert!(!numbered(&whole, TARGET, [&wrong, &theirs]));
        let by_id = |address: &str| json!({"account_address": address});
        let target = "/cosmos/auth/v1beta1/address_by_id/1";
        assert!(numbered(&whole, target, [&by_id("b"), &by_id("a")]));
        assert!(!numbered(&whole, target, [&by_id("a"), &by_id("a")]));
    }

    #[test]
    fn a_complete_list_is_asked_for_without_the_page() {
        let target = "/x?pagination.limit=1&denom=nqrn&pagination.key=AA";
        assert_eq!(without_page(target), "/x?denom=nqrn");
        assert_eq!(without_page("/x?pagination.limit=1"), "/x");
    }
}
