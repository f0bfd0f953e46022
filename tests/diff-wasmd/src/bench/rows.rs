//! Rows of the report.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

/// A row where more is better: the ratio is ours by the comparator's.
pub fn more(name: &str, unit: &str, ours: f64, comparator: f64, target: Option<f64>) -> Value {
    row(name, unit, [ours, comparator], target, |ratio, target| {
        ratio >= target
    })
}

/// A row where less is better; the ratio is the same.
pub fn less(name: &str, unit: &str, ours: f64, comparator: f64, target: Option<f64>) -> Value {
    row(name, unit, [ours, comparator], target, |ratio, target| {
        ratio <= target
    })
}

fn row(
    name: &str,
    unit: &str,
    [ours, comparator]: [f64; 2],
    target: Option<f64>,
    holds: fn(f64, f64) -> bool,
) -> Value {
    let ratio = ours / comparator;
    assert!(ratio.is_finite(), "{name}: {ours} by {comparator}");
    println!("{name}: {ours:.2} {unit}, comparator {comparator:.2}, ratio {ratio:.2}");
    json!({
        "name": name, "ours": ours, "comparator": comparator, "ratio": ratio, "target": target,
        "unit": unit, "holds": target.map(|target| holds(ratio, target)),
    })
}

/// Writes `target/bench/NAME.json`.
pub fn write(name: &str, rows: &[Value]) {
    let folder = Path::new("target/bench");
    fs::create_dir_all(folder).expect("a folder");
    fs::write(
        folder.join(name).with_extension("json"),
        format!("{:#}\n", json!(rows)),
    )
    .expect("a file");
}

/// The value in the middle.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}
