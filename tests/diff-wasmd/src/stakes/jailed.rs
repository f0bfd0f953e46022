//! Differences of validators in jail that are meant, each with its reason. Each covers what the run about them compares
//! alone.

use prost::Message;
use quern_proto::cosmos::base::abci::v1beta1::TxMsgData;
use serde_json::{Map, Value as Json};

use super::allowed::{PAGE, contract_events, moved, pool_events, same_without};
use super::jail::MARK;
use super::near;
use crate::allowed::Rule;
use crate::compare::{Difference, Kind, decode};

/// All of them.
pub const RULES: &[Rule] = &[
    Rule {
        reason: "jail: nobody is jailed for silence here: the parameters of that are nothing; a judge's order jails, which its \
                 transaction tells and no vote",
        covers: |d| {
            let params = [
                "min_signed_per_window",
                "downtime_jail_duration",
                "slash_fraction_downtime",
            ];
            is_jailed(d)
                && d.what.contains("slashing.v1beta1.Query/Params")
                && same_without(d, &params, false)
                || in_block(d) && ended(&d.ours) == ended(&d.theirs)
        },
    },
    Rule {
        reason: "jail: what moves away from a jailed validator lands with the time of that one's own way out on wasmd, with its \
                 bucket here",
        covers: |d| {
            in_block(d)
                && d.ours.contains("redelegation(") != d.theirs.contains("redelegation(")
                && near::all(&without_moves(&ended(&d.ours)), &without_moves(&ended(&d.theirs)))
                || is_jailed(d)
                    && (d.kind == Kind::Data && d.what.starts_with("redelegate ") && same_kinds(d)
                        || d.what.contains("Query/Redelegations ")
                            && same_without(
                                d,
                                &["creation_height", "completion_time", "unbonding_id"],
                                false,
                            ))
        },
    },
    Rule {
        reason: "jail: a slash is cut out of the operator's coins first and out of all that is there; wasmd cuts everybody by \
                 the power of then, and a share is less than a coin afterwards, and rounded",
        covers: |d| {
            is_jailed(d)
                && match d.kind {
                    Kind::Events if in_block(d) => near::all(&ended(&d.ours), &ended(&d.theirs)),
                    Kind::Events => near::all(&without_shares(&d.ours), &without_shares(&d.theirs)),
                    Kind::Data => d.what.starts_with("undelegate ") && same_kinds(d),
                    Kind::Query => {
                        d.what.contains("bank.v1beta1.Query/") && near::answers(d)
                            || d.what.contains("Query/ValidatorSlashes ")
                                && same_without(d, &["validator_period", "fraction"], false)
                            || [
                                "Query/Delegat",
                                "Query/ValidatorDelegations ",
                                "Query/ValidatorUnbonding",
                                "Query/Unbonding",
                            ]
                            .iter()
                            .any(|path| d.what.contains(path))
                                && same_without(d, &CUT.concat(), true)
                    }
                    _ => false,
                }
        },
    },
    Rule {
        reason: "jail: a convict leaves the set with the epoch, and at once, where wasmd's waits on its way out and is not bonded \
                 meanwhile; who comes free is weighed again with the next epoch",
        covers: |d| {
            let listed = [
                "Query/Validators ",
                "Query/Validator ",
                "Query/DelegatorValidator",
            ];
            let listed = listed.iter().any(|path| d.what.contains(path));
            is_jailed(d)
                && (listed && same_validators(d)
                    || d.what.contains("staking.v1beta1.Query/Pool ")
                        && same_without(d, &["bonded_tokens", "not_bonded_tokens"], false))
        },
    },
    Rule {
        reason: "jail: votes are counted since the epoch began, in jail and out of it; who came free was never there",
        covers: |d| {
            let counts = ["start_height", "index_offset", "missed_blocks_counter"];
            let all = [&counts[..], &["jailed_until"]].concat();
            is_jailed(d)
                && d.what.contains("slashing.v1beta1.Query/SigningInfo")
                && (same_without(d, &counts, false) || is_free(&d.ours) && same_without(d, &all, false))
        },
    },
    Rule {
        reason: "jail: who signed twice takes no coins any more, as it can never serve again",
        covers: |d| {
            is_jailed(d)
                && d.kind == Kind::Code
                && d.what.starts_with("delegate ")
                && d.ours.contains("host_inactive: ")
                && d.ours.starts_with("staking/7: ")
                && d.theirs.starts_with("/0: ")
        },
    },
    Rule {
        reason: "jail: a host without coins of its own is in no jail, and what it is owed is told; wasmd looks for its delegation",
        covers: |d| {
            is_jailed(d)
                && d.kind == Kind::Query
                && d.what.contains("Query/ValidatorDistributionInfo ")
                && d.theirs.contains("no delegation for (address, validator) tuple")
        },
    },
];

/// What a slash changes of validators and delegations.
const CUT: [&[&str]; 2] = [
    &[
        "tokens",
        "delegator_shares",
        "shares",
        "balance",
        "initial_balance",
        "unbonding_id",
    ],
    &["min_self_delegation", "update_time"],
];
/// What a validator on its way out says of it.
const LEFT: [&str; 4] = ["status", "unbonding_height", "unbonding_time", "unbonding_ids"];

fn is_jailed(d: &Difference) -> bool {
    d.what.ends_with(MARK)
}

/// Whether it is what blocks say, and no transaction.
fn in_block(d: &Difference) -> bool {
    is_jailed(d) && d.kind == Kind::Events && d.what.starts_with("block ")
}

/// Whether answers name the same validators and say the same of them but for what a slash changes and the way out; of one
/// without coins, also but for jail, where wasmd's is.
fn same_validators(d: &Difference) -> bool {
    let path = d.what.split(' ').next().unwrap_or_default();
    let read = |text: &str| {
        let mut answer = near::json(&decode(path, text)?);
        uncut(&mut answer);
        Some(answer)
    };
    d.kind == Kind::Query && read(&d.ours).is_some_and(|ours| Some(ours) == read(&d.theirs))
}

fn uncut(value: &mut Json) {
    match value {
        Json::Object(members) => {
            let bare = members.get("tokens").is_some_and(|tokens| tokens == "0");
            members.retain(|name, _| {
                let name = name.as_str();
                let known = CUT.concat().contains(&name) || LEFT.contains(&name) || PAGE.contains(&name);
                !(known || bare && name == "jailed")
            });
            members.values_mut().for_each(uncut);
        }
        Json::Array(list) => list.iter_mut().for_each(uncut),
        _ => {}
    }
}

/// Whether a signer has no time of jail.
fn is_free(text: &str) -> bool {
    let path = "/cosmos.slashing.v1beta1.Query/SigningInfo";
    let answer = decode(path, text).map(|answer| near::json(&answer));
    answer.is_some_and(|answer| answer["val_signing_info"]["jailed_until"] == Json::Object(Map::new()))
}

/// Events of a block but what wasmd says of a silent validator.
fn ended(text: &str) -> Vec<String> {
    let all = moved(text, &|event| event.contains("reason=missing_signature"));
    all.into_iter().filter(|event| event != ")").collect()
}

fn without_moves(all: &[String]) -> Vec<String> {
    let kept = all
        .iter()
        .filter(|event| !event.starts_with("complete_redelegation("));
    kept.cloned().collect()
}

/// Events without how many shares coins are, and where what moves lands.
fn without_shares(text: &str) -> Vec<String> {
    let all = moved(text, &|event| contract_events(event) || pool_events(event));
    let one = |event: &String| {
        let moves = event.starts_with("redelegate(");
        let kept = event.split(", ").filter(|attribute| {
            !(attribute.starts_with("new_shares=") || moves && attribute.starts_with("completion_time="))
        });
        kept.collect::<Vec<_>>().join(", ")
    };
    all.iter().map(one).collect()
}

/// Whether the data of answers is of the same messages.
fn same_kinds(d: &Difference) -> bool {
    let kinds = |data: &str| -> Option<Vec<String>> {
        let data = TxMsgData::decode(hex::decode(data).ok()?.as_slice()).ok()?;
        Some(data.msg_responses.into_iter().map(|any| any.type_url).collect())
    };
    kinds(&d.ours).is_some_and(|ours| Some(ours) == kinds(&d.theirs))
}
