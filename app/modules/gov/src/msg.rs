//! Messages of x/gov, of both versions.

use std::sync::Arc;

use prost::Message;
use quern_context::{AnyMsg, Cx, MsgOutput, Router};
use quern_proto::{
    Any,
    cosmos::gov::{v1, v1beta1},
};
use quern_types::{AccAddress, Result, errors};

use crate::{INVALID_SIGNER, handle, legacy, params, proposal, submit::submit};

/// A message of this module.
#[derive(Clone, Debug, PartialEq)]
pub enum Msg {
    /// Proposes messages that governance would execute.
    SubmitProposal(v1::MsgSubmitProposal),
    /// Carries a content of the older version; only governance may.
    ExecLegacyContent(v1::MsgExecLegacyContent),
    /// Votes.
    Vote(v1::MsgVote),
    /// Divides a vote.
    VoteWeighted(v1::MsgVoteWeighted),
    /// Adds to a proposal's deposit.
    Deposit(v1::MsgDeposit),
    /// Replaces the parameters; only governance may.
    UpdateParams(v1::MsgUpdateParams),
    /// Takes a proposal back.
    CancelProposal(v1::MsgCancelProposal),
    /// As [`Msg::SubmitProposal`], in the older version.
    OldSubmitProposal(v1beta1::MsgSubmitProposal),
    /// As [`Msg::Vote`].
    OldVote(v1beta1::MsgVote),
    /// As [`Msg::VoteWeighted`].
    OldVoteWeighted(v1beta1::MsgVoteWeighted),
    /// As [`Msg::Deposit`].
    OldDeposit(v1beta1::MsgDeposit),
}

impl Msg {
    /// Type URLs that [`Msg::decode`] takes.
    pub const TYPE_URLS: &[&str] = &[
        "/cosmos.gov.v1.MsgSubmitProposal",
        "/cosmos.gov.v1.MsgExecLegacyContent",
        "/cosmos.gov.v1.MsgVote",
        "/cosmos.gov.v1.MsgVoteWeighted",
        "/cosmos.gov.v1.MsgDeposit",
        "/cosmos.gov.v1.MsgUpdateParams",
        "/cosmos.gov.v1.MsgCancelProposal",
        "/cosmos.gov.v1beta1.MsgSubmitProposal",
        "/cosmos.gov.v1beta1.MsgVote",
        "/cosmos.gov.v1beta1.MsgVoteWeighted",
        "/cosmos.gov.v1beta1.MsgDeposit",
    ];

    /// Decodes a message of this module; `None` for another's type. The messages inside a proposal are not
    /// looked at: whoever knows all messages must do so.
    pub fn decode(type_url: &str, value: &[u8]) -> Option<Result<Self>> {
        let decoded = match type_url {
            "/cosmos.gov.v1.MsgSubmitProposal" => {
                v1::MsgSubmitProposal::decode(value).map(Self::SubmitProposal)
            }
            "/cosmos.gov.v1.MsgExecLegacyContent" => {
                v1::MsgExecLegacyContent::decode(value).map(Self::ExecLegacyContent)
            }
            "/cosmos.gov.v1.MsgVote" => v1::MsgVote::decode(value).map(Self::Vote),
            "/cosmos.gov.v1.MsgVoteWeighted" => v1::MsgVoteWeighted::decode(value).map(Self::VoteWeighted),
            "/cosmos.gov.v1.MsgDeposit" => v1::MsgDeposit::decode(value).map(Self::Deposit),
            "/cosmos.gov.v1.MsgUpdateParams" => v1::MsgUpdateParams::decode(value).map(Self::UpdateParams),
            "/cosmos.gov.v1.MsgCancelProposal" => {
                v1::MsgCancelProposal::decode(value).map(Self::CancelProposal)
            }
            "/cosmos.gov.v1beta1.MsgSubmitProposal" => {
                v1beta1::MsgSubmitProposal::decode(value).map(Self::OldSubmitProposal)
            }
            "/cosmos.gov.v1beta1.MsgVote" => v1beta1::MsgVote::decode(value).map(Self::OldVote),
            "/cosmos.gov.v1beta1.MsgVoteWeighted" => {
                v1beta1::MsgVoteWeighted::decode(value).map(Self::OldVoteWeighted)
            }
            "/cosmos.gov.v1beta1.MsgDeposit" => v1beta1::MsgDeposit::decode(value).map(Self::OldDeposit),
            _ => return None,
        };
        Some(decoded.map_err(|e| errors::TX_DECODE.wrap(e.to_string())))
    }

    /// Messages that it carries.
    pub fn inner(&self) -> &[Any] {
        match self {
            Self::SubmitProposal(msg) => &msg.messages,
            _ => &[],
        }
    }

    /// Addresses that must sign.
    ///
    /// # Errors
    /// `undefined/1` for a malformed address, `sdk/35` for another chain's.
    pub fn signers(&self) -> Result<Vec<AccAddress>> {
        let signer = match self {
            Self::SubmitProposal(msg) => &msg.proposer,
            Self::ExecLegacyContent(msg) => &msg.authority,
            Self::Vote(msg) => &msg.voter,
            Self::VoteWeighted(msg) => &msg.voter,
            Self::Deposit(msg) => &msg.depositor,
            Self::UpdateParams(msg) => &msg.authority,
            Self::CancelProposal(msg) => &msg.proposer,
            Self::OldSubmitProposal(msg) => &msg.proposer,
            Self::OldVote(msg) => &msg.voter,
            Self::OldVoteWeighted(msg) => &msg.voter,
            Self::OldDeposit(msg) => &msg.depositor,
        };
        Ok(vec![AccAddress::from_signer(signer)?])
    }

    /// Stateless checks: none, the handlers make them.
    ///
    /// # Errors
    /// Never.
    pub fn validate(&self) -> Result<()> {
        Ok(())
    }

    /// Executes the message.
    ///
    /// # Errors
    /// `gov/3` to `/23`, `sdk/5`, `sdk/10`, `sdk/18`.
    pub fn execute(self, cx: &Cx, router: &Arc<dyn Router>) -> Result<MsgOutput> {
        match self {
            Self::SubmitProposal(msg) => {
                let proposal_id = submit(cx, router, msg)?;
                Ok(output(&v1::MsgSubmitProposalResponse { proposal_id }))
            }
            Self::ExecLegacyContent(msg) => {
                legacy::execute(&msg)?;
                Ok(output(&v1::MsgExecLegacyContentResponse {}))
            }
            Self::Vote(msg) => {
                handle::vote_for(cx, msg.proposal_id, &msg.voter, msg.option, msg.metadata)?;
                Ok(output(&v1::MsgVoteResponse {}))
            }
            Self::VoteWeighted(msg) => {
                handle::vote_divided(cx, msg.proposal_id, &msg.voter, msg.options, msg.metadata)?;
                Ok(output(&v1::MsgVoteWeightedResponse {}))
            }
            Self::Deposit(msg) => {
                handle::deposit(cx, msg.proposal_id, &msg.depositor, &msg.amount)?;
                Ok(output(&v1::MsgDepositResponse {}))
            }
            Self::UpdateParams(msg) => {
                let expected = proposal::governance().to_string();
                if msg.authority != expected {
                    return Err(INVALID_SIGNER.wrap(format!(
                        "invalid authority; expected {expected}, got {}",
                        msg.authority
                    )));
                }
                params::set(cx, &msg.params.unwrap_or_default())?;
                Ok(output(&v1::MsgUpdateParamsResponse {}))
            }
            Self::CancelProposal(msg) => Ok(output(&handle::cancel(cx, &msg)?)),
            Self::OldSubmitProposal(msg) => {
                let proposal_id = submit(cx, router, legacy::submission(msg)?)?;
                Ok(output(&v1beta1::MsgSubmitProposalResponse { proposal_id }))
            }
            Self::OldVote(msg) => {
                handle::vote_for(cx, msg.proposal_id, &msg.voter, msg.option, String::new())?;
                Ok(output(&v1beta1::MsgVoteResponse {}))
            }
            Self::OldVoteWeighted(msg) => {
                let options = legacy::new_options(&msg.options)?;
                handle::vote_divided(cx, msg.proposal_id, &msg.voter, options, String::new())?;
                Ok(output(&v1beta1::MsgVoteWeightedResponse {}))
            }
            Self::OldDeposit(msg) => {
                handle::deposit(cx, msg.proposal_id, &msg.depositor, &msg.amount)?;
                Ok(output(&v1beta1::MsgDepositResponse {}))
            }
        }
    }
}

fn output<M: prost::Name>(response: &M) -> MsgOutput {
    MsgOutput {
        response: AnyMsg {
            type_url: quern_proto::type_url::<M>(),
            value: response.encode_to_vec(),
        },
    }
}
