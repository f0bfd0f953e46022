//! What a trace found, step by step.

use serde::Serialize;
use serde_json::json;

use crate::{
    Failure, Result,
    output::Format,
    table::{Cell, or_dash, table, text},
};

/// How a step ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// Checked, and so it is.
    Holds,
    /// Checked, and not so.
    Fails,
    /// Not there yet, or nothing to check it against.
    Open,
}

/// One step of a request's way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Name, such as `voucher`.
    pub step: &'static str,
    /// Height at which it happened.
    pub height: Option<u64>,
    /// How it ended.
    pub verdict: Verdict,
    /// What was found.
    pub detail: String,
}

/// All steps.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Receipt's id.
    pub receipt: String,
    /// In order.
    pub steps: Vec<Step>,
}

impl Report {
    /// Adds a step.
    pub(super) fn add(&mut self, step: &'static str, height: Option<u64>, verdict: Verdict, detail: String) {
        self.steps.push(Step {
            step,
            height,
            verdict,
            detail,
        });
    }

    /// Adds a check: what to say if it holds, what is wrong otherwise.
    pub(super) fn check(
        &mut self,
        step: &'static str,
        height: Option<u64>,
        check: Result<(), String>,
        holds: String,
    ) {
        match check {
            Ok(()) => self.add(step, height, Verdict::Holds, holds),
            Err(wrong) => self.add(step, height, Verdict::Fails, wrong),
        }
    }

    /// Steps that were checked and found wrong.
    fn failed(&self) -> Vec<&'static str> {
        let failed = self.steps.iter().filter(|s| s.verdict == Verdict::Fails);
        failed.map(|s| s.step).collect()
    }

    /// What to print.
    pub fn show(&self, format: Format) -> String {
        if format == Format::Json {
            let holds = self.failed().is_empty();
            return json!({"receipt": self.receipt, "holds": holds, "steps": self.steps}).to_string();
        }
        let row = |s: &Step| -> Vec<Cell> {
            let verdict = match s.verdict {
                Verdict::Holds => "ok",
                Verdict::Fails => "WRONG",
                Verdict::Open => "open",
            };
            vec![text(s.step), or_dash(s.height), text(verdict), text(&s.detail)]
        };
        let rows = self.steps.iter().map(row).collect();
        let steps = table(&["STEP", "HEIGHT", "CHECK", "FOUND"], rows, "nothing to check");
        format!("receipt {}\n{steps}", self.receipt)
    }

    /// The outcome for the exit code.
    ///
    /// # Errors
    /// If a check failed.
    pub fn verdict(&self) -> Result<()> {
        let failed = self.failed();
        match failed.is_empty() {
            true => Ok(()),
            false => Err(Failure::Disproved(failed.join(", "))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_wrong_step_decides_the_exit_code_and_open_ones_do_not() {
        let mut report = Report {
            receipt: "ab".into(),
            ..Default::default()
        };
        report.check("voucher", Some(9), Ok(()), "signed".into());
        report.add("claim", None, Verdict::Open, "not yet".into());
        report.verdict().unwrap();
        assert_eq!(
            report.show(Format::Text),
            "receipt ab\nSTEP     HEIGHT  CHECK  FOUND\nvoucher  9       ok     signed\nclaim    -       open   not yet"
        );
        report.check("price", None, Err("too high".into()), String::new());
        let failure = report.verdict().unwrap_err();
        assert_eq!(
            (failure.exit_code(), failure.to_string().contains("price")),
            (9, true)
        );
        let json: serde_json::Value = serde_json::from_str(&report.show(Format::Json)).unwrap();
        assert_eq!(
            (&json["holds"], &json["steps"][2]["verdict"]),
            (&json!(false), &json!("fails"))
        );
    }
}
