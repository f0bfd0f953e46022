//! Differences of staking that are meant, each with its reason.

use std::sync::LazyLock;

use prost_reflect::{DynamicMessage, ReflectMessage, Value};

use super::near;
use crate::allowed::Rule;
use crate::compare::{Difference, Kind, decode};

/// All of them.
pub const RULES: &[Rule] = &[
    Rule {
        reason: "stakes: coins behind a host and its rewards are contracts', which say so; wasmd keeps them in two pools and a \
                 module's account; and nothing earned is no `stake` here, which is wasmd's coin on a chain that names none",
        covers: |d| {
            d.kind == Kind::Events && moved(&d.ours, &contract_events) == moved(&d.theirs, &pool_events)
        },
    },
    Rule {
        reason: "stakes: rewards are divided in whole coins here, where wasmd keeps fractions and drops them when it pays; \
                 and what leaves waits for a block, whose time is told",
        covers: |d| match d.kind {
            Kind::Events => near::events(&moved(&d.ours, &contract_events), &moved(&d.theirs, &pool_events)),
            Kind::Data => near::data(&d.ours, &d.theirs),
            Kind::Log => near::texts(&d.ours, &d.theirs),
            _ => near::answers(d),
        },
    },
    Rule {
        reason: "stakes: wasmd tells the end of a wait once more, without an amount, where several of them were one",
        covers: |d| {
            let empty = |event: &str| event.starts_with("complete_unbonding(amount=,");
            d.kind == Kind::Events
                && d.what.starts_with("block ")
                && d.theirs.contains("complete_unbonding(amount=,")
                && moved(&d.ours, &|_| false) == moved(&d.theirs, &empty)
        },
    },
    Rule {
        reason: "stakes: a commission goes to the payout address of its host's record, where wasmd's follows the rewards of the \
                 operator's own coins",
        covers: |d| {
            let paid = |event: &str| event.starts_with("coin_received(");
            d.kind == Kind::Events
                && d.what.starts_with("commission elsewhere ")
                && near::events(
                    &moved(&d.ours, &move |event| paid(event) || contract_events(event)),
                    &moved(&d.theirs, &move |event| paid(event) || pool_events(event)),
                )
        },
    },
    Rule {
        reason: "stakes: an operator's least part follows what others stake; what a new host's details say of its worker is \
                 in its record; commissions are dated by epochs",
        covers: |d| same_without(d, &["min_self_delegation", "update_time"], true),
    },
    Rule {
        reason: "stakes: an operator's least part follows what others stake, also where an edited validator tells it",
        covers: |d| d.kind == Kind::Events && edited(&d.ours) == edited(&d.theirs),
    },
    Rule {
        reason: "stakes: of a past header the application knows what ABCI tells it; its validators are listed by their power then",
        covers: |d| {
            d.what.contains("/historical_info/") && same_without(d, &["header", "min_self_delegation"], true)
        },
    },
    Rule {
        reason: "stakes: what leaves has the number of its bucket, and waits for a block: the time is that block's, where \
                 wasmd's is over before it",
        covers: |d| same_without(d, &["unbonding_id"], false),
    },
    Rule {
        reason: "stakes: votes are counted since the epoch began; signers are listed by their hosts",
        covers: |d| {
            d.what.contains("/cosmos.slashing.v1beta1.Query/SigningInfo")
                && same_without(d, &["start_height", "index_offset"], false)
                || d.what.contains("/signing_infos")
                    && same_without(d, &["start_height", "index_offset"], false)
                || d.what.contains("/signing_infos?") && paged(d) && same_count(d)
        },
    },
    Rule {
        reason: "stakes: hosts that never voted have counts too",
        covers: |d| {
            let one =
                d.theirs.contains("SigningInfo not found for validator ") && !d.ours.contains("not found");
            let all =
                d.what.contains("Query/SigningInfos ") || d.what.contains("/slashing/v1beta1/signing_infos ");
            one || all && more_signers(d)
        },
    },
    Rule {
        reason: "stakes: what is minted follows no goal of bonded coins",
        covers: |d| d.what.contains("mint") && same_without(d, &["goal_bonded"], false),
    },
    Rule {
        reason: "stakes: the delay is told in blocks, and what leaves is paid in the block after it",
        covers: |d| {
            (d.what.contains("staking.v1beta1.Query/Params") || d.what.contains("/staking/v1beta1/params"))
                && same_without(d, &["unbonding_time"], false)
        },
    },
    Rule {
        reason: "stakes: keys of pages are each chain's own",
        covers: |d| paged(d) && same_without(d, PAGE, true),
    },
    Rule {
        reason: "stakes: a page of validators of one status ends behind the largest limit, which wasmd adds one to",
        covers: |d| {
            d.kind == Kind::RestBody
                && d.what.contains("/validators?status=")
                && d.what.ends_with("pagination.limit=18446744073709551615 ")
                && d.theirs.starts_with("200 {\"validators\":[],")
        },
    },
    Rule {
        reason: "stakes: a key that no page of this chain gave is refused where entries are named by numbers or texts",
        covers: |d| {
            d.kind == Kind::Grpc
                && d.what.contains("PageRequest { key: [")
                && d.ours == "InvalidArgument: invalid key"
                || d.kind == Kind::RestStatus
                    && d.what.contains("pagination.key=AAAA")
                    && d.ours.contains("\"message\":\"invalid key\"")
        },
    },
    Rule {
        reason: "stakes: wasmd keeps its community pool in x/protocolpool and refuses what x/distribution has of it",
        covers: |d| d.theirs.contains("external community pool is enabled"),
    },
];

/// Contracts that hold what is behind hosts, and what those earn until it is paid.
static HOLDERS: LazyLock<[String; 2]> = LazyLock::new(|| ["bonding", "rewards"].map(super::income::contract));

/// What pages are compared without.
pub const PAGE: &[&str] = &["next_key", "min_self_delegation", "update_time", "unbonding_id"];

/// An event that only one of the chains has.
pub type Own = dyn Fn(&str) -> bool;

/// Events as texts, without those that `own` finds.
pub fn moved(text: &str, own: &Own) -> Vec<String> {
    let text = text.replace("=0stake,", "=0nqrn,");
    let whole = |event: &str| format!("{})", event.trim_end_matches(')'));
    let events = text.split(") ").filter(|event| !event.is_empty());
    events.map(whole).filter(|event| !own(event)).collect()
}

/// Events of contracts, of the set that they propose, and of coins that they hold.
pub fn contract_events(event: &str) -> bool {
    let (kind, rest) = event.split_once('(').unwrap_or((event, ""));
    matches!(kind, "execute" | "sudo" | "validator_set")
        || kind.starts_with("wasm")
        || is_bank(kind) && HOLDERS.iter().any(|holder| names(rest, holder))
}

/// Events of coins that wasmd's pools hold, and rewards until they are paid.
pub fn pool_events(event: &str) -> bool {
    let (kind, rest) = event.split_once('(').unwrap_or((event, ""));
    let pools = ["bonded_tokens_pool", "not_bonded_tokens_pool", "distribution"];
    let pools = pools.map(|pool| quern_types::module_address(pool).to_string());
    is_bank(kind) && pools.iter().any(|pool| names(rest, pool))
}

fn is_bank(kind: &str) -> bool {
    matches!(kind, "coin_spent" | "coin_received" | "transfer" | "message")
}

/// Whether attributes name an address.
fn names(attributes: &str, address: &str) -> bool {
    let mut words = attributes.split(|c: char| !c.is_ascii_alphanumeric());
    words.any(|word| word == address)
}

/// Events without the least part of an operator, and when its commission changed.
fn edited(text: &str) -> Vec<String> {
    let without = |event: String| {
        let Some((before, after)) = event.split_once("update_time:<") else {
            return event;
        };
        let rest = after.split_once("> ").map_or("", |(_, rest)| rest);
        let least = rest.strip_prefix(", min_self_delegation=").unwrap_or(rest);
        format!(
            "{before}{}",
            least.trim_start_matches(|c: char| c.is_ascii_digit())
        )
    };
    let all = moved(text, &|event| contract_events(event) || pool_events(event));
    all.into_iter().map(without).collect()
}

/// Whether wasmd's list names nobody whom ours does not.
fn more_signers(d: &Difference) -> bool {
    let names = |text: &str| -> Vec<String> {
        let whole = match d.kind {
            Kind::Query => decode("/cosmos.slashing.v1beta1.Query/SigningInfos", text)
                .map(|answer| format!("{answer:?}"))
                .unwrap_or_default(),
            _ => text.to_owned(),
        };
        let words = whole.split(|c: char| !c.is_ascii_alphanumeric());
        words
            .filter(|word| word.starts_with("quernvalcons1"))
            .map(str::to_owned)
            .collect()
    };
    let (ours, theirs) = (names(&d.ours), names(&d.theirs));
    !theirs.is_empty() && theirs.iter().all(|name| ours.contains(name))
}

/// Whether pages have as many entries; none after a key that no page of this chain gave.
fn same_count(d: &Difference) -> bool {
    let count = |text: &str| {
        let body: serde_json::Value = serde_json::from_str(text.split_once(' ')?.1).ok()?;
        Some(body.get("info")?.as_array()?.len())
    };
    count(&d.ours) == count(&d.theirs) || d.what.contains("pagination.key=AAAA") && count(&d.ours) == Some(0)
}

/// Whether a question is for one page.
fn paged(d: &Difference) -> bool {
    match d.kind {
        Kind::RestBody => d.what.contains("pagination."),
        Kind::Query => d.what.contains("Query/Validators "),
        _ => false,
    }
}

/// Whether answers are the same without the fields of these names and fractions of where waits end, over ABCI or REST. Lists of signers have no order. What
/// a new host says of its worker is left out if `worker` says so.
pub fn same_without(d: &Difference, names: &[&str], worker: bool) -> bool {
    let same = match d.kind {
        Kind::Query => {
            let path = d.what.split(' ').next().unwrap_or_default();
            let read = |text: &str| {
                let mut answer = decode(path, text)?;
                strip(&mut answer, names, worker);
                Some(answer)
            };
            read(&d.ours)
                .zip(read(&d.theirs))
                .map(|(ours, theirs)| ours == theirs)
        }
        Kind::RestBody => {
            let read = |text: &str| {
                let (status, body) = text.split_once(' ')?;
                let mut body: serde_json::Value = serde_json::from_str(body).ok()?;
                strip_json(&mut body, names, worker);
                Some((status.to_owned(), body))
            };
            read(&d.ours)
                .zip(read(&d.theirs))
                .map(|(ours, theirs)| ours == theirs)
        }
        _ => None,
    };
    same.unwrap_or(false)
}

/// Whether a text is what a new host's details say of its worker.
fn of_worker(text: &str) -> bool {
    text.starts_with("{\"transport_key\":")
}

fn strip(message: &mut DynamicMessage, names: &[&str], worker: bool) {
    let fields: Vec<_> = message.descriptor().fields().collect();
    for field in fields {
        let said = message.get_field(&field).as_str().is_some_and(of_worker);
        if names.contains(&field.name()) || worker && said {
            message.clear_field(&field);
        } else if message.has_field(&field) {
            match message.get_field_mut(&field) {
                Value::Message(inner) if field.name() == "completion_time" => {
                    inner.clear_field_by_name("nanos")
                }
                Value::Message(inner) => strip(inner, names, worker),
                Value::List(list) => {
                    for inner in list.iter_mut().filter_map(Value::as_message_mut) {
                        strip(inner, names, worker);
                    }
                    if field.name() == "info" {
                        list.sort_by_key(|entry| format!("{entry:?}"));
                    }
                }
                _ => {}
            }
        }
    }
}

fn strip_json(value: &mut serde_json::Value, names: &[&str], worker: bool) {
    match value {
        serde_json::Value::Object(members) => {
            members.retain(|name, _| !names.contains(&name.as_str()));
            for (name, member) in members {
                if worker && member.as_str().is_some_and(of_worker) {
                    *member = "".into();
                }
                if let Some(time) = member.as_str().filter(|_| name == "completion_time") {
                    *member = time.split(['.', 'Z']).next().unwrap_or_default().into();
                }
                strip_json(member, names, worker);
                if let Some(list) = member
                    .as_array_mut()
                    .filter(|_| ["info", "valset"].contains(&name.as_str()))
                {
                    list.sort_by_key(ToString::to_string);
                }
            }
        }
        serde_json::Value::Array(list) => {
            list.iter_mut().for_each(|value| strip_json(value, names, worker));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn coins_of_the_contracts_that_hold_stakes_are_dropped_and_of_no_other_account() {
        let sent = |to: &str| format!("transfer(recipient={to}, sender=quern1x, amount=5nqrn)");
        for holder in ["bonding", "rewards"] {
            assert!(contract_events(&sent(&super::super::income::contract(holder))));
        }
        let stranger = quern_types::contract_address(90, 90).to_string();
        for other in [stranger, super::super::income::contract("settlement")] {
            assert!(!contract_events(&sent(&other)));
        }
    }
}
