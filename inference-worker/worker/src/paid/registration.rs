//! Whether the registry knows this worker as it is. Pure.

use quern_chain_client::SigningKey;
use quern_interface::registry::{HostInfo, HostStatus, LaunchPackage, ModelState};
use quern_protocol::Hash;

/// What the worker is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Worker<'a> {
    pub(crate) model: &'a str,
    pub(crate) model_hash: &'a Hash,
    pub(crate) transport_key: [u8; 32],
    pub(crate) warm_keys: &'a [SigningKey],
}

/// The warm key to sign with, or why no paid work can be done and what to do.
pub(crate) fn check(
    host: &HostInfo,
    model: &LaunchPackage,
    worker: Worker<'_>,
) -> Result<SigningKey, String> {
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
    if model.hash != *worker.model_hash {
        return Err(format!(
            "the model's files have hash {}, but model {:?} has {} on chain; fetch the right files",
            worker.model_hash, worker.model, model.hash,
        ));
    }
    if model.state == ModelState::Retired {
        return Err(format!("model {:?} is retired on chain", worker.model));
    }
    let is_offered = |offered: &&str| *offered == worker.model;
    if !host
        .memberships
        .iter()
        .any(|m| is_offered(&m.offer.model.as_str()))
    {
        return Err(format!(
            "the host offers no model {:?} in the registry; set its offers",
            worker.model
        ));
    }
    let current = host.warm_key.key;
    let found = worker.warm_keys.iter().find(|key| key.public() == current.0);
    found.cloned().ok_or_else(|| {
        format!("the registry names warm key {current}, which is in none of the files in warm_keys; add it or rotate")
    })
}
