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
        reason: "REST: amounts have 128 bits here and 256 there; no supply reaches either",
        covers: |d| {
            let short = message(&d.theirs).contains("spendable balance") && is_refusal(d);
            let ours = message(&d.ours);
            short
                && (ours.contains("no balance reaches")
                    || ours.contains(": 340282366920938463463374607431768211456nqrn: invalid coins"))
        },
    },
    Rule {
        reason: "REST: a simulation, too, says what is missing where wasmd panics at a fee or a content that is not there",
        covers: |d| {
            d.what.starts_with("POST /cosmos/tx/v1beta1/simulate ")
                && message(&d.theirs).contains("nil pointer dereference")
                && message(&d.ours).contains("missing")
        },
    },
    Rule {
        reason: "REST: a submessage of almost no gas runs out in a simulation, too, where wasmd asks its circuit breaker before it",
        covers: |d| {
            let failed = "failed to execute message; message index: ";
            d.kind == Kind::RestStatus
                && d.what.starts_with("POST /cosmos/tx/v1beta1/simulate ")
                && (status(&d.ours), status(&d.theirs)) == (400, 500)
                && message(&d.ours).starts_with(failed)
                && message(&d.theirs).starts_with(failed)
                && message(&d.theirs).contains(": SubMsg hit gas limit: out of gas [")
        },
    },
    Rule {
        reason: "REST: a simulation uses other gas, as records are laid out otherwise, and marks events for the index",
        covers: |d| d.kind == Kind::RestBody && without(d, &["gas_info", "index"]).unwrap_or(false),
    },
    Rule {
        reason: "REST: both print the raw bytes of a key in a simulation; what is no UTF-8 in them is replaced otherwise",
        covers: |d| {
            let parts = |answer: &str| -> Option<(String, String)> {
                let text = simulation(&message(answer));
                let (before, key) = text.split_once("failed to delete grant with key ")?;
                Some((before.to_owned(), key.rsplit_once('/')?.1.to_owned()))
            };
            let same = parts(&d.ours).is_some_and(|ours| Some(ours) == parts(&d.theirs));
            is_refusal(d) && d.what.starts_with("POST /cosmos/tx/v1beta1/simulate ") && same
        },
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
        reason: "REST: wasmd's `bech32/{address_string}` is hidden behind `bech32/{address_bytes}`, which reads the letters of \
                 an address as base64; here it is the other way",
        covers: |d| {
            let texts = |ours: &str, theirs: &str| {
                message(&d.ours).contains(ours) && message(&d.theirs).contains(theirs)
            };
            let read = status(&d.ours) == 200 && d.ours.contains("{\"address_bytes\":");
            d.what.contains("/auth/v1beta1/bech32/")
                && (read && (d.theirs.contains("{\"address_string\":") || texts("", "illegal base64 data"))
                    || message(&d.ours).contains("decoding bech32 failed")
                        && d.theirs.contains("{\"address_string\":")
                    || texts("decoding bech32 failed", "illegal base64 data")
                    || texts("invalid Bech32 prefix", "illegal base64 data")
                    || texts(
                        "empty address string is not allowed",
                        "empty address bytes is not allowed",
                    ))
        },
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
        reason: "REST: accounts have other numbers in the same order, as wasmd has those of modules at genesis",
        covers: |d| d.kind == Kind::RestNumber,
    },
    Rule {
        reason: "REST: modules and the validator of wasmd's genesis have accounts and coins of their own, which move others to \
                 other pages",
        covers: |d| d.kind == Kind::RestPage,
    },
    Rule {
        reason: "REST: bodies that do not fit are refused in the words of other readers of JSON, amino and protobuf",
        covers: |d| {
            // A body whose transaction wasmd ran does fit.
            let theirs = message(&d.theirs);
            let ran = theirs.contains(" with gas used: ") && !theirs.contains("tx parse error");
            is_refusal(d)
                && d.what.starts_with("POST ")
                && status(&d.ours) == 400
                && matches!(status(&d.theirs), 400 | 500)
                && !ran
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
        reason: "REST: what CometBFT refuses is the caller's fault, in CometBFT's words",
        covers: |d| {
            let texts = [
                (
                    "tx/v1beta1/txs/block/",
                    "codespace sdk code 26: invalid height: requested height ",
                    "codespace sdk code 26",
                ),
                (
                    "tendermint/v1beta1/",
                    "requested block height is bigger",
                    "requested block height is bigger",
                ),
                (
                    "tendermint/v1beta1/abci_query",
                    "unsupported ABCI query path: ",
                    "codespace sdk code 26: invalid height",
                ),
            ];
            is_refusal(d)
                && status(&d.ours) == 400
                && texts.iter().any(|(route, ours, theirs)| {
                    d.what.contains(route)
                        && message(&d.ours).starts_with(ours)
                        && message(&d.theirs).starts_with(theirs)
                })
        },
    },
    Rule {
        reason: "REST: a search without `query` reads the older parameter `events`",
        covers: |d| {
            d.what.contains("/cosmos/tx/v1beta1/txs?events=")
                && !d.what.contains("&query=")
                && message(&d.theirs) == "query cannot be empty"
        },
    },
    Rule {
        reason: "REST: what CometBFT knows is not asked of a state, so that a height in the header that is yet to come is not \
                 refused",
        covers: |d| {
            let routes = [
                "/cosmos/tx/v1beta1/",
                "/cosmos/base/tendermint/",
                "/cosmos/base/node/",
            ];
            routes.iter().any(|route| d.what.contains(route))
                && d.what.contains("x-cosmos-block-height")
                && status(&d.ours) == 200
                && [
                    "cannot query with height in the future",
                    "or greater than the current height 1",
                ]
                .iter()
                .any(|text| message(&d.theirs).contains(text))
        },
    },
    Rule {
        reason: "REST: a page behind the last transaction of a block is the caller's fault, and the block's reveal is counted, too",
        covers: |d| {
            let counted = |text: &str| -> Option<(u64, String)> {
                let (_, rest) = text.split_once("out of range: cannot paginate ")?;
                let (count, rest) = rest.split_once(" txs")?;
                Some((count.parse().ok()?, rest.to_owned()))
            };
            let found = counted(&message(&d.ours)).zip(counted(&message(&d.theirs)));
            d.kind == Kind::RestStatus
                && d.what.contains("/cosmos/tx/v1beta1/txs/block/")
                && (status(&d.ours), status(&d.theirs)) == (400, 500)
                && found.is_some_and(|(ours, theirs)| ours.1 == theirs.1)
        },
    },
    Rule {
        reason: "REST: a page of the largest limit has entries, where wasmd adds one to it and finds none",
        covers: |d| {
            let lists = [
                ("/authz/v1beta1/grants/", "200 {\"grants\":[],"),
                ("/feegrant/v1beta1/issued/", "200 {\"allowances\":[],"),
            ];
            d.kind == Kind::RestBody
                && lists
                    .iter()
                    .any(|(route, none)| d.what.contains(route) && d.theirs.starts_with(none))
                && d.what.ends_with("pagination.limit=18446744073709551615 ")
        },
    },
    Rule {
        reason: "REST: the largest limit is no negative one, as which Go takes it",
        covers: |d| {
            d.what.contains("/validatorsets/")
                && d.what.contains("pagination.limit=18446744073709551615")
                && message(&d.theirs) == "limit must greater than 0"
        },
    },
    Rule {
        reason: "REST: a header is read before the query, where both are wrong",
        covers: |d| {
            is_refusal(d)
                && d.what.contains("evidence_hash=x x-cosmos-block-height: ")
                && message(&d.theirs).starts_with("illegal base64 data")
        },
    },
    Rule {
        reason: "REST: pages of a block and of a search count the reveal of each block, too",
        covers: |d| {
            let pages = ["pagination.", "limit=", "page="];
            let routes = ["/txs/block/", "/txs?"];
            d.kind == Kind::RestShape
                && routes.iter().any(|route| d.what.contains(route))
                && pages.iter().any(|page| d.what.contains(page))
                && same_shape(d, &["txs", "tx_responses"])
        },
    },
    Rule {
        reason: "REST: programs tell their own names, settings and stores",
        covers: |d| {
            let routes = [
                ("/node_info", "application_version"),
                ("/base/node/v1beta1/config", "minimum_gas_price"),
            ];
            d.kind == Kind::RestShape
                && routes
                    .iter()
                    .any(|(route, own)| d.what.contains(route) && same_shape(d, &[own]))
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

/// An answer's JSON.
pub fn json(answer: &str) -> Option<Value> {
    serde_json::from_str(answer.lines().last()?.trim().split_once(' ')?.1).ok()
}

fn message(answer: &str) -> String {
    let json = json(answer);
    let text = json.as_ref().and_then(|json| json.get("message")?.as_str());
    text.unwrap_or_default().to_owned()
}

/// Whether messages say the same: over gRPC wasmd puts the registered text of a module's error first, with its code.
/// Also for calls over gRPC.
pub fn same_words(ours: &str, theirs: &str) -> bool {
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

/// Whether shapes of answers have the same members, and are the same without those of these names.
fn same_shape(d: &Difference, names: &[&str]) -> bool {
    let read = |text: &str| -> Option<(Vec<String>, Value)> {
        let mut shape: Value = serde_json::from_str(text.lines().next()?.split_once(' ')?.1).ok()?;
        let members = shape.as_object()?.keys().cloned().collect();
        strip(&mut shape, names);
        Some((members, shape))
    };
    read(&d.ours).is_some_and(|ours| Some(ours) == read(&d.theirs))
}

/// Whether the answers are the same without the members of these names.
fn without(d: &Difference, names: &[&str]) -> Option<bool> {
    let (mut ours, mut theirs) = (json(&d.ours)?, json(&d.theirs)?);
    strip(&mut ours, names);
    strip(&mut theirs, names);
    Some(ours == theirs)
}
