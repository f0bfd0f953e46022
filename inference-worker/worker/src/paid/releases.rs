//! `POST /v1/releases`: giving part of this host's limit to another host of the committee.

use crate::paid::answer::Denied;
use crate::paid::record::Record;
use crate::paid::service::Paid;
use crate::paid::vouchers::refusal;
use http::StatusCode;
use quern_chain_client::verify;
use quern_inference_api::ApiError;
use quern_inference_api::paid::{Rejection, ReleaseRequest, SignedRelease, release_request_digest};
use quern_protocol::{Amount, Bytes};
use quern_transport::{Peer, Turn};

/// Signs a release, if what is left covers everything that the host was promised.
pub(crate) async fn give(
    paid: &Paid,
    (peer, turn): (Peer, &Turn),
    request: ReleaseRequest,
) -> Result<SignedRelease, Denied> {
    let key = paid.key_to_promise()?;
    let release = request.release;
    // As of this height: limits move.
    let info = paid.session(release.session, |_| false).await?;
    paid.check_peer(&info, peer).await?;
    let is_member = |host: &str| info.committee.iter().any(|member| member.host == host);
    if release.from != paid.config.host || release.to == release.from || !is_member(&release.to) {
        return Err(Rejection::VoucherMisdirected.into());
    }
    let digest = release_request_digest(&paid.config.chain_id, &release);
    if !verify(&info.session_key.0, &digest.0, &request.signature.0) {
        return Err(Rejection::VoucherForged.into());
    }
    turn.begin();
    {
        let mut book = paid.store.book();
        let view = paid.view(&info);
        let account = book.account(release.session);
        let given = account.given.get(&release.to).copied().unwrap_or(Amount::ZERO);
        let more = release.cumulative.saturating_sub(given);
        let promised = account.exposure().max(account.cap());
        let free = view.limit(account).saturating_sub(promised);
        if more > free {
            let message = format!("The host needs its limit: {free} nqrn are free.");
            return Err(refusal(StatusCode::CONFLICT, &message).into());
        }
        // Counted before it is signed: no voucher may rely on it any more.
        account.give(&release.to, release.cumulative);
    }
    let signature = Bytes(key.sign(&release.digest(&paid.config.chain_id).0));
    let signed = SignedRelease { release, signature };
    let kept = paid.store.append(Record::Release(signed.clone())).await;
    kept.map_err(|error| ApiError::unavailable(format!("The release cannot be kept: {error}.")))?;
    Ok(signed)
}
