//! Other engines, each a program that is asked for one measurement a line and stays between two, its weights loaded.

use crate::Failure;
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// What one measurement found.
#[derive(Debug)]
pub(crate) struct Found {
    /// Tokens of all sequences a second.
    pub(crate) rate: f64,
    /// The likeliest token after each prompt: equal where the weights are.
    pub(crate) first: Vec<u32>,
}

/// A running program; ends when dropped.
#[derive(Debug)]
pub(crate) struct Comparator {
    /// Its name in rows.
    pub(crate) name: &'static str,
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Comparator {
    /// Starts a script of the folder `reference` by the Python at `python`.
    pub(crate) fn start(
        name: &'static str,
        python: &Path,
        script: &Path,
        arguments: &[String],
    ) -> Result<Self, Failure> {
        if !python.exists() {
            return Err(format!("{} is missing; run inference-worker/bench.sh", python.display()).into());
        }
        let mut child = Command::new(python)
            .arg("-B")
            .arg(script)
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err("a comparator has no pipes".into());
        };
        Ok(Self {
            name,
            child,
            input,
            output: BufReader::new(output),
        })
    }

    /// One measurement.
    pub(crate) fn ask(&mut self, request: &Value) -> Result<Found, Failure> {
        writeln!(self.input, "{request}")?;
        self.input.flush()?;
        let mut line = String::new();
        if self.output.read_line(&mut line)? == 0 {
            return Err(format!("{} ended; see the lines above", self.name).into());
        }
        let answer: Value = serde_json::from_str(&line)?;
        let rate = answer["tokens_per_s"].as_f64();
        let rate = rate.ok_or_else(|| format!("{} answered {answer}", self.name))?;
        let first = serde_json::from_value(answer["first"].clone())?;
        Ok(Found { rate, first })
    }
}

impl Drop for Comparator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
