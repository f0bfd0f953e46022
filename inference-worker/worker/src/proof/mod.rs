//! Proof of compute: in a sprint the worker answers requests that nobody asked for, in slots that no paid request needs,
//! and commits one root over its answers (`docs/spec/proof.md`).
//!
//! - [`answers`]: one sprint's answers as they come; pure;
//! - [`clock`]: when a root goes to the chain; pure;
//! - [`store`]: answers on disk, encrypted, of all models, until no audit can draw them any more;
//! - [`filler`]: hands requests to the scheduler and takes answers back;
//! - [`chain`]: what the chain is asked and told;
//! - [`sprinter`]: follows the chain from sprint to sprint, model by model;
//! - [`together`]: commits of several models in one transaction;
//! - [`mod@reveal`]: drawn answers, for the chain and for auditors;
//! - [`mod@check`]: the auditor's side: from another host's answer to what is re-executed.

mod answers;
mod chain;
mod check;
mod clock;
mod filler;
mod record;
mod reveal;
mod sprinter;
mod store;
#[cfg(test)]
mod tests;
mod together;

pub(crate) use check::{check, is_of_leaf, terms};
pub(crate) use reveal::{payload, reveal};
pub(crate) use sprinter::run;
pub(crate) use store::Proofs;
