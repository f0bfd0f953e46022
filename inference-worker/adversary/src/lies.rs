//! What a dishonest auditor votes.

use quern_audit::Vote;
use quern_evidence::Score;
use quern_worker::{Case, Honest, Judge};

/// A way to lie.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Lie {
    /// Everything is clean.
    Clean,
    /// Everything is wrong.
    Fail,
    /// A coin decides.
    Random,
    /// The opposite of what was found.
    #[value(name = "lie")]
    Opposite,
}

/// An auditor that lies.
#[derive(Clone, Copy, Debug)]
pub struct Liar(pub Lie);

impl Judge for Liar {
    fn vote(&self, case: &Case<'_>) -> Vote {
        let clean = Vote::Score(Score::CLEAN);
        let failed = Vote::Score(Score::FAILED);
        match self.0 {
            Lie::Clean => clean,
            Lie::Fail => failed,
            Lie::Random => {
                let mut coin = [0];
                let tossed = getrandom::fill(&mut coin).is_ok();
                if tossed && coin[0] % 2 == 1 { failed } else { clean }
            }
            Lie::Opposite if Honest.vote(case) == clean => failed,
            Lie::Opposite => clean,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quern_worker::Found;

    fn vote(lie: Lie, found: Found<'_>) -> Vote {
        let (host, model) = ("h", "m");
        Liar(lie).vote(&Case { host, model, found })
    }

    #[test]
    fn every_liar_lies_in_his_way() {
        let (clean, failed) = (Vote::Score(Score::CLEAN), Vote::Score(Score::FAILED));
        let wrong = Found::Contradiction("why");
        assert_eq!(
            Honest.vote(&Case {
                host: "h",
                model: "m",
                found: wrong
            }),
            failed
        );
        assert_eq!(vote(Lie::Clean, wrong), clean);
        assert_eq!(vote(Lie::Opposite, wrong), clean);
        assert_eq!(vote(Lie::Fail, Found::Nothing), failed);
        let coins: Vec<Vote> = (0..64).map(|_| vote(Lie::Random, wrong)).collect();
        assert!(coins.contains(&clean) && coins.contains(&failed));
    }
}
