//! Drafts: tokens that may come next, looked up in a request's own prompt and output (prompt lookup decoding).
//!
//! Where an output repeats its prompt or itself, what followed the same few tokens before is likely to follow them
//! again. Such tokens ride in a step as rows of their own, and the sampler draws from each row as if there were no
//! drafts; they are kept for as long as each is the token that was drawn. So drafts cost or spare time, and never show in
//! an output.

/// Tokens of the longest run that is looked up.
const LONGEST: usize = 8;
/// Tokens of the shortest; a single one says little about the next.
const SHORTEST: usize = 2;
/// How likely a first draft must be to be worth its row: what a second row costs of a step that waits for memory.
const FIRST: f32 = 0.25;
/// The same of those behind it, whose rows cost less.
const FURTHER: f32 = 0.1;
/// Drafts that are not worth their row are tried once in so many times, to learn whether the text has changed.
const PROBE: u32 = 16;
/// A draft's outcome weighs as much as this part of all before it.
const NEWEST: f32 = 0.125;

/// How often drafts after runs of some length were right.
#[derive(Clone, Copy, Debug)]
struct Rate {
    chance: f32,
    /// Times since drafts were last worth their row, or tried nonetheless.
    passed: u32,
}

impl Rate {
    const fn new(chance: f32) -> Self {
        Self { chance, passed: 0 }
    }

    /// How many drafts to try: each must be worth its row, which counts if all before it are right.
    fn count(&mut self, most: usize) -> usize {
        let (mut count, mut chance) = (0, self.chance);
        while count < most && self.chance >= FIRST && chance >= FURTHER {
            count += 1;
            chance *= self.chance;
        }
        if count > 0 {
            self.passed = 0;
            return count;
        }
        self.passed += 1;
        if self.passed < PROBE {
            return 0;
        }
        self.passed = 0;
        most.min(1)
    }

    fn learn(&mut self, right: bool) {
        let seen = if right { 1.0 } else { 0.0 };
        self.chance += NEWEST * (seen - self.chance);
    }
}

/// Looks up drafts for one request, and learns how often they are right: a text that repeats nothing is hardly
/// charged for them.
#[derive(Clone, Debug)]
pub struct Drafter {
    /// Prompt and output.
    text: Vec<u32>,
    /// After runs of 2 and 3 tokens, of 4 to 7, and of 8: a passage that is quoted is not charged for chance
    /// repetitions before it.
    rates: [Rate; 3],
    /// Whose drafts were proposed last.
    proposed: usize,
}

impl Default for Drafter {
    fn default() -> Self {
        Self {
            text: Vec::new(),
            rates: [Rate::new(0.3), Rate::new(0.5), Rate::new(0.75)],
            proposed: 0,
        }
    }
}

impl Drafter {
    /// At most `most` tokens that may follow `prompt` and `output`; often none. Both are what they were before, and
    /// `output` may have grown.
    pub fn propose(&mut self, prompt: &[u32], output: &[u32], most: usize) -> Vec<u32> {
        if most == 0 {
            return Vec::new();
        }
        if self.text.is_empty() {
            self.text.extend(prompt);
        }
        let known = self.text.len().saturating_sub(prompt.len());
        self.text.extend(output.get(known..).unwrap_or_default());
        let Some((at, run)) = find(&self.text) else {
            return Vec::new();
        };
        self.proposed = match run {
            ..4 => 0,
            4..LONGEST => 1,
            _ => 2,
        };
        let count = self.rates[self.proposed].count(most);
        let mut drafts: Vec<u32> = Vec::with_capacity(count);
        for place in at..at + count {
            // A run that ends in the place where it is repeated goes round.
            let token = match place.checked_sub(self.text.len()) {
                None => self.text.get(place).copied(),
                Some(again) => drafts.get(again).copied(),
            };
            drafts.extend(token);
        }
        drafts
    }

    /// Learns what became of the last proposal: its first `right` tokens were drawn, and then, if it was `refused`,
    /// another than the next.
    pub fn learn(&mut self, right: usize, refused: bool) {
        let rate = &mut self.rates[self.proposed];
        (0..right).for_each(|_| rate.learn(true));
        if refused {
            rate.learn(false);
        }
    }
}

/// What came of a row of a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Drawn {
    /// A token, and the output goes on.
    Token(u32),
    /// The output's last token, or the end without one.
    Last,
    /// No token may be drawn now.
    Nothing,
}

/// What became of a step's drafts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tried {
    /// How many were drawn, and are to be kept.
    pub right: usize,
    /// Whether another token was drawn than the next of them.
    pub refused: bool,
    /// Whether the output goes on.
    pub goes_on: bool,
}

/// Draws the next token from a step's first row, and then one from the row of each draft for as long as the draft is the
/// token that was drawn before. `draw` takes the rows one after the other.
pub fn draw_rows(drafts: &[u32], mut draw: impl FnMut(usize) -> Drawn) -> Tried {
    let (mut right, mut refused) = (0, false);
    let mut drawn = draw(0);
    for draft in drafts {
        let Drawn::Token(token) = drawn else { break };
        refused = token != *draft;
        if refused {
            break;
        }
        drawn = draw(right + 1);
        // The draft is the token to append next then, as without drafts.
        right += usize::from(drawn != Drawn::Nothing);
    }
    Tried {
        right,
        refused,
        goes_on: drawn != Drawn::Last,
    }
}

/// What followed the longest run of tokens that `text` ends with, where it came before: the place, and the length of
/// the run. Of runs of the same length the last.
fn find(text: &[u32]) -> Option<(usize, usize)> {
    let (last, before) = text.split_last()?;
    let (mut longest, mut found) = (SHORTEST - 1, None);
    for (place, token) in before.iter().enumerate().rev() {
        if token != last {
            continue;
        }
        let pairs = before[..place].iter().rev().zip(before.iter().rev());
        let same = pairs.take(LONGEST - 1).take_while(|(a, b)| a == b);
        let run = 1 + same.count();
        if run > longest {
            (longest, found) = (run, Some((place + 1, run)));
        }
        if run == LONGEST {
            break;
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Goes on with a text as a model would that writes `script`; answers of steps, drafts and those that were right.
    fn write(prompt: &[u32], script: &[u32], most: usize) -> (usize, usize, usize) {
        let (mut drafter, mut written) = (Drafter::default(), 1);
        let (mut steps, mut tried, mut kept) = (0, 0, 0);
        while written < script.len() {
            let most = most.min(script.len() - written - 1);
            let drafts = drafter.propose(prompt, &script[..written], most);
            assert!(drafts.len() <= most);
            let right = drafts
                .iter()
                .zip(&script[written..])
                .take_while(|(draft, token)| draft == token)
                .count();
            drafter.learn(right, right < drafts.len());
            (steps, tried, kept) = (steps + 1, tried + drafts.len(), kept + right);
            written += right + 1;
        }
        (steps, tried, kept)
    }

    #[test]
    fn the_longest_run_counts_and_of_two_the_later() {
        assert_eq!(find(&[]), None);
        assert_eq!(find(&[5]), None);
        assert_eq!(find(&[5, 6, 5]), None, "a single token is no run");
        assert_eq!(find(&[1, 2, 9, 1, 2]), Some((2, 2)));
        assert_eq!(find(&[1, 2, 3, 7, 2, 3, 8, 1, 2, 3]), Some((3, 3)));
        assert_eq!(find(&[2, 3, 7, 2, 3, 8, 2, 3]), Some((5, 2)));
        assert_eq!(find(&[4; 30]), Some((29, LONGEST)));
    }

    #[test]
    fn what_followed_before_is_proposed_and_a_period_goes_round() {
        let mut drafter = Drafter::default();
        let prompt: Vec<u32> = (10..40).collect();
        assert_eq!(drafter.propose(&prompt, &[3, 20, 21, 22, 23], 7)[..2], [24, 25]);
        let mut drafter = Drafter::default();
        let prompt: Vec<u32> = [1, 2, 3].repeat(4);
        assert_eq!(drafter.propose(&prompt, &[1], 4), [2, 3, 1, 2]);
        assert_eq!(drafter.propose(&prompt, &[1, 2], 2), [3, 1]);
        assert!(drafter.propose(&prompt, &[1, 2], 0).is_empty());
    }

    #[test]
    fn rows_are_drawn_from_for_as_long_as_drafts_are_right_and_the_output_goes_on() {
        let tried = |drafts: &[u32], rows: &[Drawn]| {
            let mut taken = 0;
            let tried = draw_rows(drafts, |row| {
                assert_eq!(row, taken, "one row after the other");
                taken += 1;
                rows[row]
            });
            (tried.right, tried.refused, tried.goes_on, taken)
        };
        let [a, b, c] = [7, 8, 9].map(Drawn::Token);
        assert_eq!(tried(&[], &[a]), (0, false, true, 1));
        assert_eq!(tried(&[7, 8], &[a, b, c]), (2, false, true, 3));
        assert_eq!(tried(&[7, 5], &[a, b, c]), (1, true, true, 2));
        assert_eq!(tried(&[7, 8], &[a, Drawn::Last]), (1, false, false, 2));
        assert_eq!(tried(&[7, 8], &[Drawn::Last]), (0, false, false, 1));
        assert_eq!(tried(&[7, 8], &[a, Drawn::Nothing]), (0, false, true, 2));
        assert_eq!(tried(&[7, 8], &[a, b, Drawn::Nothing]), (1, false, true, 3));
    }

    #[test]
    fn a_passage_that_is_quoted_takes_a_fraction_of_the_steps() {
        let passage: Vec<u32> = (0..400).map(|i| (i * i + 7 * i) % 1009).collect();
        let (steps, ..) = write(&passage, &passage[50..350], 7);
        assert!(steps < 300 / 5, "{steps} steps for 300 tokens");
        // One token in sixteen is another.
        let edited: Vec<u32> = (0..)
            .zip(&passage)
            .map(|(i, id)| if i % 16 == 9 { 2000 + i } else { *id })
            .collect();
        let (steps, tried, kept) = write(&passage, &edited[50..350], 7);
        assert!(
            steps < 300 / 2 && kept * 2 > tried,
            "{steps} steps, {kept} of {tried}"
        );
    }

    #[test]
    fn a_text_that_repeats_nothing_is_never_charged_and_one_that_repeats_by_chance_hardly() {
        let script: Vec<u32> = (0..2000).collect();
        assert_eq!(write(&[5000, 5001], &script, 7), (1999, 0, 0));
        // Few letters: every run was there before, and says nothing about the next.
        let mut seed = 9_u64;
        let noise: Vec<u32> = std::iter::repeat_with(|| {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as u32 % 20
        })
        .take(4000)
        .collect();
        let (steps, tried, kept) = write(&noise[..500], &noise[500..], 7);
        assert!(tried - kept < steps / 10, "{steps} steps, {kept} of {tried}");
        // It has not forgotten how: the same passage again.
        let again = [&noise[500..2500], &noise[500..1500]].concat();
        let (steps, ..) = write(&noise[..500], &again, 7);
        assert!(steps < 2000 + 1000 / 3, "{steps} steps");
    }
}
