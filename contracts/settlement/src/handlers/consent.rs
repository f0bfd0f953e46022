//! A router's consent to answer for an escrow.

use cosmwasm_std::{DepsMut, Env};
use quern_interface::settlement::{Consent, SignedBy};
use quern_protocol::RouterConsent;

use crate::chain::Chain;
use crate::error::{ContractError, Result};
use crate::state::{Session, CONSENTS};

/// Takes the consent of a router whose bond the session would occupy. A router that opens the session itself has
/// given it.
pub fn take(deps: DepsMut, env: &Env, session: &Session, consent: Option<&Consent>) -> Result<()> {
    let (Some(router), SignedBy::Router) = (&session.router, session.signed_by) else {
        return Ok(());
    };
    if *router == session.payer {
        return Ok(());
    }
    let refuse = |why| Err(ContractError::NoConsent(why));
    let Some(consent) = consent else {
        return refuse("the router's bond answers for this session; give its consent");
    };
    if env.block.height > consent.expires {
        return refuse("the router's consent expired; get another");
    }
    let key = (router, &session.payer);
    if CONSENTS
        .may_load(deps.storage, key)?
        .is_some_and(|last| consent.nonce <= last)
    {
        return refuse("the router's consent was used; get another");
    }
    let statement = RouterConsent {
        router: router.to_string(),
        payer: session.payer.to_string(),
        model: session.model.clone(),
        session_key: session.session_key,
        escrow: session.escrow,
        router_fee_bps: session.router_fee_bps,
        blocks: session.closes_at.saturating_sub(session.opened_at),
        nonce: consent.nonce,
        expires: consent.expires,
    };
    let chain = Chain::load(deps.as_ref())?;
    let Some(info) = chain.router(router).filter(|info| !info.retired) else {
        return refuse("no such router is registered");
    };
    let digest = statement.digest(&env.block.chain_id);
    if !chain.signed_ed25519(&digest, &consent.signature, &info.details.transport_key) {
        return refuse(
            "it is not by the router's transport key for this payer, model, session key, escrow, fee and blocks",
        );
    }
    Ok(CONSENTS.save(deps.storage, key, &consent.nonce)?)
}
