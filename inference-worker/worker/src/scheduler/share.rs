//! Who a request is of, and who shares cached prompts with whom.
//!
//! How soon a first token comes tells whether a prompt was cached, and so what others asked. Paid requests therefore
//! share within their session alone, which has one payer; of unpaid ones, all share that come with the same salt. A
//! client that serves several users parts these by giving each a cache salt; a router does so for holders of its keys.

use crate::generate::Job;
use quern_engine::seed::hash_fields;

/// Whose a request is. Slots and places in the queue are shared out evenly among tenants.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tenant {
    /// Whoever pays; none if that is not known.
    Payer(Option<u64>),
    /// Whoever sent it, of those who do not pay.
    Sender([u8; 32]),
}

impl Tenant {
    pub(super) fn of(job: &Job) -> Self {
        match &job.meter {
            Some(meter) => Self::Payer(meter.tenant()),
            None => Self::Sender(job.shape.sender),
        }
    }

    pub(super) fn is_unpaid(self) -> bool {
        matches!(self, Self::Sender(_))
    }
}

/// The salt of a request's cached prompt; none if nobody shares it. The likelihoods of a prompt follow from computing all of it.
pub(super) fn salt(job: &Job) -> Option<[u8; 32]> {
    if job.shape.scores_prompt {
        return None;
    }
    let tenant = match &job.meter {
        None => Vec::new(),
        Some(meter) => meter.tenant()?.to_be_bytes().to_vec(),
    };
    let salt = job.shape.cache_salt.as_deref().unwrap_or_default();
    Some(hash_fields(&[b"quern.worker.cache", &tenant, salt.as_bytes()]).0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::generate::{Allowance, Meter, Shape};
    use quern_engine::sampler::SamplingParams;
    use quern_engine::seed::Seed;
    use quern_protocol::FinishReason;
    use std::sync::Arc;

    #[derive(Debug)]
    struct Paid(Option<u64>);

    impl Meter for Paid {
        fn draw(&self, _: u32) -> Allowance {
            Allowance::Go
        }
        fn ended(&self) -> Option<FinishReason> {
            None
        }
        fn tenant(&self) -> Option<u64> {
            self.0
        }
    }

    fn job(meter: Option<Paid>, salt: Option<&str>) -> Job {
        Job {
            prompt: vec![1],
            max_tokens: 1,
            params: SamplingParams::default(),
            stop: Vec::new(),
            seed: Seed([0; 32]),
            meter: meter.map(|meter| Arc::new(meter) as Arc<dyn Meter>),
            shape: Shape {
                cache_salt: salt.map(str::to_owned),
                ..Shape::default()
            },
        }
    }

    #[test]
    fn payers_share_with_nobody_else_and_users_of_one_payer_as_their_salts_say() {
        let jobs = [
            job(None, None),
            job(None, Some("a")),
            job(Some(Paid(Some(0))), None),
            job(Some(Paid(Some(1))), None),
            job(Some(Paid(Some(1))), Some("a")),
            job(Some(Paid(Some(1))), Some("b")),
        ];
        let salts: Vec<_> = jobs.iter().map(salt).collect();
        for (index, one) in salts.iter().enumerate() {
            assert!(one.is_some());
            assert!(!salts[index + 1..].contains(one), "{index} shares with another");
        }
        assert_eq!(salts[3], salt(&job(Some(Paid(Some(1))), None)));
        assert_eq!(salt(&job(Some(Paid(None)), Some("a"))), None);
        let mut scored = job(None, None);
        scored.shape.scores_prompt = true;
        assert_eq!(salt(&scored), None);
    }
}
