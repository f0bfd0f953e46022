//! Proofs of deterministic faults: each is checked to the end, none needs judgement.

mod included;
mod receipts;
mod sums;

pub use included::holds;

use cosmwasm_std::{Addr, Env, Storage};
use quern_interface::settlement::Fault;

use crate::chain::Chain;
use crate::error::{ContractError, Result};
use crate::sessions;
use crate::state::{Batch, Session, BATCHES};

/// What a proof is checked against.
pub struct Case<'a> {
    /// Questions to the world.
    pub chain: &'a Chain<'a>,
    /// Chain id.
    pub chain_id: &'a str,
    /// Height now.
    pub height: u64,
    /// Accused.
    pub host: &'a Addr,
    /// Session's id.
    pub id: u64,
    /// Session.
    pub session: Session,
    /// The host's generation at the session's draw.
    pub generation: u32,
}

impl<'a> Case<'a> {
    /// The case of a fault: the session whose committee has the host.
    ///
    /// # Errors
    /// `unknown_session`, `not_in_committee`.
    pub fn load(chain: &'a Chain<'a>, env: &'a Env, host: &'a Addr, fault: &Fault) -> Result<Self> {
        let mut found = Err(ContractError::NoFault("it names no session"));
        for id in sessions_of(fault) {
            found = member(chain.deps.storage, host, id);
            if found.is_ok() {
                break;
            }
        }
        let (id, session, generation) = found?;
        Ok(Self {
            chain,
            chain_id: &env.block.chain_id,
            height: env.block.height,
            host,
            id,
            session,
            generation,
        })
    }

    /// A batch of the accused.
    pub(crate) fn batch(&self, sequence: u64) -> Result<Batch> {
        let batch = BATCHES.may_load(self.chain.deps.storage, (self.host, sequence))?;
        batch.ok_or_else(|| ContractError::UnknownBatch {
            host: self.host.to_string(),
            sequence,
        })
    }
}

/// Sessions under which a fault can be judged. Of two leaves in the wrong order one may be of a session
/// that the host made up.
fn sessions_of(fault: &Fault) -> Vec<u64> {
    match fault {
        Fault::BadVoucher(receipt)
        | Fault::Lapsed(receipt)
        | Fault::BadPrice(receipt)
        | Fault::BadModel(receipt)
        | Fault::BadSeed { receipt, .. }
        | Fault::Duplicate { first: receipt, .. }
        | Fault::Contradiction {
            committed: receipt, ..
        } => vec![receipt.leaf.session],
        Fault::BadSum { later, .. } | Fault::BadPrevious { later, .. } => vec![later.leaf.session],
        Fault::BadOrder { left, right } => vec![left.leaf.session, right.leaf.session],
    }
}

fn member(storage: &dyn Storage, host: &Addr, id: u64) -> Result<(u64, Session, u32)> {
    let session = sessions::load(storage, id)?;
    let generation = session.seat(host)?.1.generation;
    Ok((id, session, generation))
}

/// Name of a fault.
pub const fn kind(fault: &Fault) -> &'static str {
    match fault {
        Fault::BadVoucher(_) => "bad_voucher",
        Fault::Lapsed(_) => "lapsed",
        Fault::BadPrice(_) => "bad_price",
        Fault::BadModel(_) => "bad_model",
        Fault::BadSeed { .. } => "bad_seed",
        Fault::BadSum { .. } => "bad_sum",
        Fault::BadPrevious { .. } => "bad_previous",
        Fault::BadOrder { .. } => "bad_order",
        Fault::Duplicate { .. } => "duplicate",
        Fault::Contradiction { .. } => "contradiction",
    }
}

/// Checks a proof.
///
/// # Errors
/// `no_fault` if everything is as it should be, `not_included` and others if the proof itself is wrong.
pub fn check(case: &Case, fault: &Fault) -> Result<()> {
    let (faulty, why_not) = match fault {
        Fault::BadVoucher(receipt) => (receipts::bad_voucher(case, receipt)?, "the voucher is good"),
        Fault::Lapsed(receipt) => (receipts::lapsed(case, receipt)?, "the receipt is in time"),
        Fault::BadPrice(receipt) => (receipts::bad_price(case, receipt)?, "the price is right"),
        Fault::BadModel(receipt) => (receipts::bad_model(case, receipt)?, "the model is the session's"),
        Fault::BadSeed {
            receipt,
            salt,
            content,
        } => {
            let faulty = receipts::bad_seed(case, receipt, salt, content.as_ref())?;
            (faulty, "the seed is right")
        }
        Fault::Duplicate { first, second } => {
            let faulty = receipts::duplicate(case, first, second)?;
            (
                faulty,
                "the receipts are of different requests, or one and the same",
            )
        }
        Fault::Contradiction {
            signed,
            key_height,
            committed,
        } => {
            let faulty = receipts::contradiction(case, signed, *key_height, committed)?;
            (faulty, "the receipts agree, or are of different requests")
        }
        Fault::BadSum { later, earlier } => (
            sums::bad_sum(case, later, earlier.as_ref())?,
            "the sums are right",
        ),
        Fault::BadPrevious { later, neighbours } => {
            let faulty = sums::bad_previous(case, later, neighbours)?;
            (faulty, "the leaves do not show that the session is missing")
        }
        Fault::BadOrder { left, right } => (sums::bad_order(case, left, right)?, "the leaves rise"),
    };
    if faulty {
        Ok(())
    } else {
        Err(ContractError::NoFault(why_not))
    }
}
