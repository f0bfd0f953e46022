//! Proposals, deposits and votes. Nobody has voting power in the run of all messages, so none passes there; where operators
//! vote, their proposals are resolutions.

use prost_types::{Duration, Timestamp};
use quern_proto::Any;
use quern_proto::cosmos::auth::v1beta1 as auth;
use quern_proto::cosmos::bank::v1beta1::{self as bank, MsgSend, MsgSetSendEnabled, SendEnabled};
use quern_proto::cosmos::gov::v1::{
    MsgCancelProposal, MsgDeposit, MsgExecLegacyContent, MsgSubmitProposal, MsgUpdateParams, MsgVote,
    MsgVoteWeighted, Params, WeightedVoteOption,
};
use quern_proto::cosmos::gov::v1beta1 as old;
use quern_proto::cosmos::upgrade::v1beta1::{MsgCancelUpgrade, MsgSoftwareUpgrade, Plan};
use quern_testkit::any;
use rand::Rng;
use serde_json::{Value, json};

use super::{Generator, coin};

/// Governance's parameters of both chains: short periods, deposits in the users' coin.
pub fn params() -> Value {
    json!({
        "min_deposit": [{"denom": "nqrn", "amount": "1000"}],
        "max_deposit_period": "30s", "voting_period": "40s",
        "quorum": "0.334000000000000000", "threshold": "0.500000000000000000",
        "veto_threshold": "0.334000000000000000",
        "min_initial_deposit_ratio": "0.100000000000000000",
        "proposal_cancel_ratio": "0.500000000000000000", "proposal_cancel_dest": "",
        "expedited_voting_period": "20s", "expedited_threshold": "0.667000000000000000",
        "expedited_min_deposit": [{"denom": "nqrn", "amount": "3000"}],
        "burn_vote_quorum": false, "burn_proposal_deposit_prevote": false, "burn_vote_veto": true,
        "min_deposit_ratio": "0.010000000000000000",
    })
}

impl Generator {
    pub(super) fn governance(&mut self, user: usize) -> (&'static str, Vec<Any>) {
        match self.rng.gen_range(0..20) {
            0..=5 => ("propose", vec![self.propose(user)]),
            6 | 7 => ("propose as before", vec![self.propose_text(user)]),
            8..=11 => ("deposit", vec![self.deposit(user)]),
            12..=17 => ("vote", vec![self.vote(user)]),
            18 => ("governance's own", vec![self.usurp(user)]),
            _ => {
                let message = MsgCancelProposal {
                    proposal_id: self.proposal(),
                    proposer: self.mine(user),
                };
                ("cancel proposal", vec![any(&message)])
            }
        }
    }

    /// One of the last proposals; at times none.
    fn proposal(&mut self) -> u64 {
        let last = self.known.proposals;
        match self.rng.gen_range(0..20) {
            0 => 0,
            1 => last + 50,
            _ => last.saturating_sub(self.rng.gen_range(0..6)),
        }
    }

    fn text(&mut self, length: usize) -> String {
        match self.rng.gen_range(0..20) {
            0 => String::new(),
            1 => "t".repeat(length + 1),
            2 => " ".into(),
            _ => "a text".into(),
        }
    }

    fn first_deposit(&mut self) -> Vec<quern_proto::cosmos::base::v1beta1::Coin> {
        match self.rng.gen_range(0..10) {
            0 => self.amount(),
            1 => vec![coin("nqrn", &self.rng.gen_range(90..110_u32).to_string())],
            _ => vec![coin("nqrn", &self.rng.gen_range(100..4_000_u32).to_string())],
        }
    }

    fn propose(&mut self, user: usize) -> Any {
        let count = self.rng.gen_range(0..3);
        let messages = (0..count).map(|_| self.proposed(user)).collect();
        let (title, summary) = (self.text(255), self.text(10_200));
        let metadata = match self.rng.gen_range(0..6) {
            0 => String::new(),
            1 => "m".repeat(self.rng.gen_range(250..260)),
            2 => json!({"title": title, "summary": summary}).to_string(),
            3 => json!({"title": "another", "summary": summary}).to_string(),
            _ => "no JSON".into(),
        };
        any(&MsgSubmitProposal {
            messages,
            initial_deposit: self.first_deposit(),
            proposer: self.mine(user),
            metadata,
            title,
            summary,
            expedited: self.rng.gen_bool(0.3),
        })
    }

    /// What governance would do if it passed.
    fn proposed(&mut self, user: usize) -> Any {
        let governance = quern_types::module_address("gov").to_string();
        match self.rng.gen_range(0..8) {
            0 => self.send(user),
            1 => any(&MsgSetSendEnabled {
                authority: governance,
                send_enabled: vec![],
                use_default_for: vec![],
            }),
            2 => any(&MsgUpdateParams {
                authority: governance,
                params: Some(Params::default()),
            }),
            3 => any(&MsgSubmitProposal {
                proposer: governance,
                ..MsgSubmitProposal::default()
            }),
            _ => any(&MsgSend {
                from_address: governance,
                to_address: self.address(),
                amount: self.amount(),
            }),
        }
    }

    /// A proposal that operators may pass, with enough of a deposit; most of what it does can be done.
    pub fn resolution(&mut self, user: usize) -> Any {
        let expedited = self.rng.gen_bool(0.4);
        let count = self.rng.gen_range(0..4);
        let messages = (0..count).map(|_| self.resolved()).collect();
        let deposit: u32 = if expedited { 3_000 } else { 1_100 };
        any(&MsgSubmitProposal {
            messages,
            initial_deposit: vec![coin("nqrn", &(deposit + self.rng.gen_range(0..9)).to_string())],
            proposer: self.of(user),
            metadata: "why".into(),
            title: "a title".into(),
            summary: "a summary".into(),
            expedited,
        })
    }

    /// What governance does when it passes.
    fn resolved(&mut self) -> Any {
        let authority = quern_types::module_address("gov").to_string();
        let send_enabled = |enabled| SendEnabled {
            denom: "other".into(),
            enabled,
        };
        match self.rng.gen_range(0..16) {
            0 => any(&MsgSetSendEnabled {
                authority,
                send_enabled: vec![send_enabled(self.rng.gen_bool(0.5))],
                use_default_for: vec![],
            }),
            1 => any(&MsgSetSendEnabled {
                authority,
                send_enabled: vec![],
                use_default_for: vec!["other".into()],
            }),
            2 => any(&MsgUpdateParams {
                authority,
                params: Some(self.governing()),
            }),
            3 => any(&bank::MsgUpdateParams {
                authority,
                params: Some(bank::Params {
                    default_send_enabled: true,
                    ..bank::Params::default()
                }),
            }),
            4 => any(&auth::MsgUpdateParams {
                authority,
                params: Some(auth::Params {
                    max_memo_characters: self.rng.gen_range(200..300),
                    tx_sig_limit: 7,
                    tx_size_cost_per_byte: 10,
                    sig_verify_cost_ed25519: 590,
                    sig_verify_cost_secp256k1: self.rng.gen_range(0..2) * 1_000,
                }),
            }),
            #[allow(deprecated, reason = "the wire still has it")]
            5 => any(&MsgSoftwareUpgrade {
                authority,
                plan: Some(Plan {
                    name: "later".into(),
                    height: self.rng.gen_range(0..2) * 1_000_000,
                    info: "how".into(),
                    // Go's clients always write it.
                    time: Some(Timestamp {
                        seconds: -62_135_596_800,
                        nanos: 0,
                    }),
                    ..Plan::default()
                }),
            }),
            6 => any(&MsgCancelUpgrade { authority }),
            7 => {
                let content = old::TextProposal {
                    title: "a text".into(),
                    description: "what it says".into(),
                };
                any(&MsgExecLegacyContent {
                    content: Some(any(&content)),
                    authority,
                })
            }
            8 => any(&MsgDeposit {
                proposal_id: self.proposal(),
                depositor: authority,
                amount: self.small(),
            }),
            9 => any(&MsgVote {
                proposal_id: self.proposal(),
                voter: authority,
                option: 1,
                metadata: String::new(),
            }),
            10 => any(&MsgSend {
                from_address: authority,
                to_address: self.address(),
                amount: vec![coin("nqrn", "900000000000000000")],
            }),
            11 => any(&MsgSend {
                from_address: authority,
                to_address: self.address(),
                amount: self.limit(),
            }),
            _ => any(&MsgSend {
                from_address: authority,
                to_address: self.someone(),
                amount: self.small(),
            }),
        }
    }

    /// Governance's parameters of [`params`] with a deposit of another size, and at times a number that is none.
    fn governing(&mut self) -> Params {
        let seconds = |seconds| Some(Duration { seconds, nanos: 0 });
        let quorum = ["0.334000000000000000", "0.400000000000000000", "1.5", "x"];
        Params {
            min_deposit: vec![coin("nqrn", &self.rng.gen_range(900..1_100_u32).to_string())],
            max_deposit_period: seconds(30),
            voting_period: seconds(40),
            quorum: quorum[self.rng.gen_range(0..quorum.len())].into(),
            threshold: "0.500000000000000000".into(),
            veto_threshold: "0.334000000000000000".into(),
            min_initial_deposit_ratio: "0.100000000000000000".into(),
            proposal_cancel_ratio: "0.500000000000000000".into(),
            expedited_voting_period: seconds(20),
            expedited_threshold: "0.667000000000000000".into(),
            expedited_min_deposit: vec![coin("nqrn", "3000")],
            burn_vote_veto: true,
            min_deposit_ratio: "0.010000000000000000".into(),
            ..Params::default()
        }
    }

    /// A vote on one of the last proposals that most voters agree with; at times any other.
    pub fn considered_vote(&mut self, user: usize) -> Any {
        let proposal_id = self.known.proposals.saturating_sub(self.rng.gen_range(0..12));
        let option = match (self.rng.gen_range(0..10), proposal_id % 7) {
            (0, _) => return self.vote(user),
            (1, _) => {
                let options = ["0.250000000000000000", "0.750000000000000000"]
                    .iter()
                    .zip([1, 3]);
                return any(&MsgVoteWeighted {
                    proposal_id,
                    voter: self.of(user),
                    options: options
                        .map(|(weight, option)| WeightedVoteOption {
                            option,
                            weight: (*weight).into(),
                        })
                        .collect(),
                    metadata: String::new(),
                });
            }
            (_, 5) => 3,
            (2..=5, 6) => 4,
            (_, 6) => 2,
            _ => 1,
        };
        any(&MsgVote {
            proposal_id,
            voter: self.of(user),
            option,
            metadata: String::new(),
        })
    }

    fn propose_text(&mut self, user: usize) -> Any {
        let content = old::TextProposal {
            title: self.text(140),
            description: self.text(10_000),
        };
        any(&old::MsgSubmitProposal {
            content: (!self.rng.gen_bool(0.1)).then(|| any(&content)),
            initial_deposit: self.first_deposit(),
            proposer: self.mine(user),
        })
    }

    pub(crate) fn deposit(&mut self, user: usize) -> Any {
        let proposal_id = self.proposal();
        let amount = match self.rng.gen_range(0..4) {
            0 => self.amount(),
            _ => vec![coin("nqrn", &self.rng.gen_range(1..2_000_u32).to_string())],
        };
        let depositor = self.mine(user);
        if self.rng.gen_bool(0.3) {
            any(&old::MsgDeposit {
                proposal_id,
                depositor,
                amount,
            })
        } else {
            any(&MsgDeposit {
                proposal_id,
                depositor,
                amount,
            })
        }
    }

    fn vote(&mut self, user: usize) -> Any {
        let (proposal_id, voter) = (self.proposal(), self.mine(user));
        let option = self.rng.gen_range(0..6);
        let metadata = "m".repeat(*[0, 3, 255, 256].get(self.rng.gen_range(0..8)).unwrap_or(&0));
        match self.rng.gen_range(0..6) {
            0..=2 => any(&MsgVote {
                proposal_id,
                voter,
                option,
                metadata,
            }),
            3 => any(&old::MsgVote {
                proposal_id,
                voter,
                option,
            }),
            4 => {
                let weights = ["500000000000000000", "1000000000000000000", "-1", "", "1.5"];
                let options = (0..self.rng.gen_range(0..3))
                    .map(|index| old::WeightedVoteOption {
                        option: index + 1,
                        weight: weights[self.rng.gen_range(0..weights.len())].into(),
                    })
                    .collect();
                any(&old::MsgVoteWeighted {
                    proposal_id,
                    voter,
                    options,
                })
            }
            _ => {
                let weights = ["0.5", "0.50", "1", "0", "-0.5", "", "x", "0.3333333333333333333"];
                let options = (0..self.rng.gen_range(0..3))
                    .map(|_| WeightedVoteOption {
                        option: self.rng.gen_range(0..5),
                        weight: weights[self.rng.gen_range(0..weights.len() + 6) % weights.len()].into(),
                    })
                    .collect();
                any(&MsgVoteWeighted {
                    proposal_id,
                    voter,
                    options,
                    metadata,
                })
            }
        }
    }

    /// A message that only governance may send.
    fn usurp(&mut self, user: usize) -> Any {
        any(&MsgUpdateParams {
            authority: self.mine(user),
            params: Some(Params::default()),
        })
    }
}
