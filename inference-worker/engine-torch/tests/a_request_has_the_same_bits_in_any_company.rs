//! Logits of a sequence have the same bits alone and in any batch, in one piece and in many, decoded and scored, with
//! a cached beginning and without, on one thread and on several.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

mod rows;

use quern_engine::{Engine, EngineError, Opening};
use quern_engine_torch::{LlamaEngine, set_threads};
use rows::{Company, Dice, alone, bits, engine};

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
    let kind = Company {
        ids: 2003,
        longest: 400,
        output: OUTPUT,
    };
    let outputs = kind.mixed_runs("the packaged model", &mut engine, Dice(7), 75, 1000);
    println!("1000 runs in mixed batches: {outputs} distinct outputs");
    assert_eq!(outputs, 1);
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
