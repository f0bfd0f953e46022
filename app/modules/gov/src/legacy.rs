//! v1beta1: contents of proposals, and what the older messages and answers say in the newer ones' terms.

use prost::Message;
use quern_proto::{
    Any,
    cosmos::{
        base::v1beta1 as base,
        gov::{
            v1,
            v1beta1::{self, TextProposal},
        },
    },
    time,
};
use quern_types::{Coins, Result, errors};

use crate::{
    INVALID_PROPOSAL_CONTENT, INVALID_SIGNER, INVALID_VOTE, NO_PROPOSAL_HANDLER, convert, dec, proposal,
};

/// The message that carries a content.
pub(crate) const EXEC_LEGACY: &str = "/cosmos.gov.v1.MsgExecLegacyContent";
const TEXT: &str = "/cosmos.gov.v1beta1.TextProposal";

/// Types of contents that an `Any` inside a transaction may be. Only a text has a handler, as in SDK 0.53: what
/// the others asked for is asked for by messages.
pub const CONTENT_TYPES: &[&str] = &[
    TEXT,
    "/cosmos.distribution.v1beta1.CommunityPoolSpendProposal",
    "/cosmos.params.v1beta1.ParameterChangeProposal",
    "/cosmos.upgrade.v1beta1.CancelSoftwareUpgradeProposal",
    "/cosmos.upgrade.v1beta1.SoftwareUpgradeProposal",
];
/// Most bytes of a content's title and description.
const MAX_TITLE: usize = 140;
const MAX_DESCRIPTION: usize = 10_000;

/// Does what a content says: a text says nothing to do.
///
/// # Errors
/// `gov/13` unless governance asks, `gov/5` without content, `gov/9` for one without a handler.
pub(crate) fn execute(msg: &v1::MsgExecLegacyContent) -> Result<()> {
    let governance = proposal::governance().to_string();
    if msg.authority != governance {
        return Err(INVALID_SIGNER.wrap(format!("expected {governance} got {}", msg.authority)));
    }
    let content = msg.content.as_ref();
    text(content.ok_or_else(|| INVALID_PROPOSAL_CONTENT.wrap("missing content"))?).map(drop)
}

fn text(content: &Any) -> Result<TextProposal> {
    if content.type_url == TEXT {
        return TextProposal::decode(content.value.as_slice())
            .map_err(|e| INVALID_PROPOSAL_CONTENT.wrap(e.to_string()));
    }
    // the route is the name of the module
    let route = content.type_url.split('.').nth(1).unwrap_or_default().to_owned();
    Err(NO_PROPOSAL_HANDLER.wrap(route))
}

/// An older submission as a newer one: the content in a message of governance's.
///
/// # Errors
/// `gov/5` and `gov/9` for the content.
pub(crate) fn submission(msg: v1beta1::MsgSubmitProposal) -> Result<v1::MsgSubmitProposal> {
    let content = msg
        .content
        .ok_or_else(|| INVALID_PROPOSAL_CONTENT.wrap("missing content"))?;
    let TextProposal { title, description } = text(&content)?;
    let bad = |text: String| Err(INVALID_PROPOSAL_CONTENT.wrap(text));
    if title.trim().is_empty() {
        return bad("proposal title cannot be blank".into());
    }
    if title.len() > MAX_TITLE {
        return bad(format!("proposal title is longer than max length of {MAX_TITLE}"));
    }
    if description.is_empty() {
        return bad("proposal description cannot be blank".into());
    }
    if description.len() > MAX_DESCRIPTION {
        return bad(format!(
            "proposal description is longer than max length of {MAX_DESCRIPTION}"
        ));
    }
    let carrier = v1::MsgExecLegacyContent {
        content: Some(content),
        authority: proposal::governance().to_string(),
    };
    Ok(v1::MsgSubmitProposal {
        messages: vec![Any {
            type_url: EXEC_LEGACY.to_owned(),
            value: carrier.encode_to_vec(),
        }],
        initial_deposit: msg.initial_deposit,
        proposer: msg.proposer,
        metadata: String::new(),
        title,
        summary: description,
        expedited: false,
    })
}

/// How Go prints a number that is none.
const NIL: &str = "<nil>";

/// Weights in units of 10^-18, as older messages have them, as decimals.
///
/// # Errors
/// `sdk/18` for none, `gov/7` for what is no such number.
pub(crate) fn new_options(options: &[v1beta1::WeightedVoteOption]) -> Result<Vec<v1::WeightedVoteOption>> {
    if options.is_empty() {
        return Err(errors::INVALID_REQUEST.wrap("[]")); // an empty list is none in the newer version
    }
    let option = |old: &v1beta1::WeightedVoteOption| {
        if old.weight.is_empty() {
            return Ok(v1::WeightedVoteOption {
                option: old.option,
                weight: NIL.to_owned(), // no decimal, which the newer message's check refuses by this text
            });
        }
        let digits = old.weight.strip_prefix('-');
        let units: u128 = digits
            .unwrap_or(&old.weight)
            .parse()
            .map_err(|_| INVALID_VOTE.wrap(format!("invalid weight: {:.40}", old.weight)))?;
        let sign = if digits.is_some() { "-" } else { "" };
        Ok(v1::WeightedVoteOption {
            option: old.option,
            weight: format!("{sign}{}", dec::show(units)),
        })
    };
    options.iter().map(option).collect()
}

/// A proposal in older terms: its content, or the only message in place of it.
///
/// # Errors
/// `sdk/29` unless there is exactly one message.
pub(crate) fn old_proposal(new: v1::Proposal) -> Result<v1beta1::Proposal> {
    let [message] = new.messages.as_slice() else {
        return Err(errors::INVALID_TYPE.wrap(
            "can't convert a gov/v1 Proposal to gov/v1beta1 Proposal when amount of proposal messages not exactly one",
        ));
    };
    let content = if message.type_url == EXEC_LEGACY {
        v1::MsgExecLegacyContent::decode(message.value.as_slice())
            .map_err(|e| INVALID_PROPOSAL_CONTENT.wrap(e.to_string()))?
            .content
    } else {
        Some(message.clone())
    };
    // an absent time is Go's zero time
    let or_zero = |at: Option<prost_types::Timestamp>| {
        Some(at.unwrap_or(prost_types::Timestamp {
            seconds: time::ZERO.seconds,
            nanos: 0,
        }))
    };
    Ok(v1beta1::Proposal {
        proposal_id: new.id,
        content,
        status: new.status,
        final_tally_result: new.final_tally_result.map(old_tally),
        submit_time: or_zero(new.submit_time),
        deposit_end_time: or_zero(new.deposit_end_time),
        total_deposit: new.total_deposit,
        voting_start_time: or_zero(new.voting_start_time),
        voting_end_time: or_zero(new.voting_end_time),
    })
}

pub(crate) fn old_tally(new: v1::TallyResult) -> v1beta1::TallyResult {
    v1beta1::TallyResult {
        yes: new.yes_count,
        abstain: new.abstain_count,
        no: new.no_count,
        no_with_veto: new.no_with_veto_count,
    }
}

pub(crate) fn old_vote(new: v1::Vote) -> Result<v1beta1::Vote> {
    let option = |new: v1::WeightedVoteOption| {
        let units = dec::parse(&new.weight).map_err(|e| INVALID_VOTE.wrap(e))?;
        Ok(v1beta1::WeightedVoteOption {
            option: new.option,
            weight: units.to_string(),
        })
    };
    let options = new.options.into_iter().map(option).collect::<Result<Vec<_>>>()?;
    #[allow(deprecated)] // absent, as in the SDK's answer
    Ok(v1beta1::Vote {
        proposal_id: new.proposal_id,
        voter: new.voter,
        option: 0,
        options,
    })
}

pub(crate) fn old_deposit(new: v1::Deposit) -> v1beta1::Deposit {
    v1beta1::Deposit {
        proposal_id: new.proposal_id,
        depositor: new.depositor,
        amount: new.amount,
    }
}

/// A share as bytes of its integer text.
pub(crate) fn old_share(text: &str) -> Result<Vec<u8>> {
    Ok(crate::params::share(text)?.to_string().into_bytes())
}

/// Coins of a message that must be valid and not empty.
///
/// # Errors
/// `sdk/10`.
pub(crate) fn positive_coins(wire: &[base::Coin]) -> Result<Coins> {
    let coins = convert::coins(wire)?;
    if coins.is_empty() {
        return Err(errors::INVALID_COINS.wrap("")); // the SDK shows the coins, such as they are
    }
    Ok(coins)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contents_without_a_handler_name_their_route() {
        for (ty, route) in [
            ("/cosmos.params.v1beta1.ParameterChangeProposal", "params"),
            ("/cosmos.upgrade.v1beta1.SoftwareUpgradeProposal", "upgrade"),
        ] {
            let any = Any {
                type_url: ty.into(),
                value: vec![],
            };
            let error = text(&any).unwrap_err();
            assert!(error.is(&NO_PROPOSAL_HANDLER));
            assert!(error.to_string().starts_with(route), "{error}");
        }
    }

    #[test]
    fn a_weight_left_out_is_refused_as_go_prints_it() {
        let old = [v1beta1::WeightedVoteOption {
            option: 1,
            weight: String::new(),
        }];
        let error = crate::options::check(&new_options(&old).unwrap()).unwrap_err();
        assert_eq!(
            format!("{error:?}"),
            r#"gov/7 option:VOTE_OPTION_YES weight:"<nil>" : invalid vote option"#
        );
    }

    #[test]
    fn weights_survive_the_way_through_both_dialects() {
        let old = vec![v1beta1::WeightedVoteOption {
            option: 1,
            weight: "700000000000000000".into(),
        }];
        let new = new_options(&old).unwrap();
        assert_eq!(new[0].weight, "0.700000000000000000");
        let vote = v1::Vote {
            options: new,
            ..Default::default()
        };
        assert_eq!(old_vote(vote).unwrap().options, old);
    }
}
