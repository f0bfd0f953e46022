//! Who audits a leaf and who sits on its panels.

use cosmwasm_std::{Addr, Storage};
use quern_audit::{choose, eligible, panel, panel_seed, AuditError, Candidate, Finding, Seat, StageRule};
use quern_protocol::Hash;

use crate::chain::Chain;
use crate::error::Result;
use crate::state::{Group, Leaf, CALIBRATIONS, LARGE, PARAMS};
use crate::table::Table;

/// Panel that hears an accusation.
pub const ACCUSATION: u32 = 1;
/// Panel that reviews a condemned leaf.
pub const REVIEW: u32 = 2;
/// Panel on availability.
pub const AVAILABILITY: u32 = 3;

/// The audited host as a candidate: whoever shares an owner with it may not judge it.
fn accused(chain: &Chain, group: &[Candidate], host: &Addr) -> Result<Candidate> {
    let known = group.iter().find(|candidate| candidate.host == host.as_str());
    if let Some(known) = known {
        return Ok(known.clone());
    }
    let profile = PARAMS.load(chain.deps.storage)?.profile;
    Ok(Candidate {
        host: host.to_string(),
        weight: 0,
        funders: chain.large_funders(host.as_str(), &profile).unwrap_or_default(),
    })
}

/// The auditor of a leaf by the number of its offset in a draw; none without a group, or if nobody may.
pub fn auditor(chain: &Chain, (host, model): (&Addr, &str), seed: &Hash, index: u64) -> Result<Option<Addr>> {
    let group = Group::load(chain.deps.storage, model)?;
    let accused = accused(chain, &group.candidates, host)?;
    match choose(seed, index, &eligible(&accused, &group.candidates)?) {
        Ok(chosen) => Ok(Some(Addr::unchecked(&chosen.host))),
        Err(AuditError::NoAuditor) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The rule of a stage.
pub fn rule(profile: &quern_audit::Profile, stage: u32) -> StageRule {
    if stage == REVIEW {
        profile.review
    } else {
        profile.panel
    }
}

/// The seats that hear a leaf.
pub fn seats(chain: &Chain, chain_id: &str, leaf: &Leaf, stage: u32, beacon: &Hash) -> Result<Vec<Seat>> {
    let storage = chain.deps.storage;
    let group = Group::load(storage, &leaf.model)?;
    let accused = accused(chain, &group.candidates, &leaf.host)?;
    let seed = panel_seed(chain_id, &leaf.id, stage, beacon);
    let rule = rule(&PARAMS.load(storage)?.profile, stage);
    Ok(panel(&seed, rule, &eligible(&accused, &group.candidates)?)?)
}

/// Whether a finding of an auditor, or of a panel's member, covers the whole leaf and its vote is the one that
/// follows from it.
pub fn follows(storage: &dyn Storage, leaf: &Leaf, auditor: &Addr, finding: &Finding) -> Result<bool> {
    let calibration = CALIBRATIONS.load(storage, &leaf.model)?;
    let group = Group::load(storage, &leaf.model)?;
    let host = leaf.host_profile.as_deref();
    let bucket = group
        .profile(auditor.as_str())
        .and_then(|auditor| calibration.bucket_of(host, auditor, leaf.greedy, leaf.positions));
    Ok(finding.follows(bucket, leaf.positions))
}

/// Whether a group was large enough at the snapshot for its verdicts to cut coins and to count beyond its model.
pub fn may_cut(storage: &dyn Storage, model: &str) -> Result<bool> {
    Ok(LARGE.find(storage, model)?.unwrap_or_default())
}

/// Notes that of a group whose snapshot is whole.
pub fn weigh(storage: &mut dyn Storage, model: &str) -> Result<()> {
    let group = Group::load(storage, model)?;
    let least = PARAMS.load(storage)?.profile.min_independent;
    let large = quern_audit::independent(&group.candidates)? >= least;
    Ok(LARGE.write(storage, model, &large)?)
}
