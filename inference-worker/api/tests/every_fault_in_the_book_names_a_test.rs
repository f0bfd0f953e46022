//! The rows of `docs/spec/failures.md` name tests; those are there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Sources below a folder, without what is built.
fn sources(folder: &Path, found: &mut BTreeMap<PathBuf, String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            sources(&path, found);
        } else if name.ends_with(".rs") || name.ends_with(".py") {
            let text = std::fs::read_to_string(&path).unwrap();
            found.insert(path, text);
        }
    }
}

/// What a cell sets as code.
fn code(cell: &str) -> impl Iterator<Item = &str> {
    cell.split('`').skip(1).step_by(2)
}

#[test]
fn every_row_names_a_test_that_is_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let book = std::fs::read_to_string(root.join("docs/spec/failures.md")).unwrap();
    let mut found = BTreeMap::new();
    for folder in ["contracts", "inference-worker", "tests"] {
        sources(&root.join(folder), &mut found);
    }
    let defined = |name: &str| {
        let rust = [format!("fn {name}("), format!("def {name}(")];
        // Tests of Python are named by their beginning: `test_3`.
        let python = format!("def {name}_");
        found.values().any(|text| {
            rust.iter().any(|word| text.contains(word)) || name.starts_with("test_") && text.contains(&python)
        })
    };
    let exists = |file: &str| root.join(file).exists() || found.keys().any(|path| path.ends_with(file));
    let (mut in_table, mut rows, mut last) = (false, 0, String::new());
    for line in book.lines() {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        if !line.starts_with('|') {
            in_table = false;
        } else if cells.last() == Some(&"test") {
            in_table = true;
        } else if in_table && !line.starts_with("| ---") {
            let cell = (*cells.last().unwrap()).to_owned();
            if cell != "the same" {
                last = cell;
            }
            assert!(code(&last).count() > 0, "no test: {line}");
            for name in code(&last) {
                let is_there = if name.contains(['.', '/']) {
                    exists(name)
                } else {
                    defined(name)
                };
                assert!(is_there, "{name} is not there: {line}");
            }
            rows += 1;
        }
    }
    assert!(rows > 40, "only {rows} rows were found");
}
