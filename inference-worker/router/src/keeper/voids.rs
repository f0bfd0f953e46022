//! Void vouchers for the nonces that a crash skipped, so that anyone sees that they were not used to choose hosts.

use crate::ledger::{Place, Record};
use crate::paid::Gateway;
use crate::paid::void::{self, Told};
use quern_inference_api::paid::SignedVoucher;
use std::collections::BTreeSet;

/// Signs them all and hands each to the host that is first in rank for its nonce. A host that gives no answer once gets no
/// more of them: there may be thousands.
pub(super) async fn sign_all(gateway: &Gateway) {
    let sessions: Vec<(u64, Vec<(u64, u64)>)> = gateway.books.with(|ledger| {
        let skipped = ledger.sessions.iter().filter(|(_, s)| !s.voids.is_empty());
        skipped.map(|(id, s)| (*id, s.voids.clone())).collect()
    });
    let mut silent = BTreeSet::new();
    for (session, ranges) in sessions {
        let nonces: Vec<u64> = ranges.into_iter().flat_map(|(from, below)| from..below).collect();
        let mut delivered = 0_usize;
        for nonce in &nonces {
            let signed = sign(gateway, session, *nonce);
            let Some(signed) = signed.filter(|signed| !silent.contains(&signed.voucher.host)) else {
                continue;
            };
            match void::hand_over(gateway, &signed).await {
                Told::Taken(_) => delivered += 1,
                Told::Refused => {}
                Told::Nothing => {
                    silent.insert(signed.voucher.host);
                }
            }
        }
        tracing::info!(
            session,
            skipped = nonces.len(),
            delivered,
            "void vouchers signed after a crash"
        );
        gateway.books.write_soon(vec![Record::Voided { session }]);
    }
}

/// For the host that is first in rank for a nonce.
fn sign(gateway: &Gateway, session: u64, nonce: u64) -> Option<SignedVoucher> {
    let host = gateway.books.with(|ledger| {
        let found = ledger.sessions.get(&session)?;
        let first = *found.order(gateway.chain_id(), session, nonce).first()?;
        Some(found.hosts.get(first)?.host.clone())
    })?;
    let place = Place { session, nonce, host };
    void::sign(gateway, &place)
}
