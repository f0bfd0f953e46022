//! Whether the registry knows this worker as it is. Pure.

use crate::paid::versions::{GRAMMAR, RENDERING, SAMPLER};
use quern_chain_client::SigningKey;
use quern_interface::registry::{HostInfo, HostStatus, LaunchPackage, ModelState};
use quern_protocol::Hash;

/// What the worker is, whatever it serves.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Worker<'a> {
    pub(crate) transport_key: [u8; 32],
    pub(crate) warm_keys: &'a [SigningKey],
}

/// How this worker and the chain agree on one model: each is what is wrong and what to do, if something is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The worker would compute something else than the chain's model.
    pub(crate) unfit: Option<String>,
    /// The chain knows of no service.
    pub(crate) closed: Option<String>,
    /// The host stands convicted.
    pub(crate) convicted: Option<String>,
    /// The bond covers none of the host's capacity: it is drawn for no session, and what it proves counts for nothing.
    /// Sessions that it has are served on.
    pub(crate) uncovered: Option<String>,
}

impl Standing {
    /// Why nothing is served for pay.
    pub(crate) fn problem(&self) -> Option<&String> {
        let Self {
            unfit,
            closed,
            convicted,
            uncovered: _,
        } = self;
        unfit.as_ref().or(closed.as_ref()).or(convicted.as_ref())
    }

    /// Of a model that the chain does not know, or of which it does not say something.
    pub(crate) fn unknown(model: &str, why: &str) -> Self {
        let why =
            format!("the chain does not know model {model:?} ({why}); serve another, or wait for its launch");
        Self {
            unfit: Some(why),
            ..Self::default()
        }
    }

    /// Compares a model that is served with its launch package and the host's record.
    pub(crate) fn of(
        host: &HostInfo,
        package: &LaunchPackage,
        (id, hash): (&str, &Hash),
        height: u64,
    ) -> Self {
        Self {
            unfit: unfit(package, id, hash),
            closed: closed(host, package, id),
            convicted: conviction(host, id, height),
            uncovered: uncovered(host, id),
        }
    }
}

/// The warm key to sign with, or why no paid work can be done and what to do.
pub(crate) fn check(host: &HostInfo, worker: Worker<'_>) -> Result<SigningKey, String> {
    match host.status {
        HostStatus::Active => {}
        HostStatus::Retired => return Err("the host is retired in the registry; register it again".into()),
        HostStatus::Tombstoned => {
            return Err("the host is out for good: its validator signed two blocks".into());
        }
    }
    if host.transport_key.0 != worker.transport_key {
        return Err(format!(
            "the registry names transport key {}, but this worker has {}; update the host or the key file",
            host.transport_key,
            hex::encode(worker.transport_key),
        ));
    }
    let current = host.warm_key.key;
    let found = worker.warm_keys.iter().find(|key| key.public() == current.0);
    found.cloned().ok_or_else(|| {
        format!("the registry names warm key {current}, which is in none of the files in warm_keys; add it or rotate")
    })
}

/// Whether files or rules are others than those of the launch package.
fn unfit(model: &LaunchPackage, id: &str, hash: &Hash) -> Option<String> {
    if model.hash != *hash {
        return Some(format!(
            "the model's files have hash {hash}, but model {id:?} has {} on chain; fetch the right files",
            model.hash,
        ));
    }
    let versions = [
        ("sampler", model.sampler, SAMPLER),
        ("rendering", model.rendering, RENDERING),
        ("grammar", model.grammar, GRAMMAR),
    ];
    let (rules, theirs, own) = versions.iter().find(|(_, theirs, own)| theirs != own)?;
    Some(format!(
        "model {id:?} is launched with version {theirs} of the {rules}, but this release has {own}, so auditors would take \
         its answers for fraud; run the release of Quern that has version {theirs}",
    ))
}

/// Whether the model is not served by this host any more.
fn closed(host: &HostInfo, model: &LaunchPackage, id: &str) -> Option<String> {
    if model.state == ModelState::Retired {
        return Some(format!("model {id:?} is retired on chain"));
    }
    let offered = host.memberships.iter().any(|m| m.offer.model == id);
    let none = || format!("the host offers no model {id:?} in the registry; set its offers");
    (!offered).then(none)
}

/// What to do about a conviction, if the host stands convicted for its model at this height: until it qualifies again
/// nothing that it serves or proves is paid.
pub(crate) fn conviction(host: &HostInfo, model: &str, height: u64) -> Option<String> {
    let mut memberships = host.memberships.iter();
    let membership = memberships.find(|membership| membership.offer.model == model)?;
    let from = membership.convicted_until?;
    let name = &host.host;
    let when = if height < from {
        format!("from height {from} on")
    } else {
        "now".to_owned()
    };
    Some(format!(
        "the host was convicted for model {model:?}, so requests and sprints would earn nothing and are stopped; `quernd query \
         slashes {name}` and `quernd query audits {name}` say why. Find out what computes wrongly and mend it, then send \
         `quernd tx requalify {model}` {when}"
    ))
}

/// What to do about a bond that covers no capacity for the model, if so. A conviction, which takes the capacity too, has
/// words of its own.
fn uncovered(host: &HostInfo, model: &str) -> Option<String> {
    let mut memberships = host.memberships.iter();
    let membership = memberships.find(|membership| membership.offer.model == model)?;
    let name = &host.host;
    let why = || {
        format!(
            "the host's bond covers no capacity for model {model:?}, so it is drawn for no session, and sprints would earn \
             nothing and are stopped; bond more (`quernd tx bond {name} AMOUNT`), or offer less capacity for the models before it"
        )
    };
    (membership.effective == 0 && membership.convicted_until.is_none()).then(why)
}

#[cfg(test)]
mod tests {
    use super::*;
    use quern_interface::registry::{Membership, Offer, WarmKey};
    use quern_protocol::{Amount, Bytes};

    fn host(convicted_until: Option<u64>) -> HostInfo {
        let offer = Offer {
            model: "m".into(),
            capacity: 10,
            profile: "cpu".into(),
        };
        HostInfo {
            host: "quern1h".into(),
            moniker: "h".into(),
            endpoint: "https://127.0.0.1:1".into(),
            transport_key: Bytes([1; 32]),
            consensus_key: Bytes([0; 32]),
            beacon_anchor: None,
            warm_key: WarmKey {
                key: Bytes(SigningKey::from_secret([7; 32].into()).unwrap().public()),
                address: "quern1w".into(),
                from: 0,
            },
            payout: "quern1h".into(),
            bond: Amount(1),
            memberships: vec![Membership {
                offer,
                effective: if convicted_until.is_some() { 0 } else { 10 },
                generation: 1,
                convicted_until,
            }],
            status: HostStatus::Active,
            maintenance: Vec::new(),
        }
    }

    #[test]
    fn a_convicted_host_hears_what_to_do_and_when() {
        assert_eq!(conviction(&host(None), "m", 50), None);
        assert_eq!(conviction(&host(Some(90)), "other", 50), None);
        let told = conviction(&host(Some(90)), "m", 50).unwrap();
        assert!(told.contains("convicted for model \"m\""), "{told}");
        assert!(told.contains("quernd query audits quern1h"), "{told}");
        assert!(
            told.contains("quernd tx requalify m` from height 90 on"),
            "{told}"
        );
        assert!(
            conviction(&host(Some(90)), "m", 90)
                .unwrap()
                .contains("requalify m` now")
        );
    }

    #[test]
    fn a_host_whose_bond_covers_nothing_hears_so_and_serves_the_sessions_that_it_has() {
        let mut poor = host(None);
        poor.memberships[0].effective = 0;
        let told = uncovered(&poor, "m").unwrap();
        assert!(told.contains("quernd tx bond quern1h AMOUNT"), "{told}");
        assert_eq!(uncovered(&poor, "other"), None);
        assert_eq!(uncovered(&host(None), "m"), None);
        let convicted = host(Some(90));
        assert_eq!(
            uncovered(&convicted, "m"),
            None,
            "a bond is not what is wrong there"
        );
        let standing = Standing {
            uncovered: Some(told),
            ..Standing::default()
        };
        assert_eq!(standing.problem(), None);
    }

    #[test]
    fn of_several_warm_keys_the_one_that_the_registry_names_signs_and_a_rotation_changes_it() {
        let key = |number| SigningKey::from_secret([number; 32].into()).unwrap();
        // As an operator has them before a rotation from the second to the first.
        let keys = [key(8), key(7)];
        let worker = Worker {
            transport_key: [1; 32],
            warm_keys: &keys,
        };
        let signer = |host: &HostInfo| check(host, worker).map(|key| key.public());
        let mut host = host(None);
        assert_eq!(signer(&host), Ok(key(7).public()));
        host.warm_key.key = Bytes(key(8).public());
        assert_eq!(signer(&host), Ok(key(8).public()));
        // One that is not here is named, and neither of the others signs.
        host.warm_key.key = Bytes(key(9).public());
        let error = signer(&host).unwrap_err();
        assert!(error.contains(&host.warm_key.key.to_string()), "{error}");
    }

    #[test]
    fn what_the_registry_and_the_worker_disagree_on_is_named_with_what_to_do() {
        let keys = [SigningKey::from_secret([7; 32].into()).unwrap()];
        let model: LaunchPackage = serde_json::from_value(serde_json::json!({
            "id": "m", "hash": Hash::new([5; 32]), "context": 64, "precision": "fp32", "sampler": 1, "price": "1",
            "coefficients": {"input": 1_000_000, "cached": 1_000_000, "output": 1_000_000}, "profiles": ["cpu"],
            "state": "live",
        }))
        .unwrap();
        let hash = Hash::new([5; 32]);
        let worker = Worker {
            transport_key: [1; 32],
            warm_keys: &keys,
        };
        assert!(check(&host(None), worker).is_ok());
        let standing = |host: &HostInfo, model: &LaunchPackage| Standing::of(host, model, ("m", &hash), 50);
        assert_eq!(standing(&host(None), &model), Standing::default());
        let wrong_transport = Worker {
            transport_key: [2; 32],
            ..worker
        };
        let wrong_warm = Worker {
            warm_keys: &[],
            ..worker
        };
        let wrong_files = Standing::of(&host(None), &model, ("m", &Hash::new([6; 32])), 50);
        assert!(
            wrong_files
                .unfit
                .as_ref()
                .unwrap()
                .contains("fetch the right files")
        );
        assert_eq!(wrong_files.problem(), wrong_files.unfit.as_ref());
        let cases = [
            (wrong_transport, "update the host or the key file"),
            (wrong_warm, "add it or rotate"),
        ];
        for (worker, advice) in cases {
            let error = check(&host(None), worker).err().unwrap();
            assert!(error.contains(advice), "{error}");
        }
        let others: [fn(&mut LaunchPackage); 3] = [|m| m.sampler = 2, |m| m.rendering = 2, |m| m.grammar = 2];
        for (change, name) in others.into_iter().zip(["sampler", "rendering", "grammar"]) {
            let mut other = model.clone();
            change(&mut other);
            let error = standing(&host(None), &other).unfit.unwrap();
            assert!(
                error.contains(&format!("with version 2 of the {name}")),
                "{error}"
            );
            assert!(error.contains("run the release"), "{error}");
        }
        let retired = HostInfo {
            status: HostStatus::Retired,
            ..host(None)
        };
        assert!(
            check(&retired, worker)
                .err()
                .unwrap()
                .contains("register it again")
        );
        let without = HostInfo {
            memberships: Vec::new(),
            ..host(None)
        };
        // It can still judge what others did.
        let Standing { unfit, closed, .. } = standing(&without, &model);
        assert!(unfit.is_none() && closed.unwrap().contains("set its offers"));
    }
}
