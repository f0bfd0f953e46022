//! Remembers transactions that were admitted to the mempool, so that each is decoded once and not again in every
//! recheck, proposal and block. Decoding is a pure function of the bytes, so a full or lost memory changes time alone.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use quern_proto::cosmos::tx::v1beta1::{ModeInfo, mode_info::Sum};
use sha2::{Digest, Sha256};

use super::Tx;
use crate::Msg;

/// Transactions kept per generation; two generations are held.
const GENERATION: usize = 10_000;
/// Raw bytes kept per generation. What is kept takes at most four times its raw bytes and a kibibyte: some 50 MB in all.
const GENERATION_BYTES: usize = 4 << 20;
/// Longest transaction that is kept, in bytes.
const MAX_SIZE: usize = 4096;
/// Most elements of each list in a transaction that is kept: an element of two bytes may take a hundred decoded.
const MAX_ELEMENTS: usize = 4;

/// The memory, shared by mempool and block execution.
#[derive(Default)]
pub(crate) struct Decoded(Mutex<Generations>);

#[derive(Default)]
struct Generations {
    young: BTreeMap<[u8; 32], Arc<Tx>>,
    /// Sum of the raw bytes that were put into `young`.
    bytes: usize,
    old: BTreeMap<[u8; 32], Arc<Tx>>,
}

impl Decoded {
    /// The transaction with these bytes, if it is remembered.
    pub(crate) fn get(&self, bytes: &[u8]) -> Option<Arc<Tx>> {
        let hash = Self::hash(bytes)?;
        let known = self.0.lock();
        known.young.get(&hash).or_else(|| known.old.get(&hash)).cloned()
    }

    /// As [`Decoded::get`], and forgets it: a block executes a transaction once, and one that does not pass again
    /// leaves the mempool.
    pub(crate) fn take(&self, bytes: &[u8]) -> Option<Arc<Tx>> {
        let hash = Self::hash(bytes)?;
        let mut known = self.0.lock();
        let old = known.old.remove(&hash);
        known.young.remove(&hash).or(old)
    }

    /// Remembers a transaction that passed, if it is one of the frequent kinds and small when decoded, too.
    pub(crate) fn keep(&self, tx: &Arc<Tx>) {
        if tx.size > MAX_SIZE || !is_small(tx) {
            return;
        }
        let mut known = self.0.lock();
        let full = known.young.len() >= GENERATION || known.bytes.saturating_add(tx.size) > GENERATION_BYTES;
        let forgotten = full.then(|| {
            known.bytes = 0;
            let young = std::mem::take(&mut known.young);
            std::mem::replace(&mut known.old, young)
        });
        known.bytes = known.bytes.saturating_add(tx.size);
        known.young.insert(tx.hash, Arc::clone(tx));
        // Thousands are freed without holding up a block.
        drop(known);
        drop(forgotten);
    }

    fn hash(bytes: &[u8]) -> Option<[u8; 32]> {
        (bytes.len() <= MAX_SIZE).then(|| Sha256::digest(bytes).into())
    }
}

/// Whether no list of the transaction can hold more than a few elements: coins and contract calls of the usual form.
#[expect(deprecated, reason = "a tip may still be sent")]
fn is_small(tx: &Tx) -> bool {
    let few = |count: usize| count <= MAX_ELEMENTS;
    let (body, auth) = (&tx.body, &tx.auth_info);
    let extended = !body.extension_options.is_empty() || !body.non_critical_extension_options.is_empty();
    let single = |mode: &Option<ModeInfo>| {
        matches!(
            mode,
            Some(ModeInfo {
                sum: Some(Sum::Single(_))
            })
        )
    };
    let msg = |msg: &Msg| match msg {
        Msg::Bank(quern_bank::Msg::Send(send)) => few(send.amount.len()),
        Msg::Wasm(quern_wasm::Msg::Execute(call)) => few(call.funds.len()),
        _ => false,
    };
    few(tx.msgs.len())
        && few(tx.signatures.len())
        && few(auth.signer_infos.len())
        && auth.fee.as_ref().is_none_or(|fee| few(fee.amount.len()))
        && auth.tip.is_none()
        && auth.signer_infos.iter().all(|info| single(&info.mode_info))
        && !extended
        && tx.msgs.iter().all(msg)
}

#[cfg(test)]
mod tests {
    use quern_testkit::{TxBuilder, User, bank_send};

    use super::*;

    fn signed(sequence: u64, memo: &str) -> Vec<u8> {
        let (alice, bob) = (User::new("alice"), User::new("bob"));
        let tx = TxBuilder::new(0, sequence).message(bank_send(&alice, &bob, "1nqrn"));
        tx.memo(memo).sign(&alice)
    }

    #[test]
    fn admitted_transactions_are_found_until_a_block_takes_them() {
        let (memory, bytes) = (Decoded::default(), signed(0, ""));
        assert!(memory.get(&bytes).is_none());
        memory.keep(&Arc::new(Tx::decode(&bytes).unwrap()));
        assert_eq!(
            memory.get(&bytes).unwrap().body_bytes,
            Tx::decode(&bytes).unwrap().body_bytes
        );
        assert!(memory.get(&signed(1, "")).is_none());
        assert!(memory.take(&bytes).is_some() && memory.take(&bytes).is_none());
    }

    #[test]
    fn no_more_is_remembered_than_two_generations_and_nothing_large() {
        let memory = Decoded::default();
        let bytes = signed(0, "");
        for n in 0..3 * GENERATION {
            let mut tx = Tx::decode(&bytes).unwrap();
            tx.hash = Sha256::digest(n.to_be_bytes()).into();
            memory.keep(&Arc::new(tx));
        }
        let known = memory.0.lock();
        assert_eq!((known.young.len(), known.old.len()), (GENERATION, GENERATION));
        drop(known);
        let large = signed(1, &"m".repeat(MAX_SIZE));
        memory.keep(&Arc::new(Tx::decode(&large).unwrap()));
        assert!(memory.get(&large).is_none() && memory.take(&large).is_none());
        assert!(memory.0.lock().young.len() == GENERATION);
    }

    #[test]
    fn long_ones_fill_a_generation_by_their_bytes() {
        let memory = Decoded::default();
        let bytes = signed(0, &"m".repeat(3000));
        for n in 0..GENERATION {
            let mut tx = Tx::decode(&bytes).unwrap();
            tx.hash = Sha256::digest(n.to_be_bytes()).into();
            memory.keep(&Arc::new(tx));
        }
        let known = memory.0.lock();
        let fit = GENERATION_BYTES / bytes.len();
        assert!(fit < GENERATION && known.young.len() <= fit && known.old.len() == fit);
    }

    /// Two bytes on the wire make an empty coin, which takes fifty in memory and more where it is kept.
    #[test]
    fn what_grows_by_decoding_is_not_remembered() {
        let (alice, bob) = (User::new("alice"), User::new("bob"));
        let coins = |count: usize| {
            (0..count)
                .map(|n| format!("1coin{n}"))
                .collect::<Vec<_>>()
                .join(",")
        };
        let send = |amount: &str, fee: &str| {
            let tx = TxBuilder::new(0, 0).message(bank_send(&alice, &bob, amount));
            tx.fee(fee).sign(&alice)
        };
        let memory = Decoded::default();
        let kept = |bytes: &[u8]| {
            memory.keep(&Arc::new(Tx::decode(bytes).unwrap()));
            memory.get(bytes).is_some()
        };
        assert!(kept(&send(&coins(MAX_ELEMENTS), &coins(MAX_ELEMENTS))));
        assert!(!kept(&send(&coins(MAX_ELEMENTS + 1), "1nqrn")));
        assert!(!kept(&send("1nqrn", &coins(MAX_ELEMENTS + 1))));
    }
}
