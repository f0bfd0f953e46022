//! Between the scheduler and the answers.

use crate::proof::check::job;
use crate::proof::record::Answer;
use crate::proof::store::{Given, Proofs};
use crate::scheduler::{Fill, FillId, Filler};

impl Filler for Proofs {
    fn next(&self) -> Option<Fill> {
        let mut state = self.state();
        let sprint = *state.running.get(&self.model)?;
        let answers = state.sprints.get_mut(&(sprint, self.model.clone()))?;
        let index = answers.hand_out()?;
        let Some(task) = answers.terms.task(index) else {
            state.running.remove(&self.model);
            tracing::error!(
                sprint,
                model = &*self.model,
                "the chain's shapes of this model's requests are of no use; nothing is proven"
            );
            return None;
        };
        Some(Fill {
            id: (sprint, index),
            job: job(task.prompt, task.output, &task.seed),
        })
    }

    fn wants(&self, (sprint, _): FillId) -> bool {
        self.running() == Some(sprint)
    }

    fn done(&self, (sprint, index): FillId, prompt: u32, output: Vec<u32>) {
        let answer = Answer {
            index,
            prompt,
            output,
        };
        // Nobody is there to take it only while the worker ends.
        let _ = self.given.send(Given { sprint, answer });
    }

    fn failed(&self, (sprint, index): FillId, reason: &str) {
        tracing::error!(
            sprint,
            model = &*self.model,
            index,
            reason,
            "a request of the proof of compute cannot be answered; the sprint ends here"
        );
        self.stop_if(sprint);
        self.metrics.proofs.failures.inc();
    }
}
