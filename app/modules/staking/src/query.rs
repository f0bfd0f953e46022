//! Which room answers which query.

use quern_context::{Cx, Router};
use quern_types::Result;

use crate::{contracts::Contracts, distribution, evidence, mint, slashing, staking};

/// Answers a query of this module; `None` for another's path.
pub fn query(cx: &Cx, router: &dyn Router, path: &str, request: &[u8]) -> Option<Result<Vec<u8>>> {
    let (service, method) = path.strip_prefix("/cosmos.")?.split_once(".v1beta1.Query/")?;
    let to = Contracts { cx, router };
    match service {
        "distribution" => distribution::query(to, method, request),
        "evidence" => evidence::query(to, method, request),
        "mint" => mint::query(to, method, request),
        "slashing" => slashing::query(to, method, request),
        "staking" => staking::query(to, method, request),
        _ => None,
    }
}
