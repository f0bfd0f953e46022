//! What a gateway adds to the time to the first token: the router, and beside it LiteLLM's proxy, in front of the same
//! upstream, which answers at once and then at the pace of a model.
//!
//! `cargo run -p quern-router --example bench_overhead -- upstream` is the upstream; it prints where it listens, and serves the
//! model `double`. `cargo run -p quern-router --example bench_overhead -- load UPSTREAM_URL ROUTER_URL LITELLM_URL [REQUESTS
//! [REPORT_FILE]]` measures (router with --open). `tests/e2e/inference/bench_overhead.py` starts all of them.
//!
//! Five rounds in turn, at one stream and at 16; what is added is the difference of percentiles through a gateway and
//! without one, and the median of the rounds counts. Prints rows {name, ours, comparator, ratio, target, unit, holds},
//! among them how much more the load generator and the upstream can do than was asked of them.

mod load;
mod upstream;

use load::{Phase, Target, phase};
use serde_json::{Value, json};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const ROUNDS: usize = 5;
/// Streams at once and words of an answer; a stream of few words takes little of the time that one stream at once costs.
const LEVELS: [(usize, usize); 2] = [(1, 4), (16, 16)];
/// Most that the router may add in milliseconds: at the median, at the 99th percentile.
const TARGETS: [(&str, f64, f64); 2] = [("median", 0.5, 0.5), ("99th percentile", 0.99, 2.0)];
/// How much more LiteLLM's proxy has to add.
const TIMES: f64 = 10.0;
/// How much more the load generator has to reach alone than it is asked for.
const SPARE: f64 = 2.0;
/// Milliseconds that are not told apart from none.
const LEAST: f64 = 0.05;

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

fn rounded(number: f64) -> f64 {
    (number * 1000.0).round() / 1000.0
}

/// Rows of one level: rounds of upstream, router and LiteLLM.
fn rows(streams: usize, rounds: &[[Phase; 3]]) -> Vec<Value> {
    let mut rows = Vec::new();
    for (word, share, target) in TARGETS {
        let at = |who: usize| median(rounds.iter().map(|round| round[who].first(share)).collect());
        let added = |who: usize| {
            median(
                rounds
                    .iter()
                    .map(|round| round[who].first(share) - round[0].first(share))
                    .collect(),
            )
        };
        let (direct, ours, theirs) = (rounded(at(0)), rounded(added(1)), rounded(added(2)));
        // Where the gateway seems to save time, other programs took more of it than there is to measure.
        let told = ours > -target;
        let what = format!("router's added time to first token, {streams} at once, {word}");
        let beside = json!({
            "name": format!("{what} (upstream alone {direct} ms)"),
            "ours": ours, "comparator": direct, "ratio": null, "target": target, "unit": "ms",
            "holds": told.then_some(ours <= target),
        });
        let ratio = told.then(|| (theirs / ours.max(LEAST) * 100.0).round() / 100.0);
        let litellm = json!({
            "name": format!("{what}, beside LiteLLM's proxy"),
            "ours": ours, "comparator": theirs, "ratio": ratio, "target": TIMES, "unit": "ms",
            "holds": ratio.map(|ratio| ratio >= TIMES),
        });
        rows.extend([beside, litellm]);
    }
    rows
}

fn measure(urls: [&str; 3], requests: usize) -> Result<Vec<Value>, Failure> {
    let targets = [
        Target::new(urls[0], "/v1/chat/completions")?,
        Target::new(urls[1], "/v1/chat/completions")?,
        Target::new(urls[2], "/v1/chat/completions")?,
    ];
    let flood = Target::new(urls[0], "/flood/v1/chat/completions")?;
    let (mut found, mut asked) = (Vec::new(), 0_f64);
    for (streams, words) in LEVELS {
        // Of each stream: 16 make 16 at once.
        let each = (requests / if streams == 1 { 1 } else { 6 }).max(5);
        let mut rounds = Vec::new();
        for round in 0..ROUNDS {
            let mut phases = [Phase::default(), Phase::default(), Phase::default()];
            // Who goes first changes, so that none always meets the same machine.
            for turn in 0..targets.len() {
                let who = (round + turn) % targets.len();
                if let (Some(target), Some(place)) = (targets.get(who), phases.get_mut(who)) {
                    *place = phase(target, streams, each, words)?;
                    asked = asked.max(place.words_per_s);
                }
            }
            rounds.push(phases);
        }
        found.extend(rows(streams, &rounds));
    }
    let most: Result<Vec<f64>, Failure> = (0..ROUNDS)
        .map(|_| Ok(phase(&flood, 16, requests.max(20), 16)?.words_per_s))
        .collect();
    let (most, asked) = (median(most?).round(), asked.round());
    let ratio = (most / asked * 100.0).round() / 100.0;
    found.push(json!({
        "name": "load generator and upstream alone, beside the most that was asked of them",
        "ours": most, "comparator": asked, "ratio": ratio, "target": SPARE, "unit": "words/s", "holds": ratio >= SPARE,
    }));
    Ok(found)
}

fn main() -> Result<(), Failure> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = args.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["upstream"] => upstream::serve(),
        ["load", direct, router, litellm, rest @ ..] => {
            let requests: usize = rest.first().map_or(Ok(100), |n| n.parse())?;
            let rows = measure([direct, router, litellm], requests)?;
            for row in &rows {
                println!("{row}");
            }
            if let Some(path) = rest.get(1) {
                std::fs::write(path, serde_json::to_vec_pretty(&rows)?)?;
            }
            Ok(())
        }
        _ => Err(
            "usage: bench_overhead upstream | load UPSTREAM_URL ROUTER_URL LITELLM_URL [REQUESTS [REPORT_FILE]]"
                .into(),
        ),
    }
}
