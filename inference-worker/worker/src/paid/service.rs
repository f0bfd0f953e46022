//! What the handlers of paid work share.

use crate::audit::Desk;
use crate::audit::judge::Judge;
use crate::metrics::HostMetrics;
use crate::paid::admit::View;
use crate::paid::answer::Denied;
use crate::paid::batch::Committer;
use crate::paid::config::ChainConfig;
use crate::paid::count::Counts;
use crate::paid::follow::{Follow, Own};
use crate::paid::outbox;
use crate::paid::send::{Sent, together_or_alone};
use crate::paid::sessions::Sessions;
use crate::paid::store::Store;
use crate::paid::witness::Witnesses;
use crate::proof::Proofs;
use anyhow::Context;
use quern_chain_client::{Call, Chain, ChainError, SigningKey};
use quern_inference_api::ApiError;
use quern_inference_api::paid::{Rejection, SignedRefusal};
use quern_interface::settlement::{SessionInfo, SignedBy};
use quern_protocol::{Bytes, Refusal, RefusalReason};
use quern_transport::{Peer, TransportKey};
use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;
use tokio::sync::Notify;

/// The paid side of a worker.
#[derive(Debug)]
pub(crate) struct Paid {
    pub(crate) config: Arc<ChainConfig>,
    pub(crate) follow: Follow,
    pub(crate) sessions: Sessions,
    pub(crate) store: Store,
    /// Wakes the outbox.
    pub(crate) outbox: Notify,
    pub(crate) metrics: HostMetrics,
    pub(crate) transport_key: TransportKey,
    /// Votes for this host as an auditor.
    pub(crate) judge: Arc<dyn Judge>,
    pub(crate) audits: Desk,
    /// Hosts that routers called silent.
    pub(crate) witnesses: Witnesses,
    /// Texts whose tokens were counted.
    pub(crate) counts: Counts,
    /// Proof of compute, model by model, on a chain that has it.
    pub(crate) proofs: BTreeMap<String, Arc<Proofs>>,
}

impl Paid {
    /// Opens keys and journal; the chain need not be there.
    pub(crate) fn open(
        config: ChainConfig,
        models: Vec<Own>,
        metrics: HostMetrics,
        judge: Arc<dyn Judge>,
    ) -> anyhow::Result<Self> {
        let transport_key = TransportKey::load_or_create(&config.transport_key)?;
        let warm_keys = config
            .warm_keys
            .iter()
            .map(|path| SigningKey::load_or_create(path));
        let warm_keys = warm_keys.collect::<Result<Vec<_>, _>>()?;
        for key in &warm_keys {
            tracing::info!(
                public = %Bytes(key.public()),
                address = key.address()?,
                "warm key"
            );
        }
        tracing::info!(public = hex::encode(transport_key.public()), "transport key");
        for Own { id, hash, .. } in &models {
            tracing::info!(model = id, %hash, "model");
        }
        let store = Store::open(&config.journal).context("cannot open the journal")?;
        let proofs = match &config.contracts.poc_weights {
            Some(_) => Proofs::open(&config.proof_journal(), &models)?,
            None => BTreeMap::new(),
        };
        let chain = Chain::new(&config.chain_id, &config.nodes)?;
        let contracts = &config.contracts;
        let sessions = Sessions::new(
            chain.clone(),
            &contracts.settlement,
            &contracts.registry,
            &config.host,
        );
        let config = Arc::new(config);
        let follow = Follow::new(
            chain,
            config.clone(),
            models,
            transport_key.public(),
            warm_keys,
            metrics.clone(),
        );
        Ok(Self {
            config,
            follow,
            sessions,
            store,
            outbox: Notify::new(),
            metrics,
            witnesses: Witnesses::new(transport_key.clone()),
            counts: Counts::default(),
            transport_key,
            judge,
            audits: Desk::default(),
            proofs,
        })
    }

    /// Follows the chain and empties the outbox until the future is dropped.
    pub(crate) async fn run(self: Arc<Self>) {
        tokio::join!(self.follow.clone().run(), outbox::run(self.clone()));
    }

    pub(crate) fn committer(&self) -> Committer<'_> {
        Committer {
            chain_id: &self.config.chain_id,
            host: &self.config.host,
        }
    }

    /// A model that this worker serves.
    pub(crate) fn own(&self, model: &str) -> Option<&Own> {
        self.follow.own(model)
    }

    /// The proofs of a model, on a chain that has them.
    pub(crate) fn proofs(&self, model: &str) -> Option<Arc<Proofs>> {
        self.proofs.get(model).cloned()
    }

    pub(crate) fn view<'a>(&'a self, session: &'a SessionInfo) -> View<'a> {
        View {
            chain_id: &self.config.chain_id,
            host: &self.config.host,
            own: self.own(&session.model).map(|own| &own.hash),
            height: self.follow.height(),
            session,
        }
    }

    /// Why no paid work can be done now with any model, if so.
    pub(crate) fn problem(&self) -> Option<String> {
        let common = self.follow.problem().or_else(|| self.full());
        common.or_else(|| self.uncompared())
    }

    /// Why nothing new is promised yet, if so.
    fn uncompared(&self) -> Option<String> {
        let waits = "this host's batches on the chain were not compared with its journal yet, which takes a node that \
                     answers; retry in a moment";
        (!self.follow.is_compared()).then(|| waits.into())
    }

    fn full(&self) -> Option<String> {
        let full = "the disk is full, so no receipt could be kept; make room";
        self.store.is_full().then(|| full.into())
    }

    /// The warm key, or the error for a worker that may not sign.
    pub(crate) fn key(&self) -> Result<SigningKey, ApiError> {
        self.key_unless(self.follow.problem().or_else(|| self.full()))
    }

    /// The warm key for what rests on all that was promised before: on a journal that is not lost.
    pub(crate) fn key_to_promise(&self) -> Result<SigningKey, ApiError> {
        self.key_unless(self.problem())
    }

    /// The same for requests for a model.
    pub(crate) fn key_for(&self, model: &str) -> Result<SigningKey, ApiError> {
        let problem = self.follow.problem_with(model).or_else(|| self.full());
        self.key_unless(problem.or_else(|| self.uncompared()))
    }

    fn key_unless(&self, problem: Option<String>) -> Result<SigningKey, ApiError> {
        if let Some(problem) = problem {
            return Err(ApiError::unavailable(format!(
                "No paid work can be done: {problem}."
            )));
        }
        let missing = || ApiError::unavailable("No paid work can be done: the warm key is not known yet.");
        self.follow.key().ok_or_else(missing)
    }

    /// Sends calls as one transaction and waits for what becomes of it; none if there is no key to sign with. Calls of
    /// outbox and auditor, who share the key, go one after the other.
    pub(crate) async fn execute(&self, calls: &[Call], last_height: u64) -> Sent {
        let Some(key) = self.follow.key() else {
            return Ok(None);
        };
        let (chain, fees) = (&self.follow.chain, self.config.fees());
        chain
            .execute_until(&key, &fees, calls, last_height)
            .await
            .map(Some)
    }

    /// The same, and if the chain refuses it each call alone; see [`together_or_alone`].
    pub(crate) async fn execute_each(
        &self,
        calls: &[Call],
        last_height: impl Fn(Range<usize>) -> u64,
    ) -> Vec<Sent> {
        let execute = |calls: Vec<Call>, last| async move { self.execute(&calls, last).await };
        together_or_alone(calls, last_height, execute).await
    }

    /// A session that a caller named, with this host in its committee.
    pub(crate) async fn session(
        &self,
        session: u64,
        enough: impl Fn(&SessionInfo) -> bool,
    ) -> Result<Arc<SessionInfo>, Denied> {
        let found = self.sessions.get(session, self.follow.height(), enough).await;
        let found = found.map_err(|error| denied(&error))?;
        match self.view(&found).member() {
            Some(_) => Ok(found),
            None => Err(Rejection::VoucherMisdirected.into()),
        }
    }

    /// Whether the caller may act for the session: the router that it names, or anyone who holds the session key if
    /// the payer keeps it.
    pub(crate) async fn check_peer(&self, info: &SessionInfo, peer: Peer) -> Result<(), Denied> {
        let (Some(router), SignedBy::Router) = (&info.router, info.signed_by) else {
            return Ok(());
        };
        let key = self.sessions.router_key(router, self.follow.height()).await;
        match key {
            Ok(key) if key == peer.key => Ok(()),
            Ok(_) => Err(Rejection::VoucherMisdirected.into()),
            Err(error) => Err(denied(&error)),
        }
    }

    /// The host's signed word that it will not serve a request.
    pub(crate) fn refuse(&self, key: &SigningKey, session: u64, nonce: u64, reason: RefusalReason) -> Denied {
        Denied::Refused(self.refusal(key, session, nonce, reason))
    }

    /// The signed word alone.
    pub(crate) fn refusal(
        &self,
        key: &SigningKey,
        session: u64,
        nonce: u64,
        reason: RefusalReason,
    ) -> Box<SignedRefusal> {
        let refusal = Refusal {
            session,
            nonce,
            host: self.config.host.clone(),
            height: self.follow.height(),
            reason,
        };
        let digest = refusal.digest(&self.config.chain_id);
        let signature = Bytes(key.sign(&digest.0));
        Box::new(SignedRefusal { refusal, signature })
    }
}

/// A chain's no means that there is no such thing; its silence, that nothing paid can be done.
fn denied(error: &ChainError) -> Denied {
    if error.is_refusal() {
        Rejection::VoucherMisdirected.into()
    } else {
        ApiError::unavailable(format!("No paid work can be done: {error}.")).into()
    }
}
