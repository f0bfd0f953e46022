//! Everything that an epoch's end reads.

use std::collections::{BTreeMap, BTreeSet};

use cosmwasm_std::{Addr, Order, StdResult, Storage};
use quern_interface::poc_weights::SprintInfo;
use quern_interface::registry::{Standing, StandingOf};
use quern_interface::sudo::ValidatorPresence;
use quern_protocol::Amount;

use super::MAX_HOSTS;
use crate::chain::Chain;
use crate::error::Result;
use crate::state::{Account, Epoch, Model, ACCOUNTS, SEATS, SPRINTS};

/// A host at an epoch's end.
#[derive(Default)]
pub struct Host {
    /// Counted bond.
    pub bond: Amount,
    /// Work and verdicts.
    pub account: Account,
    /// The validator that it runs.
    pub validator: Option<ValidatorPresence>,
    /// Models whose generations were asked for, in the order of the standing.
    pub models: Vec<String>,
    /// How it stands; none for one that the registry does not know.
    pub standing: Option<Standing>,
}

/// Sprints of the epoch whose deadline has passed.
pub fn sprints(storage: &dyn Storage, epoch: &Epoch, height: u64) -> Result<Vec<SprintInfo>> {
    let from = Some(cw_storage_plus::Bound::inclusive(epoch.first));
    let sprints = SPRINTS.range(storage, from, None, Order::Ascending);
    let closed = sprints
        .map(|entry| entry.map(|(_, sprint)| sprint))
        .filter(|sprint| sprint.as_ref().map_or(true, |sprint| sprint.deadline <= height));
    Ok(closed.collect::<StdResult<_>>()?)
}

/// Hosts that have work in the sprints, among those with the highest bonds, and whoever validates.
pub fn gather(
    chain: &Chain<'_>,
    models: &[Model],
    sprints: &[SprintInfo],
    validators: &[ValidatorPresence],
) -> Result<BTreeMap<String, Host>> {
    let storage = chain.deps.storage;
    let mut hosts: BTreeMap<String, Host> = BTreeMap::new();
    let by_key: BTreeMap<_, _> = validators.iter().map(|one| (one.pubkey, one)).collect();
    for seat in SEATS.may_load(storage)?.unwrap_or_default() {
        if let Some(validator) = by_key.get(&seat.pubkey) {
            let account = ACCOUNTS.may_load(storage, &Addr::unchecked(&seat.host))?;
            let host = Host {
                account: account.unwrap_or_default(),
                validator: Some((*validator).clone()),
                ..Host::default()
            };
            hosts.insert(seat.host, host);
        }
    }
    let counts = |sprint: u64| sprints.iter().any(|known| known.sprint == sprint);
    for bond in chain.bonds(MAX_HOSTS)? {
        if let Some(host) = hosts.get_mut(&bond.host) {
            host.bond = bond.counted;
            continue;
        }
        let account = ACCOUNTS.may_load(storage, &Addr::unchecked(&bond.host))?;
        let account = account.unwrap_or_default();
        let mut work = account.models.iter().flat_map(|record| &record.work);
        if work.any(|(sprint, _)| counts(*sprint)) {
            let host = Host {
                bond: bond.counted,
                account,
                ..Host::default()
            };
            hosts.insert(bond.host, host);
        }
    }
    stand(chain, models, &mut hosts)?;
    Ok(hosts)
}

/// Asks how they stand: a validator for every model, another host for those that it ever proved.
fn stand(chain: &Chain<'_>, models: &[Model], hosts: &mut BTreeMap<String, Host>) -> Result<()> {
    let mut asked = Vec::with_capacity(hosts.len());
    for (name, host) in hosts.iter_mut() {
        let proven = host.account.models.iter().map(|record| record.model.clone());
        let mut names: BTreeSet<String> = proven.collect();
        if host.validator.is_some() {
            names.extend(models.iter().map(|model| model.terms.model.clone()));
        }
        // what is left out has no generation, and counts for nothing
        host.models = names.into_iter().take(super::MAX_ASKED).collect();
        asked.push(StandingOf {
            host: name.clone(),
            models: host.models.clone(),
        });
    }
    for standing in chain.standings(&asked)? {
        if let Some(host) = hosts.get_mut(&standing.host) {
            host.standing = Some(standing);
        }
    }
    Ok(())
}

impl Host {
    /// Generation for a model, if it was asked for.
    pub fn generation(&self, model: &str) -> Option<u32> {
        let index = self.models.iter().position(|name| name == model)?;
        let generations = &self.standing.as_ref()?.generations;
        generations.get(index).map(|(generation, _)| *generation)
    }

    /// Whether it was convicted for a model and did not re-qualify.
    pub fn is_convicted(&self) -> bool {
        let standing = self.standing.as_ref();
        standing.is_some_and(|standing| standing.generations.iter().any(|(_, convicted)| *convicted))
    }
}
