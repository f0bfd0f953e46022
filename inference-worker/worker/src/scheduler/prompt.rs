//! Prompts whose tokens' likelihoods are wanted, and what follows once a prompt is in.
//!
//! Their pieces go by themselves, as other steps compute a row for the last token alone. Rows are read piece by piece, so that
//! no more of them are held at once than a piece has.

use super::{Active, Loop};
use quern_engine::sampler::likelihood;
use quern_engine::{Engine, Logits};
use quern_protocol::FinishReason;

impl Loop {
    /// Appends the pieces of such prompts, and takes out requests that are over with theirs. False if there are none.
    pub(super) fn score_prompts(
        &self,
        engine: &mut impl Engine,
        active: &mut Vec<Active>,
        pieces: &mut Vec<Vec<u32>>,
    ) -> bool {
        let mut scored = false;
        let mut stay = Vec::with_capacity(active.len());
        for (request, piece) in active.iter_mut().zip(pieces.iter_mut()) {
            let wanted = request.sequence.job.shape.scores_prompt && request.next.is_none();
            if !wanted || piece.is_empty() {
                stay.push(true);
                continue;
            }
            scored = true;
            let piece = std::mem::take(piece);
            let keep = match engine.extend(request.slot, &piece) {
                Ok(rows) => self.read(engine, request, rows, piece.len()),
                Err(error) => self.fail(request, &error.to_string()),
            };
            if !keep {
                engine.close(request.slot);
            }
            stay.push(keep);
        }
        let mut kept = stay.iter();
        active.retain(|_| kept.next() == Some(&true));
        let mut kept = stay.iter();
        pieces.retain(|_| kept.next() == Some(&true));
        scored
    }

    /// Reads the rows of a piece that was appended, each of which tells of the token after its own. False when the request is
    /// over.
    fn read(&self, engine: &mut impl Engine, request: &mut Active, mut rows: Logits, count: usize) -> bool {
        let (prompt, tokens) = (&request.sequence.job.prompt, self.tokenizer.tokens());
        let top = request.sequence.job.shape.logprobs.unwrap_or(0).into();
        let after = request.prefilled.saturating_sub(count) + 1;
        let next = prompt.get(after..).unwrap_or_default();
        for (row, token) in rows.values.chunks_exact(rows.vocab.max(1)).zip(next) {
            request.scored.push(likelihood(row, tokens, *token, top));
        }
        if request.prefilled < prompt.len() {
            return true;
        }
        let first = prompt.first().copied().unwrap_or_default();
        let rest = std::mem::take(&mut request.scored);
        let _ = request.events.try_send(super::Event::Prompt { first, rest });
        let others = rows.values.len().saturating_sub(rows.vocab);
        rows.values.drain(..others);
        self.go_on(engine, request, &rows, (0, &[]))
    }

    /// Draws from a step: the first token of a request whose prompt is in now, or the next. False when the request is over.
    pub(super) fn go_on(
        &self,
        engine: &mut impl Engine,
        request: &mut Active,
        logits: &Logits,
        (row, drafts): (usize, &[u32]),
    ) -> bool {
        let job = &request.sequence.job;
        if request.next.is_none() {
            let waited = request.admitted.elapsed().as_secs_f64();
            self.metrics.first_token.observe(waited);
            self.metrics.prompt_tokens.inc_by(job.prompt.len() as u64);
        }
        if job.max_tokens == 0 {
            self.metrics.count("length");
            request.end(FinishReason::Length, None);
            return false;
        }
        self.draw(engine, request, logits, row, drafts)
    }
}

#[cfg(test)]
mod tests {
    use super::super::fake::{Did, Hashing, VOCAB};
    use super::super::{Event, Scheduler};
    use crate::generate::{Job, Shape};
    use crate::metrics::Metrics;
    use quern_engine::sampler::{Likelihood, SamplingParams, likelihood};
    use quern_engine::seed::Seed;
    use quern_engine::tokenizer::Tokenizer;
    use quern_engine::{Engine, Slot};
    use std::path::Path;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    fn job(prompt: &[u32], max_tokens: u32, scores_prompt: bool) -> Job {
        Job {
            prompt: prompt.to_vec(),
            max_tokens,
            params: SamplingParams::default(),
            stop: Vec::new(),
            seed: Seed([7; 32]),
            meter: None,
            shape: Shape {
                logprobs: Some(2),
                scores_prompt,
                ..Shape::default()
            },
        }
    }

    /// What is told of a prompt, the output, and the prompt tokens that are counted.
    type Told = (Option<(u32, Vec<Likelihood>)>, Vec<u32>, u32);

    fn told(scheduler: &Scheduler, job: Job) -> Told {
        let mut events = scheduler.submit(job).unwrap();
        let mut prompt = None;
        loop {
            match events.blocking_recv().unwrap() {
                Event::Prompt { first, rest } => prompt = Some((first, rest)),
                Event::End(end) => return (prompt, end.tokens, end.prompt),
                _ => {}
            }
        }
    }

    #[test]
    fn a_prompt_is_scored_in_pieces_and_its_output_is_the_same() {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/quern-small");
        let tokenizer = Arc::new(Tokenizer::load(&model).unwrap());
        let metrics = Metrics::alone("quern-small").unwrap();
        let (scheduler, serving) = Scheduler::new(4, 2, metrics, tokenizer.clone());
        let did = Arc::new(Mutex::new(Vec::new()));
        let mut engine = Hashing::new(2, Duration::ZERO, did.clone());
        let thread = std::thread::spawn(move || serving.run(&mut engine));
        let prompt: Vec<u32> = (0..150).map(|i| 300 + i % 7).collect();
        let plain = told(&scheduler, job(&prompt, 5, false));
        assert_eq!((&plain.0, plain.2), (&None, 150));
        let (scored, output, count) = told(&scheduler, job(&prompt, 5, true));
        assert_eq!((output, count), (plain.1, 150));
        let (first, rest) = scored.unwrap();
        assert_eq!((first, rest.len()), (prompt[0], 149));
        let mut alone = Hashing::new(1, Duration::ZERO, Arc::default());
        let rows = {
            let slot: Slot = alone.open().unwrap();
            alone.extend(slot, &prompt).unwrap()
        };
        for (row, (told, token)) in rest.iter().zip(&prompt[1..]).enumerate() {
            let row = &rows.values[row * VOCAB..][..VOCAB];
            assert_eq!(*told, likelihood(row, tokenizer.tokens(), *token, 2));
        }
        // No more rows are there at once than a step has tokens.
        let pieces: Vec<Did> = did.lock().unwrap().clone();
        let pieces = pieces.iter().filter_map(|did| match did {
            Did::Extend(_, tokens) => Some(*tokens),
            _ => None,
        });
        assert_eq!(pieces.collect::<Vec<_>>(), [64, 62, 24]);
        // Nothing is drawn where no token is wanted, and the prompt counts all the same.
        let (scored, output, count) = told(&scheduler, job(&prompt, 0, true));
        assert_eq!((scored, output, count), (Some((first, rest)), Vec::new(), 150));
        assert_eq!(told(&scheduler, job(&prompt, 0, false)), (None, Vec::new(), 150));
        let (scored, ..) = told(&scheduler, job(&prompt[..1], 1, true));
        assert_eq!(scored, Some((300, Vec::new())));
        drop(scheduler);
        thread.join().unwrap();
    }
}
