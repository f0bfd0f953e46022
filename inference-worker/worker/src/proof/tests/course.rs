//! Whole sprints over the real scheduler, sampler and journal; the engine's arithmetic and the chain are given.

use super::{CHAIN, HOST, MODEL, open, sprint, terms};
use crate::generate::{Job, Sequence};
use crate::metrics::Metrics;
use crate::proof::chain::SprintChain;
use crate::proof::check::{check, is_of_leaf};
use crate::proof::record::Terms;
use crate::proof::sprinter::follow;
use crate::proof::store::Proofs;
use crate::scheduler::fake::Hashing;
use crate::scheduler::{Event, Filler, Scheduler};
use quern_chain_client::{ChainError, Outcome};
use quern_engine::Engine;
use quern_engine::tokenizer::Tokenizer;
use quern_interface::poc_weights::{ProofInfo, SprintInfo};
use quern_protocol::{Amount, Node};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

#[derive(Default)]
struct State {
    height: u64,
    sprint: Option<SprintInfo>,
    commits: Vec<(u64, u32, Node)>,
    /// Commits that no block takes any more.
    losing: bool,
    /// What the host proves counts for nothing.
    barred: bool,
    needed: u64,
    /// Height as of which it was asked last.
    asked: u64,
}

#[derive(Clone, Default)]
struct TestChain(Arc<Mutex<State>>);

impl TestChain {
    fn with<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.0.lock().unwrap())
    }
}

impl SprintChain for TestChain {
    fn may_act(&self) -> bool {
        true
    }
    fn counts(&self) -> bool {
        self.with(|state| {
            if state.barred {
                state.asked = state.height;
            }
            !state.barred
        })
    }
    async fn last_sprint(&self) -> Result<Option<SprintInfo>, ChainError> {
        Ok(self.with(|state| {
            state.asked = state.height;
            state.sprint.clone()
        }))
    }
    async fn terms(&self, sprint: SprintInfo) -> Result<Option<Terms>, ChainError> {
        Ok(Some(terms(sprint)))
    }
    async fn commit(
        &self,
        sprint: SprintInfo,
        (count, root): (u32, Node),
    ) -> Result<Option<Outcome>, ChainError> {
        let included = self.with(|state| {
            let height = state.height + 1;
            let included = !state.losing && height <= sprint.deadline;
            if included {
                state.commits.push((height, count, root));
            }
            included.then_some(height)
        });
        let hash = String::new();
        Ok(Some(match included {
            Some(height) => Outcome::Included {
                height,
                hash,
                events: Vec::new(),
            },
            None => Outcome::Expired { hash },
        }))
    }
    async fn needed(&self, _: u64) -> Result<u64, ChainError> {
        Ok(self.with(|state| state.needed))
    }
}

struct Bench {
    chain: TestChain,
    heights: watch::Sender<u64>,
    proofs: Arc<Proofs>,
    scheduler: Scheduler,
    task: JoinHandle<()>,
}

fn tokenizer() -> Arc<Tokenizer> {
    let model = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/quern-small");
    Arc::new(Tokenizer::load(&model).unwrap())
}

fn bench(folder: &Path, chain: TestChain) -> Bench {
    let proofs = open(folder);
    let (scheduler, serving) = Scheduler::new(4, 3, Metrics::alone(MODEL).unwrap(), tokenizer());
    let serving = serving.with_filler(Some(proofs.clone()));
    std::thread::spawn(move || {
        serving.run(&mut Hashing::new(3, Duration::from_micros(200), Arc::default()));
    });
    let heights = watch::Sender::new(0);
    let task = tokio::spawn(follow(
        chain.clone(),
        heights.subscribe(),
        proofs.clone(),
        scheduler.clone(),
    ));
    Bench {
        chain,
        heights,
        proofs,
        scheduler,
        task,
    }
}

impl Bench {
    /// The chain goes on block by block, each time the host has seen the last one.
    async fn until(&self, height: u64) {
        loop {
            let now = self.chain.with(|state| {
                state.height += 1;
                state.height
            });
            self.heights.send_replace(now);
            while self.chain.with(|state| state.asked < now) {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
            if now >= height {
                return;
            }
        }
    }

    fn outcome(&self, outcome: &str) -> u64 {
        self.proofs
            .metrics
            .proofs
            .sprints
            .with_label_values(&[outcome])
            .get()
    }
}

fn running(height: u64) -> TestChain {
    let chain = TestChain::default();
    chain.with(|state| {
        state.height = height;
        state.sprint = Some(sprint(1));
    });
    chain
}

/// As the chain has it after a commit.
fn on_chain(committed_at: u64, count: u32, root: Node) -> ProofInfo {
    ProofInfo {
        sprint: sprint(1),
        host: HOST.into(),
        model: MODEL.into(),
        generation: 0,
        root,
        count,
        committed_at,
        judged: None,
    }
}

/// What the seeded sampler draws for a request, alone and from the beginning.
fn redrawn(job: &Job) -> Vec<u32> {
    let tokenizer = tokenizer();
    let mut engine = Hashing::new(1, Duration::ZERO, Arc::default());
    let slot = engine.open().unwrap();
    let mut sequence = Sequence::new(job.clone());
    let mut logits = engine.prefill(slot, &job.prompt).unwrap();
    while sequence.output().len() < job.max_tokens as usize {
        let token = sequence.draw(&logits.values, &tokenizer).unwrap();
        logits = engine.decode(&[(slot, token)]).unwrap();
    }
    sequence.output().to_vec()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sprint_is_answered_committed_twice_and_every_answer_stands_an_audit() {
    let folder = tempfile::tempdir().unwrap();
    let bench = bench(folder.path(), running(100));
    bench.until(121).await;
    let commits = bench.chain.with(|state| state.commits.clone());
    let [(early, few, _), (late, count, root)] = commits.as_slice() else {
        panic!("{commits:?}");
    };
    assert!(
        (111..=112).contains(early) && (119..=120).contains(late),
        "{commits:?}"
    );
    assert!(*few > 0 && count > few, "{commits:?}");
    bench.until(122).await;
    assert_eq!(bench.outcome("committed"), 1);
    assert_eq!(bench.proofs.metrics.proofs.work.get() as u128, root.sum.0);
    let info = on_chain(*late, *count, *root);
    let terms = terms(sprint(1));
    for offset in [0, root.sum.0 / 2, root.sum.0 - 1] {
        let found = bench.proofs.prove(&info, Amount(offset)).unwrap();
        let payload = bench.proofs.payload(1, MODEL, found.leaf.index).unwrap().unwrap();
        let id = found.leaf.digest(CHAIN, HOST, MODEL, 1);
        assert!(is_of_leaf(&terms, &id, &payload));
        let replay = check(&terms, &payload).unwrap();
        assert_eq!(replay.output, redrawn(&replay.job));
    }
    // The engine is free again.
    assert!(bench.proofs.next().is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crash_between_disk_and_commit_loses_no_answer() {
    let folder = tempfile::tempdir().unwrap();
    let chain = running(100);
    let before = {
        let bench = bench(folder.path(), chain.clone());
        bench.until(108).await;
        let (before, _) = bench.proofs.commitment(1).unwrap();
        bench.task.abort();
        let _ = bench.task.await;
        // Lets go of the journal; the engine's thread holds it until its schedulers are gone.
        drop(bench.scheduler);
        while Arc::strong_count(&bench.proofs) > 1 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        before
    };
    assert!(before > 0 && chain.with(|state| state.commits.is_empty()));
    let bench = bench(folder.path(), chain.clone());
    bench.until(121).await;
    let commits = chain.with(|state| state.commits.clone());
    let (height, count, root) = *commits.last().unwrap();
    assert!(count > before, "{before} before, {commits:?}");
    let info = on_chain(height, count, root);
    let last = root.sum.checked_sub(Amount(1)).unwrap();
    for offset in [Amount::ZERO, last] {
        assert!(bench.proofs.prove(&info, offset).is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_paid_request_is_served_during_a_sprint_and_the_sprint_goes_on_beside_it() {
    let folder = tempfile::tempdir().unwrap();
    let bench = bench(folder.path(), running(100));
    bench.until(104).await;
    let job = Job {
        prompt: vec![5; 40],
        max_tokens: 50,
        ..check_job()
    };
    let wanted = redrawn(&job);
    let mut events = bench.scheduler.submit(job).unwrap();
    let end = loop {
        match tokio::time::timeout(Duration::from_secs(10), events.recv())
            .await
            .unwrap()
        {
            Some(Event::End(end)) => break end,
            Some(_) => {}
            None => panic!("the request was dropped"),
        }
    };
    // A request ends at an end token where an answer of a sprint does not.
    assert_eq!(end.tokens, wanted[..end.tokens.len()]);
    bench.until(121).await;
    assert!(bench.chain.with(|state| state.commits.last().unwrap().1) > 1);
}

fn check_job() -> Job {
    crate::proof::check::job(Vec::new(), 1, &quern_protocol::Hash::new([9; 32]))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lost_commit_is_sent_again_while_there_is_time_and_counts_as_missed() {
    let folder = tempfile::tempdir().unwrap();
    let chain = running(100);
    chain.with(|state| state.losing = true);
    let bench = bench(folder.path(), chain.clone());
    bench.until(112).await;
    chain.with(|state| state.losing = false);
    bench.until(122).await;
    let missed = bench.proofs.metrics.proofs.missed_commits.get();
    let commits = chain.with(|state| state.commits.clone());
    assert!(missed >= 1 && !commits.is_empty(), "{missed} missed, {commits:?}");
    // Had none been included, the sprint would have been lost.
    assert_eq!(bench.outcome("committed"), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sprint_that_is_seen_too_late_is_left_alone_and_old_ones_are_forgotten() {
    let folder = tempfile::tempdir().unwrap();
    let chain = running(118);
    let bench = bench(folder.path(), chain.clone());
    bench.until(125).await;
    assert!(chain.with(|state| state.commits.is_empty()));
    chain.with(|state| {
        let mut next = sprint(2);
        (next.start, next.deadline) = (125, 145);
        state.sprint = Some(next);
    });
    bench.until(150).await;
    assert_eq!(bench.outcome("committed"), 1);
    assert!(bench.proofs.commitment(2).is_some());
    chain.with(|state| state.needed = 146);
    bench.until(230).await;
    assert!(bench.proofs.commitment(2).is_none());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_whose_proofs_count_for_nothing_computes_no_sprint_until_they_do_again() {
    let folder = tempfile::tempdir().unwrap();
    let chain = running(100);
    let bench = bench(folder.path(), chain.clone());
    bench.until(105).await;
    assert!(bench.proofs.running().is_some());
    chain.with(|state| state.barred = true);
    bench.until(106).await;
    assert!(bench.proofs.next().is_none(), "it computes for nothing");
    bench.until(130).await;
    assert!(chain.with(|state| state.commits.is_empty()));
    chain.with(|state| {
        state.barred = false;
        let mut next = sprint(2);
        (next.start, next.deadline) = (130, 150);
        state.sprint = Some(next);
    });
    bench.until(152).await;
    assert!(chain.with(|state| !state.commits.is_empty()));
}
