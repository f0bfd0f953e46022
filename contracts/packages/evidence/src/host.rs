//! The processes of one host: one per model and one over all of them.

use crate::{entries, EvidenceError, Leaf, Params, Process, Status, Wealth};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Everything that is held against one host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HostEvidence {
    /// By model. A process stays when the host drops the model, and goes on when it returns.
    models: BTreeMap<String, Process>,
    /// Over all models whose groups are large enough to be believed beyond their own model.
    all: Process,
}

/// Which processes have convicted, as [`HostEvidence::enter_round`] found them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Convictions {
    /// Models whose own process did.
    pub models: Vec<String>,
    /// Whether the one over all models did: it speaks against every model that the host serves.
    pub all: bool,
}

impl HostEvidence {
    /// Takes the leaves of one round, each with its model. Their order does not matter. Those of the models in `apart`
    /// enter the process of their own model and no other.
    ///
    /// # Errors
    /// As [`entries`] and [`Process::enter`], and [`EvidenceError::TooManyModels`] if more processes would
    /// share the host's alpha than [`Params::processes`]. Then nothing changed.
    pub fn enter_round(
        &mut self,
        leaves: &[(String, Leaf)],
        apart: &[String],
        params: &Params,
    ) -> Result<Convictions, EvidenceError> {
        let mut by_model: Vec<(&str, Vec<Leaf>)> = Vec::new();
        let mut every = Vec::with_capacity(leaves.len());
        for (model, leaf) in leaves {
            if !apart.contains(model) {
                every.push(leaf.clone());
            }
            match by_model.iter_mut().find(|(known, _)| known == model) {
                Some((_, leaves)) => leaves.push(leaf.clone()),
                None => by_model.push((model, vec![leaf.clone()])),
            }
        }
        let mut next = self.clone();
        next.all.enter_all(&entries(&every)?, params)?;
        for (model, leaves) in by_model {
            let process = next.models.entry(model.to_owned()).or_default();
            process.enter_all(&entries(&leaves)?, params)?;
        }
        if next.models.len() >= params.processes as usize {
            return Err(EvidenceError::TooManyModels(next.models.len()));
        }
        *self = next;
        Ok(self.convictions())
    }

    /// Processes that have convicted so far.
    pub fn convictions(&self) -> Convictions {
        let convicted = |process: &Process| process.status() == Status::Convicted;
        Convictions {
            models: self
                .models
                .iter()
                .filter(|(_, process)| convicted(process))
                .map(|(model, _)| model.clone())
                .collect(),
            all: convicted(&self.all),
        }
    }

    /// The greatest wealth of any process: what rates and freezes follow.
    pub fn highest(&self) -> Wealth {
        let models = self.models.values().map(Process::wealth);
        models.fold(self.all.wealth(), Wealth::max)
    }

    /// The process of a model; none before its first leaf.
    pub fn model(&self, model: &str) -> Option<&Process> {
        self.models.get(model)
    }

    /// The process over all models.
    pub const fn all(&self) -> &Process {
        &self.all
    }

    /// A convicted host has paid and qualified for a model anew: what convicted it starts again from 1, with
    /// an alpha of its own. A process that has not convicted goes on.
    pub fn requalify(&mut self, model: &str) {
        let convicted = self.convictions();
        if convicted.models.iter().any(|name| name == model) {
            self.models.insert(model.to_owned(), Process::new());
        }
        if convicted.all {
            self.all = Process::new();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Null, Score};
    use quern_protocol::Hash;

    const PARAMS: Params = Params {
        processes: 3,
        ..Params::DEFAULT
    };

    fn failed(model: &str, id: u8) -> (String, Leaf) {
        let leaf = Leaf {
            id: Hash::new([id; 32]),
            payer: None,
            score: Score::FAILED,
            null: Null::from_micro(300).unwrap(),
        };
        (model.to_owned(), leaf)
    }

    #[test]
    fn a_cheat_spread_over_two_models_is_seen_by_the_process_over_all() {
        let mut host = HostEvidence::default();
        let round = [failed("a", 1), failed("b", 2), failed("a", 3), failed("b", 4)];
        let convictions = host.enter_round(&round, &[], &PARAMS).unwrap();
        assert_eq!((convictions.models.len(), convictions.all), (0, true));
        assert_eq!(host.highest(), host.all().wealth());
        assert!(host.model("a").unwrap().is_high(&PARAMS));
        // a return after the conviction forgets what convicted, and nothing else
        let kept = host.model("a").cloned();
        host.requalify("a");
        assert_eq!((host.all(), host.model("a").cloned()), (&Process::new(), kept));
    }

    #[test]
    fn a_model_apart_moves_its_own_process_and_no_other() {
        let (mut host, mut without) = (HostEvidence::default(), HostEvidence::default());
        let large = [failed("a", 1), failed("a", 2)];
        let round = [&large[..], &[failed("b", 3), failed("b", 4)]].concat();
        let apart = ["b".to_owned()];
        let convictions = host.enter_round(&round, &apart, &PARAMS).unwrap();
        assert_eq!(convictions, Convictions::default());
        without.enter_round(&large, &[], &PARAMS).unwrap();
        assert_eq!(host.all(), without.all());
        assert_eq!(host.model("a"), without.model("a"));
        assert!(host.model("b").unwrap().is_high(&PARAMS));
        // a round of such leaves alone is none for it
        host.enter_round(&[failed("b", 5)], &apart, &PARAMS).unwrap();
        assert_eq!(host.all(), without.all());
        assert_eq!(host.convictions().models, ["b"]);
    }

    #[test]
    fn a_convicted_model_starts_anew_when_it_qualifies_and_only_then() {
        let mut host = HostEvidence::default();
        let round: Vec<_> = (0..5).map(|id| failed("a", id)).collect();
        assert_eq!(host.enter_round(&round, &[], &PARAMS).unwrap().models, ["a"]);
        host.requalify("b");
        assert_eq!(host.convictions().models, ["a"]);
        host.requalify("a");
        assert_eq!(
            (host.convictions(), host.highest()),
            (Convictions::default(), Wealth::ONE)
        );
    }

    #[test]
    fn more_models_than_alpha_is_shared_by_are_refused_and_change_nothing() {
        let mut host = HostEvidence::default();
        let round = [failed("a", 1), failed("b", 2), failed("c", 3)];
        assert_eq!(
            host.enter_round(&round, &[], &PARAMS),
            Err(EvidenceError::TooManyModels(3))
        );
        assert_eq!(host, HostEvidence::default());
        let text = serde_json::to_string(&host).unwrap();
        assert_eq!(serde_json::from_str::<HostEvidence>(&text).unwrap(), host);
    }
}
