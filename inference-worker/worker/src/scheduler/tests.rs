//! Slots that no request needs.

use super::fake::{Did, END, Hashing};
use super::*;
use quern_engine::sampler::SamplingParams;
use quern_engine::seed::Seed;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

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
        shape: crate::generate::Shape::default(),
    }
}

struct Bench {
    scheduler: Scheduler,
    did: Arc<Mutex<Vec<Did>>>,
    thread: std::thread::JoinHandle<()>,
}

fn bench(slots: usize, pause: Duration, jobs: &Arc<Jobs>) -> Bench {
    bench_with_room(slots, pause, usize::MAX, jobs)
}

fn bench_with_room(slots: usize, pause: Duration, room: usize, jobs: &Arc<Jobs>) -> Bench {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/quern-small");
    let tokenizer = Arc::new(Tokenizer::load(&model).unwrap());
    let (scheduler, serving) = Scheduler::new(4, slots, Metrics::alone("quern-small").unwrap(), tokenizer);
    let serving = serving.with_filler(Some(jobs.clone()));
    let did = Arc::new(Mutex::new(Vec::new()));
    let mut engine = Hashing::new(slots, pause, did.clone()).with_room(room);
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
    let bench = bench(2, Duration::from_millis(5), &jobs);
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
    // After the step under way; this engine notes the other job's token of the request's own step first.
    assert!(begun.unwrap() <= 2, "the request waited behind {begun:?} others");
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

#[test]
fn a_request_waits_for_the_slot_and_the_room_of_a_score_and_fails_only_if_it_can_never_fit() {
    // Room for one of both alone; then a single slot.
    for (slots, room) in [(2, 1_000), (1, 10_000)] {
        let bench = bench_with_room(slots, Duration::from_millis(2), room, &Jobs::new(0, 1, 1));
        let (reply, mut scored) = tokio::sync::oneshot::channel();
        let ticket = ScoreTicket {
            tokens: vec![300; 900],
            from: 899,
            reply,
        };
        bench.scheduler.score(ticket).unwrap();
        wait("a score under way", || !bench.did.lock().unwrap().is_empty());
        let mut events = bench.scheduler.submit(job(vec![5; 7], 300, 99)).unwrap();
        let first = events.blocking_recv().unwrap();
        assert!(matches!(first, Event::Token { completion: 1, .. }), "{first:?}");
        assert!(scored.try_recv().unwrap().is_ok());
        drop(events);

        let mut events = bench.scheduler.submit(job(vec![5; 7], 10_000, 99)).unwrap();
        let first = events.blocking_recv().unwrap();
        assert!(
            matches!(&first, Event::End(end) if end.finish == FinishReason::Error),
            "{first:?}"
        );
        let (reply, scored) = tokio::sync::oneshot::channel();
        let ticket = ScoreTicket {
            tokens: vec![300; 10_001],
            from: 0,
            reply,
        };
        bench.scheduler.score(ticket).unwrap();
        assert!(scored.blocking_recv().unwrap().is_err());
    }
}

#[test]
fn a_score_gets_its_room_though_jobs_never_end() {
    // Three jobs fill the cache, and the score needs the room of all of them.
    let jobs = Jobs::new(10_000, 200, 130);
    let bench = bench_with_room(4, Duration::from_micros(100), 1_000, &jobs);
    wait("jobs under way", || bench.did.lock().unwrap().len() > 20);
    let (reply, scored) = tokio::sync::oneshot::channel();
    let ticket = ScoreTicket {
        tokens: vec![300; 900],
        from: 899,
        reply,
    };
    bench.scheduler.score(ticket).unwrap();
    let (answer, answered) = channel();
    std::thread::spawn(move || answer.send(scored.blocking_recv()));
    let rows = answered
        .recv_timeout(Duration::from_secs(20))
        .expect("the score waits for ever");
    assert_eq!(rows.unwrap().unwrap().rows(), 1);
    let before = jobs.done();
    wait("jobs again", || jobs.done() > before + 3);
}
