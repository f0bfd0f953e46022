//! Sessions as the chain has them, and the transport keys of their routers.

use quern_chain_client::{Chain, ChainError};
use quern_interface::MAX_PAGE;
use quern_interface::registry::{QueryMsg as Registry, RouterInfo};
use quern_interface::settlement::{QueryMsg, SessionInfo};
use quern_protocol::Amount;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Semaphore;

/// A session and when it was asked for.
#[derive(Clone, Debug)]
struct Cached {
    info: Arc<SessionInfo>,
    height: u64,
}

/// Sessions with this host in their committee. Anyone may name any other, which is asked for and not kept.
#[derive(Debug)]
pub(crate) struct Sessions {
    chain: Chain,
    settlement: String,
    registry: String,
    host: String,
    cached: Mutex<BTreeMap<u64, Cached>>,
    /// For questions about sessions that are not known here.
    strangers: Semaphore,
    routers: Mutex<BTreeMap<String, ([u8; 32], u64)>>,
}

/// Heights for which an answer is taken from memory.
const FRESH: u64 = 20;
/// Sessions that are not known here and are asked for at once. Who names them is not known before the answer, so this is
/// what bounds the work that strangers make a node do; others wait. A session of this host is known a few blocks after its
/// draw at the latest, whoever asks.
const STRANGERS: usize = 8;

impl Sessions {
    pub(crate) fn new(chain: Chain, settlement: &str, registry: &str, host: &str) -> Self {
        Self {
            chain,
            settlement: settlement.to_owned(),
            registry: registry.to_owned(),
            host: host.to_owned(),
            cached: Mutex::default(),
            strangers: Semaphore::new(STRANGERS),
            routers: Mutex::default(),
        }
    }

    fn cached(&self) -> MutexGuard<'_, BTreeMap<u64, Cached>> {
        self.cached.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A session as last seen.
    pub(crate) fn known(&self, session: u64) -> Option<Arc<SessionInfo>> {
        self.cached().get(&session).map(|cached| cached.info.clone())
    }

    /// A session, from memory if it is fresh and `enough` for the caller, else from the chain.
    ///
    /// # Errors
    /// When the chain must be asked and does not tell; a refusal means that there is no such session.
    pub(crate) async fn get(
        &self,
        session: u64,
        height: u64,
        enough: impl Fn(&SessionInfo) -> bool,
    ) -> Result<Arc<SessionInfo>, ChainError> {
        let _turn = match self.known(session) {
            Some(_) => None,
            None => Some(self.strangers.acquire().await),
        };
        let cached = self.cached().get(&session).cloned();
        if let Some(Cached { info, height: seen }) = cached
            && (seen >= height || seen + FRESH > height && enough(&info))
        {
            return Ok(info);
        }
        self.fetch(session).await
    }

    /// A session from the chain.
    ///
    /// # Errors
    /// As [`Sessions::get`].
    pub(crate) async fn fetch(&self, session: u64) -> Result<Arc<SessionInfo>, ChainError> {
        let answer = self
            .chain
            .smart::<SessionInfo>(&self.settlement, &QueryMsg::Session { session })
            .await?;
        let info = Arc::new(answer.value);
        self.keep(info.clone(), answer.height);
        Ok(info)
    }

    fn keep(&self, info: Arc<SessionInfo>, height: u64) {
        if self.limit(&info).is_none() {
            return;
        }
        let mut cached = self.cached();
        if cached.get(&info.id).is_none_or(|cached| cached.height <= height) {
            cached.insert(info.id, Cached { info, height });
        }
    }

    /// As if the chain had said so.
    #[cfg(test)]
    pub(crate) fn pretend(&self, info: SessionInfo, height: u64) {
        self.keep(Arc::new(info), height);
    }

    /// Forgets a session.
    pub(crate) fn forget(&self, session: u64) {
        self.cached().remove(&session);
    }

    /// Asks for all sessions of this host that are not closed, and tells by how much each limit fell. Any other is
    /// forgotten.
    ///
    /// # Errors
    /// When the chain does not tell.
    pub(crate) async fn refresh(&self) -> Result<BTreeMap<u64, Amount>, ChainError> {
        let (mut fell, mut start_after) = (BTreeMap::new(), None);
        let (mut listed, mut begun) = (BTreeSet::new(), None);
        loop {
            let question = QueryMsg::HostSessions {
                host: self.host.clone(),
                start_after,
                limit: Some(MAX_PAGE),
            };
            let page = self
                .chain
                .smart::<Vec<SessionInfo>>(&self.settlement, &question)
                .await?;
            let (height, page) = (page.height, page.value);
            let full = page.len() >= MAX_PAGE as usize;
            let begun = *begun.get_or_insert(height);
            listed.extend(page.iter().map(|session| session.id));
            start_after = page.last().map(|session| session.id);
            for info in page {
                let before = self.known(info.id).and_then(|known| self.limit(&known));
                if let (Some(before), Some(now)) = (before, self.limit(&info)) {
                    fell.insert(info.id, before.saturating_sub(now));
                }
                self.keep(Arc::new(info), height);
            }
            if !full {
                // One that was seen later may have been drawn since.
                let open = |id: &u64, cached: &mut Cached| cached.height >= begun || listed.contains(id);
                self.cached().retain(open);
                return Ok(fell);
            }
        }
    }

    fn limit(&self, info: &SessionInfo) -> Option<Amount> {
        let member = info.committee.iter().find(|member| member.host == self.host)?;
        Some(member.limit)
    }

    /// Sessions as last seen, in order.
    pub(crate) fn all(&self) -> Vec<Arc<SessionInfo>> {
        self.cached().values().map(|cached| cached.info.clone()).collect()
    }

    /// Transport key of a router.
    ///
    /// # Errors
    /// When the chain does not tell; a refusal means that there is no such router.
    pub(crate) async fn router_key(&self, router: &str, height: u64) -> Result<[u8; 32], ChainError> {
        let cached = {
            let routers = self.routers.lock().unwrap_or_else(PoisonError::into_inner);
            routers.get(router).copied()
        };
        if let Some((key, seen)) = cached
            && seen + FRESH > height
        {
            return Ok(key);
        }
        let router = router.to_owned();
        let question = Registry::Router {
            router: router.clone(),
        };
        let info = self
            .chain
            .smart::<RouterInfo>(&self.registry, &question)
            .await?
            .value;
        let key = info.details.transport_key.0;
        let mut routers = self.routers.lock().unwrap_or_else(PoisonError::into_inner);
        routers.insert(router, (key, height));
        Ok(key)
    }
}
