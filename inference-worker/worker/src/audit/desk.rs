//! What the tasks of an auditor and the handlers of an audited host share.

use crate::audit::view::View;
use crate::paid::Paid;
use axum::extract::ConnectInfo;
use http::StatusCode;
use quern_chain_client::ChainError;
use quern_inference_api::ApiError;
use quern_interface::audits::LeafInfo;
use quern_interface::registry::{HostInfo, QueryMsg as Registry};
use quern_transport::Peer;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::{Semaphore, SemaphorePermit, watch};

/// Payloads that are read at once; beyond them comes 429.
const READERS: usize = 16;
/// Heights for which a host's record is taken from memory.
const FRESH: u64 = 20;

/// Where another host is.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub(crate) endpoint: String,
    pub(crate) transport_key: [u8; 32],
}

/// What is in the way, if something is, and as of which height.
#[derive(Debug, Default)]
struct Problem {
    what: Option<String>,
    height: u64,
}

/// The round as last seen, and what was looked up on its account.
#[derive(Debug)]
pub(crate) struct Desk {
    view: watch::Sender<Option<Arc<View>>>,
    places: Mutex<BTreeMap<String, (Place, u64)>>,
    pub(crate) readers: Semaphore,
    problem: Mutex<Problem>,
}

impl Default for Desk {
    fn default() -> Self {
        Self {
            view: watch::Sender::new(None),
            places: Mutex::default(),
            readers: Semaphore::new(READERS),
            problem: Mutex::default(),
        }
    }
}

impl Desk {
    /// The round as last seen.
    pub(crate) fn view(&self) -> Option<Arc<View>> {
        self.view.borrow().clone()
    }

    /// Views as they come.
    pub(crate) fn views(&self) -> watch::Receiver<Option<Arc<View>>> {
        self.view.subscribe()
    }

    pub(crate) fn show(&self, view: View) {
        self.view.send_replace(Some(Arc::new(view)));
    }

    fn noted(&self) -> MutexGuard<'_, Problem> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is in the way of auditing, if something is.
    pub(crate) fn problem(&self) -> Option<String> {
        self.noted().what.clone()
    }

    /// Notes what is in the way, and says so once.
    pub(crate) fn note(&self, problem: String) {
        let mut noted = self.noted();
        noted.height = self.view.borrow().as_ref().map_or(0, |view| view.height);
        if noted.what.as_deref() != Some(&problem) {
            tracing::warn!(problem, "an audit has to wait");
            noted.what = Some(problem);
        }
    }

    /// Forgets what was in the way at an earlier height.
    pub(crate) fn settle(&self, height: u64) {
        let mut noted = self.noted();
        if noted.height < height {
            noted.what = None;
        }
    }

    /// Where a host is, from memory if it was asked lately.
    pub(crate) async fn place(&self, paid: &Paid, host: &str) -> Result<Place, ChainError> {
        let height = paid.follow.height();
        let known = {
            let places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
            places.get(host).cloned()
        };
        if let Some((place, seen)) = known
            && seen.saturating_add(FRESH) > height
        {
            return Ok(place);
        }
        let question = Registry::Host {
            host: host.to_owned(),
        };
        let registry = &paid.config.contracts.registry;
        let info = paid
            .follow
            .chain
            .smart::<HostInfo>(registry, &question)
            .await?
            .value;
        let place = Place {
            endpoint: info.endpoint,
            transport_key: info.transport_key.0,
        };
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        places.insert(host.to_owned(), (place.clone(), height));
        Ok(place)
    }
}

/// Lets a caller read what opens one of this host's leaves, if the contract chose it to judge that leaf now. Whoever
/// is let in holds one of a few permits until it is done.
pub(crate) async fn admit<'a>(
    paid: &'a Paid,
    ConnectInfo(peer): ConnectInfo<Peer>,
    is_asked: impl Fn(&LeafInfo) -> bool,
) -> Result<SemaphorePermit<'a>, ApiError> {
    let desk = &paid.audits;
    let permit = desk.readers.try_acquire().map_err(|_| ApiError::busy(1))?;
    let host = &paid.config.host;
    let readers: Vec<String> = desk.view().map_or_else(Vec::new, |view| {
        view.readers(host, is_asked).map(str::to_owned).collect()
    });
    for reader in readers {
        let place = desk.place(paid, &reader).await;
        let place =
            place.map_err(|error| ApiError::unavailable(format!("The chain does not answer: {error}.")))?;
        if place.transport_key == peer.key {
            return Ok(permit);
        }
    }
    Err(ApiError {
        status: StatusCode::FORBIDDEN,
        ..ApiError::body(
            "Only who was drawn to judge this leaf may read its payload, and only while it is judged.",
        )
    })
}
