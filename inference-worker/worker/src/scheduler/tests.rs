//! Slots that no request needs.

use super::*;
use quern_engine::sampler::SamplingParams;
use quern_engine::seed::Seed;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

const VOCAB: usize = 1024;
/// Ends a request's output.
const END: u32 = 2;

/// What a step did: slots that decoded, or the slot that was prefilled.
#[derive(Clone, Debug, PartialEq)]
enum Did {
    Prefill(usize, usize),
    Decode(Vec<usize>),
}

/// Logits follow from the whole sequence, so that an output tells whether its slot held the right one.
struct Hashing {
    slots: Vec<Option<Vec<u32>>>,
    pause: Duration,
    did: Arc<Mutex<Vec<Did>>>,
}

impl Hashing {
    fn row(&self, slot: Slot) -> Vec<f32> {
        let tokens = self.slots[slot.0].as_ref().unwrap();
        let hash = tokens.iter().fold(7_u32, |hash, id| {
            hash.wrapping_mul(0x01000193) ^ id.wrapping_add(1)
        });
        // Two ids share the chance, and every third token would end a request.
        let mut row = vec![-50.0; VOCAB];
        row[300 + (hash >> 8) as usize % 200] = 5.0;
        row[500 + (hash >> 16) as usize % 200] = 5.0;
        if hash.is_multiple_of(3) {
            row[END as usize] = 9.0;
        }
        row
    }
}

impl Engine for Hashing {
    fn context(&self) -> usize {
        4096
    }
    fn slots(&self) -> usize {
        self.slots.len()
    }
    fn open(&mut self) -> Result<Slot, EngineError> {
        let free = self.slots.iter().position(Option::is_none);
        let free = free.ok_or(EngineError::NoSlot(self.slots.len()))?;
        self.slots[free] = Some(Vec::new());
        Ok(Slot(free))
    }
    fn close(&mut self, slot: Slot) {
        self.slots[slot.0] = None;
    }
    fn prefill(&mut self, slot: Slot, tokens: &[u32]) -> Result<Logits, EngineError> {
        self.did.lock().unwrap().push(Did::Prefill(slot.0, tokens.len()));
        self.slots[slot.0].as_mut().unwrap().extend(tokens);
        let values = self.row(slot);
        Ok(Logits { values, vocab: VOCAB })
    }
    fn decode(&mut self, batch: &[(Slot, u32)]) -> Result<Logits, EngineError> {
        std::thread::sleep(self.pause);
        let slots = batch.iter().map(|(slot, _)| slot.0).collect();
        self.did.lock().unwrap().push(Did::Decode(slots));
        let mut values = Vec::new();
        for (slot, token) in batch {
            self.slots[slot.0].as_mut().unwrap().push(*token);
            values.extend(self.row(*slot));
        }
        Ok(Logits { values, vocab: VOCAB })
    }
    fn extend(&mut self, _: Slot, _: &[u32]) -> Result<Logits, EngineError> {
        Err(EngineError::Request("not needed"))
    }
    fn score(&mut self, _: &[u32]) -> Result<Logits, EngineError> {
        Err(EngineError::Request("not needed"))
    }
}

/// So many jobs, and what came of them.
#[derive(Debug, Default)]
struct Jobs {
    left: Mutex<Vec<Fill>>,
    done: Mutex<BTreeMap<FillId, Vec<u32>>>,
    unwanted: AtomicBool,
}

impl Jobs {
    fn new(count: u32, prompt: usize, output: u32) -> Arc<Self> {
        let fill = |index: u32| Fill {
            id: (1, index),
            job: job(vec![index + 10; prompt], output, index as u8),
        };
        let left = Mutex::new((0..count).rev().map(fill).collect());
        Arc::new(Self {
            left,
            ..Self::default()
        })
    }

    fn done(&self) -> usize {
        self.done.lock().unwrap().len()
    }
}

impl Filler for Jobs {
    fn next(&self) -> Option<Fill> {
        self.left.lock().unwrap().pop()
    }
    fn wants(&self, _: FillId) -> bool {
        !self.unwanted.load(Ordering::Relaxed)
    }
    fn done(&self, id: FillId, _: u32, output: Vec<u32>) {
        self.done.lock().unwrap().insert(id, output);
    }
    fn failed(&self, id: FillId, reason: &str) {
        panic!("{id:?}: {reason}");
    }
}

fn job(prompt: Vec<u32>, max_tokens: u32, seed: u8) -> Job {
    Job {
        prompt,
        max_tokens,
        params: SamplingParams::default(),
        stop: Vec::new(),
        seed: Seed([seed; 32]),
        meter: None,
    }
}

struct Bench {
    scheduler: Scheduler,
    did: Arc<Mutex<Vec<Did>>>,
    thread: std::thread::JoinHandle<()>,
}

fn bench(slots: usize, pause: Duration, jobs: &Arc<Jobs>) -> Bench {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/quern-small");
    let tokenizer = Arc::new(Tokenizer::load(&model).unwrap());
    let (scheduler, serving) = Scheduler::new(4, slots, Metrics::new().unwrap(), tokenizer);
    let serving = serving.with_filler(Some(jobs.clone()));
    let did = Arc::new(Mutex::new(Vec::new()));
    let mut engine = Hashing {
        slots: vec![None; slots],
        pause,
        did: did.clone(),
    };
    let thread = std::thread::spawn(move || serving.run(&mut engine));
    scheduler.wake();
    Bench {
        scheduler,
        did,
        thread,
    }
}

fn wait(what: &str, until: impl Fn() -> bool) {
    let started = Instant::now();
    while !until() {
        assert!(started.elapsed() < Duration::from_secs(20), "waited for {what}");
        std::thread::sleep(Duration::from_millis(1));
    }
}

#[test]
fn idle_slots_compute_jobs_together_and_every_output_has_its_exact_length() {
    let jobs = Jobs::new(9, 300, 20);
    let bench = bench(4, Duration::ZERO, &jobs);
    wait("all jobs", || jobs.done() == 9);
    let done = jobs.done.lock().unwrap();
    assert!(done.values().all(|output| output.len() == 20));
    assert!(
        done.values().flatten().any(|id| *id == END),
        "no end token was drawn, so the test shows nothing"
    );
    let did = bench.did.lock().unwrap();
    let full = did
        .iter()
        .filter(|did| matches!(did, Did::Decode(slots) if slots.len() == 4));
    assert!(full.count() >= 2 * 19, "jobs were not computed together");
}

#[test]
fn a_request_takes_a_slot_at_the_next_step_and_the_job_that_lost_it_goes_on_where_it_was() {
    let alone = Jobs::new(2, 40, 400);
    let undisturbed = bench(2, Duration::ZERO, &alone);
    wait("undisturbed jobs", || alone.done() == 2);
    drop(undisturbed);

    let jobs = Jobs::new(2, 40, 400);
    let bench = bench(2, Duration::from_millis(1), &jobs);
    let steps = || bench.did.lock().unwrap().len();
    wait("jobs under way", || steps() > 60);
    let before = steps();
    let mut events = bench.scheduler.submit(job(vec![5; 7], 30, 99)).unwrap();
    let first = events.blocking_recv().unwrap();
    assert!(matches!(first, Event::Token { completion: 1, .. }), "{first:?}");
    let did = bench.did.lock().unwrap().clone();
    let begun = did
        .iter()
        .skip(before)
        .position(|did| matches!(did, Did::Prefill(_, 7)));
    assert!(begun.unwrap() <= 1, "the request waited for {begun:?} steps");
    // The job with the higher number lost its slot; the other one stayed.
    while !matches!(events.blocking_recv(), Some(Event::End(_)) | None) {}
    wait("all jobs", || jobs.done() == 2);
    assert_eq!(*jobs.done.lock().unwrap(), *alone.done.lock().unwrap());
    let resumed = bench
        .did
        .lock()
        .unwrap()
        .iter()
        .any(|did| matches!(did, Did::Prefill(_, n) if *n != 40 && *n != 7));
    assert!(resumed, "the job began anew");
}

#[test]
fn jobs_leave_requests_every_slot_and_the_whole_queue() {
    let jobs = Jobs::new(50, 10, 1_000);
    let bench = bench(2, Duration::from_millis(1), &jobs);
    wait("jobs under way", || bench.did.lock().unwrap().len() > 20);
    let requests: Vec<_> = (0..2)
        .map(|seed| bench.scheduler.submit(job(vec![5; 7], 3_000, seed)).unwrap())
        .collect();
    wait("requests", || {
        let did = bench.did.lock().unwrap();
        did.iter().filter(|did| matches!(did, Did::Prefill(_, 7))).count() == 2
    });
    drop(requests);
    wait("jobs again", || {
        bench
            .did
            .lock()
            .unwrap()
            .iter()
            .rev()
            .take(1)
            .any(|did| matches!(did, Did::Decode(slots) if slots.len() == 2))
    });
}

#[test]
fn jobs_that_nobody_wants_any_more_are_dropped_and_new_ones_begin_when_woken() {
    let jobs = Jobs::new(2, 10, 100_000);
    let bench = bench(2, Duration::ZERO, &jobs);
    wait("jobs under way", || bench.did.lock().unwrap().len() > 20);
    jobs.unwanted.store(true, Ordering::Relaxed);
    wait("rest", || {
        let before = bench.did.lock().unwrap().len();
        std::thread::sleep(Duration::from_millis(10));
        bench.did.lock().unwrap().len() == before
    });
    assert_eq!(jobs.done(), 0);
    jobs.unwanted.store(false, Ordering::Relaxed);
    jobs.left.lock().unwrap().push(Fill {
        id: (2, 0),
        job: job(vec![1], 5, 0),
    });
    bench.scheduler.wake();
    wait("the new job", || jobs.done() == 1);
}

#[test]
fn the_loop_ends_with_its_schedulers_though_jobs_are_left() {
    let jobs = Jobs::new(50, 10, 1_000);
    let bench = bench(2, Duration::ZERO, &jobs);
    wait("jobs under way", || bench.did.lock().unwrap().len() > 20);
    drop(bench.scheduler);
    bench.thread.join().unwrap();
}
