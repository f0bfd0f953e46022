//! Medians of what was measured, as rows of the report.

use crate::PROMPT;
use crate::options::Options;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Whose speed it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Ours,
    Transformers,
    Llama,
    /// Bytes read without computing: by a plain loop.
    Loop,
    /// By the fastest loop.
    Memory,
}

/// One thing to measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Work {
    /// So many sequences at once.
    Decode(usize),
    /// One prompt of so many tokens.
    Prompt(usize),
}

impl Work {
    /// As another engine is asked for it.
    pub(crate) fn request(self, tokens: usize) -> Value {
        match self {
            Self::Decode(batch) => json!({"batch": batch, "prompt": PROMPT, "tokens": tokens}),
            Self::Prompt(length) => json!({"prefill": length}),
        }
    }
}

/// Rates of all rounds.
#[derive(Debug, Default)]
pub(crate) struct Rates(BTreeMap<(Who, Work), Vec<f64>>);

impl Rates {
    pub(crate) fn add(&mut self, who: Who, work: Work, rate: f64) {
        self.0.entry((who, work)).or_default().push(rate);
    }

    /// The median; none if it was not measured.
    fn of(&self, who: Who, work: Work) -> Option<f64> {
        let mut values = self.0.get(&(who, work))?.clone();
        values.sort_by(f64::total_cmp);
        values.get(values.len() / 2).copied()
    }
}

/// A row, with a target where there is one.
fn row(name: &str, ours: f64, comparator: f64, target: Option<f64>, unit: &str) -> Value {
    let ratio = ours / comparator;
    let tenth = |number: f64| (number * 10.0).round() / 10.0;
    json!({
        "name": name, "ours": tenth(ours), "comparator": tenth(comparator), "ratio": (ratio * 100.0).round() / 100.0,
        "target": target, "unit": unit, "holds": target.map(|target| ratio >= target),
    })
}

/// All rows; `weights` is their size in bytes.
pub(crate) fn rows(options: &Options, rates: &Rates, weights: f64) -> Vec<Value> {
    let model = options.model.file_name();
    let model = model.map_or_else(String::new, |name| name.display().to_string());
    let precision = if options.bf16 { ", bf16 weights" } else { "" };
    let clock = if options.cpu { ", by its own clock" } else { "" };
    let end = match options.threads {
        1 => format!(", 1 thread{clock}"),
        threads => format!(", {threads} threads{clock}"),
    };
    let read = rates.of(Who::Memory, Work::Decode(1));
    let mut rows = Vec::new();
    for (&batch, &target) in options.batches.iter().zip(&options.targets) {
        let work = Work::Decode(batch);
        let Some(ours) = rates.of(Who::Ours, work) else {
            continue;
        };
        let name = format!("decode {model}{precision}, batch {batch}");
        if let Some(theirs) = rates.of(Who::Transformers, work) {
            let name = format!("{name}, beside transformers eager{end}");
            rows.push(row(&name, ours, theirs, Some(target), "tokens/s"));
        }
        if let Some(theirs) = rates.of(Who::Llama, work) {
            // The packaged model lies in the cache: it is reported only.
            let target = read.map(|_| 1.0);
            let name = format!("{name}, beside llama.cpp F32{end}");
            rows.push(row(&name, ours, theirs, target, "tokens/s"));
        }
        match read {
            Some(read) if batch == 1 => {
                let plain = rates.of(Who::Loop, work).unwrap_or(f64::NAN);
                for (how, read) in [("by a plain loop", plain), ("as fast as it can be", read)] {
                    let name = format!("{name}, weights read beside memory read {how}{end}");
                    rows.push(row(&name, ours * weights / 1e9, read / 1e9, Some(0.9), "GB/s"));
                }
            }
            Some(read) => {
                let bound = batch as f64 * read / weights;
                rows.extend(roofline(rates, &name, (ours, bound), &end));
            }
            None => {}
        }
    }
    for &length in &options.prefill {
        let work = Work::Prompt(length);
        if let (Some(ours), Some(theirs)) = (rates.of(Who::Ours, work), rates.of(Who::Transformers, work)) {
            let name = format!("prompt of {length}, {model}{precision}, beside transformers eager{end}");
            rows.push(row(&name, ours, theirs, Some(1.0), "tokens/s"));
        }
    }
    rows
}

/// A batch beside the lesser of what memory and arithmetic allow.
fn roofline(rates: &Rates, name: &str, (ours, bound): (f64, f64), end: &str) -> Option<Value> {
    let prompts = rates.0.keys().filter(|(_, work)| matches!(work, Work::Prompt(_)));
    let computed = prompts
        .filter_map(|(who, work)| rates.of(*who, *work))
        .max_by(f64::total_cmp)?;
    let name =
        format!("{name}, beside the roofline (memory {bound:.0}, prompts {computed:.0} tokens/s){end}");
    Some(row(&name, ours, bound.min(computed), Some(0.6), "tokens/s"))
}
