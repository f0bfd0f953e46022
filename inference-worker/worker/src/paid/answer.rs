//! What goes back to the router.

use http::StatusCode;
use quern_engine::sampler::Likelihood;
use quern_inference_api::ApiError;
use quern_inference_api::paid::{Progress, Rejection, SignedReceipt, SignedRefusal};
use quern_inference_api::response::{FinishReason, Usage};
use quern_protocol::RefusalReason;

/// A piece of an answer.
#[derive(Debug)]
pub(crate) enum Part {
    Text {
        /// Of the thoughts before the answer, perhaps none; `None` if it is of the answer.
        thought: Option<String>,
        text: String,
        likelihood: Option<Box<Likelihood>>,
    },
    /// Comes before any text where the prompt's likelihoods are wanted: its first token, and those of the others.
    Prompt {
        first: u32,
        rest: Vec<Likelihood>,
    },
    Progress(Progress),
    End {
        finish: FinishReason,
        usage: Usage,
        /// All of the output.
        tokens: Vec<u32>,
        /// None for an unpaid answer.
        receipt: Option<Box<SignedReceipt>>,
    },
    Failed {
        error: ApiError,
        receipt: Option<Box<SignedReceipt>>,
    },
}

/// Why a paid request is not served.
#[derive(Debug)]
pub(crate) enum Denied {
    /// The request itself is wrong, or nothing paid can be done.
    Error(ApiError),
    /// The authority is none.
    Rejected(Rejection),
    /// The host will not, and signs that.
    Refused(Box<SignedRefusal>),
    /// The same of a host whose queue is full: with the seconds after which another try makes sense.
    Full(Box<SignedRefusal>, u32),
}

impl From<ApiError> for Denied {
    fn from(error: ApiError) -> Self {
        Self::Error(error)
    }
}

impl From<Rejection> for Denied {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}

/// A rejection in OpenAI's shape.
pub(crate) fn rejection_error(rejection: Rejection) -> ApiError {
    let message = match rejection {
        Rejection::VoucherMissing => "This worker serves paid requests only; send a voucher in the header.",
        Rejection::VoucherMisdirected => {
            "The voucher is for another chain, session, host or model, or comes from another router."
        }
        Rejection::VoucherForged => "The voucher is not signed by the session key, or not for this salt.",
        Rejection::VoucherStale => {
            "The voucher's height is not recent, not reached yet, or outside of the session's time."
        }
        Rejection::VoucherLimit => {
            "The cap exceeds the host's limit, or the ceiling is below the least cost."
        }
        Rejection::VoucherSpent => "The voucher's nonce was used before.",
        Rejection::VoucherPrice => "The chain's price is above the session's highest.",
    };
    ApiError {
        status: StatusCode::PAYMENT_REQUIRED,
        message: message.into(),
        kind: "invalid_request_error",
        param: None,
        code: Some(rejection.code()),
        retry_after: None,
    }
}

/// A refusal in OpenAI's shape; the signed statement goes beside it.
pub(crate) fn refusal_error(reason: RefusalReason) -> ApiError {
    match reason {
        RefusalReason::Busy => ApiError::busy(1),
        RefusalReason::Limit => {
            ApiError::unavailable("The host's limit in this session does not cover the request.")
        }
        RefusalReason::Maintenance => ApiError::unavailable("The host is in a declared maintenance window."),
    }
}
