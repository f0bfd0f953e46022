//! Threshold keys (`LegacyAminoPubKey`).

use quern_proto::cosmos::crypto::multisig::LegacyAminoPubKey;
use quern_types::{Result, errors};

use super::PubKey;

/// Several keys, of which `threshold` must sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multisig {
    threshold: u32,
    keys: Vec<PubKey>,
}

impl Multisig {
    /// Puts keys together, in the order that signatures must have.
    ///
    /// # Errors
    /// `sdk/8` for a threshold of zero or above the number of keys, and for a key without an amino form.
    pub fn new(threshold: u32, keys: Vec<PubKey>) -> Result<Self> {
        let refused = |text: &'static str| Err(errors::INVALID_PUB_KEY.wrap(text));
        if threshold == 0 {
            return refused("threshold k of n multisignature: k <= 0");
        }
        if usize::try_from(threshold).map_or(true, |k| k > keys.len()) {
            return refused("threshold k of n multisignature: len(pubKeys) < k");
        }
        if keys.iter().any(|key| key.to_amino().is_none()) {
            return refused("a key of a multisignature has no amino form");
        }
        Ok(Self { threshold, keys })
    }

    /// Signatures that are needed.
    pub fn threshold(&self) -> u32 {
        self.threshold
    }

    /// The keys, in order.
    pub fn keys(&self) -> &[PubKey] {
        &self.keys
    }

    pub(super) fn to_wire(&self) -> LegacyAminoPubKey {
        LegacyAminoPubKey {
            threshold: self.threshold,
            public_keys: self.keys.iter().map(PubKey::to_any).collect(),
        }
    }

    /// Amino's binary form, of which the address is a hash.
    pub(super) fn to_amino(&self) -> Vec<u8> {
        let mut out = vec![0x22, 0xc1, 0xf7, 0xe2, 0x08];
        push_varint(&mut out, u64::from(self.threshold));
        for key in self.keys.iter().filter_map(PubKey::to_amino) {
            out.push(0x12);
            push_varint(&mut out, u64::try_from(key.len()).unwrap_or(u64::MAX));
            out.extend_from_slice(&key);
        }
        out
    }
}

fn push_varint(out: &mut Vec<u8>, value: u64) {
    prost::encoding::encode_varint(value, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_that_cannot_be_met_or_mean_nothing_are_refused() {
        let key = PubKey::Secp256k1([2; 33]);
        assert!(Multisig::new(0, vec![key.clone()]).is_err());
        assert!(Multisig::new(2, vec![key.clone()]).is_err());
        assert!(Multisig::new(1, vec![PubKey::Secp256r1([2; 33])]).is_err());
        assert!(Multisig::new(1, vec![key]).is_ok());
    }
}
