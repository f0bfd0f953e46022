//! Evidence that can be proven: once a host has committed a wrong receipt, anybody can show it to the chain.

use crate::paid::{Gateway, ask_receipt, verify};
use crate::receipts::Kept;
use quern_interface::settlement::{CommittedReceipt, ExecuteMsg, Fault, SignedReceipt};

/// Pieces of evidence that are looked at in one round.
const ROUND: usize = 16;
/// Proofs of one piece that the chain may refuse.
const TRIES: u32 = 3;

/// What is remembered between rounds.
#[derive(Debug, Default)]
pub(super) struct Faults {
    /// First record of the receipts that was not looked at.
    next: u64,
    /// Evidence without a proof yet, and how often the chain refused one.
    open: Vec<(Kept, u32)>,
}

/// Asks for the proofs of commit that evidence lacks, and proves what can be proven.
pub(super) async fn prove_all(gateway: &Gateway, state: &mut Faults) {
    for (number, kept) in gateway.receipts.faults(state.next, ROUND) {
        state.next = number + 1;
        state.open.push((kept, 0));
    }
    for (kept, tries) in std::mem::take(&mut state.open) {
        match prove(gateway, &kept).await {
            Outcome::Done => {}
            Outcome::Later => state.open.push((kept, tries)),
            Outcome::Refused if tries < TRIES => state.open.push((kept, tries + 1)),
            Outcome::Refused => {
                tracing::warn!(receipt = kept.id, "the chain takes no proof of a wrong receipt")
            }
        }
    }
}

enum Outcome {
    Done,
    Later,
    Refused,
}

async fn prove(gateway: &Gateway, kept: &Kept) -> Outcome {
    let place = &kept.place;
    // Without its session nothing can be claimed for it, and nobody here would pay for the proof.
    let Some(payer) = gateway.payer_of(place.session) else {
        return Outcome::Done;
    };
    let Some(committed) = ask_receipt(gateway, place).await.and_then(|s| s.committed) else {
        return Outcome::Later;
    };
    let Some(fault) = fault(kept, committed) else {
        tracing::info!(receipt = kept.id, "a wrong receipt that only audits can judge");
        return Outcome::Done;
    };
    let message = ExecuteMsg::ProveFault {
        host: place.host.clone(),
        fault: Box::new(fault),
    };
    match gateway
        .view
        .contracts
        .execute(&payer.account, &message, None)
        .await
    {
        Ok(_) => {
            gateway.metrics.faults.inc();
            tracing::warn!(
                host = place.host,
                receipt = kept.id,
                "a fault was proven on chain"
            );
            Outcome::Done
        }
        Err(error) => {
            let error = format!("{error:#}");
            tracing::warn!(
                host = place.host,
                receipt = kept.id,
                error,
                "a fault could not be proven"
            );
            Outcome::Refused
        }
    }
}

/// What a committed receipt proves, if it is one of the faults that need no judgement.
fn fault(kept: &Kept, committed: CommittedReceipt) -> Option<Fault> {
    let receipt = &committed.receipt;
    if *receipt != kept.signed.receipt {
        return Some(Fault::Contradiction {
            signed: SignedReceipt {
                receipt: kept.signed.receipt.clone(),
                signature: kept.signed.signature,
            },
            key_height: kept.signed.receipt.voucher.height,
            committed,
        });
    }
    match kept.fault.as_deref()? {
        verify::NEVER_SIGNED => Some(Fault::BadVoucher(committed)),
        verify::OTHER_MODEL => Some(Fault::BadModel(committed)),
        verify::OTHER_PRICE => Some(Fault::BadPrice(committed)),
        verify::OVERCHARGED if receipt.capture > receipt.voucher.ceiling => {
            Some(Fault::BadVoucher(committed))
        }
        verify::OVERCHARGED => Some(Fault::BadPrice(committed)),
        verify::OTHER_SEED => Some(Fault::BadSeed {
            receipt: committed,
            salt: kept.salt,
            content: kept.content,
        }),
        _ => None,
    }
}
