//! What the chain is asked and told about sprints.

use crate::paid::Paid;
use crate::proof::record::Terms;
use crate::proof::together::Together;
use quern_chain_client::{Call, ChainError, Outcome};
use quern_interface::audits::{QueryMsg as Audits, RoundInfo};
use quern_interface::poc_weights::{ExecuteMsg, Params, ProofModel, QueryMsg, SprintInfo};
use quern_interface::registry::{LaunchPackage, QueryMsg as Registry};
use quern_protocol::Node;
use std::sync::Arc;

/// The chain as a host that proves sees it.
pub(crate) trait SprintChain: Clone + Send + Sync + 'static {
    /// Whether this host may act: the registry names a key of this worker, and the chain's model is the one that it has.
    fn may_act(&self) -> bool;

    /// Whether what this host proves counts: it does not stand convicted, and its bond covers some of its capacity. The
    /// chain refuses a commit of any other, and with it those of other models that go along.
    fn counts(&self) -> bool;

    /// The last sprint that began.
    fn last_sprint(&self) -> impl Future<Output = Result<Option<SprintInfo>, ChainError>> + Send;

    /// What this host's requests in a sprint follow from; none if the model is not proven.
    fn terms(&self, sprint: SprintInfo) -> impl Future<Output = Result<Option<Terms>, ChainError>> + Send;

    /// Commits so many answers and waits until it is certain what became of it; none without a key.
    fn commit(
        &self,
        sprint: SprintInfo,
        commitment: (u32, Node),
    ) -> impl Future<Output = Result<Option<Outcome>, ChainError>> + Send;

    /// No audit can draw answers of sprints whose deadline is below this height.
    fn needed(&self, height: u64) -> impl Future<Output = Result<u64, ChainError>> + Send;
}

/// The real one.
#[derive(Clone, Debug)]
pub(crate) struct OnChain {
    pub(crate) paid: Arc<Paid>,
    /// Address of the contract.
    pub(crate) contract: Arc<str>,
    /// The model that is proven.
    pub(crate) model: Arc<str>,
    /// Shared with the host's other models.
    pub(crate) together: Arc<Together>,
}

impl SprintChain for OnChain {
    fn may_act(&self) -> bool {
        let standing = self.paid.follow.standing(&self.model);
        let served = standing.unfit.is_none() && standing.closed.is_none();
        served && self.paid.follow.key().is_some()
    }

    fn counts(&self) -> bool {
        let standing = self.paid.follow.standing(&self.model);
        standing.convicted.is_none() && standing.uncovered.is_none()
    }

    async fn last_sprint(&self) -> Result<Option<SprintInfo>, ChainError> {
        let chain = &self.paid.follow.chain;
        Ok(chain.smart(&self.contract, &QueryMsg::Sprint {}).await?.value)
    }

    async fn terms(&self, sprint: SprintInfo) -> Result<Option<Terms>, ChainError> {
        let (paid, chain) = (&self.paid, &self.paid.follow.chain);
        let models = QueryMsg::ModelsAt {
            sprint: sprint.sprint,
        };
        let package = Registry::Model {
            model: self.model.to_string(),
        };
        let (models, package) = tokio::join!(
            chain.smart::<Vec<ProofModel>>(&self.contract, &models),
            chain.smart::<LaunchPackage>(&paid.config.contracts.registry, &package),
        );
        let (models, coefficients) = (models?.value, package?.value.coefficients);
        let model = models.into_iter().find(|model| *model.model == *self.model);
        Ok(model.map(|model| Terms {
            chain_id: paid.config.chain_id.clone(),
            host: paid.config.host.clone(),
            sprint,
            model,
            coefficients,
        }))
    }

    async fn commit(
        &self,
        sprint: SprintInfo,
        (count, root): (u32, Node),
    ) -> Result<Option<Outcome>, ChainError> {
        let message = ExecuteMsg::CommitProof {
            sprint: sprint.sprint,
            model: self.model.to_string(),
            root,
            count,
        };
        let call = Call::new(&self.contract, &message)?;
        let paid = &self.paid;
        let execute = |calls: Vec<Call>, last| async move { paid.execute(&calls, last).await };
        self.together.send(call, sprint.deadline, execute).await
    }

    /// Rounds of audits go one after the other. A chain without audits keeps proofs for a while all the same.
    async fn needed(&self, height: u64) -> Result<u64, ChainError> {
        let chain = &self.paid.follow.chain;
        match &self.paid.config.contracts.audits {
            Some(audits) => {
                let round: RoundInfo = chain.smart(audits, &Audits::Round {}).await?.value;
                Ok(round.start)
            }
            None => {
                let params: Params = chain.smart(&self.contract, &QueryMsg::Params {}).await?.value;
                Ok(height.saturating_sub(params.kept_blocks))
            }
        }
    }
}
