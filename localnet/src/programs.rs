//! The programs that a network is made of, and running them for an answer.

use anyhow::{Context, bail};
use serde_json::Value;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// Password of the test keyrings.
pub const PASSWORD: &str = "only-for-this-test-network";

/// Where the programs are.
#[derive(Clone, Debug)]
pub struct Programs {
    root: PathBuf,
    /// The node and wallet.
    pub quernd: PathBuf,
    /// The worker.
    pub worker: PathBuf,
    /// The router.
    pub router: PathBuf,
}

impl Programs {
    /// Finds them in a checkout that was built.
    pub fn find(root: &Path) -> anyhow::Result<Self> {
        Ok(Self {
            root: root.to_owned(),
            quernd: find(root, "target/debug/quernd")?,
            worker: find(root, "inference-worker/target/debug/quern-worker")?,
            router: find(root, "inference-worker/target/debug/quern-router")?,
        })
    }

    /// A worker that is not honest; only networks with a cheat need it.
    pub fn adversary(&self) -> anyhow::Result<PathBuf> {
        find(&self.root, "inference-worker/target/debug/quern-adversary")
    }
}

fn find(root: &Path, path: &str) -> anyhow::Result<PathBuf> {
    let path = root.join(path);
    if path.is_file() {
        Ok(path)
    } else {
        bail!("{} is missing: run `make build` first", path.display())
    }
}

/// Runs a program to its end and returns what it printed.
pub fn ask<S: AsRef<OsStr>>(program: &Path, args: impl IntoIterator<Item = S>) -> anyhow::Result<String> {
    let mut command = Command::new(program);
    command.args(args).env("QUERN_KEYRING_PASSWORD", PASSWORD);
    let name = program
        .file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned();
    let words: Vec<_> = command
        .get_args()
        .map(|a| a.to_string_lossy().into_owned())
        .collect();
    let output = command
        .stdin(Stdio::null())
        .output()
        .with_context(|| format!("cannot run {}", program.display()))?;
    if !output.status.success() {
        bail!(
            "{name} {} failed ({}): {}",
            words.join(" "),
            output.status,
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8(output.stdout)?.trim().to_owned())
}

/// The same with `-o json`, read.
pub fn ask_json<S: AsRef<OsStr>>(program: &Path, args: impl IntoIterator<Item = S>) -> anyhow::Result<Value> {
    let mut args: Vec<_> = args.into_iter().map(|arg| arg.as_ref().to_owned()).collect();
    args.extend(["-o", "json"].map(Into::into));
    let text = ask(program, args)?;
    serde_json::from_str(&text).with_context(|| format!("not JSON: {text}"))
}

/// A string field of an answer.
pub fn text(value: &Value, field: &str) -> anyhow::Result<String> {
    let found = value.get(field).and_then(Value::as_str);
    Ok(found
        .with_context(|| format!("no {field} in {value}"))?
        .to_owned())
}
