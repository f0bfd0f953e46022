//! The models that are served here.

use crate::metrics::{HostMetrics, Metrics};
use crate::model::Text;
use crate::paid::Paid;
use crate::scheduler::Scheduler;
use quern_inference_api::{ApiError, Request};
use std::sync::Arc;

/// One model: what turns a request for it into an answer.
#[derive(Clone, Debug)]
pub(crate) struct Service {
    pub(crate) model_id: String,
    pub(crate) created: u64,
    pub(crate) context: usize,
    pub(crate) text: Arc<Text>,
    pub(crate) scheduler: Scheduler,
    pub(crate) metrics: Metrics,
}

/// All models, and what their handlers share.
#[derive(Clone, Debug)]
pub(crate) struct Services {
    all: Arc<[Service]>,
    pub(crate) metrics: HostMetrics,
    /// With a chain, every request is paid.
    pub(crate) paid: Option<Arc<Paid>>,
}

impl Services {
    pub(crate) fn new(all: Vec<Service>, metrics: HostMetrics, paid: Option<Arc<Paid>>) -> Self {
        let all = all.into();
        Self { all, metrics, paid }
    }

    /// In the order in which they were listed.
    pub(crate) fn all(&self) -> &[Service] {
        &self.all
    }

    /// A model by its id.
    pub(crate) fn get(&self, model: &str) -> Option<&Service> {
        self.all.iter().find(|service| service.model_id == model)
    }

    /// The model that a request names.
    pub(crate) fn of(&self, request: &Request) -> Result<&Service, ApiError> {
        self.named(Some(&request.model))
    }

    /// The model of this id; without one, the only model.
    pub(crate) fn named(&self, model: Option<&str>) -> Result<&Service, ApiError> {
        match (model, &*self.all) {
            (Some(id), _) => self.get(id).ok_or_else(|| ApiError::no_model(id)),
            (None, [only]) => Ok(only),
            (None, all) => {
                let ids: Vec<&str> = all.iter().map(|service| service.model_id.as_str()).collect();
                let message = format!("Several models are served here; name one of: {}.", ids.join(", "));
                Err(ApiError::invalid("model", message))
            }
        }
    }
}
