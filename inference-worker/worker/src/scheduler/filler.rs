//! Work for slots that nobody pays for. It gives way at once: a request that finds no free slot takes one from it, and
//! while requests are under way its prompts go in small pieces. What it had drawn is kept, and goes on in the
//! next free slot.

use crate::generate::{Job, Sequence};
use quern_engine::tokenizer::Tokenizer;
use quern_engine::{Engine, EngineError, Opening, Slot};
use std::fmt::Debug;
use std::sync::Arc;

/// Prompt tokens that are prefilled at once while nothing else is to do: how long a request that comes may have to wait.
const PIECE: usize = 128;
/// The same between two decoding steps of requests.
const PIECE_BESIDE_REQUESTS: usize = 32;

/// Names a job of a [`Filler`]; lower ones are worth more.
pub(crate) type FillId = (u64, u32);

/// A job whose output has exactly `max_tokens` tokens: no token ends it.
#[derive(Clone, Debug)]
pub(crate) struct Fill {
    pub(crate) id: FillId,
    pub(crate) job: Job,
}

/// Where such work comes from. Asked by the engine's thread, so every answer must come at once. Who turns a `next` of
/// none into some wakes the scheduler.
pub(crate) trait Filler: Debug + Send + Sync {
    /// A job to begin; none if there is none now.
    fn next(&self) -> Option<Fill>;
    /// Whether a job is still of use.
    fn wants(&self, id: FillId) -> bool;
    /// A job is done: tokens of its prompt, and its output.
    fn done(&self, id: FillId, prompt: u32, output: Vec<u32>);
    /// The engine cannot do a job.
    fn failed(&self, id: FillId, reason: &str);
}

/// A job without a slot, begun or not.
struct Waiting {
    id: FillId,
    sequence: Sequence,
}

/// A job in a slot.
struct Filling {
    id: FillId,
    slot: Slot,
    sequence: Sequence,
    /// Prompt, and what was drawn before the job got this slot.
    tokens: Vec<u32>,
    prefilled: usize,
    /// The token to append next, once the tokens are in.
    next: Option<u32>,
}

/// The jobs of a filler.
pub(super) struct Fills {
    filler: Option<Arc<dyn Filler>>,
    tokenizer: Arc<Tokenizer>,
    /// Lost their slots to requests.
    parked: Vec<Waiting>,
    filling: Vec<Filling>,
}

impl Fills {
    pub(super) fn new(filler: Option<Arc<dyn Filler>>, tokenizer: Arc<Tokenizer>) -> Self {
        Self {
            filler,
            tokenizer,
            parked: Vec::new(),
            filling: Vec::new(),
        }
    }

    /// Slots taken.
    pub(super) fn len(&self) -> usize {
        self.filling.len()
    }

    /// Drops what is of no use any more, and fills up to `slots`.
    pub(super) fn refill(&mut self, engine: &mut impl Engine, slots: usize) {
        let Some(filler) = self.filler.clone() else { return };
        self.parked.retain(|waiting| filler.wants(waiting.id));
        self.filling.retain(|filling| {
            let wanted = filler.wants(filling.id);
            if !wanted {
                engine.close(filling.slot);
            }
            wanted
        });
        while self.filling.len() < slots {
            let first = (0..self.parked.len()).min_by_key(|index| self.parked[*index].id);
            let waiting = match first {
                Some(index) => self.parked.swap_remove(index),
                None => match filler.next() {
                    Some(Fill { id, job }) => Waiting {
                        id,
                        sequence: Sequence::new(job),
                    },
                    None => return,
                },
            };
            let job = &waiting.sequence.job;
            let tokens = [&job.prompt, waiting.sequence.output()].concat();
            // Computed anew, whatever is cached: the work is what is paid for.
            let opening = Opening {
                prompt: &tokens,
                tokens: job.prompt.len().saturating_add(job.max_tokens as usize),
                salt: None,
            };
            match engine.begin(&opening) {
                Ok((slot, _)) => {
                    self.filling.push(Filling {
                        id: waiting.id,
                        slot,
                        sequence: waiting.sequence,
                        tokens,
                        prefilled: 0,
                        next: None,
                    });
                }
                Err(EngineError::NoRoom { .. }) => return self.parked.push(waiting),
                Err(error) => return filler.failed(waiting.id, &error.to_string()),
            }
        }
    }

    /// Gives a slot back, that of the job which is worth least. False if there is none.
    pub(super) fn give_way(&mut self, engine: &mut impl Engine) -> bool {
        let last = (0..self.filling.len()).max_by_key(|index| self.filling[*index].id);
        let Some(index) = last else { return false };
        let filling = self.filling.swap_remove(index);
        engine.close(filling.slot);
        self.parked.push(Waiting {
            id: filling.id,
            sequence: filling.sequence,
        });
        true
    }

    /// Gives up every slot and every job.
    pub(super) fn clear(&mut self, engine: &mut impl Engine) {
        for filling in self.filling.drain(..) {
            engine.close(filling.slot);
        }
        self.parked.clear();
    }

    /// Prefills one piece of the first job that needs it, and draws its next token after the last piece. False if none
    /// does.
    pub(super) fn prefill_piece(&mut self, engine: &mut impl Engine, beside_requests: bool) -> bool {
        let Some(index) = self.filling.iter().position(|filling| filling.next.is_none()) else {
            return false;
        };
        let piece = if beside_requests {
            PIECE_BESIDE_REQUESTS
        } else {
            PIECE
        };
        let filling = &mut self.filling[index];
        let end = filling.tokens.len().min(filling.prefilled + piece);
        let result = engine.prefill(filling.slot, &filling.tokens[filling.prefilled..end]);
        filling.prefilled = end;
        let keep = match result {
            Ok(_) if end < filling.tokens.len() => true,
            Ok(logits) => self.advance(index, &logits.values),
            Err(error) => self.fail(index, &error.to_string()),
        };
        if !keep {
            engine.close(self.filling.remove(index).slot);
        }
        true
    }

    /// What a decoding step may do for the jobs.
    pub(super) fn rows(&self) -> impl Iterator<Item = (Slot, u32)> + '_ {
        let row = |filling: &Filling| Some((filling.slot, filling.next?));
        self.filling.iter().filter_map(row)
    }

    /// Takes what came of a step over [`Fills::rows`], row by row.
    pub(super) fn take<'a>(
        &mut self,
        engine: &mut impl Engine,
        result: Result<impl Iterator<Item = &'a [f32]>, String>,
    ) {
        let (mut rows, reason) = match result {
            Ok(rows) => (Some(rows), String::new()),
            Err(reason) => (None, reason),
        };
        let stepped: Vec<bool> = self.filling.iter().map(|f| f.next.is_some()).collect();
        let mut index = 0;
        for stepped in stepped {
            let keep = !stepped
                || match &mut rows {
                    Some(rows) => self.advance(index, rows.next().unwrap_or_default()),
                    None => self.fail(index, &reason),
                };
            if keep {
                index += 1;
            } else {
                engine.close(self.filling.remove(index).slot);
            }
        }
    }

    /// Draws the next token of a job. False when the job is over.
    fn advance(&mut self, index: usize, logits: &[f32]) -> bool {
        let filling = &mut self.filling[index];
        match filling.sequence.draw(logits, &self.tokenizer) {
            Ok(token) => filling.next = Some(token),
            Err(error) => return self.fail(index, &error.to_string()),
        }
        let output = filling.sequence.output();
        if output.len() < filling.sequence.job.max_tokens as usize {
            return true;
        }
        if let Some(filler) = &self.filler {
            let prompt = filling.sequence.job.prompt.len() as u32;
            filler.done(filling.id, prompt, output.to_vec());
        }
        false
    }

    /// Always false: the job is over.
    fn fail(&self, index: usize, reason: &str) -> bool {
        if let Some(filler) = &self.filler {
            filler.failed(self.filling[index].id, reason);
        }
        false
    }
}
