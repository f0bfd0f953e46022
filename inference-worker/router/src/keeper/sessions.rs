//! Opening, renewing and closing sessions.

use super::Policy;
use crate::consent::Asked;
use crate::ledger::{Record, Session};
use crate::paid::{Gateway, Payer, SESSION_MARGIN};
use anyhow::{Context, bail};
use quern_interface::settlement::{ExecuteMsg, SessionStatus, SignedBy};
use quern_protocol::Bytes;

/// A session is renewed when less than this part of its limits, or of its time, is left.
const RENEW_PART: u128 = 4;
/// Blocks that opening may take beside the draw.
const OPENING_BLOCKS: u64 = 8;
/// Open fees that a session may cost while many wait for their draw; what is not needed comes back.
const BUSY_FEE: u128 = 4;
/// Blocks for which the router's consent to a session counts.
const CONSENT_BLOCKS: u64 = 50;

/// What a session is good for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    /// Waiting for its committee.
    Pending,
    Good,
    /// To be renewed.
    Low,
    /// No more requests.
    Over,
}

fn health(session: &Session, latest: u64, draw_delay: u64) -> Health {
    if session.closing {
        return Health::Over;
    }
    if session.beacon.is_none() {
        return Health::Pending;
    }
    let left = session.closes_at.saturating_sub(latest);
    if left <= SESSION_MARGIN {
        return Health::Over;
    }
    let whole = session.closes_at.saturating_sub(session.drawn_at);
    let least = (draw_delay + OPENING_BLOCKS + SESSION_MARGIN)
        .max(whole / RENEW_PART as u64)
        .min(whole / 2);
    let (room, limit) = session.room();
    if left <= least || room.0 <= limit.0 / RENEW_PART {
        Health::Low
    } else {
        Health::Good
    }
}

/// Opens a session for a payer and a model unless one is good or on its way, or the chain opens none for the model.
pub(super) async fn open_if_needed(
    gateway: &Gateway,
    policy: &Policy,
    payer: &Payer,
    model: &str,
) -> anyhow::Result<()> {
    let params = gateway
        .view
        .params()
        .context("the parameters are not known yet")?;
    let latest = gateway.view.latest();
    let provided = gateway.books.with(|ledger| {
        let own = |s: &&Session| s.payer == payer.address && s.model == model;
        let mut own = ledger.sessions.values().filter(own);
        own.any(|s| {
            matches!(
                health(s, latest, params.draw_delay),
                Health::Good | Health::Pending
            )
        })
    });
    if provided || latest == 0 || !gateway.view.opens(model) {
        return Ok(());
    }
    if let Some(agent) = payer.agent() {
        return adopt(gateway, payer, &agent, model).await;
    }
    if let Some(tip) = gateway.view.tip(model)
        && tip.price > policy.max_price
    {
        bail!(
            "a token costs {} nqrn now, above --max-price {}; a session opens when the price has come down, or with a \
             higher --max-price",
            tip.price,
            policy.max_price
        );
    }
    let max_fee = params
        .open_fee
        .mul_div_floor(BUSY_FEE, 1)
        .unwrap_or(params.open_fee);
    let funds = policy
        .escrow
        .checked_add(max_fee)
        .context("the escrow is too large")?;
    let (router, router_fee_bps) = match &policy.router {
        Some((router, fee)) => (Some(router.clone()), *fee),
        None => (None, 0),
    };
    let consent = match &router {
        Some(router) => {
            let asked = Asked {
                router,
                payer: &payer.address,
                model,
                session_key: Bytes(payer.session_key.public()),
                escrow: policy.escrow,
                router_fee_bps,
                blocks: policy.blocks,
                expires: latest.saturating_add(CONSENT_BLOCKS),
            };
            let sign = |message: &[u8]| gateway.client.sign(message);
            Some(asked.consent(&gateway.view.contracts.chain_id, sign)?)
        }
        None => None,
    };
    let message = ExecuteMsg::OpenSession {
        model: model.to_owned(),
        max_price: policy.max_price,
        signed_by: if router.is_some() {
            SignedBy::Router
        } else {
            SignedBy::Payer
        },
        router,
        router_fee_bps,
        session_key: Bytes(payer.session_key.public()),
        agent: None,
        blocks: policy.blocks,
        consent,
        max_fee: Some(max_fee),
    };
    let contracts = &gateway.view.contracts;
    let id = contracts
        .execute(&payer.account, &message, Some((funds, &params.denom)))
        .await?;
    let session: u64 = id
        .context("the transaction's events name no session")?
        .parse()
        .context("the transaction's events name no session")?;
    tracing::info!(session, model, escrow = %policy.escrow, "session opened; its committee is being drawn");
    let opened = Record::Opened {
        session,
        payer: payer.address.clone(),
        model: model.to_owned(),
    };
    // If this is lost in a crash, the session is found on the chain and closed.
    gateway.books.write(vec![opened]).await;
    Ok(())
}

/// Takes up a session that the payer opened for this router's keys while it ran. Of an earlier one nobody knows which nonces
/// were used, so those are closed like other sessions that the ledger does not know.
async fn adopt(gateway: &Gateway, payer: &Payer, agent: &str, model: &str) -> anyhow::Result<()> {
    let key = Bytes(payer.session_key.public());
    let began = gateway.view.began();
    for info in gateway.view.contracts.sessions(&payer.address).await? {
        let session = info.id;
        let ours = info.session_key == key
            && info.agent.as_deref() == Some(agent)
            && info.signed_by == SignedBy::Payer
            && info.model == model;
        let fresh =
            matches!(info.status, SessionStatus::Pending | SessionStatus::Open) && info.opened_at > began;
        let known = gateway
            .books
            .with(|ledger| ledger.sessions.contains_key(&session));
        if !ours || !fresh || known {
            continue;
        }
        let opened = Record::Opened {
            session,
            payer: payer.address.clone(),
            model: model.to_owned(),
        };
        if !gateway.books.write(vec![opened]).await {
            bail!("session {session} is there, but the ledger cannot be written; make room on the disk");
        }
        tracing::info!(
            session,
            model,
            payer = payer.address,
            "took up a session of the payer"
        );
        return Ok(());
    }
    bail!(
        "none is open, or the one that is runs out; let {} send `quernd tx open-session` for this model with --session-key {key} --agent {agent} --signed-by \
         payer",
        payer.address
    )
}

/// Stops using sessions that have a successor, closes those with nothing under way, and has paid out those whose time
/// for claims is over.
pub(super) async fn close_what_is_done(gateway: &Gateway) {
    let Some(params) = gateway.view.params() else {
        return;
    };
    let latest = gateway.view.latest();
    let done: Vec<u64> = gateway.books.with(|ledger| {
        let state = |s: &Session| health(s, latest, params.draw_delay);
        let replaced = |s: &Session| {
            let twin = |t: &&Session| t.payer == s.payer && t.model == s.model;
            state(s) == Health::Low
                && ledger
                    .sessions
                    .values()
                    .filter(twin)
                    .any(|t| state(t) == Health::Good)
        };
        let closing: Vec<u64> = ledger
            .sessions
            .iter()
            .filter(|(_, s)| !s.closing && (state(s) == Health::Over || replaced(s)))
            .map(|(id, _)| *id)
            .collect();
        for session in closing {
            ledger.commit(Record::Closing { session });
        }
        let idle = ledger.sessions.iter().filter(|(_, s)| s.closing && s.is_idle());
        idle.map(|(id, _)| *id).collect()
    });
    for session in done {
        if let Err(error) = end(gateway, session, latest).await {
            tracing::warn!(
                session,
                error = format!("{error:#}"),
                "a session could not be closed yet"
            );
        }
    }
    let oldest = gateway
        .books
        .with(|ledger| ledger.sessions.keys().next().copied());
    if let Some(oldest) = oldest {
        gateway.receipts.forget_before(oldest).await;
    }
}

async fn end(gateway: &Gateway, session: u64, latest: u64) -> anyhow::Result<()> {
    let contracts = &gateway.view.contracts;
    let info = contracts.session(session).await?;
    let payer = gateway.payer_of(session).context("its payer is not configured")?;
    let message = match info.status {
        SessionStatus::Open => ExecuteMsg::CloseSession { session },
        SessionStatus::Closing if latest >= info.payable_at => ExecuteMsg::Close { session },
        _ => return Ok(()),
    };
    contracts.execute(&payer.account, &message, None).await?;
    tracing::info!(
        session,
        paid = info.status == SessionStatus::Closing,
        "session ended"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::record::{Committee, Member};
    use quern_protocol::{Amount, Price};

    #[test]
    fn a_session_is_renewed_before_its_time_or_its_money_runs_out() {
        let mut session = Session::new("payer".into(), "m".into());
        assert_eq!(health(&session, 10, 8), Health::Pending);
        session.draw(Committee {
            beacon: Bytes([0; 32]),
            drawn_at: 10,
            closes_at: 110,
            max_price: Price::FLOOR,
            model_hash: Bytes([0; 32]),
            coefficients: session.coefficients,
            lapse_blocks: 20,
            members: vec![Member {
                host: "h".into(),
                weight: 1,
                limit: Amount(100),
            }],
        });
        let at = |session: &Session, latest| health(session, latest, 8);
        assert_eq!(at(&session, 80), Health::Good);
        assert_eq!(at(&session, 85), Health::Low);
        assert_eq!(at(&session, 106), Health::Over);
        session.hosts[0].spent = Amount(74);
        assert_eq!(at(&session, 20), Health::Good);
        session.hosts[0].spent = Amount(75);
        assert_eq!(at(&session, 20), Health::Low);
        // A session too short for its own renewal is good for half of its time.
        session.hosts[0].spent = Amount(0);
        session.closes_at = 26;
        assert_eq!(at(&session, 11), Health::Good);
    }
}
