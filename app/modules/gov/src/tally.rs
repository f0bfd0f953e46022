//! What counted votes decide. Pure arithmetic.

use quern_proto::cosmos::gov::v1::{TallyResult, VoteOption};
use quern_types::Amount;

use crate::{dec, params::Rules};

/// Voting power by option.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    pub yes: Amount,
    pub abstain: Amount,
    pub no: Amount,
    pub veto: Amount,
    /// All that voted.
    pub voted: Amount,
}

/// What comes of a proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Verdict {
    pub passes: bool,
    /// Whether the deposits burn.
    pub burn: bool,
}

impl Sums {
    /// Adds a vote.
    pub fn add(&mut self, power: Amount, options: &[(VoteOption, u128)]) {
        for (option, weight) in options {
            let part = dec::times(power, *weight);
            let sum = match option {
                VoteOption::Yes => &mut self.yes,
                VoteOption::Abstain => &mut self.abstain,
                VoteOption::No => &mut self.no,
                VoteOption::NoWithVeto => &mut self.veto,
                VoteOption::Unspecified => continue,
            };
            *sum = sum.saturating_add(part);
        }
        self.voted = self.voted.saturating_add(power);
    }

    pub fn to_wire(self) -> TallyResult {
        TallyResult {
            yes_count: self.yes.to_string(),
            abstain_count: self.abstain.to_string(),
            no_count: self.no.to_string(),
            no_with_veto_count: self.veto.to_string(),
        }
    }

    /// The SDK's rules in its order: quorum of all power, then somebody who did not abstain, then the veto's
    /// part of what voted, then yes's part of what did not abstain.
    pub fn verdict(&self, total: Amount, rules: &Rules, expedited: bool) -> Verdict {
        let fails = |burn| Verdict { passes: false, burn };
        if total == 0 {
            return fails(false);
        }
        if dec::ratio(self.voted, total) < rules.quorum {
            return fails(rules.burn_quorum);
        }
        let decided = self.voted.saturating_sub(self.abstain);
        if decided == 0 {
            return fails(false);
        }
        if dec::ratio(self.veto, self.voted) > rules.veto {
            return fails(rules.burn_veto);
        }
        let threshold = if expedited {
            rules.expedited
        } else {
            rules.threshold
        };
        Verdict {
            passes: dec::ratio(self.yes, decided) > threshold,
            burn: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RULES: Rules = Rules {
        quorum: 334_000_000_000_000_000,
        threshold: 500_000_000_000_000_000,
        expedited: 667_000_000_000_000_000,
        veto: 334_000_000_000_000_000,
        burn_quorum: true,
        burn_veto: true,
    };

    fn verdict(yes: u128, abstain: u128, no: u128, veto: u128, expedited: bool) -> (bool, bool) {
        let sums = Sums {
            yes,
            abstain,
            no,
            veto,
            voted: yes + abstain + no + veto,
        };
        let verdict = sums.verdict(1000, &RULES, expedited);
        (verdict.passes, verdict.burn)
    }

    #[test]
    fn quorum_veto_and_threshold_decide_at_their_edges() {
        assert_eq!(verdict(333, 0, 0, 0, false), (false, true), "no quorum");
        assert_eq!(verdict(334, 0, 0, 0, false), (true, false));
        assert_eq!(verdict(0, 1000, 0, 0, false), (false, false), "all abstain");
        assert_eq!(
            verdict(500, 0, 500, 0, false),
            (false, false),
            "half is not more than half"
        );
        assert_eq!(verdict(501, 0, 499, 0, false), (true, false));
        assert_eq!(
            verdict(1, 999, 0, 0, false),
            (true, false),
            "abstentions decide nothing"
        );
        assert_eq!(
            verdict(666, 0, 0, 334, false),
            (true, false),
            "a veto of just the threshold"
        );
        assert_eq!(verdict(665, 0, 0, 335, false), (false, true), "veto");
        assert_eq!(verdict(667, 0, 333, 0, true), (false, false));
        assert_eq!(verdict(668, 0, 332, 0, true), (true, false));
    }

    #[test]
    fn nothing_passes_where_nobody_has_power() {
        let verdict = Sums::default().verdict(0, &RULES, false);
        assert!(!verdict.passes && !verdict.burn);
    }

    #[test]
    fn a_divided_vote_gives_away_no_more_than_it_has() {
        let mut sums = Sums::default();
        let third = dec::ONE / 3;
        sums.add(
            10,
            &[(VoteOption::Yes, third), (VoteOption::No, dec::ONE - third)],
        );
        assert_eq!((sums.yes, sums.no, sums.voted), (3, 6, 10));
    }
}
