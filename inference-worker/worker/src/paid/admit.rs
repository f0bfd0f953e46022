//! Whether a voucher entitles a request to be served. Pure.

use crate::paid::book::Account;
use quern_chain_client::verify;
use quern_inference_api::paid::{Authority, Rejection, SignedVoucher};
use quern_interface::settlement::{CommitteeMember, SessionInfo, SessionStatus};
use quern_protocol::{Amount, Hash, Price, salt_commitment};

/// What the worker knows when a voucher comes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    pub(crate) chain_id: &'a str,
    pub(crate) host: &'a str,
    /// Hash of the session's model, if this worker serves it.
    pub(crate) own: Option<&'a Hash>,
    /// The chain's height.
    pub(crate) height: u64,
    pub(crate) session: &'a SessionInfo,
}

impl<'a> View<'a> {
    /// This host's place in the committee.
    pub(crate) fn member(&self) -> Option<&'a CommitteeMember> {
        self.session
            .committee
            .iter()
            .find(|member| member.host == self.host)
    }

    /// Whether the voucher is for this chain, host, session and model.
    pub(crate) fn is_directed_here(&self, signed: &SignedVoucher) -> bool {
        let voucher = &signed.voucher;
        voucher.host == self.host
            && voucher.session == self.session.id
            && self.own == Some(&self.session.model_hash)
            && self.member().is_some()
    }

    /// Whether the session key signed the voucher.
    pub(crate) fn is_signed(&self, signed: &SignedVoucher) -> bool {
        let digest = signed.voucher.digest(self.chain_id);
        verify(&self.session.session_key.0, &digest.0, &signed.signature.0)
    }

    /// What the host may capture: its limit on chain less what it gave away and the chain may not know yet.
    pub(crate) fn limit(&self, account: &Account) -> Amount {
        let limit = self.member().map_or(Amount::ZERO, |member| member.limit);
        limit.saturating_sub(account.outstanding)
    }
}

/// Checks everything about a voucher that does not depend on the request's price.
pub(crate) fn check(view: &View<'_>, account: &Account, authority: &Authority) -> Result<(), Rejection> {
    let signed = SignedVoucher {
        voucher: authority.voucher.clone(),
        signature: authority.signature,
    };
    let (voucher, session) = (&signed.voucher, view.session);
    if authority.chain_id != view.chain_id || !view.is_directed_here(&signed) {
        return Err(Rejection::VoucherMisdirected);
    }
    let salt = &authority.salt.0;
    let commitment = salt_commitment(view.chain_id, voucher.session, voucher.nonce, salt);
    if !view.is_signed(&signed) || commitment != voucher.salt_commitment {
        return Err(Rejection::VoucherForged);
    }
    // Most of the time to lapse is left for the output and its commit.
    let oldest = view.height.saturating_sub(session.lapse_blocks / 4);
    let lifetime = session.drawn_at..=session.closes_at;
    if session.status != SessionStatus::Open
        || !lifetime.contains(&voucher.height)
        || !(oldest..=view.height).contains(&voucher.height)
    {
        return Err(Rejection::VoucherStale);
    }
    if voucher.nonce == 0 || account.is_used(voucher.nonce) {
        return Err(Rejection::VoucherSpent);
    }
    if voucher.cap > view.limit(account) {
        return Err(Rejection::VoucherLimit);
    }
    Ok(())
}

/// Checks the price: at most the session's, and a ceiling that pays for the prompt and one token.
pub(crate) fn check_price(
    session: &SessionInfo,
    authority: &Authority,
    price: Price,
    least: Option<Amount>,
) -> Result<(), Rejection> {
    if price > session.max_price {
        return Err(Rejection::VoucherPrice);
    }
    match least {
        Some(least) if least <= authority.voucher.ceiling => Ok(()),
        _ => Err(Rejection::VoucherLimit),
    }
}

/// Whether the host's limit covers the request beside what it already owes; if not the host refuses.
pub(crate) fn has_room(view: &View<'_>, account: &Account, ceiling: Amount) -> bool {
    let wanted = account.exposure().checked_add(ceiling);
    wanted.is_some_and(|wanted| wanted <= view.limit(account))
}
