//! Scoring whole sequences between requests.

use quern_engine::{Engine, EngineError, Logits, Opening, Slot};
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Tokens that are scored between two steps of the requests, whose streams wait for no more than that.
const PIECE: usize = 64;
/// While requests are served, scoring rests so many times as long as its last piece took.
const REST: u32 = 4;

/// A sequence to score.
#[derive(Debug)]
pub(crate) struct ScoreTicket {
    /// The sequence.
    pub(crate) tokens: Vec<u32>,
    /// The first token whose row is wanted.
    pub(crate) from: usize,
    /// Gets a row of logits for each token from that one on. Once its receiver is gone, the work is dropped.
    pub(crate) reply: oneshot::Sender<Result<Logits, EngineError>>,
}

/// A sequence that is being scored.
struct Scoring {
    ticket: ScoreTicket,
    slot: Slot,
    done: usize,
    rows: Logits,
}

/// Sequences that wait, and the one under way.
#[derive(Default)]
pub(super) struct Background {
    waiting: VecDeque<ScoreTicket>,
    current: Option<Scoring>,
    /// The next one found no slot or no room.
    starved: bool,
    /// When the last piece ended and how long it took.
    last: Option<(Instant, Duration)>,
}

impl Background {
    pub(super) fn push(&mut self, ticket: ScoreTicket) {
        self.waiting.push_back(ticket);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty() && self.current.is_none()
    }

    /// Whether a slot and room are taken.
    pub(super) fn holds(&self) -> bool {
        self.current.is_some()
    }

    /// Whether the next one waits for room. What nobody pays for must not take what becomes free, or it might wait for
    /// ever.
    pub(super) fn starved(&self) -> bool {
        self.starved
    }

    /// Drops everything.
    pub(super) fn clear(&mut self, engine: &mut impl Engine) {
        if let Some(current) = self.current.take() {
            engine.close(current.slot);
        }
        self.waiting.clear();
        self.starved = false;
    }

    /// Scores a piece, unless requests are `served` and enough was done lately. Answers of how many tokens.
    pub(super) fn turn(&mut self, engine: &mut impl Engine, served: bool) -> usize {
        let rested = self
            .last
            .is_none_or(|(end, took)| end.elapsed() >= took.saturating_mul(REST));
        if served && !rested {
            return 0;
        }
        let started = Instant::now();
        let Some(mut current) = self.next(engine) else {
            return 0;
        };
        let end = current.ticket.tokens.len().min(current.done + PIECE);
        let piece = &current.ticket.tokens[current.done..end];
        let scored = piece.len();
        let result = engine.extend(current.slot, piece);
        self.last = Some((Instant::now(), started.elapsed()));
        match result {
            Ok(rows) => current.keep(rows, end),
            Err(error) => {
                engine.close(current.slot);
                let _ = current.ticket.reply.send(Err(error));
                return scored;
            }
        }
        if end < current.ticket.tokens.len() {
            self.current = Some(current);
        } else {
            engine.close(current.slot);
            let _ = current.ticket.reply.send(Ok(current.rows));
        }
        scored
    }

    /// The sequence to go on with, if there is one and a slot for it.
    fn next(&mut self, engine: &mut impl Engine) -> Option<Scoring> {
        if let Some(current) = self.current.take() {
            if !current.ticket.reply.is_closed() {
                return Some(current);
            }
            engine.close(current.slot);
        }
        self.starved = false;
        while let Some(ticket) = self.waiting.pop_front() {
            if ticket.reply.is_closed() {
                continue;
            }
            if ticket.tokens.is_empty() {
                let _ = ticket
                    .reply
                    .send(Err(EngineError::Request("there is no token to score")));
                continue;
            }
            let opening = Opening {
                prompt: &ticket.tokens,
                tokens: ticket.tokens.len(),
                salt: None,
            };
            let room = engine.room();
            let never = room.is_some_and(|room| opening.tokens > room.tokens);
            let slot = match engine.begin(&opening) {
                Ok((slot, _)) => slot,
                Err(error) if never => {
                    let _ = ticket.reply.send(Err(error));
                    continue;
                }
                Err(_) => {
                    self.waiting.push_front(ticket);
                    self.starved = true;
                    return None;
                }
            };
            let rows = Logits {
                values: Vec::new(),
                vocab: 0,
            };
            let done = 0;
            return Some(Scoring {
                ticket,
                slot,
                done,
                rows,
            });
        }
        None
    }
}

impl Scoring {
    fn keep(&mut self, rows: Logits, end: usize) {
        let (vocab, unwanted) = (rows.vocab, self.ticket.from.saturating_sub(self.done));
        let wanted = rows
            .values
            .get(unwanted.saturating_mul(vocab)..)
            .unwrap_or_default();
        if self.rows.values.is_empty() && !wanted.is_empty() {
            // Exactly, as rows that grow by doubling would take twice as much.
            let count = self.ticket.tokens.len().saturating_sub(self.ticket.from);
            self.rows.values.reserve_exact(count.saturating_mul(vocab));
        }
        self.rows.values.extend_from_slice(wanted);
        self.rows.vocab = vocab;
        self.done = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quern_engine_torch::{LlamaEngine, LoadOptions};
    use std::path::Path;

    fn engine() -> LlamaEngine {
        let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/quern-small");
        let options = LoadOptions {
            slots: 2,
            ..LoadOptions::default()
        };
        LlamaEngine::load(&model, &options).unwrap()
    }

    fn ticket(tokens: Vec<u32>) -> (ScoreTicket, oneshot::Receiver<Result<Logits, EngineError>>) {
        let (reply, answer) = oneshot::channel();
        (
            ScoreTicket {
                tokens,
                from: 0,
                reply,
            },
            answer,
        )
    }

    #[test]
    fn pieces_give_the_rows_of_one_pass_and_give_their_slot_back() {
        let mut engine = engine();
        let tokens: Vec<u32> = (0..150).map(|i| 300 + i * 7 % 500).collect();
        let (ticket, answer) = ticket(tokens.clone());
        let mut background = Background::default();
        background.push(ticket);
        let mut pieces = Vec::new();
        while !background.is_empty() {
            pieces.push(background.turn(&mut engine, false));
        }
        assert_eq!(pieces, [64, 64, 22]);
        let found = answer.blocking_recv().unwrap().unwrap();
        let wanted = engine.score(&tokens).unwrap();
        assert_eq!((found.rows(), found.vocab), (wanted.rows(), wanted.vocab));
        let pairs = found.values.iter().zip(&wanted.values);
        let most = pairs.map(|(a, b)| (a - b).abs()).fold(0.0_f32, f32::max);
        assert!(most < 1e-3, "{most}");
        let slots = [engine.open(), engine.open()];
        assert!(slots.iter().all(Result::is_ok));
    }

    #[test]
    fn rows_of_the_prompt_are_not_kept_and_those_after_it_are_the_same() {
        let mut engine = engine();
        let tokens: Vec<u32> = (0..150).map(|i| 300 + i * 7 % 500).collect();
        let mut background = Background::default();
        let (whole, all) = ticket(tokens.clone());
        let (mut part, answer) = ticket(tokens);
        part.from = 99;
        background.push(whole);
        background.push(part);
        while !background.is_empty() {
            background.turn(&mut engine, false);
        }
        let (all, found) = (
            all.blocking_recv().unwrap().unwrap(),
            answer.blocking_recv().unwrap().unwrap(),
        );
        assert_eq!((all.rows(), found.rows()), (150, 51));
        assert_eq!(found.values, all.values[99 * all.vocab..]);
        // What waits for its measurement holds these rows and nothing beside them.
        assert_eq!(found.values.capacity(), found.values.len());
    }

    #[test]
    fn beside_requests_a_piece_is_followed_by_a_rest_and_without_a_slot_scoring_waits() {
        let mut engine = engine();
        let mut background = Background::default();
        let (ticket, mut answer) = ticket(vec![300; 200]);
        background.push(ticket);
        let taken = [engine.open().unwrap(), engine.open().unwrap()];
        assert_eq!(background.turn(&mut engine, true), 0);
        engine.close(taken[0]);
        assert_eq!(background.turn(&mut engine, true), PIECE);
        // The requests' next step comes first, whatever is left to score.
        assert_eq!(background.turn(&mut engine, true), 0);
        assert!(answer.try_recv().is_err());
        // Whoever asked may leave.
        drop(answer);
        assert_eq!(background.turn(&mut engine, false), 0);
        assert!(background.is_empty());
    }
}
