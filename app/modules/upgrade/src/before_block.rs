//! Whether this binary may execute a block, and what it changes before it does.

use std::{collections::BTreeSet, sync::Arc};

use quern_context::{Cx, Router};
use quern_types::{Error, Result};
use tendermint_proto::v0_38::types::VersionParams;

use crate::{Handlers, Plan, Upgrade, plan, versions};

/// What is to be done before a block.
#[derive(Clone, Debug, PartialEq)]
pub enum Verdict {
    /// Nothing.
    GoOn,
    /// This binary cannot execute the block: the plan asks for another.
    Needed(Plan),
    /// This binary must not execute the block; why.
    Refused(String),
    /// The operator skips the plan here.
    Skip(Plan),
    /// The plan's handler runs now.
    Apply(Plan),
}

/// What a binary with these handlers may do with the block of `height`. `skipped` are heights at which the
/// operator, with most of the voting power, has agreed to skip a plan.
///
/// # Errors
/// A halt.
pub fn check(cx: &Cx, height: u64, handlers: &Handlers, skipped: &BTreeSet<u64>) -> Result<Verdict> {
    let found = plan::current(cx)?;
    let due = found.as_ref().filter(|plan| plan::height(plan) == height);
    if due.is_none_or(|_| skipped.contains(&height))
        && let Some(last) = plan::last(cx)?
        && handlers.get(&last).is_none()
    {
        return Ok(Verdict::Refused(format!(
            "wrong binary: it has no handler for upgrade \"{last}\", which this chain has made; start the binary of that \
             upgrade or a later one"
        )));
    }
    let Some(plan) = found else {
        return Ok(Verdict::GoOn);
    };
    let known = handlers.get(&plan.name).is_some();
    let verdict = if plan::height(&plan) == height {
        match (skipped.contains(&height), known) {
            (true, _) => Verdict::Skip(plan),
            (false, true) => Verdict::Apply(plan),
            (false, false) => Verdict::Needed(plan),
        }
    } else if known && plan::height(&plan) > height {
        Verdict::Refused(format!(
            "BINARY UPDATED BEFORE TRIGGER! UPGRADE \"{}\" - in binary but not executed on chain. Downgrade your binary",
            plan.name
        ))
    } else {
        Verdict::GoOn
    };
    Ok(verdict)
}

/// Runs the plan's handler, and notes that this was done: what [`Verdict::Apply`] asks for. `module_versions` are those of
/// this binary.
///
/// # Errors
/// Only halts: without the whole of it the block cannot be executed.
pub fn apply(
    cx: &Cx,
    router: &Arc<dyn Router>,
    handlers: &Handlers,
    plan: &Plan,
    module_versions: &[(&str, u64)],
) -> Result<()> {
    let height = cx.block.height;
    tracing::info!("applying upgrade \"{}\" at height: {height}", plan.name);
    if let Some(handler) = handlers.get(&plan.name) {
        let failed = |e: Error| Error::halt(format!("upgrade \"{}\": {e}", plan.name));
        handler(&Upgrade { cx, plan, router }).map_err(failed)?;
    }
    versions::set(cx, module_versions)?;
    raise_app_version(cx)?;
    plan::clear(cx)?;
    plan::set_done(cx, &plan.name, height)
}

/// Drops the plan: what [`Verdict::Skip`] asks for.
///
/// # Errors
/// Only a halt.
pub fn skip(cx: &Cx, plan: &Plan) -> Result<()> {
    let height = cx.block.height;
    tracing::info!("UPGRADE \"{}\" SKIPPED at {height}: {}", plan.name, plan.info);
    plan::clear(cx)
}

/// Block headers carry the version of the application's rules.
fn raise_app_version(cx: &Cx) -> Result<()> {
    let mut params = quern_consensus::get(cx)?;
    let app = params.version.as_ref().map_or(0, |version| version.app);
    params.version = Some(VersionParams {
        app: app.saturating_add(1),
    });
    quern_consensus::set(cx, &params)
}
