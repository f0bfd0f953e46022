//! ADR-027: a transaction has exactly one encoding of its outer frame.
//!
//! Otherwise a third party could re-encode a signed transaction and give it another hash.

/// What the SDK says of bytes that end too early.
const CUT_OFF: &str = "invalid length; unexpected EOF";

/// Refuses a `TxRaw` that is not in the canonical form: fields 1 to 3 as bytes, in order, only field 3
/// repeated, lengths in their shortest form.
pub(super) fn check(bytes: &[u8]) -> Result<(), String> {
    let mut rest = bytes;
    let mut last = 0u64;
    while !rest.is_empty() {
        let tag = take_varint(&mut rest)?;
        let (number, wire_type) = (tag >> 3, tag & 7);
        if !(1..=3).contains(&number) {
            return Err(format!("invalid field number {number} in TxRaw"));
        }
        if wire_type != 2 {
            return Err(format!("expected 2 wire type, got {wire_type}"));
        }
        if number < last || (number == last && number != 3) {
            return Err(format!("non ascending order of fields: {number} after {last}"));
        }
        last = number;
        let len = usize::try_from(take_varint(&mut rest)?).map_err(|_| "length out of range")?;
        rest = rest.get(len..).ok_or(CUT_OFF)?;
    }
    Ok(())
}

fn take_varint(rest: &mut &[u8]) -> Result<u64, String> {
    let mut value = 0u64;
    for shift in (0..63).step_by(7) {
        let (byte, tail) = rest.split_first().ok_or(CUT_OFF)?;
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            if *byte == 0 && shift > 0 {
                return Err("length prefix is not in its shortest form".into());
            }
            return Ok(value);
        }
    }
    Err("varint is too long".into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::check;

    #[test]
    fn only_the_canonical_frame_passes() {
        assert!(check(&[0x0a, 1, 7, 0x12, 1, 8, 0x1a, 1, 9, 0x1a, 0]).is_ok());
        let bad: [&[u8]; 6] = [
            &[0x12, 1, 8, 0x0a, 1, 7], // out of order
            &[0x0a, 1, 7, 0x0a, 1, 7], // repeated body
            &[0x0a, 0x81, 0, 7],       // long length
            &[0x08, 1],                // not bytes
            &[0x22, 0],                // unknown field
            &[0x0a, 5, 7],             // cut off
        ];
        for bytes in bad {
            assert!(check(bytes).is_err(), "{bytes:?}");
        }
        for cut_off in [&[0x0a, 5, 7][..], &[0x0a, 0x80], &[0x0a]] {
            assert_eq!(check(cut_off).unwrap_err(), "invalid length; unexpected EOF");
        }
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = check(&bytes);
        }
    }
}
