//! Which database, and what authentication costs on it: the figures of docs/adr/0007-state-database.md.
//!
//! A durable commit of 1,000 random updates and inserts to a state of a million keys, tree, proofs and
//! preimages maintained, beside a raw batch of the same 1,000 entries to the same database with the
//! same fsync. Rounds are interleaved; medians count.
//!
//! ```text
//! cargo run -p quern-store --example bench_database -- [keys] [folder] [database]
//! ```
//!
//! With a database named, its ratio is left in target/bench/store.json for `make bench`.
#![allow(clippy::disallowed_methods, reason = "a benchmark reads the clock")]
#![allow(clippy::float_arithmetic, reason = "figures for people")]

mod fjall;

use crate::fjall::FjallBackend;
use quern_store::backend::{Backend, RedbBackend};
use quern_store::{ChangeSet, Key, MultiStore, Order, Pruning, Value};
use rand::{Rng, SeedableRng, rngs::StdRng};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

const ROUNDS: usize = 5;
const COMMITS: usize = 20;
const CHANGES: usize = 1_000;
const READS: usize = 20_000;
const RANGES: usize = 500;
/// Commits before the timed ones, so that pruning has as much to do as it always will.
const WARM_UP: usize = 120;
/// Old versions that stay readable.
const KEPT: u64 = 10;

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let keys: usize = arguments.next().map_or(Ok(1_000_000), |keys| keys.parse())?;
    let folder = arguments
        .next()
        .map_or_else(|| PathBuf::from("target/bench-database"), PathBuf::from);
    if folder.exists() {
        std::fs::remove_dir_all(&folder)?;
    }
    std::fs::create_dir_all(&folder)?;

    let only = arguments.next();
    let names: Vec<&'static str> = ["redb", "fjall"]
        .into_iter()
        .filter(|name| only.as_deref().is_none_or(|only| only == *name))
        .collect();
    if names.is_empty() {
        return Err("no such database: redb or fjall".into());
    }
    let mut contenders = Vec::new();
    for &name in &names {
        contenders.push(Contender::load(name, &folder, keys)?);
    }
    for round in 1..=ROUNDS {
        for contender in &mut contenders {
            contender.round()?;
        }
        eprintln!("round {round} of {ROUNDS} done");
    }
    println!("{keys} keys, {CHANGES} changes per commit, {ROUNDS} rounds of {COMMITS} commits, medians");
    for contender in &mut contenders {
        let row = contender.report();
        if only.is_some() {
            leave(&row)?;
        }
    }
    drop(contenders);
    for &name in &names {
        for what in ["raw", "store"] {
            let size = size_of(&folder.join(format!("{name}-{what}")))?;
            println!("{name:6} {what:6} on disk, closed   {:8.1} MB", size as f64 / 1e6);
        }
    }
    std::fs::remove_dir_all(&folder)?;
    Ok(())
}

/// One database, with the raw state and the authenticated one, and the times taken.
struct Contender {
    name: &'static str,
    raw: Arc<dyn Backend>,
    store: MultiStore,
    keys: Vec<Key>,
    rng: StdRng,
    raw_commit: Vec<f64>,
    prepare: Vec<f64>,
    commit: Vec<f64>,
    whole: Vec<f64>,
    point: Vec<f64>,
    raw_point: Vec<f64>,
    range: Vec<f64>,
}

impl Contender {
    fn load(name: &'static str, folder: &Path, keys: usize) -> Result<Self, Box<dyn Error>> {
        let raw = open(name, &folder.join(format!("{name}-raw")))?;
        let backend = open(name, &folder.join(format!("{name}-store")))?;
        let store = MultiStore::on_backend(backend, Pruning::KeepRecent(KEPT))?;
        let mut rng = StdRng::seed_from_u64(1);
        let keys: Vec<Key> = (0..keys).map(|_| key(&mut rng)).collect();
        let changes: ChangeSet = keys
            .iter()
            .map(|key| (key.clone(), Some(value(&mut rng))))
            .collect();
        store.commit(store.prepare(1, &changes)?)?;
        raw.write(changes.into_iter().collect())?;
        eprintln!("{name}: {} keys loaded", keys.len());
        let times = Vec::new;
        let mut contender = Self {
            name,
            raw,
            store,
            keys,
            rng,
            raw_commit: times(),
            prepare: times(),
            commit: times(),
            whole: times(),
            point: times(),
            raw_point: times(),
            range: times(),
        };
        contender.commits(WARM_UP)?;
        for times in [
            &mut contender.raw_commit,
            &mut contender.prepare,
            &mut contender.commit,
            &mut contender.whole,
        ] {
            times.clear();
        }
        eprintln!("{name}: warm");
        Ok(contender)
    }

    /// The same changes to both, the raw database first.
    fn commits(&mut self, count: usize) -> Result<(), Box<dyn Error>> {
        for _ in 0..count {
            let mut changes = ChangeSet::new();
            while changes.len() < CHANGES {
                let fresh = changes.len().is_multiple_of(2);
                let key = if fresh { key(&mut self.rng) } else { self.any_key() };
                if fresh {
                    self.keys.push(key.clone());
                }
                changes.insert(key, Some(value(&mut self.rng)));
            }
            let batch = changes.clone().into_iter().collect();
            let start = Instant::now();
            self.raw.write(batch)?;
            self.raw_commit.push(milliseconds(start));

            let version = self.store.latest().map_or(1, |info| info.version + 1);
            let start = Instant::now();
            let pending = self.store.prepare(version, &changes)?;
            self.prepare.push(milliseconds(start));
            let prepared = Instant::now();
            self.store.commit(pending)?;
            self.commit.push(milliseconds(prepared));
            self.whole.push(milliseconds(start));
        }
        Ok(())
    }

    fn round(&mut self) -> Result<(), Box<dyn Error>> {
        self.commits(COMMITS)?;
        let wanted: Vec<Key> = (0..READS).map(|_| self.any_key()).collect();
        let snapshot = self.store.snapshot();
        let start = Instant::now();
        for key in &wanted {
            if snapshot.get(key)?.is_none() {
                return Err("a key is missing from the store".into());
            }
        }
        self.point.push(milliseconds(start) * 1e3 / READS as f64);
        let view = self.raw.view()?;
        let start = Instant::now();
        for key in &wanted {
            if view.get(key)?.is_none() {
                return Err("a key is missing from the raw database".into());
            }
        }
        self.raw_point.push(milliseconds(start) * 1e3 / READS as f64);
        let start = Instant::now();
        for key in wanted.iter().take(RANGES) {
            let entries = snapshot.range(Some(key), None, Order::Ascending).take(100);
            entries.collect::<Result<Vec<_>, _>>()?;
        }
        self.range.push(milliseconds(start) * 1e3 / RANGES as f64);
        Ok(())
    }

    fn any_key(&mut self) -> Key {
        let index = self.rng.gen_range(0..self.keys.len());
        self.keys.get(index).cloned().unwrap_or_default()
    }

    /// Prints the figures; the one for `make bench` as a row of JSON.
    fn report(&mut self) -> String {
        let name = self.name;
        let [raw, prepare, commit, whole, point, raw_point, range] = [
            &mut self.raw_commit,
            &mut self.prepare,
            &mut self.commit,
            &mut self.whole,
            &mut self.point,
            &mut self.raw_point,
            &mut self.range,
        ]
        .map(|times| median(times));
        let ratio = whole / raw;
        println!("{name:6} raw batch              {raw:8.2} ms");
        println!("{name:6} durable commit         {whole:8.2} ms (prepare {prepare:.2}, commit {commit:.2})");
        println!("{name:6} ratio                  {ratio:8.2}, target 6.00");
        println!("{name:6} point read             {point:8.2} us (raw {raw_point:.2})");
        println!("{name:6} range of 100           {range:8.2} us");
        format!(
            "[{{\"name\":\"durable commit of {CHANGES} changes beside a raw batch, {name}\",\"ours\":{whole:.3},\
             \"comparator\":{raw:.3},\"ratio\":{ratio:.3},\"target\":6.0,\"unit\":\"ms\",\"holds\":{}}}]\n",
            ratio <= 6.0
        )
    }
}

fn leave(row: &str) -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2);
    let folder = root.ok_or("the crate has no workspace")?.join("target/bench");
    std::fs::create_dir_all(&folder)?;
    Ok(std::fs::write(folder.join("store.json"), row)?)
}

fn open(name: &str, path: &Path) -> Result<Arc<dyn Backend>, Box<dyn Error>> {
    std::fs::create_dir_all(path)?;
    Ok(match name {
        "redb" => Arc::new(RedbBackend::open(&path.join("raw.redb"), false)?),
        _ => Arc::new(FjallBackend::open(path)?),
    })
}

fn key(rng: &mut StdRng) -> Key {
    (0..32).map(|_| rng.r#gen()).collect()
}

fn value(rng: &mut StdRng) -> Value {
    let length = rng.gen_range(40..120);
    (0..length).map(|_| rng.r#gen()).collect()
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() / 2).copied().unwrap_or(f64::NAN)
}

fn size_of(path: &Path) -> Result<u64, Box<dyn Error>> {
    let mut size = 0;
    for entry in std::fs::read_dir(path)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        size += if metadata.is_dir() {
            size_of(&entry.path())?
        } else {
            metadata.len()
        };
    }
    Ok(size)
}
