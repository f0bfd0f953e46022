//! Rows of drafts have the bits of single steps, and drafts that are not kept leave nothing behind: not in the sequence,
//! not in pages that others share, not in what is reserved.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

mod rows;

use quern_engine::{Engine, EngineError, Opening, Part, Slot};
use quern_engine_torch::set_threads;
use rows::{Dice, alone, bits, engine};

/// Over two borders of pages at least.
const OUTPUT: usize = 70;

/// A sequence that is decoded with drafts: some of the tokens that will be drawn, then others.
struct Drafted<'a> {
    slot: Slot,
    prompt: &'a [u32],
    output: &'a [u32],
    rows: &'a [Vec<u32>],
    drawn: usize,
}

impl Drafted<'_> {
    /// Drafts, of which the first so many are right.
    fn drafts(&self, dice: &mut Dice) -> (Vec<u32>, usize) {
        let left = OUTPUT - self.drawn;
        let count = dice.below(8).min(left.saturating_sub(1));
        let right = dice.below(count + 1);
        let mut drafts = self.output[self.drawn..self.drawn + right].to_vec();
        while drafts.len() < count {
            let other = 3 + dice.below(2000) as u32;
            if drafts.len() > right || other != self.output[self.drawn + right] {
                drafts.push(other);
            }
        }
        (drafts, right)
    }
}

#[test]
fn rows_of_drafts_have_the_bits_of_single_steps_beside_any_others_and_refused_ones_leave_no_trace() {
    set_threads(2);
    let mut engine = engine(4, None);
    let mut dice = Dice(11);
    let before = engine.room().unwrap();
    for round in 0..12 {
        let prompts: Vec<Vec<u32>> = (0..2)
            .map(|_| {
                let length = 1 + dice.below(100);
                dice.prompt(length)
            })
            .collect();
        let wanted: Vec<_> = prompts
            .iter()
            .map(|prompt| alone(&mut engine, prompt, OUTPUT))
            .collect();
        // The second time the prompt is cached, with the pages that the first time left.
        for time in 0..2 {
            let mut sequences: Vec<Drafted<'_>> = Vec::new();
            for (prompt, (output, rows)) in prompts.iter().zip(&wanted) {
                let opening = Opening {
                    prompt,
                    tokens: prompt.len() + OUTPUT,
                    salt: Some([round; 32]),
                };
                let (slot, cached) = engine.begin(&opening).unwrap();
                assert_eq!(
                    cached,
                    if time == 0 {
                        0
                    } else {
                        (prompt.len() - 1) / 32 * 32
                    }
                );
                let row = engine.prefill(slot, &prompt[cached..]).unwrap().values;
                assert!(bits(&row) == rows[0], "round {round}, prompt");
                sequences.push(Drafted {
                    slot,
                    prompt,
                    output,
                    rows,
                    drawn: 1,
                });
            }
            while sequences.iter().any(|sequence| sequence.drawn < OUTPUT) {
                let drafts: Vec<_> = sequences
                    .iter()
                    .filter(|sequence| sequence.drawn < OUTPUT)
                    .map(|sequence| (sequence.slot, sequence.drafts(&mut dice)))
                    .collect();
                let mut going = sequences
                    .iter_mut()
                    .filter(|sequence| sequence.drawn < OUTPUT)
                    .collect::<Vec<_>>();
                let parts: Vec<Part<'_>> = going
                    .iter()
                    .zip(&drafts)
                    .map(|(sequence, (slot, (drafts, _)))| Part {
                        slot: *slot,
                        tokens: &sequence.output[sequence.drawn - 1..sequence.drawn],
                        drafts,
                    })
                    .collect();
                let logits = engine.try_drafts(&parts).unwrap();
                let mut row = 0;
                for (sequence, (slot, (drafts, right))) in going.iter_mut().zip(&drafts) {
                    for index in 0..=*right {
                        let found = bits(logits.row(row + index).unwrap());
                        assert!(
                            found == sequence.rows[sequence.drawn + index],
                            "round {round}, token {}, {} drafts, {right} right",
                            sequence.drawn + index,
                            drafts.len()
                        );
                    }
                    engine.keep(*slot, *right).unwrap();
                    sequence.drawn += right + 1;
                    row += 1 + drafts.len();
                }
                assert_eq!(logits.rows(), row);
            }
            for sequence in &sequences {
                engine.close(sequence.slot);
            }
            assert_eq!(engine.room().unwrap(), before, "what was promised is free again");
            // The next turn reads pages that were filled while drafts were refused.
            for Drafted { prompt, output, .. } in sequences {
                let turn = [prompt, output, &[5, 6, 7]].concat();
                let opening = Opening {
                    prompt: &turn,
                    tokens: turn.len(),
                    salt: Some([round; 32]),
                };
                let (slot, cached) = engine.begin(&opening).unwrap();
                // All but the last token of the output was appended; the first time's next turn appended that too.
                let wanted = (prompt.len() + OUTPUT - 1) / 32 * 32;
                assert!(
                    cached == wanted || (time == 1 && cached > wanted),
                    "{cached}, not {wanted}"
                );
                let row = engine.prefill(slot, &turn[cached..]).unwrap().values;
                let scored = engine.score(&turn).unwrap();
                assert!(
                    bits(&row) == bits(scored.row(turn.len() - 1).unwrap()),
                    "round {round}, the next turn"
                );
                engine.close(slot);
            }
        }
    }
}

#[test]
fn drafts_take_no_room_beyond_what_is_reserved_and_only_those_tried_last_are_kept() {
    set_threads(1);
    let mut engine = engine(3, Some(1));
    let prompt = Dice(2).prompt(30);
    let opening = |tokens| Opening {
        prompt: &prompt,
        tokens,
        salt: Some([0; 32]),
    };
    let (slot, _) = engine.begin(&opening(64)).unwrap();
    let (other, _) = engine.begin(&opening(448)).unwrap();
    assert_eq!(engine.room().unwrap().free, 0);
    engine.prefill(slot, &prompt).unwrap();
    let part = |drafts| Part {
        slot,
        tokens: &[9],
        drafts,
    };
    assert!(matches!(engine.keep(slot, 1), Err(EngineError::Request(_))));
    // Into the second of two pages, and no further.
    engine.try_drafts(&[part(&[7; 33])]).unwrap();
    assert_eq!(engine.room().unwrap().free, 0);
    assert!(matches!(engine.keep(slot, 34), Err(EngineError::Request(_))));
    assert!(
        matches!(engine.keep(slot, 1), Err(EngineError::Request(_))),
        "they are forgotten"
    );
    let refused = engine.try_drafts(&[part(&[7; 33])]).unwrap_err();
    assert!(
        matches!(refused, EngineError::NoRoom { asked: 65, .. }),
        "{refused}"
    );
    // What failed appended nothing, and the other's room is untouched.
    engine.try_drafts(&[part(&[7; 32])]).unwrap();
    engine.keep(slot, 32).unwrap();
    assert!(matches!(
        engine.decode(&[(slot, 1)]),
        Err(EngineError::NoRoom { .. })
    ));
    engine.prefill(other, &Dice(3).prompt(448)).unwrap();
    engine.close(other);
    // A step without drafts forgets those of the step before.
    let (slot, _) = engine.begin(&opening(100)).unwrap();
    engine.prefill(slot, &prompt).unwrap();
    engine
        .try_drafts(&[Part {
            slot,
            tokens: &[9],
            drafts: &[7, 8],
        }])
        .unwrap();
    engine.decode(&[(slot, 4)]).unwrap();
    assert!(matches!(engine.keep(slot, 1), Err(EngineError::Request(_))));
    assert!(matches!(engine.keep(Slot(2), 0), Err(EngineError::NotOpen(2))));
    let drafts = [2048];
    let unknown = engine
        .try_drafts(&[Part {
            slot,
            tokens: &[9],
            drafts: &drafts,
        }])
        .unwrap_err();
    assert!(
        matches!(unknown, EngineError::Token { id: 2048, .. }),
        "{unknown}"
    );
    let long = vec![7; 500];
    let long = engine
        .try_drafts(&[Part {
            slot,
            tokens: &[9],
            drafts: &long,
        }])
        .unwrap_err();
    assert!(matches!(long, EngineError::Context { asked: 533, .. }), "{long}");
}
