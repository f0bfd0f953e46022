//! `POST /v1/vouchers`: top-ups, and void vouchers for nonces that the router skipped or asks nothing more of.

use crate::paid::answer::Denied;
use crate::paid::book::{ExtendError, VOIDS};
use crate::paid::service::Paid;
use http::StatusCode;
use quern_inference_api::ApiError;
use quern_inference_api::paid::{Rejection, SignedVoucher, TopUpAnswer, unserved_digest};
use quern_interface::settlement::{SessionInfo, SessionStatus};
use quern_protocol::{Bytes, Signature};
use quern_transport::{Peer, Turn};

/// Takes a voucher that does not come with a request.
pub(crate) async fn take(
    paid: &Paid,
    (peer, turn): (Peer, &Turn),
    signed: SignedVoucher,
) -> Result<TopUpAnswer, Denied> {
    let voucher = &signed.voucher;
    let (session, nonce) = (voucher.session, voucher.nonce);
    let cap = voucher.cap;
    let limit = |info: &_| paid.view(info).member().is_some_and(|member| member.limit >= cap);
    let info = paid.session(session, limit).await?;
    paid.check_peer(&info, peer).await?;
    let view = paid.view(&info);
    if !view.is_directed_here(&signed) {
        return Err(Rejection::VoucherMisdirected.into());
    }
    if !view.is_signed(&signed) {
        return Err(Rejection::VoucherForged.into());
    }
    turn.begin();
    let mut book = paid.store.book();
    if voucher.ceiling.is_zero() {
        // A session that takes no requests needs no nonce kept from them.
        if info.status != SessionStatus::Open {
            return Err(Rejection::VoucherStale.into());
        }
        let account = book.account(session);
        if !account.skip(nonce) {
            let message = format!("The worker keeps {VOIDS} skipped nonces of a session at most.");
            return Err(refusal(StatusCode::CONFLICT, &message).into());
        }
        let (cap, is_void) = (account.cap(), account.void.contains(&nonce));
        let is_known = !book.is_lost(&info);
        drop(book);
        let unserved = (is_void && is_known).then(|| swear(paid, &info, nonce)).flatten();
        return Ok(TopUpAnswer { cap, unserved });
    }
    if voucher.cap > view.limit(&book.peek(session)) {
        return Err(Rejection::VoucherLimit.into());
    }
    let account = book.accounts.get_mut(&session).ok_or(ExtendError::NotRunning);
    let cap = account.and_then(|account| account.extend(signed).map(|()| account.cap()));
    let cap = cap.map_err(|error| match error {
        ExtendError::NotRunning => refusal(StatusCode::NOT_FOUND, "No such request is under way."),
        ExtendError::NoExtension => {
            let message = "The voucher does not extend the one that the worker holds.";
            refusal(StatusCode::CONFLICT, message)
        }
    })?;
    Ok(TopUpAnswer { cap, unserved: None })
}

/// This host's word that a nonce which is void from now on was never served; none while it may not promise anything.
fn swear(paid: &Paid, info: &SessionInfo, nonce: u64) -> Option<Signature> {
    let key = paid.key_to_promise().ok()?;
    let digest = unserved_digest(&paid.config.chain_id, info.id, nonce, &paid.config.host);
    Some(Bytes(key.sign(&digest.0)))
}

/// An error with a status of its own.
pub(crate) fn refusal(status: StatusCode, message: &str) -> ApiError {
    ApiError {
        status,
        ..ApiError::body(message)
    }
}
