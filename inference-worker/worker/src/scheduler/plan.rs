//! Which prompts a step goes on with, and how far.
//!
//! The shortest rest goes first, so that a short request waits for no long prompt; but every so often the oldest has
//! the first turn, so that none waits for ever. A step in which a prompt ends takes no more than ends with it: its first
//! token waits for nothing else. None of this shows in an output: logits do not depend on the step that computes them.

/// Prompt tokens of one step. Few enough that a request which comes waits little, and enough that reading the weights
/// costs less than the arithmetic.
pub(super) const STEP_TOKENS: usize = 64;
/// A token at this position costs twice what one at the beginning does, by what it has to attend to; a piece further on
/// has fewer tokens, so that steps take the same time all along a prompt.
const DEPTH: usize = 2048;
/// What a token costs whose likelihood is told while others wait: a row of logits, and a pass over it. A step has one
/// such piece, as each is a pass over the weights of its own.
pub(super) const SCORED: usize = 4;
/// Of so many steps with prompts, the oldest prompt has the first turn in one.
const OLDEST_EVERY: u64 = 4;

/// A prompt that is not all in yet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rest {
    /// Names its request.
    pub(super) index: usize,
    /// Tokens that are left, at least 1.
    pub(super) tokens: usize,
    /// Position of the first of them.
    pub(super) at: usize,
    /// What a token of it costs beside one of another prompt: 1, or [`SCORED`].
    pub(super) cost: usize,
}

/// Requests that go on in step number `turn`, and with how many tokens; `rests` come in the order of their arrival.
pub(super) fn plan(rests: &[Rest], turn: u64) -> Vec<Rest> {
    let mut order: Vec<Rest> = rests.to_vec();
    let first = usize::from(turn % OLDEST_EVERY == OLDEST_EVERY - 1).min(order.len());
    if let Some(rest) = order.get_mut(first..) {
        rest.sort_by_key(|rest| rest.tokens);
    }
    let (mut left, mut ends, mut scores) = (STEP_TOKENS, false, false);
    let mut chosen = Vec::new();
    for rest in order {
        let (scored, cost) = (rest.cost > 1, rest.cost.max(1));
        let weight = |tokens: usize| tokens.saturating_mul(DEPTH + rest.at) / DEPTH * cost;
        let tokens = rest.tokens.min((left * DEPTH / (DEPTH + rest.at) / cost).max(1));
        let whole = tokens == rest.tokens;
        if left == 0 || (ends && !whole) || (scores && scored) {
            continue;
        }
        scores |= scored;
        ends |= whole;
        left = left.saturating_sub(weight(tokens).max(1));
        chosen.push(Rest { tokens, ..rest });
    }
    chosen
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rests(tokens: &[usize]) -> Vec<Rest> {
        let rest = |(index, tokens): (usize, &usize)| Rest {
            index,
            tokens: *tokens,
            at: 0,
            cost: 1,
        };
        tokens.iter().enumerate().map(rest).collect()
    }

    fn chosen(tokens: &[usize], turn: u64) -> Vec<(usize, usize)> {
        let plan = plan(&rests(tokens), turn);
        plan.iter().map(|rest| (rest.index, rest.tokens)).collect()
    }

    #[test]
    fn a_short_prompt_goes_before_a_long_one_and_its_step_takes_nothing_else() {
        assert_eq!(chosen(&[4000, 50], 0), [(1, 50)]);
        assert_eq!(chosen(&[4000, 10, 20, 60], 1), [(1, 10), (2, 20)]);
        assert_eq!(chosen(&[4000, 100], 0), [(1, 64)]);
        assert_eq!(chosen(&[4000], 0), [(0, 64)]);
        assert_eq!(chosen(&[], 3), []);
    }

    #[test]
    fn prompts_that_are_told_of_take_small_pieces_beside_others_and_one_a_step() {
        let scored = |index, tokens| Rest {
            index,
            tokens,
            at: 0,
            cost: SCORED,
        };
        let chosen = |rests: &[Rest]| -> Vec<(usize, usize)> {
            let plan = plan(rests, 0);
            plan.iter().map(|rest| (rest.index, rest.tokens)).collect()
        };
        assert_eq!(chosen(&[scored(0, 4000)]), [(0, 16)]);
        assert_eq!(chosen(&[scored(0, 9), scored(1, 5), scored(2, 7)]), [(1, 5)]);
        let plain = Rest {
            index: 1,
            tokens: 20,
            at: 0,
            cost: 1,
        };
        assert_eq!(chosen(&[scored(0, 10), plain]), [(0, 10), (1, 20)]);
    }

    #[test]
    fn pieces_far_into_a_prompt_have_fewer_tokens() {
        let piece = |at| {
            let rest = Rest {
                index: 0,
                tokens: 5000,
                at,
                cost: 1,
            };
            plan(&[rest], 0)[0].tokens
        };
        assert_eq!([0, 2048, 6144, usize::MAX / 4096].map(piece), [64, 32, 16, 1]);
    }

    #[test]
    fn no_stream_of_short_prompts_holds_up_a_long_one() {
        let mut left = 4000_usize;
        for turn in 0..1000 {
            for (index, tokens) in chosen(&[left, 30, 30], turn) {
                left -= if index == 0 { tokens } else { 0 };
            }
            if left == 0 {
                return;
            }
        }
        panic!("{left} tokens were left");
    }
}
