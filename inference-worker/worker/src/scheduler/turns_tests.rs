//! Whose turn it is, and when a request ends: counted in steps.

use super::admit::MOST_PASS;
use super::traced::{ALWAYS, Traced};
use super::*;
use crate::generate::{Allowance, Meter, Shape};
use crate::model::tests::packaged_model;
use quern_engine::grammar::{Constraint, Grammars};
use quern_engine::sampler::SamplingParams;
use quern_engine::seed::Seed;
use std::cell::{Cell, RefCell};

#[derive(Debug)]
struct Paid(u64);

impl Meter for Paid {
    fn draw(&self, _: u32) -> Allowance {
        Allowance::Go
    }
    fn ended(&self) -> Option<FinishReason> {
        None
    }
    fn tenant(&self) -> Option<u64> {
        Some(self.0)
    }
}

/// A request with a name, of a sender.
fn job(name: u32, sender: u8, prompt: usize, max_tokens: u32) -> Job {
    Job {
        prompt: vec![name; prompt],
        max_tokens,
        params: SamplingParams {
            temperature: 0.0,
            ..SamplingParams::default()
        },
        stop: Vec::new(),
        seed: Seed([0; 32]),
        meter: None,
        shape: Shape {
            sender: [sender; 32],
            ..Shape::default()
        },
    }
}

fn paid(name: u32, payer: u64, max_tokens: u32) -> Job {
    Job {
        meter: Some(Arc::new(Paid(payer))),
        ..job(name, 0, 5, max_tokens)
    }
}

fn serving(depth: usize, slots: usize) -> (Scheduler, Loop) {
    let tokenizer = Arc::new(Tokenizer::load(&packaged_model()).unwrap());
    Scheduler::new(depth, slots, Metrics::alone("quern-small").unwrap(), tokenizer)
}

fn end_of(events: &mut mpsc::Receiver<Event>) -> End {
    loop {
        if let Event::End(end) = events.try_recv().unwrap() {
            return end;
        }
    }
}

#[test]
fn a_flood_of_one_sender_delays_the_first_token_of_another_by_one_of_its_requests_at_most() {
    const OUTPUT: u32 = 30;
    const COMES: usize = 7;
    let (scheduler, serving) = serving(16, 4);
    let (mut flood, other) = (RefCell::new(Vec::new()), RefCell::new(None));
    let scheduler = RefCell::new(Some(scheduler));
    let more = |step: usize| {
        let mut scheduler = scheduler.borrow_mut();
        let Some(open) = scheduler.as_ref() else { return };
        // Refused only when every place is taken.
        while let Ok(events) = open.submit(job(1, 1, 10, OUTPUT)) {
            flood.borrow_mut().push(events);
        }
        if step == COMES {
            *other.borrow_mut() = Some(open.submit(job(2, 2, 10, 5)).unwrap());
        }
        if step == 100 {
            *scheduler = None;
        }
    };
    more(0);
    let mut engine = Traced::new(5, 1 << 20, more);
    serving.run(&mut engine);
    let steps = engine.steps_of(2);
    let first = *steps.first().unwrap();
    let bound = COMES + OUTPUT as usize + 4;
    assert!(
        first <= bound,
        "the first token came in step {first}, not by {bound}"
    );
    drop(engine);
    assert_eq!(end_of(other.borrow_mut().as_mut().unwrap()).tokens, [ALWAYS; 5]);
    let ends: Vec<End> = flood.get_mut().iter_mut().map(end_of).collect();
    let crowded = ends
        .iter()
        .filter(|end| matches!(end.early, Some(Early::Crowded { .. })));
    assert_eq!(crowded.count(), 1, "one place was taken, and only one");
    assert!(
        ends.iter()
            .all(|end| end.early.is_some() || end.tokens.len() == OUTPUT as usize)
    );
}

#[test]
fn who_is_refused_hears_how_long_those_before_will_take() {
    let (scheduler, serving) = serving(8, 2);
    assert_eq!(scheduler.wait(), 1, "nothing was measured yet");
    scheduler.pace.note(Duration::from_secs(3));
    let events: Vec<_> = (0..8)
        .map(|index| scheduler.submit(job(index, 1, 5, 5)).unwrap())
        .collect();
    assert_eq!(scheduler.submit(job(9, 1, 5, 5)).err(), Some(Refused::Busy));
    // Eight of three seconds, one after the other as far as is known.
    assert_eq!(scheduler.wait(), 24);
    scheduler.metrics.active.set(2);
    assert_eq!(scheduler.wait(), 12);
    // The place of one of them goes to another sender.
    let other = scheduler.submit(job(10, 2, 5, 5)).unwrap();
    let after = scheduler.clone();
    drop(scheduler);
    let once = RefCell::new(Some(after));
    let mut engine = Traced::new(3, 1 << 20, |_| drop(once.borrow_mut().take()));
    serving.run(&mut engine);
    let mut all: Vec<_> = events.into_iter().chain([other]).collect();
    let ends: Vec<End> = all.iter_mut().map(end_of).collect();
    let crowded: Vec<_> = ends
        .iter()
        .filter_map(|end| match end.early {
            Some(Early::Crowded { wait }) => Some(wait),
            _ => None,
        })
        .collect();
    assert_eq!(crowded.len(), 1);
    assert!((12..=24).contains(&crowded[0]), "{crowded:?}");
}

#[test]
fn of_payers_whoever_has_least_under_way_comes_first_and_none_loses_its_place() {
    let (scheduler, serving) = serving(8, 2);
    let mut events = Vec::new();
    for index in 0..5_u32 {
        events.push(scheduler.submit(paid(10 + index, 1, 10 + index)).unwrap());
    }
    for index in 0..3_u32 {
        events.push(scheduler.submit(paid(20 + index, 2, 10)).unwrap());
    }
    // Nobody pays for this one, and the queue is full of those who do.
    assert_eq!(scheduler.submit(job(30, 3, 5, 5)).err(), Some(Refused::Busy));
    drop(scheduler);
    let mut engine = Traced::new(3, 1 << 20, |_| ());
    serving.run(&mut engine);
    // One of each at a time, as long as both have some.
    for pair in engine.begun[..6].chunks(2) {
        assert_ne!(pair[0] / 10, pair[1] / 10, "{:?}", engine.begun);
    }
    assert!(
        events
            .iter_mut()
            .map(end_of)
            .all(|end| end.finish == FinishReason::Length)
    );
}

#[test]
fn places_in_the_queue_are_shared_out_evenly_among_senders() {
    let (scheduler, _serving) = serving(8, 2);
    let submit = |sender: u8| scheduler.submit(job(1, sender, 5, 5));
    let mut events: Vec<_> = (0..8).map(|_| submit(1).unwrap()).collect();
    assert_eq!(submit(1).err(), Some(Refused::Busy));
    for _ in 0..4 {
        events.push(submit(2).unwrap());
    }
    // Four each, which nobody is to gain on.
    assert_eq!(submit(2).err(), Some(Refused::Busy));
    events.push(submit(3).unwrap());
    events.push(submit(3).unwrap());
    assert_eq!(submit(3).err(), Some(Refused::Busy));
    events.push(scheduler.submit(paid(1, 1, 5)).unwrap());
}

#[test]
fn choices_of_one_request_come_in_together_or_not_at_all() {
    for (choices, enter) in [(5, false), (4, true)] {
        let (scheduler, serving) = serving(8, 2);
        let mut flood: Vec<_> = (0..8)
            .map(|_| scheduler.submit(job(1, 1, 5, 5)).unwrap())
            .collect();
        let entered = scheduler.submit_choices(&job(2, 2, 5, 5), choices);
        assert_eq!(entered.is_ok(), enter);
        let metrics = scheduler.metrics.clone();
        drop(scheduler);
        serving.run(&mut Traced::new(3, 1 << 20, |_| ()));
        let crowded = flood.iter_mut().map(end_of).filter(|end| end.early.is_some());
        // Who is refused takes nobody's place.
        let lost = if enter { 4 } else { 0 };
        assert_eq!(crowded.count(), lost, "{choices} choices");
        // However long ago their answers began.
        assert_eq!(metrics.requests.with_label_values(&["busy"]).get(), lost as u64);
        let ends: Vec<End> = entered
            .into_iter()
            .flatten()
            .map(|mut events| end_of(&mut events))
            .collect();
        assert!(ends.iter().all(|end| end.tokens.len() == 5));
    }
    // More than there are places, for which an idle worker has slots all the same.
    let (scheduler, _serving) = serving(2, 8);
    let all = scheduler.submit_choices(&job(1, 1, 5, 5), 8);
    assert_eq!(all.map(|choices| choices.len()), Ok(8));
    assert_eq!(
        scheduler.submit_choices(&job(1, 1, 5, 5), 8).err(),
        Some(Refused::Busy)
    );
}

/// A hog, a request for which there is no room beside it, and many small ones of other senders.
fn beside_a_hog(small: impl Fn(u8) -> u8) -> Vec<u32> {
    let (scheduler, serving) = serving(64, 4);
    let mut events = vec![
        scheduler.submit(job(1, 1, 10, 60)).unwrap(),
        scheduler.submit(job(2, 2, 10, 80)).unwrap(),
    ];
    for index in 0..30 {
        let name = 10 + u32::from(index);
        events.push(scheduler.submit(job(name, small(index), 5, 5)).unwrap());
    }
    drop(scheduler);
    let mut engine = Traced::new(5, 100, |_| ());
    serving.run(&mut engine);
    let ends: Vec<_> = events.iter_mut().map(end_of).collect();
    assert!(
        ends.iter()
            .all(|end| end.finish == FinishReason::Length && end.early.is_none())
    );
    engine.begun
}

#[test]
fn small_requests_of_others_pass_one_that_has_no_room_but_only_so_many() {
    let begun = beside_a_hog(|index| 10 + index);
    let large = begun.iter().position(|name| *name == 2).unwrap();
    // The hog, and those that passed.
    assert_eq!(large, 1 + MOST_PASS, "{begun:?}");
}

#[test]
fn no_request_passes_a_large_one_of_its_own_sender() {
    let begun = beside_a_hog(|_| 2);
    assert_eq!(begun[..2], [1, 2]);
}

#[test]
fn nothing_more_of_a_request_is_computed_once_its_receiver_is_gone() {
    let (tokenizer, grammars) = (Tokenizer::load(&packaged_model()).unwrap(), Grammars::default());
    let letters = grammars
        .compile(&tokenizer, &Constraint::Regex("[a-z ]{200}[a-z ]*".into()))
        .unwrap();
    let plain = || job(1, 1, 10, 200);
    let mut constrained = plain();
    constrained.shape.grammar = Some(Arc::new(letters));
    // Request, rows for drafts, and the step in which its receiver goes.
    let cases = [
        ("decode", plain(), 0, 20),
        ("first piece of a prompt", job(1, 1, 1_000, 5), 0, 1),
        ("later piece of a prompt", job(1, 1, 1_000, 5), 0, 7),
        ("grammar", constrained, 0, 10),
        ("drafts", plain(), 8, 10),
    ];
    for (what, job_of_case, draft_rows, gone_in) in cases {
        let (scheduler, serving) = serving(4, 2);
        let events = Cell::new(Some(scheduler.submit(job_of_case).unwrap()));
        let mut other = scheduler.submit(job(2, 2, 5, 120)).unwrap();
        // Waits for the slot.
        let mut next = scheduler.submit(job(3, 3, 5, 5)).unwrap();
        drop(scheduler);
        let mut engine = Traced::new(3, 1 << 20, |step| {
            if step == gone_in {
                events.take();
            }
        });
        engine.draft_rows = draft_rows;
        serving.run(&mut engine);
        let last = *engine.steps_of(1).last().unwrap();
        assert_eq!(last, gone_in, "{what}: computed after its receiver was gone");
        if draft_rows > 0 {
            let drafted = |row: &traced::Row| row.0 == 1 && row.2 > 0;
            assert!(
                engine.steps[gone_in].iter().any(drafted),
                "{what}: there were no drafts"
            );
        }
        // The slot is another's after one more step.
        assert_eq!(engine.steps_of(3).first(), Some(&(gone_in + 2)), "{what}");
        assert_eq!(end_of(&mut other).tokens.len(), 120);
        assert_eq!(end_of(&mut next).tokens.len(), 5);
    }
}

#[test]
fn a_request_ends_at_its_deadline_with_what_it_has_and_gives_its_slot_to_the_next() {
    for (own, longest) in [
        (Some(2_000), None),
        (None, Some(2_000)),
        (Some(2_000), Some(50_000)),
    ] {
        let (scheduler, serving) = serving(4, 1);
        let scheduler = scheduler.with_longest(longest.map(Duration::from_millis));
        let with = |mut job: Job, deadline: Option<Instant>| {
            job.shape.deadline = deadline;
            scheduler.submit(job).unwrap()
        };
        let deadline = Instant::now() + Duration::from_millis(2_000);
        let mut late = with(job(1, 1, 10, 500), own.map(|_| deadline));
        let mut waits = with(job(2, 2, 10, 500), own.map(|_| deadline));
        let mut meant = scheduler.submit(paid(3, 1, 5)).unwrap();
        drop(scheduler);
        let mut engine = Traced::new(2, 1 << 20, |step| {
            if step == 3 {
                let left = (deadline + Duration::from_millis(200)).saturating_duration_since(Instant::now());
                std::thread::sleep(left);
            }
        });
        serving.run(&mut engine);
        let end = end_of(&mut late);
        assert_eq!((end.early, end.tokens), (Some(Early::Late), vec![ALWAYS; 4]));
        assert_eq!(engine.steps_of(1), [0, 1, 2, 3]);
        // It never had a slot.
        let end = end_of(&mut waits);
        assert_eq!((end.early, end.tokens), (Some(Early::Late), Vec::new()));
        // Whoever pays is bounded by the voucher.
        assert_eq!(end_of(&mut meant).tokens.len(), 5);
        assert_eq!(engine.begun, [1, 3]);
    }
}
