//! The first set: nobody has proven anything yet, so bonds are weights.

use quern_weights::{covered, Params, Powers};

use super::hosts::Host;
use crate::chain::Chain;
use crate::error::Result;
use quern_interface::registry::{HostStatus, StandingOf};
use std::collections::BTreeMap;

/// Hosts with bonds, as many as can validate and as many again, in case some do not serve, and what their
/// bonds would cover.
pub fn gather(chain: &Chain<'_>, params: &Params) -> Result<(BTreeMap<String, Host>, Powers<String>)> {
    let most = (params.max_validators as usize).saturating_mul(2);
    let bonds = chain.bonds(most)?;
    let asked: Vec<StandingOf> = bonds
        .iter()
        .map(|bond| StandingOf {
            host: bond.host.clone(),
            models: Vec::new(),
        })
        .collect();
    let counted: BTreeMap<_, _> = bonds.into_iter().map(|bond| (bond.host, bond.counted)).collect();
    let mut hosts = BTreeMap::new();
    let mut weights = Powers::new();
    for standing in chain.standings(&asked)? {
        let name = standing.host.clone();
        let bond = counted.get(&name).copied().unwrap_or_default();
        if standing.status == HostStatus::Active {
            weights.insert(name.clone(), covered(u64::MAX, bond, params.bond_per_weight));
        }
        let host = Host {
            bond,
            standing: Some(standing),
            ..Host::default()
        };
        hosts.insert(name, host);
    }
    Ok((hosts, weights))
}
