//! Outputs with drafts beside outputs without, on the packaged model.

use super::*;
use crate::generate::{Allowance, Meter, Sequence, Shape};
use crate::model::tests::packaged_model;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use quern_engine::draft::Drafter;
use quern_engine::grammar::{Constraint, Grammar, Grammars};
use quern_engine::sampler::SamplingParams;
use quern_engine::seed::Seed;
use quern_engine_torch::{LlamaEngine, LoadOptions, set_threads};
use std::sync::atomic::AtomicU32;

const SLOTS: usize = 4;

/// A worker's scheduler with an engine of its own.
struct Served {
    scheduler: Scheduler,
    metrics: Metrics,
}

impl Served {
    fn start(drafts: bool) -> Self {
        let tokenizer = Arc::new(Tokenizer::load(&packaged_model()).unwrap());
        let metrics = Metrics::alone("quern-small").unwrap();
        let (scheduler, serving) = Scheduler::new(64, SLOTS, metrics.clone(), tokenizer);
        let serving = serving.with_drafts(drafts);
        std::thread::spawn(move || {
            set_threads(1);
            let options = LoadOptions {
                slots: SLOTS + 1,
                ..LoadOptions::default()
            };
            serving.run(&mut LlamaEngine::load(&packaged_model(), &options).unwrap());
        });
        Self { scheduler, metrics }
    }

    /// Answers jobs that come at the same time.
    fn answer(&self, jobs: &[Job]) -> Vec<Output> {
        let submit = |job: &Job| self.scheduler.submit(job.clone()).unwrap();
        let receivers: Vec<_> = jobs.iter().map(submit).collect();
        receivers.into_iter().map(Output::read).collect()
    }

    fn steps(&self) -> u64 {
        self.metrics.step.get_sample_count()
    }
}

/// All that a client or a receipt is told.
#[derive(Debug, PartialEq)]
struct Output {
    text: Vec<String>,
    completions: Vec<u32>,
    likelihoods: Vec<Option<Box<Likelihood>>>,
    paused: usize,
    end: End,
}

impl Output {
    fn read(mut events: mpsc::Receiver<Event>) -> Self {
        let (mut text, mut completions, mut likelihoods, mut paused) =
            (Vec::new(), Vec::new(), Vec::new(), 0);
        loop {
            match events.blocking_recv().unwrap() {
                Event::Token {
                    text: piece,
                    completion,
                    likelihood,
                    ..
                } => {
                    text.push(piece);
                    completions.push(completion);
                    likelihoods.push(likelihood);
                }
                Event::Paused => paused += 1,
                Event::Prompt { .. } => panic!("nobody asked of the prompt"),
                Event::End(end) => {
                    return Self {
                        text,
                        completions,
                        likelihoods,
                        paused,
                        end,
                    };
                }
            }
        }
    }

    /// How much of a prompt is cached depends on when others came.
    fn whatever_was_cached(mut self) -> Self {
        self.end.cached = 0;
        self
    }
}

/// Lets an output wait before some tokens, ends it before others, and notes the furthest token that it was asked for.
#[derive(Debug, Default)]
struct Stutter {
    waits_at: u32,
    waited: AtomicU32,
    last: u32,
    cancelled_at: u32,
    asked: AtomicU32,
}

impl Meter for Stutter {
    fn draw(&self, completion: u32) -> Allowance {
        self.asked.fetch_max(completion, Ordering::Relaxed);
        if completion > self.last {
            return Allowance::End(FinishReason::Length);
        }
        if completion == self.waits_at && self.waited.fetch_add(1, Ordering::Relaxed) < 3 {
            return Allowance::Wait;
        }
        Allowance::Go
    }

    fn ended(&self) -> Option<FinishReason> {
        let asked = self.asked.load(Ordering::Relaxed);
        (asked >= self.cancelled_at).then_some(FinishReason::Cancelled)
    }

    fn tenant(&self) -> Option<u64> {
        Some(u64::from(self.last % 2))
    }
}

fn job(prompt: Vec<u32>, max_tokens: u32) -> Job {
    Job {
        prompt,
        max_tokens,
        params: SamplingParams {
            temperature: 0.0,
            ..SamplingParams::default()
        },
        stop: Vec::new(),
        seed: Seed([7; 32]),
        meter: None,
        shape: Shape::default(),
    }
}

/// Prompts that repeat themselves more or less.
fn prompt() -> impl Strategy<Value = Vec<u32>> {
    let piece = proptest::collection::vec(3_u32..2040, 1..30);
    let few = proptest::collection::vec(300_u32..306, 1..60);
    prop_oneof![
        (piece, 1_usize..6).prop_map(|(piece, times)| piece.repeat(times)),
        few,
    ]
}

fn params() -> impl Strategy<Value = SamplingParams> {
    let temperature = prop_oneof![Just(0.0), Just(0.3), Just(1.0), Just(2.0)];
    let penalties = prop_oneof![
        3 => Just((1.0, 0.0, 0.0)),
        1 => (0.5_f64..2.0, -2.0_f64..2.0, -2.0_f64..2.0),
    ];
    let filters = prop_oneof![
        2 => Just((0, 1.0, 0.0)),
        1 => (0_u32..20, 0.3_f64..1.0, 0.0_f64..0.2),
    ];
    let bias = proptest::collection::btree_map(300_u32..340, -10.0_f64..20.0, 0..3);
    (temperature, penalties, filters, bias).prop_map(
        |(temperature, (repetition, frequency, presence), (top_k, top_p, min_p), bias)| SamplingParams {
            bias,
            repetition_penalty: repetition,
            frequency_penalty: frequency,
            presence_penalty: presence,
            temperature,
            top_k,
            top_p,
            min_p,
        },
    )
}

/// What makes the meter of a job, as each run needs one of its own.
type Metered = (Job, Option<(u32, u32, u32)>);

fn request(grammars: Vec<Arc<Grammar>>) -> impl Strategy<Value = Metered> {
    let grammar = prop_oneof![3 => Just(None), 1 => proptest::sample::select(grammars).prop_map(Some)];
    let stop = proptest::sample::subsequence(vec![" the", "and", ",", "LORD", "e o"], 0..3);
    let logprobs = prop_oneof![Just(None), (0_u8..4).prop_map(Some)];
    let meter = prop_oneof![
        2 => Just(None),
        1 => (1_u32..50, 1_u32..60, 2_u32..80).prop_map(Some),
    ];
    let salt = prop_oneof![Just(None), Just(Some("a".to_owned()))];
    let job = (prompt(), 1_u32..50, params(), stop, any::<[u8; 32]>());
    let shape = (0_u32..3, grammar, logprobs, salt);
    (job, shape, meter).prop_map(
        |((prompt, max_tokens, params, stop, seed), (choice, grammar, logprobs, cache_salt), meter)| {
            let job = Job {
                prompt,
                max_tokens,
                params,
                stop: stop.into_iter().map(str::to_owned).collect(),
                seed: Seed(seed),
                meter: None,
                shape: Shape {
                    choice,
                    param: None,
                    grammar,
                    shown: Vec::new(),
                    logprobs,
                    cache_salt,
                    ..Shape::default()
                },
            };
            (job, meter)
        },
    )
}

fn grammars() -> Vec<Arc<Grammar>> {
    let (tokenizer, grammars) = (Tokenizer::load(&packaged_model()).unwrap(), Grammars::default());
    let schema = serde_json::json!({"type": "object", "properties": {"a": {"type": "array", "items": {"type": "integer"}},
        "name": {"enum": ["the name", "the other name"]}}, "required": ["name", "a"]});
    [
        Constraint::JsonObject,
        Constraint::JsonSchema(schema),
        Constraint::Regex("(and the [a-z]+, )+".into()),
    ]
    .iter()
    .map(|constraint| Arc::new(grammars.compile(&tokenizer, constraint).unwrap()))
    .collect()
}

/// The jobs with meters of their own, and these.
fn metered(requests: &[Metered]) -> (Vec<Job>, Vec<Option<Arc<Stutter>>>) {
    let one = |(job, meter): &Metered| {
        let meter = meter.map(|(waits_at, last, cancelled_at)| {
            Arc::new(Stutter {
                waits_at,
                last,
                cancelled_at,
                ..Stutter::default()
            })
        });
        let mut job = job.clone();
        job.meter = meter.clone().map(|meter| meter as Arc<dyn Meter>);
        (job, meter)
    };
    requests.iter().map(one).unzip()
}

#[test]
fn an_output_is_the_same_with_drafts_and_without() {
    let (with, without) = (Served::start(true), Served::start(false));
    let config = ProptestConfig {
        failure_persistence: None,
        ..ProptestConfig::with_cases(60)
    };
    let requests = proptest::collection::vec(request(grammars()), 1..6);
    TestRunner::new(config)
        .run(&requests, |requests| {
            let mut found = Vec::new();
            for served in [&with, &without] {
                let (jobs, meters) = metered(&requests);
                let outputs = served.answer(&jobs).into_iter();
                let outputs: Vec<Output> = outputs.map(Output::whatever_was_cached).collect();
                // Nothing is reserved for a draft: a meter is asked for the tokens that are drawn and no others.
                let asked: Vec<Option<u32>> = meters
                    .iter()
                    .map(|meter| meter.as_ref().map(|meter| meter.asked.load(Ordering::Relaxed)))
                    .collect();
                found.push((outputs, asked));
            }
            let without = found.pop();
            prop_assert_eq!(found.pop(), without);
            Ok(())
        })
        .unwrap();
    let (tried, kept) = (
        with.metrics.drafted_tokens.get(),
        with.metrics.accepted_tokens.get(),
    );
    println!(
        "{kept} of {tried} drafts were right; {} steps in place of {}",
        with.steps(),
        without.steps()
    );
    assert!(
        kept > 100 && tried > kept,
        "the cases show nothing: {kept} of {tried}"
    );
    assert!(with.steps() < without.steps());
    assert_eq!(without.metrics.drafted_tokens.get(), 0);
    let completions = |served: &Served| served.metrics.completion_tokens.get();
    assert_eq!(completions(&with), completions(&without));
}

#[test]
fn a_text_that_goes_round_takes_a_fraction_of_the_steps_alone_and_beside_another() {
    let (with, without) = (Served::start(true), Served::start(false));
    // The bias decides, whatever the model thinks of it.
    let mut round = job(vec![5, 6, 7], 120);
    round.params.bias = [(300, 100.0)].into();
    let mut other = round.clone();
    other.params.bias = [(301, 100.0)].into();
    for (jobs, most) in [(vec![round.clone()], 30), (vec![round, other], 50)] {
        let mut steps = Vec::new();
        for served in [&with, &without] {
            let before = served.steps();
            for (output, token) in served.answer(&jobs).iter().zip([300, 301]) {
                assert_eq!(output.end.tokens, vec![token; 120]);
            }
            steps.push(served.steps() - before);
        }
        assert!(steps[0] < most && steps[1] >= 120, "{steps:?}");
    }
    assert!(with.metrics.accepted_tokens.get() > 250);
}

#[test]
fn later_turns_find_the_same_pages_cached_and_nothing_of_refused_drafts_in_them() {
    let (with, without) = (Served::start(true), Served::start(false));
    for seed in 0..6_u8 {
        let mut talk: Vec<u32> = (0..40).map(|i| 300 + (i * i + u32::from(seed)) % 11).collect();
        for turn in 0..3_u32 {
            let mut next = job(talk.clone(), 60);
            next.seed = Seed([seed; 32]);
            next.params.temperature = 0.4 * f64::from(seed % 3);
            next.shape.logprobs = Some(2);
            let found = with.answer(std::slice::from_ref(&next));
            assert_eq!(
                found,
                without.answer(std::slice::from_ref(&next)),
                "{seed}, turn {turn}"
            );
            talk.extend(&found[0].end.tokens);
            talk.extend([5, 6, 7]);
        }
    }
    let cached = with.metrics.cached_tokens.get();
    assert!(cached > 0 && cached == without.metrics.cached_tokens.get());
    let (tried, kept) = (
        with.metrics.drafted_tokens.get(),
        with.metrics.accepted_tokens.get(),
    );
    assert!(
        kept > 0 && tried > kept,
        "the talks show nothing: {kept} of {tried}"
    );
}

/// Sampler, grammars, scheduler, drafts and cached prompts together.
#[test]
fn a_thousand_runs_in_mixed_company_have_the_outputs_that_each_request_has_alone() {
    const RUNS: usize = 1000;
    let (alone, mixed) = (Served::start(false), Served::start(true));
    let (requests, mut runner) = (request(grammars()), TestRunner::deterministic());
    let jobs: Vec<Job> = (0..40)
        .map(|_| requests.new_tree(&mut runner).unwrap().current().0)
        .collect();
    let wanted: Vec<Output> = jobs
        .iter()
        .map(|job| Output::read(alone.scheduler.submit(job.clone()).unwrap()).whatever_was_cached())
        .collect();
    let (mut begun, mut under_way) = (0, VecDeque::new());
    for run in 0..RUNS {
        // Others come while some are under way and more of them wait.
        while begun < RUNS && under_way.len() < 1 + run * 7 % 8 {
            let which = (begun * 17 + begun / 40) % jobs.len();
            under_way.push_back((which, mixed.scheduler.submit(jobs[which].clone()).unwrap()));
            begun += 1;
        }
        let (which, events) = under_way.pop_front().unwrap();
        let output = Output::read(events).whatever_was_cached();
        assert_eq!(output, wanted[which], "run {run} of request {which}");
    }
    let counts = [&mixed.metrics.cached_tokens, &mixed.metrics.accepted_tokens].map(|count| count.get());
    println!(
        "{RUNS} runs of {} requests had one output each; {counts:?} tokens were cached and drafted",
        jobs.len()
    );
    assert!(counts.iter().all(|count| *count > 1_000), "{counts:?}");
}

#[test]
fn requests_share_the_rows_for_drafts_and_none_has_any_beyond_its_last_token() {
    let (events, _receiver) = mpsc::channel(1);
    let active = |max_tokens: u32| {
        let mut sequence = Sequence::new(job([1, 2, 3].repeat(5), max_tokens));
        let tokenizer = Tokenizer::load(&packaged_model()).unwrap();
        let mut row = vec![0.0; 2048];
        row[1] = 9.0;
        sequence.advance(&row, &tokenizer).unwrap();
        Active {
            slot: Slot(0),
            sequence,
            events: events.clone(),
            admitted: Instant::now(),
            begun: Instant::now(),
            cached: 0,
            prefilled: 15,
            next: Some(1),
            waiting: None,
            drafter: Drafter::default(),
            scored: Vec::new(),
        }
    };
    let lengths = |limits: &[u32], pieces: &[Vec<u32>], rows: usize| {
        let mut requests: Vec<Active> = limits.iter().map(|most| active(*most)).collect();
        let drafts = drafts::propose(&mut requests, pieces, rows);
        drafts.iter().map(Vec::len).collect::<Vec<_>>()
    };
    let one = || vec![vec![1], vec![1], vec![1]];
    assert_eq!(lengths(&[50, 50, 50], &one(), 7), [3, 2, 2]);
    assert_eq!(lengths(&[50, 50, 50], &one(), 2), [1, 1, 0]);
    assert_eq!(lengths(&[50, 50, 50], &one(), 0), [0, 0, 0]);
    // One more token may be drawn of the first, two of the second; the third waits.
    assert_eq!(lengths(&[2, 3, 50], &[vec![1], vec![1], vec![]], 7), [0, 1, 0]);
}
