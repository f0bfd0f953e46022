//! What goes on behind the requests: following the chain, opening, renewing and closing sessions, moving the limits of
//! dead and of idle hosts, fetching missing receipts, proving faults, showing refusals and time-outs, asking hosts what they
//! serve.

mod faults;
mod misses;
mod offers;
mod orphans;
mod rebalance;
mod releases;
mod sessions;
mod voids;
mod watch;

use crate::paid::{Gateway, Stopped};
use quern_protocol::{Amount, Price};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;

/// Pause between two looks at the chain, and between two rounds of upkeep.
const POLL: Duration = Duration::from_millis(400);
const ROUND: Duration = Duration::from_secs(2);
/// Rounds between two searches for sessions that the ledger does not know.
const ORPHAN_ROUNDS: u64 = 30;

/// How sessions are opened.
#[derive(Clone, Debug)]
pub(crate) struct Policy {
    pub(crate) escrow: Amount,
    pub(crate) max_price: Price,
    pub(crate) blocks: u64,
    /// Router's address and its fee, if the payer is not its own router.
    pub(crate) router: Option<(String, u32)>,
    /// Time after which a host that does not answer is dead.
    pub(crate) dead_after: Duration,
}

/// Starts the tasks; they end when aborted.
pub(crate) fn start(gateway: &Arc<Gateway>, policy: Policy) -> Vec<JoinHandle<()>> {
    let watching = {
        let gateway = gateway.clone();
        tokio::spawn(async move {
            loop {
                watch::round(&gateway).await;
                tokio::time::sleep(POLL).await;
            }
        })
    };
    let collecting = {
        let gateway = gateway.clone();
        tokio::spawn(async move {
            let mut stopped = Stopped::default();
            loop {
                rest(&gateway).await;
                crate::paid::collect(&gateway, &mut stopped).await;
            }
        })
    };
    let voiding = {
        let gateway = gateway.clone();
        tokio::spawn(async move {
            while gateway.view.latest() == 0 {
                tokio::time::sleep(POLL).await;
            }
            voids::sign_all(&gateway).await;
        })
    };
    let tending = {
        let gateway = gateway.clone();
        tokio::spawn(async move {
            let mut round = 0_u64;
            let mut memory = Memory::default();
            loop {
                if gateway.view.latest() > 0 {
                    tend(&gateway, &policy, round, &mut memory).await;
                    round += 1;
                }
                rest(&gateway).await;
            }
        })
    };
    let asking = {
        let gateway = gateway.clone();
        tokio::spawn(async move {
            let mut asked = offers::Asked::default();
            loop {
                offers::ask_all(&gateway, &mut asked).await;
                tokio::time::sleep(ROUND).await;
            }
        })
    };
    vec![watching, collecting, voiding, tending, asking]
}

/// What upkeep remembers from round to round; a restart may forget it.
#[derive(Default)]
struct Memory {
    releases: releases::Releases,
    faults: faults::Faults,
    misses: misses::Later,
}

/// Until the next round, or until something happens.
async fn rest(gateway: &Gateway) {
    tokio::select! {
        () = tokio::time::sleep(ROUND) => {}
        () = gateway.wake.notified() => tokio::time::sleep(POLL).await,
    }
}

/// One round of upkeep. Each step stands alone: what fails is tried again in the next round.
async fn tend(gateway: &Gateway, policy: &Policy, round: u64, memory: &mut Memory) {
    if round.is_multiple_of(ORPHAN_ROUNDS) {
        orphans::close_all(gateway).await;
    }
    for (name, payer) in &gateway.payers {
        for model in &gateway.models {
            if let Err(error) = sessions::open_if_needed(gateway, policy, payer, model).await {
                tracing::error!(
                    payer = name,
                    model,
                    error = format!("{error:#}"),
                    "no session could be opened"
                );
            }
        }
    }
    // before the sessions end in which they count
    misses::note_all(gateway, &mut memory.misses).await;
    sessions::close_what_is_done(gateway).await;
    rebalance::move_from_the_dead(gateway, policy.dead_after).await;
    releases::level(gateway, &mut memory.releases).await;
    faults::prove_all(gateway, &mut memory.faults).await;
}
