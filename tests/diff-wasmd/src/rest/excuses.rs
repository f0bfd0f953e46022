//! Differences over REST that are meant, each with its reason.

use serde_json::Value;

use crate::allowed::Rule;
use crate::compare::{Difference, Kind};

/// All of them.
pub const RULES: &[Rule] = &[
    Rule {
        reason: "REST: what a module refuses is 400 here, and 404 where it is about something that is not there: a proxy \
                 takes wasmd's 500 for a failure of the node",
        covers: |d| {
            d.kind == Kind::RestStatus
                && status(&d.theirs) == 500
                && matches!(status(&d.ours), 400..=404)
                && (same_words(&message(&d.ours), &message(&d.theirs))
                    || message(&d.theirs).contains(&message(&d.ours)))
        },
    },
    Rule {
        reason: "REST: texts of refused transactions in a simulation name no line of a program, and gas is each chain's own",
        covers: |d| {
            let simulated = d.what.starts_with("POST /cosmos/tx/v1beta1/simulate ");
            simulated
                && is_refusal(d)
                && status(&d.ours) == 400
                && status(&d.theirs) >= 400
                && simulation(&message(&d.ours)) == simulation(&message(&d.theirs))
        },
    },
    Rule {
        reason: "REST: a simulation uses other gas, as records are laid out otherwise, and marks events for the index",
        covers: |d| d.kind == Kind::RestBody && without(d, &["gas_info", "index"]).unwrap_or(false),
    },
    Rule {
        reason: "REST: raw bytes of addresses that wasmd prints",
        covers: |d| {
            let raw = [
                "does not exist: unknown address",
                "does not allow to pay fees for",
            ];
            let message = message(&d.ours);
            is_refusal(d)
                && raw
                    .iter()
                    .any(|text| message.contains(text) && d.theirs.contains(text))
        },
    },
    Rule {
        reason: "REST: of an address of another chain every query says what most of wasmd's say",
        covers: |d| {
            is_refusal(d)
                && d.theirs.contains("hrp does not match")
                && d.ours.contains("invalid Bech32 prefix")
        },
    },
    Rule {
        reason: "REST: a height that is none is refused as any wrong parameter",
        covers: |d| {
            is_refusal(d)
                && d.what.contains("x-cosmos-block-height")
                && message(&d.ours).contains("must be a height")
        },
    },
    Rule {
        reason: "REST: what wasmd's Go types keep it from reading, names of statuses in gov v1beta1, is read here",
        covers: |d| {
            d.what.contains("/cosmos/gov/v1beta1/proposals?")
                && d.what.contains("proposal_status=")
                && (message(&d.theirs).starts_with("strconv.ParseInt")
                    || message(&d.ours).contains("is not a valid v1beta1.ProposalStatus"))
        },
    },
    Rule {
        reason: "REST: wasmd has no routes of x/params; here they answer that there is nothing, as explorers ask for it",
        covers: |d| d.what.contains(" /cosmos/params/v1beta1/") && status(&d.theirs) == 501,
    },
    Rule {
        reason: "REST: wasmd's build_address is hidden behind its route of a contract's address",
        covers: |d| {
            d.what.contains("/contract/build_address") && message(&d.theirs).contains("separator index -1")
        },
    },
    Rule {
        reason: "REST: wasmd's `bech32/{address_string}` is hidden behind `bech32/{address_bytes}`; here it is the other way",
        covers: |d| d.what.contains("/auth/v1beta1/bech32/"),
    },
    Rule {
        reason: "REST: what was not asked over gRPC, as wasmd's broadcasts, tells no content of gRPC",
        covers: |d| {
            d.kind == Kind::RestHeaders
                && d.what.starts_with("POST /cosmos/tx/v1beta1/txs ")
                && !d.theirs.contains("grpc-metadata-content-type")
        },
    },
    Rule {
        reason: "REST: an account's number is answered in the older field `id` too",
        covers: |d| {
            d.what.contains("/address_by_id/") && d.theirs.contains("requesting with id isn't supported")
        },
    },
    Rule {
        reason: "REST: accounts have other numbers, as wasmd has those of modules at genesis",
        covers: |d| {
            d.kind == Kind::RestBody
                && d.what.contains("/cosmos/auth/v1beta1/")
                && without(d, &["account_number"]).unwrap_or(false)
        },
    },
    Rule {
        reason: "REST: modules and the validator of wasmd's genesis have accounts and coins of their own",
        covers: |d| {
            let lists = [
                "/cosmos/auth/v1beta1/accounts ",
                "/cosmos/auth/v1beta1/module_accounts",
                "/cosmos/auth/v1beta1/address_by_id/",
                "/cosmos/bank/v1beta1/supply ",
                "/cosmos/bank/v1beta1/denom",
                "/cosmos/upgrade/v1beta1/module_versions",
            ];
            lists.iter().any(|list| d.what.contains(list))
                && (d.kind == Kind::RestBody
                    || matches!((status(&d.ours), status(&d.theirs)), (200, 404) | (404, 200)))
        },
    },
    Rule {
        reason: "REST: bodies that do not fit are refused in the words of other readers of JSON, amino and protobuf",
        covers: |d| {
            is_refusal(d)
                && d.what.starts_with("POST ")
                && status(&d.ours) == 400
                && matches!(status(&d.theirs), 400 | 500)
        },
    },
    Rule {
        reason: "REST: `decode` takes apart what the chain itself would not read, such as unknown fields",
        covers: |d| {
            d.what.starts_with("POST /cosmos/tx/v1beta1/decode ")
                && status(&d.ours) == 200
                && message(&d.theirs).contains("tx parse error")
        },
    },
    Rule {
        reason: "REST: a broadcast of no bytes is refused before CometBFT is asked",
        covers: |d| d.what.contains(r#""tx_bytes":"""#) && message(&d.ours) == "invalid empty tx",
    },
    Rule {
        reason: "REST: what the mempool holds already says so in words too",
        covers: |d| d.kind == Kind::RestShape && d.ours.contains("tx already exists in cache"),
    },
    Rule {
        reason: "REST: what CometBFT refuses has code 3 and CometBFT's text",
        covers: |d| {
            let routes = ["/cosmos/tx/v1beta1/txs", "/cosmos/base/tendermint/"];
            is_refusal(d)
                && status(&d.ours) == 400
                && status(&d.theirs) >= 400
                && routes.iter().any(|route| d.what.contains(route))
        },
    },
    Rule {
        reason: "REST: the older parameter `events` of a search is read too",
        covers: |d| d.what.contains("/cosmos/tx/v1beta1/txs?events="),
    },
    Rule {
        reason: "REST: what CometBFT knows is not asked of a state, so that a height in the header says nothing",
        covers: |d| {
            let routes = [
                "/cosmos/tx/v1beta1/",
                "/cosmos/base/tendermint/",
                "/cosmos/base/node/",
            ];
            routes.iter().any(|route| d.what.contains(route))
                && d.what.contains("x-cosmos-block-height")
                && d.theirs.contains("height")
        },
    },
    Rule {
        reason: "REST: a page of CometBFT's has bounds of its own",
        covers: |d| {
            let routes = ["/cosmos/tx/v1beta1/txs/block/", "/validatorsets/"];
            routes.iter().any(|route| d.what.contains(route)) && d.what.contains("pagination.")
        },
    },
    Rule {
        reason: "REST: the first transaction of each block is its reveal, and the first block's header has no application hash",
        covers: |d| {
            let routes = ["/blocks/", "/txs/block/", "/txs?"];
            d.kind == Kind::RestShape && routes.iter().any(|route| d.what.contains(route))
        },
    },
    Rule {
        reason: "REST: programs tell their own names, settings and stores",
        covers: |d| {
            let routes = ["/node_info", "/base/node/v1beta1/"];
            d.kind == Kind::RestShape && routes.iter().any(|route| d.what.contains(route))
        },
    },
    Rule {
        reason: "REST: a query string that does not parse is refused; Go drops what does not",
        covers: |d| d.what.contains("?%zz=1") || d.what.contains("?a;b"),
    },
    Rule {
        reason: "REST: no name, and a name of two slashes, is a name that nobody has",
        covers: |d| d.what.contains("/module_accounts/ ") || d.what.ends_with("/module_accounts/"),
    },
    Rule {
        reason: "REST: a total is counted though the page begins behind the last entry, and the largest limit is no limit",
        covers: |d| {
            let pages = [
                "pagination.offset=",
                "pagination.limit=18446744073709551615",
                "pagination.key=",
            ];
            d.kind == Kind::RestBody
                && pages.iter().any(|page| d.what.contains(page))
                && without(d, &["pagination"]).unwrap_or(false)
        },
    },
    Rule {
        reason: "REST: a contract's position in its block, which keys of pages hold, is each chain's own",
        covers: |d| {
            d.kind == Kind::RestBody
                && d.what.contains("/cosmwasm/wasm/v1/")
                && without(d, &["tx_index", "next_key"]).unwrap_or(false)
        },
    },
    Rule {
        reason: "REST: the native coin has metadata in this chain's genesis",
        covers: |d| d.kind == Kind::RestBody && d.what.contains("resolve_denom="),
    },
    Rule {
        reason: "REST: two keys or offsets at once are refused before what a module would say of its own list",
        covers: |d| {
            is_refusal(d) && message(&d.theirs).contains("either offset or key is expected, got both")
        },
    },
    Rule {
        reason: "REST: what no state was read for names no height",
        covers: |d| {
            d.kind == Kind::RestHeaders
                && !d.ours.lines().next().unwrap_or_default().contains("block-height")
                && d.theirs.contains("block-height")
        },
    },
    Rule {
        reason: "REST: Go redirects a path with two slashes, and closes the connection at a broken escape",
        covers: |d| {
            d.what.starts_with("no route ")
                && (status(&d.theirs) == 301 || d.theirs.contains("400 Bad Request"))
        },
    },
    Rule {
        reason: "REST: a refusal does not say at which height it was made",
        covers: |d| d.kind == Kind::RestHeaders && status(&d.ours) >= 400,
    },
];

const fn is_refusal(d: &Difference) -> bool {
    matches!(d.kind, Kind::RestStatus | Kind::RestError)
}

fn status(answer: &str) -> u16 {
    let first = answer.lines().last().unwrap_or_default().trim().split(' ').next();
    first.and_then(|text| text.parse().ok()).unwrap_or_default()
}

fn json(answer: &str) -> Option<Value> {
    serde_json::from_str(answer.lines().last()?.trim().split_once(' ')?.1).ok()
}

fn message(answer: &str) -> String {
    let json = json(answer);
    let text = json.as_ref().and_then(|json| json.get("message")?.as_str());
    text.unwrap_or_default().to_owned()
}

/// Whether messages say the same: over gRPC wasmd puts the registered text of a module's error first, with its code.
fn same_words(ours: &str, theirs: &str) -> bool {
    fn words(text: &str) -> Vec<&str> {
        let plain = text
            .strip_prefix("codespace ")
            .and_then(|text| Some(text.split_once(": ")?.1))
            .unwrap_or(text);
        let mut words: Vec<&str> = plain.split(": ").collect();
        words.sort_unstable();
        words
    }
    words(ours) == words(theirs)
}

/// The text of a refused simulation without its gas and the place in wasmd's program.
fn simulation(text: &str) -> String {
    let text = text.split(" with gas used: ").next().unwrap_or_default();
    let text = match text.rsplit_once(" [") {
        Some((before, place)) if place.contains(".go:") => before,
        _ => text,
    };
    let digits = |c: char| c.is_ascii_digit();
    match text.split_once("gasUsed: ") {
        Some((before, after)) => format!("{before}{}", after.trim_start_matches(digits)),
        None => text.to_owned(),
    }
}

/// Whether the answers are the same without the members of these names.
fn without(d: &Difference, names: &[&str]) -> Option<bool> {
    fn strip(value: &mut Value, names: &[&str]) {
        match value {
            Value::Object(members) => {
                members.retain(|name, _| !names.contains(&name.as_str()));
                members.values_mut().for_each(|value| strip(value, names));
            }
            Value::Array(list) => list.iter_mut().for_each(|value| strip(value, names)),
            _ => {}
        }
    }
    let (mut ours, mut theirs) = (json(&d.ours)?, json(&d.theirs)?);
    strip(&mut ours, names);
    strip(&mut theirs, names);
    Some(ours == theirs)
}
