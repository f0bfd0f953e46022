//! Verification of signatures and sequences.

use quern_auth::{Multisig, PubKey};
use quern_context::{Cx, Mode};
use quern_types::{Error, Result, errors};

use super::{Verified, signer_account};
use crate::tx::{Entry, SigData, SignerFacts, Tx};

pub(super) fn verify(cx: &Cx, tx: &Tx, entries: &[Entry], verified: &Verified) -> Result<()> {
    if tx.body.unordered {
        return Err(errors::NOT_SUPPORTED.wrap("unordered transactions are not enabled"));
    }
    if entries.len() != tx.signers.len() {
        return Err(errors::UNAUTHORIZED.wrap(format!(
            "invalid number of signer;  expected: {}, got {}",
            tx.signers.len(),
            entries.len()
        )));
    }
    let simulate = cx.mode == Mode::Simulate;
    for (entry, signer) in entries.iter().zip(&tx.signers) {
        let account = signer_account(cx, signer)?;
        if !simulate && account.pub_key.is_none() {
            return Err(errors::INVALID_PUB_KEY.wrap("pubkey on account is not set"));
        }
        if entry.sequence != account.sequence {
            return Err(errors::WRONG_SEQUENCE.wrap(format!(
                "account sequence mismatch, expected {}, got {}",
                account.sequence, entry.sequence
            )));
        }
        // a transaction that passed once is not verified again on recheck; nothing it signs has changed
        if simulate || cx.mode == Mode::Recheck {
            continue;
        }
        let Some(key) = &account.pub_key else {
            continue;
        };
        let facts = SignerFacts {
            address: signer,
            key,
            chain_id: &cx.block.chain_id,
            account_number: if cx.block.height == 0 { 0 } else { account.number },
            sequence: entry.sequence,
        };
        let check = Check {
            tx,
            facts: &facts,
            verified,
        };
        check
            .entry(key, &entry.data)
            .map_err(|cause| failed(&facts, &entry.data, &cause))?;
    }
    Ok(())
}

/// The SDK's text. Where all signed in amino JSON, the sequence is among what may be wrong.
fn failed(facts: &SignerFacts<'_>, data: &SigData, cause: &str) -> Error {
    let (number, sequence, chain) = (facts.account_number, facts.sequence, facts.chain_id);
    errors::UNAUTHORIZED.wrap(if data.is_amino_only() {
        format!(
            "signature verification failed; please verify account number ({number}), sequence ({sequence}) and \
             chain-id ({chain})"
        )
    } else {
        format!(
            "signature verification failed; please verify account number ({number}) and chain-id ({chain}): ({cause})"
        )
    })
}

struct Check<'a> {
    tx: &'a Tx,
    facts: &'a SignerFacts<'a>,
    verified: &'a Verified,
}

impl Check<'_> {
    fn entry(&self, key: &PubKey, data: &SigData) -> Result<(), String> {
        match (key, data) {
            (PubKey::Multisig(keys), SigData::Multi { bits, parts }) => self.multi(keys, bits, parts),
            (PubKey::Multisig(_), SigData::Single { mode, .. }) => {
                // the SDK's code panics here, which it turns into a refusal as well
                self.tx.sign_bytes(*mode, self.facts)?;
                Err("unable to verify single signer signature".to_owned())
            }
            (key, SigData::Single { mode, signature }) => {
                let message = self.tx.sign_bytes(*mode, self.facts)?;
                if self.verified.check(&message, signature, key) {
                    Ok(())
                } else {
                    Err("unable to verify single signer signature".to_owned())
                }
            }
            (_, SigData::Multi { .. }) => Err("expected multisig.PubKey, got a single key".to_owned()),
            (_, SigData::Missing) => Err("unexpected SignatureData <nil>".to_owned()),
        }
    }

    /// Enough of the keys have signed, each in its own mode over the same transaction.
    fn multi(&self, keys: &Multisig, bits: &[bool], parts: &[SigData]) -> Result<(), String> {
        let threshold = usize::try_from(keys.threshold()).unwrap_or(usize::MAX);
        let size = bits.len();
        if keys.keys().len() != size {
            return Err(format!(
                "bit array size is incorrect, expecting: {}",
                keys.keys().len()
            ));
        }
        if parts.len() < threshold || parts.len() > size {
            return Err(format!("signature size is incorrect {}", parts.len()));
        }
        let set = bits.iter().filter(|set| **set).count();
        // The SDK passes over parts beyond the set bits, which anyone could add to another's transaction.
        if parts.len() != set {
            return Err(format!("signature size is incorrect {}", parts.len()));
        }
        if set < threshold {
            return Err(format!(
                "not enough signatures set, have {set}, expected {threshold}"
            ));
        }
        let mut parts = parts.iter();
        for (i, (key, _)) in keys
            .keys()
            .iter()
            .zip(bits)
            .enumerate()
            .filter(|(_, (_, set))| **set)
        {
            match (key, parts.next()) {
                (PubKey::Multisig(inner), Some(SigData::Multi { bits, parts })) => {
                    self.multi(inner, bits, parts)?;
                }
                (PubKey::Multisig(_), Some(SigData::Single { .. })) => {
                    return Err(format!("unable to verify signature at index {i}"));
                }
                (key, Some(SigData::Single { mode, signature })) => {
                    let message = self.tx.sign_bytes(*mode, self.facts)?;
                    if !self.verified.check(&message, signature, key) {
                        return Err(format!("unable to verify signature at index {i}"));
                    }
                }
                (_, Some(SigData::Multi { .. })) => {
                    return Err(format!("unable to parse pubkey of index {i}"));
                }
                (_, Some(SigData::Missing) | None) => {
                    return Err(format!("improper signature data type for index {i}"));
                }
            }
        }
        Ok(())
    }
}
