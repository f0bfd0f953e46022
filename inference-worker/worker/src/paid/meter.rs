//! The meter of one request: draws on its session's account, token by token.

use crate::generate::{Allowance, Meter};
use crate::paid::book::{Book, Reserve};
use quern_protocol::{Amount, Coefficients, FinishReason, Price, Usage, cost};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// Prices one request and reserves its cost in the book.
#[derive(Debug)]
pub(crate) struct RequestMeter {
    pub(crate) book: Arc<Mutex<Book>>,
    pub(crate) session: u64,
    pub(crate) nonce: u64,
    pub(crate) prompt: u32,
    pub(crate) price: Price,
    pub(crate) coefficients: Coefficients,
    /// Height at which the output must end, so that its receipt can be committed in time.
    pub(crate) deadline: u64,
    /// The chain's height.
    pub(crate) height: Arc<AtomicU64>,
    pub(crate) cancelled: AtomicBool,
}

impl RequestMeter {
    /// What the request costs with so many output tokens; none if it does not fit.
    pub(crate) fn cost(&self, completion: u32) -> Option<Amount> {
        let usage = Usage {
            prompt: self.prompt,
            cached: 0,
            completion,
        };
        cost(self.price, &self.coefficients, &usage)
    }

    /// The client left.
    pub(crate) fn cancel(&self) {
        self.cancelled.store(true, Ordering::Relaxed);
    }

    /// Whether the voucher's time ran out.
    pub(crate) fn is_late(&self) -> bool {
        self.height.load(Ordering::Relaxed) > self.deadline
    }
}

impl Meter for RequestMeter {
    fn draw(&self, completion: u32) -> Allowance {
        // More than any ceiling can pay for.
        let Some(cost) = self.cost(completion) else {
            return Allowance::End(FinishReason::Length);
        };
        let mut book = self.book.lock().unwrap_or_else(PoisonError::into_inner);
        match book.account(self.session).reserve(self.nonce, cost) {
            Reserve::Done => Allowance::Go,
            Reserve::NotYet => Allowance::Wait,
            Reserve::Never => Allowance::End(FinishReason::Length),
        }
    }

    fn ended(&self) -> Option<FinishReason> {
        if self.cancelled.load(Ordering::Relaxed) {
            Some(FinishReason::Cancelled)
        } else {
            self.is_late().then_some(FinishReason::Error)
        }
    }

    fn tenant(&self) -> Option<u64> {
        Some(self.session)
    }
}
