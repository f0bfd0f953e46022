//! What hosts find, and panels.

use quern_audit::{Ballot, Finding, Margin, MarginTree, OpenedMargin, Vote};
use quern_evidence::Score;
use quern_interface::audits::{ExecuteMsg, LeafInfo, PanelInfo, Params, QueryMsg};
use quern_protocol::{Amount, Bytes, Node};

use super::chain::CHAIN;
use super::{calibration, Audits, Word};

impl Audits {
    /// What an auditor that says this found: the margins are the leaf's, so all who say the same agree.
    pub fn found(auditor: &str, salt: &Bytes<16>, leaf: &LeafInfo, vote: Vote) -> (Finding, Vec<Margin>) {
        if vote == Vote::Unfetchable {
            let margins = Node {
                hash: Bytes::new([0; 32]),
                sum: Amount(0),
            };
            let finding = Finding {
                leaf: leaf.id,
                vote,
                positions: 0,
                clipped: 0,
                margins,
            };
            return (finding, Vec::new());
        }
        let margin = if vote == Vote::Score(Score::CLEAN) {
            70_000
        } else {
            -2_000_000
        };
        let margins = vec![Margin(margin); leaf.positions as usize];
        let tree = MarginTree::new(CHAIN, auditor, &leaf.id, salt, &margins, calibration().clip).unwrap();
        let finding = Finding {
            leaf: leaf.id,
            vote,
            positions: leaf.positions,
            clipped: margins.iter().filter(|margin| margin.0 < -1_000_000).count() as u32,
            margins: tree.root().unwrap(),
        };
        (finding, margins)
    }

    /// A ballot that opens a position.
    pub fn ballot(
        auditor: &str,
        salt: &Bytes<16>,
        leaf: &LeafInfo,
        vote: Vote,
        position: Option<u32>,
    ) -> Ballot {
        let (finding, margins) = Self::found(auditor, salt, leaf, vote);
        let opened = position.filter(|_| !margins.is_empty()).map(|position| {
            let tree = MarginTree::new(CHAIN, auditor, &leaf.id, salt, &margins, calibration().clip).unwrap();
            OpenedMargin {
                margin: margins[position as usize],
                proof: tree.prove(position).unwrap(),
            }
        });
        Ballot {
            finding,
            salt: *salt,
            opened,
        }
    }

    pub fn panel(&self, leaf: u64) -> Option<PanelInfo> {
        self.ask(&QueryMsg::Panel { leaf })
    }

    /// Every word that panels have to say now: host, leaf, stage and vote.
    fn words(&self, word: Word) -> Vec<(usize, LeafInfo, u32, Vote)> {
        let mut words = Vec::new();
        for leaf in self.leaves() {
            let Some(panel) = self.panel(leaf.number) else {
                continue;
            };
            assert!(panel.seats.iter().all(|seat| seat.host != leaf.host));
            let seats: u32 = panel.seats.iter().map(|seat| seat.seats).sum();
            assert_eq!(seats, if panel.stage == 2 { 21 } else { 7 });
            for seat in panel.seats {
                let index = self.index(&seat.host);
                let vote = word(index, &leaf, panel.stage);
                words.extend(vote.map(|vote| (index, leaf.clone(), panel.stage, vote)));
            }
        }
        words
    }

    pub fn ballot_msg(&self, host: usize, leaf: &LeafInfo, stage: u32, vote: Vote) -> ExecuteMsg {
        let (auditor, salt, round) = (self.host(host), Self::salt(host), self.round().number);
        let (finding, _) = Self::found(auditor.as_str(), &salt, leaf, vote);
        ExecuteMsg::CommitBallot {
            round,
            auditor: auditor.to_string(),
            leaf: leaf.number,
            commitment: Ballot::commitment(CHAIN, auditor.as_str(), round, stage, &finding, &salt),
        }
    }

    pub fn vote_msg(&self, host: usize, leaf: &LeafInfo, vote: Vote) -> ExecuteMsg {
        let position = self.panel(leaf.number).unwrap().position;
        let (auditor, salt) = (self.host(host), Self::salt(host));
        ExecuteMsg::PanelVote {
            round: self.round().number,
            auditor: auditor.to_string(),
            leaf: leaf.number,
            ballot: Box::new(Self::ballot(auditor.as_str(), &salt, leaf, vote, position)),
        }
    }

    /// Ends blocks until the positions of panels are drawn.
    pub fn until_ballots(&mut self) {
        let params: Params = self.ask(&QueryMsg::Params {});
        let at = self.round().since + 2 * params.draw_delay + params.panel_blocks;
        while self.world.height() < at {
            self.block();
        }
    }

    /// Panels commit, and vote when their positions are drawn.
    pub fn hear(&mut self, word: Word) {
        let words = self.words(word);
        for (host, leaf, stage, vote) in &words {
            let msg = self.ballot_msg(*host, leaf, *stage, *vote);
            // from the warm key, as a worker does
            let warm = self.world.hosts[*host].warm_address.clone();
            self.must(&warm, &msg);
        }
        self.until_ballots();
        for (host, leaf, _, vote) in &words {
            let msg = self.vote_msg(*host, leaf, *vote);
            let warm = self.world.hosts[*host].warm_address.clone();
            self.must(&warm, &msg);
        }
    }
}
