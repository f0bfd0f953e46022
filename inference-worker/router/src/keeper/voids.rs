//! Void vouchers for the nonces that a crash skipped, so that anyone sees that they were not used to choose hosts.

use crate::ledger::Record;
use crate::paid::Gateway;
use bytes::Bytes;
use quern_inference_api::paid::{SignedVoucher, VOUCHERS_PATH};
use quern_protocol::{Amount, Voucher, salt_commitment};
use std::collections::BTreeSet;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(3);

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
            match hand_over(gateway, &signed).await {
                Some(taken) => delivered += usize::from(taken),
                None => {
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

fn sign(gateway: &Gateway, session: u64, nonce: u64) -> Option<SignedVoucher> {
    let chain_id = gateway.chain_id();
    let payer = gateway.payer_of(session)?;
    let (model, host, cap) = gateway.books.with(|ledger| {
        let found = ledger.sessions.get(&session)?;
        let first = *found.order(chain_id, session, nonce).first()?;
        let book = found.hosts.get(first)?;
        Some((found.model.clone(), book.host.clone(), book.spent.min(book.limit)))
    })?;
    let voucher = Voucher {
        session,
        host,
        nonce,
        height: gateway.view.tip(&model)?.height,
        ceiling: Amount::ZERO,
        cap,
        salt_commitment: salt_commitment(chain_id, session, nonce, &[0; 16]),
    };
    let digest = voucher.digest(chain_id);
    Some(SignedVoucher {
        signature: quern_protocol::Bytes(payer.session_key.sign(&digest.0)),
        voucher,
    })
}

/// Whether the host takes it; none if it gives no answer.
async fn hand_over(gateway: &Gateway, signed: &SignedVoucher) -> Option<bool> {
    let host = gateway.view.host(&signed.voucher.host)?;
    let body = serde_json::to_vec(signed).ok()?;
    let url = format!("{}{VOUCHERS_PATH}", host.endpoint.trim_end_matches('/'));
    let answer = gateway.client.post(&url, host.transport_key.0, Bytes::from(body));
    let answer = tokio::time::timeout(PATIENCE, answer).await.ok()?.ok()?;
    Some(answer.status().is_success())
}
