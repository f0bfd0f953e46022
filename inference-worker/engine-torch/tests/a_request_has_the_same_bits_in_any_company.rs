//! Logits of a sequence have the same bits alone and in any batch, in one piece and in many, decoded and scored, with
//! a cached beginning and without, on one thread and on several.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

mod rows;

use quern_engine::{Engine, EngineError, Opening, Slot};
use quern_engine_torch::{LlamaEngine, set_threads};
use rows::{Dice, alone, argmax, bits, engine};

const OUTPUT: usize = 12;

#[test]
fn pieces_steps_scores_and_threads_give_the_same_bits() {
    let mut engine = engine(3, None);
    let tokens = Dice(1).prompt(200);
    set_threads(1);
    let whole = engine.score(&tokens).unwrap();
    set_threads(2);
    assert!(
        bits(&engine.score(&tokens).unwrap().values) == bits(&whole.values),
        "threads"
    );
    let slot = engine.open().unwrap();
    let mut pieces = engine.extend(slot, &tokens[..70]).unwrap().values;
    pieces.extend(engine.extend(slot, &tokens[70..71]).unwrap().values);
    for token in &tokens[71..130] {
        pieces.extend(engine.decode(&[(slot, *token)]).unwrap().values);
    }
    pieces.extend(engine.extend(slot, &tokens[130..]).unwrap().values);
    assert!(bits(&pieces) == bits(&whole.values), "pieces");
}

/// Prints how many distinct outputs there were.
#[test]
fn a_thousand_runs_in_mixed_batches_have_one_output() {
    set_threads(2);
    let mut engine = engine(6, None);
    let mut dice = Dice(7);
    let prompt = dice.prompt(75);
    let (wanted, rows) = alone(&mut engine, &prompt, OUTPUT);
    let mut outputs = std::collections::BTreeSet::new();
    let mut neighbours: Vec<(Slot, usize)> = Vec::new();
    for run in 0..1000 {
        let salt = [dice.below(3) as u8; 32];
        let opening = Opening {
            prompt: &prompt,
            tokens: prompt.len() + OUTPUT,
            salt: (run % 2 == 0).then_some(salt),
        };
        let (slot, mut done) = engine.begin(&opening).unwrap();
        let (mut output, mut step) = (Vec::new(), 0);
        while output.len() < OUTPUT {
            // Neighbours come, with prompts of any length, and go.
            if neighbours.len() < 4 && dice.below(3) == 0 {
                neighbours.push((engine.open().unwrap(), 0));
            }
            if dice.below(8) == 0 && !neighbours.is_empty() {
                let gone = neighbours.swap_remove(dice.below(neighbours.len()));
                engine.close(gone.0);
            }
            neighbours.retain(|(slot, length)| {
                let keep = *length < 400;
                if !keep {
                    engine.close(*slot);
                }
                keep
            });
            let mut batch: Vec<(Slot, Vec<u32>)> = Vec::new();
            for (slot, length) in &mut neighbours {
                let piece = if dice.below(2) == 0 { 1 } else { 1 + dice.below(60) };
                *length += piece;
                batch.push((*slot, dice.prompt(piece)));
            }
            let own = if done < prompt.len() {
                let piece = (1 + dice.below(40)).min(prompt.len() - done);
                done += piece;
                prompt[done - piece..done].to_vec()
            } else {
                vec![*output.last().unwrap()]
            };
            let place = dice.below(batch.len() + 1);
            batch.insert(place, (slot, own));
            let step_batch: Vec<(Slot, &[u32])> = batch
                .iter()
                .map(|(slot, tokens)| (*slot, tokens.as_slice()))
                .collect();
            let logits = engine.step(&step_batch).unwrap();
            if done < prompt.len() {
                continue;
            }
            let row = logits.row(place).unwrap();
            assert!(
                bits(row) == rows[step],
                "run {run}, output {step}, {} neighbours",
                neighbours.len()
            );
            output.push(argmax(row));
            step += 1;
        }
        engine.close(slot);
        outputs.insert(output);
    }
    println!("1000 runs in mixed batches: {} distinct outputs", outputs.len());
    assert_eq!(outputs.into_iter().collect::<Vec<_>>(), [wanted]);
}

#[test]
fn a_cached_beginning_is_reused_under_its_salt_alone_and_gives_the_same_bits() {
    set_threads(1);
    let mut engine = engine(4, None);
    let mut dice = Dice(3);
    let prompt = dice.prompt(150);
    let (wanted, rows) = alone(&mut engine, &prompt, OUTPUT);
    let opening = |salt: Option<[u8; 32]>| Opening {
        prompt: &prompt,
        tokens: prompt.len() + OUTPUT,
        salt,
    };
    let mut run = |salt: Option<[u8; 32]>, keep: bool| {
        let (slot, cached) = engine.begin(&opening(salt)).unwrap();
        let mut row = engine.prefill(slot, &prompt[cached..]).unwrap().values;
        for (token, wanted_row) in wanted.iter().zip(&rows) {
            assert!(&bits(&row) == wanted_row, "a cached prompt");
            row = engine.decode(&[(slot, *token)]).unwrap().values;
        }
        if !keep {
            engine.close(slot);
        }
        cached
    };
    assert_eq!(run(Some([1; 32]), false), 0);
    assert_eq!(run(Some([1; 32]), false), 128);
    assert_eq!(run(Some([2; 32]), false), 0, "another salt");
    assert_eq!(run(None, false), 0, "no salt");
    // Shared while another still holds it.
    assert_eq!(run(Some([1; 32]), true), 128);
    assert_eq!(run(Some([1; 32]), false), 128);
    // An output is part of the next turn's beginning.
    let turn = [&prompt[..], &wanted[..], &dice.prompt(40)].concat();
    let next = Opening {
        prompt: &turn,
        tokens: turn.len() + 1,
        salt: Some([1; 32]),
    };
    let (slot, cached) = engine.begin(&next).unwrap();
    assert_eq!(cached, 160);
    let row = engine.prefill(slot, &turn[cached..]).unwrap().values;
    let scored = engine.score(&turn).unwrap();
    assert!(
        bits(&row) == bits(scored.row(turn.len() - 1).unwrap()),
        "the next turn"
    );
}

#[test]
fn a_full_cache_admits_by_tokens_and_forgets_what_nobody_uses() {
    set_threads(1);
    // The least is one context: 512 tokens.
    let mut engine = engine(8, Some(1));
    let mut dice = Dice(5);
    assert_eq!(engine.room().unwrap().tokens, 512);
    let prompts: Vec<Vec<u32>> = (0..4).map(|_| dice.prompt(200)).collect();
    let open = |engine: &mut LlamaEngine, which: usize| {
        engine.begin(&Opening {
            prompt: &prompts[which],
            tokens: 224,
            salt: Some([0; 32]),
        })
    };
    let (a, _) = open(&mut engine, 0).unwrap();
    let (b, _) = open(&mut engine, 1).unwrap();
    assert_eq!(engine.room().unwrap().free, 64);
    let refused = open(&mut engine, 2).unwrap_err();
    assert!(
        matches!(refused, EngineError::NoRoom { asked: 224, free: 64 }),
        "{refused}"
    );
    for (slot, prompt) in [(a, &prompts[0]), (b, &prompts[1])] {
        engine.prefill(slot, prompt).unwrap();
        engine.close(slot);
    }
    assert_eq!(engine.room().unwrap().free, 512);
    // Both are remembered; a third pushes out the one that was used before the other.
    let (c, cached) = open(&mut engine, 2).unwrap();
    assert_eq!(cached, 0);
    engine.prefill(c, &prompts[2]).unwrap();
    engine.close(c);
    let (d, cached) = open(&mut engine, 1).unwrap();
    assert_eq!(cached, 192);
    engine.close(d);
    let (e, cached) = open(&mut engine, 0).unwrap();
    assert!(cached < 192, "{cached}");
    engine.close(e);
    assert_eq!(engine.room().unwrap().free, 512);
}
