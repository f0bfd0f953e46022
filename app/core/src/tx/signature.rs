//! Signatures as a transaction holds them: one, or a tree of several under a multisig key.

use prost::Message;
use quern_proto::{
    cosmos::{
        crypto::multisig::v1beta1::{CompactBitArray, MultiSignature},
        tx::v1beta1::{ModeInfo, mode_info::Sum},
    },
    unknown::reject_unknown_fields,
};
use quern_types::{Error, Registered, Result, errors};

use super::{AMINO_JSON, Tx};

/// Levels of multisignatures in multisignatures. The SDK has no bound, and its events double in size with each level.
const MAX_NESTED: usize = 3;
/// Longest signature of one key within a multisignature: twice that of every key there is.
const MAX_PART: usize = 128;

/// What the SDK returns without registering it.
static EMPTY: Registered = Registered::new("undefined", 1, "got empty SignatureData");
static UNRECOGNIZED: Registered = Registered::new(
    "undefined",
    1,
    "rejecting unrecognized fields found in MultiSignature",
);
static MALFORMED: Registered = Registered::new("undefined", 1, "malformed MultiSignature");

/// One signer's signature.
pub(crate) struct Entry {
    pub sequence: u64,
    pub data: SigData,
}

/// A signature of one key, or of several.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SigData {
    /// No mode is given: nothing was signed.
    Missing,
    Single {
        mode: i32,
        signature: Vec<u8>,
    },
    /// Which of the keys have signed, and how, in order.
    Multi {
        bits: Vec<bool>,
        parts: Vec<SigData>,
    },
}

impl Tx {
    /// The signers' entries, as many as there are both modes and signatures.
    ///
    /// # Errors
    /// `undefined/1` for bytes that are no multi-signature, `undefined/111222` where the SDK would panic.
    pub(crate) fn entries(&self) -> Result<Vec<Entry>> {
        let pairs = self.auth_info.signer_infos.iter().zip(&self.signatures);
        pairs
            .map(|(info, bytes)| match &info.mode_info {
                Some(mode) if mode.sum.is_some() => Ok(Entry {
                    sequence: info.sequence,
                    data: read(mode, bytes, 0)?,
                }),
                _ => Ok(Entry {
                    sequence: 0,
                    data: SigData::Missing,
                }),
            })
            .collect()
    }
}

fn read(mode: &ModeInfo, bytes: &[u8], depth: usize) -> Result<SigData> {
    match &mode.sum {
        None => Err(panicked("unexpected ModeInfo data type <nil>")),
        Some(Sum::Single(_)) if depth > 0 && bytes.len() > MAX_PART => {
            Err(errors::UNAUTHORIZED.wrap(format!(
                "a signature within a multisignature has {} bytes, {MAX_PART} are the most",
                bytes.len()
            )))
        }
        Some(Sum::Multi(_)) if depth >= MAX_NESTED => {
            Err(errors::UNAUTHORIZED.wrap(format!("multisignatures nest deeper than {MAX_NESTED} levels")))
        }
        Some(Sum::Single(single)) => Ok(SigData::Single {
            mode: single.mode,
            signature: bytes.to_vec(),
        }),
        Some(Sum::Multi(multi)) => {
            let name = "cosmos.crypto.multisig.v1beta1.MultiSignature";
            reject_unknown_fields(name, bytes, false, &|_| false).map_err(|_| Error::from(&UNRECOGNIZED))?;
            let signatures = MultiSignature::decode(bytes)
                .map_err(|_| Error::from(&MALFORMED))?
                .signatures;
            if multi.mode_infos.len() > signatures.len() {
                return Err(panicked("index out of range"));
            }
            let mut parts = multi
                .mode_infos
                .iter()
                .zip(&signatures)
                .map(|(mode, bytes)| read(mode, bytes, depth + 1))
                .collect::<Result<Vec<_>>>()?;
            parts.resize(signatures.len(), SigData::Missing);
            Ok(SigData::Multi {
                bits: multi.bitarray.as_ref().map_or(Ok(Vec::new()), bits)?,
                parts,
            })
        }
    }
}

/// The bits, first key first.
fn bits(array: &CompactBitArray) -> Result<Vec<bool>> {
    let all = array.elems.len().saturating_mul(8);
    let extra = usize::try_from(array.extra_bits_stored).unwrap_or(usize::MAX);
    let count = match extra {
        0 => Some(all),
        extra => all.checked_sub(8).and_then(|full| full.checked_add(extra)),
    };
    let count = count
        .filter(|n| *n <= all)
        .ok_or_else(|| panicked("index out of range"))?;
    let bits = array
        .elems
        .iter()
        .flat_map(|byte| (0..8u8).map(move |i| byte & (0x80 >> i) != 0));
    Ok(bits.take(count).collect())
}

/// Where the SDK's code panics, which it turns into this error.
pub(crate) fn panicked(text: &'static str) -> Error {
    errors::PANIC.wrap(text)
}

impl SigData {
    /// Checks that something was signed everywhere.
    ///
    /// # Errors
    /// `undefined/1` where nothing was.
    pub(crate) fn require(&self) -> Result<()> {
        match self {
            Self::Missing => Err((&EMPTY).into()),
            Self::Single { .. } => Ok(()),
            Self::Multi { parts, .. } => parts.iter().try_for_each(Self::require),
        }
    }

    /// All signatures of the tree as events show them: each part, then the parts together.
    ///
    /// # Errors
    /// `undefined/1` where nothing was signed.
    pub(crate) fn flatten(&self) -> Result<Vec<Vec<u8>>> {
        match self {
            Self::Missing => Err((&EMPTY).into()),
            Self::Single { signature, .. } => Ok(vec![signature.clone()]),
            Self::Multi { parts, .. } => {
                let mut signatures = Vec::new();
                for part in parts {
                    signatures.extend(part.flatten()?);
                }
                let together = MultiSignature {
                    signatures: signatures.clone(),
                };
                signatures.push(together.encode_to_vec());
                Ok(signatures)
            }
        }
    }

    /// Whether a signature is left out, for an estimate of gas.
    pub(crate) fn is_incomplete(&self) -> bool {
        match self {
            Self::Missing => true,
            Self::Single { signature, .. } => signature.is_empty(),
            Self::Multi { parts, .. } => parts.is_empty() || parts.iter().any(Self::is_incomplete),
        }
    }

    /// Whether all of it is in amino JSON, which covers the sequence.
    pub(crate) fn is_amino_only(&self) -> bool {
        match self {
            Self::Missing => false,
            Self::Single { mode, .. } => *mode == AMINO_JSON,
            Self::Multi { parts, .. } => parts.iter().all(Self::is_amino_only),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_are_counted_from_the_highest_and_never_beyond_the_bytes() {
        let array = |extra, elems: &[u8]| CompactBitArray {
            extra_bits_stored: extra,
            elems: elems.to_vec(),
        };
        assert_eq!(bits(&array(3, &[0b1010_0000])).unwrap(), [true, false, true]);
        assert_eq!(bits(&array(0, &[0xff])).unwrap().len(), 8);
        assert!(bits(&array(9, &[0xff])).is_err());
        assert!(bits(&array(1, &[])).is_err());
        assert!(bits(&array(u32::MAX, &[1])).is_err());
    }
}
