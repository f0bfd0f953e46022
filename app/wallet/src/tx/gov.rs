//! `quernd tx gov`.

use std::path::PathBuf;

use prost::{Message, Name};
use quern_proto::{
    Any,
    cosmos::gov::v1::{
        MsgCancelProposal, MsgDeposit, MsgSubmitProposal, MsgVote, MsgVoteWeighted, VoteOption,
        WeightedVoteOption,
    },
    json, type_url,
};
use quern_types::{AccAddress, BASE_DENOM};
use serde::Deserialize;

use super::factory::wire_coins;
use crate::{Failure, Result, failure::usage, qrn};

/// Commands of `quernd tx gov`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Propose what a file says: title, summary, deposit, messages of governance
    SubmitProposal {
        /// JSON as other Cosmos chains' programs take it: messages, metadata, deposit, title, summary, expedited
        file: PathBuf,
    },
    /// Add to a proposal's deposit
    Deposit {
        /// Proposal
        id: u64,
        /// Coins, for example 100qrn
        amount: String,
    },
    /// Vote on a proposal
    Vote {
        /// Proposal
        id: u64,
        /// yes, no, abstain or no_with_veto
        option: Choice,
        /// Words that go with it
        #[arg(long, default_value = "", hide_default_value = true)]
        metadata: String,
    },
    /// Divide a vote
    WeightedVote {
        /// Proposal
        id: u64,
        /// For example yes=0.7,abstain=0.3
        options: String,
        /// Words that go with it
        #[arg(long, default_value = "", hide_default_value = true)]
        metadata: String,
    },
    /// Take one's own proposal back; a share of its deposits is the price
    CancelProposal {
        /// Proposal
        id: u64,
    },
}

/// An option of a vote.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Choice {
    /// For it
    Yes,
    /// Against it
    No,
    /// Neither, but counted
    Abstain,
    /// Against it and its deposits
    #[value(name = "no_with_veto", alias = "no-with-veto")]
    NoWithVeto,
}

impl Choice {
    fn option(self) -> i32 {
        match self {
            Self::Yes => VoteOption::Yes,
            Self::No => VoteOption::No,
            Self::Abstain => VoteOption::Abstain,
            Self::NoWithVeto => VoteOption::NoWithVeto,
        }
        .into()
    }
}

/// The file of a proposal.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    messages: Vec<serde_json::Value>,
    #[serde(default)]
    metadata: String,
    deposit: String,
    title: String,
    summary: String,
    #[serde(default)]
    expedited: bool,
}

impl Command {
    /// The message of the command.
    pub(crate) fn message(&self, from: &AccAddress) -> Result<Any> {
        let voter = from.to_string();
        match self {
            Self::SubmitProposal { file } => {
                let text = std::fs::read(file).map_err(|e| usage(format!("{}: {e}", file.display())))?;
                proposal(&text, voter).map(|message| any(&message))
            }
            Self::Deposit { id, amount } => {
                let amount = qrn::coins(amount)?;
                if amount.is_empty() {
                    return Err(Failure::Usage(format!(
                        "the amount is zero; write for example 100qrn or 5000{BASE_DENOM}"
                    )));
                }
                Ok(any(&MsgDeposit {
                    proposal_id: *id,
                    depositor: voter,
                    amount: wire_coins(&amount),
                }))
            }
            Self::Vote { id, option, metadata } => Ok(any(&MsgVote {
                proposal_id: *id,
                voter,
                option: option.option(),
                metadata: metadata.clone(),
            })),
            Self::WeightedVote {
                id,
                options,
                metadata,
            } => Ok(any(&MsgVoteWeighted {
                proposal_id: *id,
                voter,
                options: divided(options)?,
                metadata: metadata.clone(),
            })),
            Self::CancelProposal { id } => Ok(any(&MsgCancelProposal {
                proposal_id: *id,
                proposer: voter,
            })),
        }
    }
}

fn proposal(text: &[u8], proposer: String) -> Result<MsgSubmitProposal> {
    let file: File =
        serde_json::from_slice(text).map_err(|e| usage(format!("this is no proposal in JSON: {e}")))?;
    let messages = file.messages.iter().map(json::to_any).collect::<Result<_, _>>();
    let deposit = match file.deposit.as_str() {
        "" => quern_types::Coins::empty(),
        coins => qrn::coins(coins)?,
    };
    Ok(MsgSubmitProposal {
        messages: messages.map_err(|e| usage(format!("messages: {e}")))?,
        initial_deposit: wire_coins(&deposit),
        proposer,
        metadata: file.metadata,
        title: file.title,
        summary: file.summary,
        expedited: file.expedited,
    })
}

fn divided(text: &str) -> Result<Vec<WeightedVoteOption>> {
    let part = |part: &str| {
        let (option, weight) = part.split_once('=')?;
        let choice = <Choice as clap::ValueEnum>::from_str(option.trim(), true).ok()?;
        Some(WeightedVoteOption {
            option: choice.option(),
            weight: weight.trim().to_owned(),
        })
    };
    text.split(',')
        .map(part)
        .collect::<Option<_>>()
        .ok_or_else(|| Failure::Usage("write for example yes=0.7,abstain=0.3".into()))
}

fn any<M: Message + Name>(message: &M) -> Any {
    Any {
        type_url: type_url::<M>(),
        value: message.encode_to_vec(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proposals_file_becomes_its_message() {
        let text = br#"{
            "messages": [{"@type": "/cosmos.upgrade.v1beta1.MsgCancelUpgrade", "authority": "quern1x"}],
            "metadata": "ipfs://x", "deposit": "100qrn", "title": "t", "summary": "s", "expedited": true
        }"#;
        let message = proposal(text, "quern1p".into()).unwrap();
        assert_eq!(
            message.messages[0].type_url,
            "/cosmos.upgrade.v1beta1.MsgCancelUpgrade"
        );
        assert_eq!(message.initial_deposit[0].amount, "100000000000");
        assert!(message.expedited);
        assert!(
            proposal(
                br#"{"deposit": "", "title": "t", "summary": "s", "more": 1}"#,
                String::new()
            )
            .is_err()
        );
    }

    #[test]
    fn divided_votes_are_read_by_name_and_share() {
        let options = divided("yes=0.7, no_with_veto=0.3").unwrap();
        assert_eq!((options[0].option, options[1].option), (1, 4));
        assert_eq!(options[1].weight, "0.3");
        assert!(divided("yes").is_err() && divided("maybe=1").is_err());
    }
}
