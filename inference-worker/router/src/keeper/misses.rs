//! Refusals and time-outs that count on chain, a few at once: when enough are there, and before a session is closed.

use crate::paid::silence::{self, pays_for_a_request};
use crate::paid::{Gateway, Payer, SESSION_MARGIN};
use crate::receipts::{Brief, Misses, Noted};
use quern_chain_client::verify;
use quern_interface::settlement::{ExecuteMsg, MAX_MISSES};
use quern_protocol::{Amount, Miss, Price};
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Refusals of a host in a session that are shown: two count against it, all are demand, and each costs gas.
const REFUSALS: usize = 4;
/// After what the chain did not take for a reason that may pass.
const PAUSE: Duration = Duration::from_secs(30);
/// What the chain says of a miss that it will never take.
const NEVER: [&str; 2] = ["bad_miss:", "bad_signature:"];
/// What it says of a session of which it takes none.
const OVER: [&str; 3] = ["wrong_phase:", "unknown_session:", "session_forgotten:"];

/// When a session is tried again.
#[derive(Debug, Default)]
pub(super) struct Later(BTreeMap<u64, Instant>);

/// What a session allows.
struct Terms {
    model: String,
    lapse: u64,
    limits: BTreeMap<String, Amount>,
    ending: bool,
}

/// Shows what is due of each session.
pub(super) async fn note_all(gateway: &Gateway, later: &mut Later) {
    later.0.retain(|_, until| *until > Instant::now());
    for (session, open) in gateway.receipts.open_misses() {
        let Some((terms, payer)) = terms(gateway, session).zip(gateway.payer_of(session)) else {
            continue;
        };
        let due = open >= MAX_MISSES || terms.ending;
        if !due || later.0.contains_key(&session) {
            continue;
        }
        if let Err(error) = note(gateway, session, &terms, payer).await {
            tracing::warn!(
                session,
                error = format!("{error:#}"),
                "misses of hosts are not on chain yet"
            );
            later.0.insert(session, Instant::now() + PAUSE);
        }
    }
}

fn terms(gateway: &Gateway, session: u64) -> Option<Terms> {
    let latest = gateway.view.latest();
    gateway.books.with(|ledger| {
        let found = ledger.sessions.get(&session)?;
        let limits = found.hosts.iter().map(|book| (book.host.clone(), book.limit));
        Some(Terms {
            model: found.model.clone(),
            lapse: found.lapse_blocks,
            limits: limits.collect(),
            ending: found.closing || latest.saturating_add(SESSION_MARGIN) >= found.closes_at,
        })
    })
}

/// Which records go out now, and which never will: by the contract's rules, so that none takes the others with it.
fn choose(misses: &Misses, limits: &BTreeMap<String, Amount>, price: Price) -> (Vec<u64>, Vec<u64>) {
    let (mut taken, mut dropped) = (Vec::new(), Vec::new());
    let mut known = misses.sent.clone();
    let mut open: Vec<(&u64, &Brief)> = misses.open.iter().collect();
    open.sort_by_key(|(number, one)| (one.nonce, **number));
    for (number, one) in open {
        let own = || known.iter().filter(|other| other.host == one.host);
        let most = if one.refused { REFUSALS } else { silence::MOST };
        let rises = own().all(|other| other.nonce < one.nonce);
        let ceilings = own().map(|other| other.ceiling).chain([one.ceiling]);
        let covered = limits
            .get(&one.host)
            .zip(Amount::sum(ceilings))
            .is_some_and(|(limit, sum)| sum <= *limit);
        let counts = own().filter(|other| other.refused == one.refused).count() < most;
        if !rises || !covered || !counts || !pays_for_a_request(one.ceiling, price) {
            dropped.push(*number);
        } else if taken.len() < MAX_MISSES {
            taken.push(*number);
            known.push(one.clone());
        }
    }
    (taken, dropped)
}

async fn note(gateway: &Gateway, session: u64, terms: &Terms, payer: &Payer) -> anyhow::Result<()> {
    let Some(tip) = gateway.view.tip(&terms.model) else {
        return Ok(());
    };
    let misses = gateway.receipts.misses(session);
    let (taken, mut dropped) = choose(&misses, &terms.limits, tip.price);
    let mut batch = Vec::with_capacity(taken.len());
    for number in taken {
        match gateway.receipts.miss(number) {
            Some(miss) if stands(gateway, terms, &miss).await? => batch.push((number, miss)),
            _ => dropped.push(number),
        }
    }
    let mut sent = Vec::new();
    let result = send(gateway, session, payer, batch, (&mut sent, &mut dropped)).await;
    let noted = gateway.metrics.misses_noted.clone();
    noted.inc_by(sent.len() as u64);
    if !sent.is_empty() {
        tracing::info!(
            session,
            misses = sent.len(),
            "refusals and time-outs of hosts are on chain"
        );
    }
    if !sent.is_empty() || !dropped.is_empty() {
        let noted = Noted {
            session,
            sent,
            dropped,
        };
        gateway.receipts.note(noted).await;
    }
    result
}

/// Whether the chain will find heights and signatures right.
async fn stands(gateway: &Gateway, terms: &Terms, miss: &Miss) -> anyhow::Result<bool> {
    let until = miss.voucher.height.saturating_add(terms.lapse);
    if !(miss.voucher.height..=until).contains(&miss.height) || miss.height > gateway.view.latest() {
        return Ok(false);
    }
    let digest = miss.digest(gateway.chain_id());
    for one in &miss.signed {
        let key = gateway
            .view
            .contracts
            .warm_key_at(&one.host, miss.height)
            .await?
            .key;
        if !verify(&key.0, &digest.0, &one.signature.0) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Sends them together. What the chain refuses is tried in halves, so that it is known which one is at fault: what an
/// earlier life of this router sent already is refused as well. Refusals cost nothing.
async fn send(
    gateway: &Gateway,
    session: u64,
    payer: &Payer,
    batch: Vec<(u64, Miss)>,
    (sent, dropped): (&mut Vec<u64>, &mut Vec<u64>),
) -> anyhow::Result<()> {
    let mut parts = vec![batch];
    while let Some(mut part) = parts.pop() {
        if part.is_empty() {
            continue;
        }
        let misses = part.iter().map(|(_, miss)| miss.clone()).collect();
        let message = ExecuteMsg::NoteMisses { session, misses };
        let contracts = &gateway.view.contracts;
        let Err(error) = contracts.execute(&payer.account, &message, None).await else {
            sent.extend(part.iter().map(|(number, _)| *number));
            continue;
        };
        let text = format!("{error:#}");
        let says = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if says(&OVER) || (part.len() == 1 && says(&NEVER)) {
            tracing::debug!(session, text, "the chain takes no miss");
            dropped.extend(part.iter().map(|(number, _)| *number));
        } else if says(&NEVER) {
            let later = part.split_off(part.len() / 2);
            // The earlier nonces first.
            parts.push(later);
            parts.push(part);
        } else {
            return Err(error);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn brief(host: &str, nonce: u64, ceiling: u128, refused: bool) -> Brief {
        Brief {
            host: host.into(),
            nonce,
            ceiling: Amount(ceiling),
            refused,
        }
    }

    fn chosen(open: Vec<Brief>, sent: Vec<Brief>) -> (Vec<u64>, Vec<u64>) {
        let open = (0..).zip(open).collect();
        let limits = ["a", "b", "c"].map(|host| (host.to_owned(), Amount(1_000)));
        choose(&Misses { open, sent }, &limits.into(), "2".parse().unwrap())
    }

    #[test]
    fn what_the_contract_would_refuse_is_left_out_and_the_rest_goes_by_rising_nonces() {
        // 31 nqrn pay for 15 tokens; a limit of 1,000 for no ceilings beyond it
        let open = vec![
            brief("a", 9, 100, true),
            brief("a", 4, 100, false),
            brief("b", 5, 31, true),
            brief("b", 6, 900, true),
            brief("b", 7, 200, true),
            brief("stranger", 8, 100, true),
        ];
        assert_eq!(chosen(open, vec![]), (vec![1, 3, 0], vec![2, 4, 5]));
    }

    #[test]
    fn no_third_time_out_of_a_host_no_fifth_refusal_and_no_nonce_below_one_that_was_shown_goes_out() {
        let time_outs = (1..=3).map(|nonce| brief("a", nonce, 40, false));
        let refusals = (1..=6).map(|nonce| brief("b", nonce, 40, true));
        let (taken, dropped) = chosen(time_outs.chain(refusals).collect(), vec![brief("b", 1, 40, true)]);
        assert_eq!(taken, [0, 1, 4, 5, 6]);
        assert_eq!(dropped, [3, 2, 7, 8]);
    }

    #[test]
    fn a_message_holds_eight_and_the_others_wait() {
        let hosts = ["a", "b", "c"];
        let open = (0..12).map(|at: usize| brief(hosts[at % 3], at as u64 + 1, 40, true));
        let (taken, dropped) = chosen(open.collect(), vec![]);
        assert_eq!((taken.len(), dropped.len()), (8, 0));
    }
}
