//! The account addresses that a thread met last, as bytes and as text. Every transaction names a few of them many times,
//! and Bech32 is slow next to the rest; the SDK keeps such a memory too. It changes time alone.

use std::cell::RefCell;

/// Places of the memory of one thread, for each direction. An address has one place.
const PLACES: usize = 1024;
/// Longest address that is remembered, in bytes: those of keys, modules and contracts.
const MAX_LEN: usize = 32;

/// An address and its text.
#[derive(Clone, Default)]
struct Pair {
    bytes: Vec<u8>,
    text: String,
}

#[derive(Default)]
struct Memo {
    by_bytes: Vec<Pair>,
    by_text: Vec<Pair>,
}

thread_local! {
    static MEMO: RefCell<Memo> = RefCell::default();
}

/// The bytes behind `text`, from memory or by `decode`, whose failures are not remembered.
pub(crate) fn bytes<E>(text: &str, decode: impl FnOnce() -> Result<Vec<u8>, E>) -> Result<Vec<u8>, E> {
    let place = place(text.as_bytes());
    let known = MEMO.with_borrow(|memo| {
        let pair = memo.by_text.get(place);
        pair.filter(|pair| pair.text == text && !pair.bytes.is_empty())
            .map(|pair| pair.bytes.clone())
    });
    if let Some(bytes) = known {
        return Ok(bytes);
    }
    let bytes = decode()?;
    MEMO.with_borrow_mut(|memo| keep(&mut memo.by_text, place, &bytes, text));
    Ok(bytes)
}

/// The text of `bytes`, from memory or by `encode`.
pub(crate) fn text(bytes: &[u8], encode: impl FnOnce() -> String) -> String {
    let place = place(bytes);
    let known = MEMO.with_borrow(|memo| {
        let pair = memo.by_bytes.get(place);
        pair.filter(|pair| pair.bytes == bytes && !pair.text.is_empty())
            .map(|pair| pair.text.clone())
    });
    known.unwrap_or_else(|| {
        let text = encode();
        MEMO.with_borrow_mut(|memo| keep(&mut memo.by_bytes, place, bytes, &text));
        text
    })
}

fn keep(pairs: &mut Vec<Pair>, place: usize, bytes: &[u8], text: &str) {
    if bytes.is_empty() || bytes.len() > MAX_LEN || text.len() > 4 * MAX_LEN {
        return;
    }
    if pairs.is_empty() {
        pairs.resize(PLACES, Pair::default());
    }
    if let Some(pair) = pairs.get_mut(place) {
        *pair = Pair {
            bytes: bytes.to_vec(),
            text: text.to_owned(),
        };
    }
}

/// FNV-1a over the end, where addresses differ. Who makes addresses that meet in one place makes them slow, no more.
fn place(key: &[u8]) -> usize {
    let end = key.get(key.len().saturating_sub(12)..).unwrap_or_default();
    let hash = end.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    });
    usize::try_from((hash >> 32) % PLACES as u64).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(bytes: &[u8]) -> String {
        text(bytes, || format!("<{}>", bytes[0]))
    }

    #[test]
    fn each_address_has_its_own_text_however_many_share_a_place() {
        let keys: Vec<Vec<u8>> = (0..10_000_u32)
            .map(|n| [&[n as u8], n.to_be_bytes().as_slice()].concat())
            .collect();
        for _ in 0..2 {
            for key in &keys {
                assert_eq!(shown(key), format!("<{}>", key[0]));
                let name = format!("name {key:?}");
                assert_eq!(bytes::<()>(&name, || Ok(key.clone())).as_ref(), Ok(key));
            }
        }
    }

    #[test]
    fn what_is_known_is_not_worked_out_again_and_failures_are() {
        assert_eq!(text(&[9; 20], || "nine".to_owned()), "nine");
        assert_eq!(text(&[9; 20], || panic!("known")), "nine");
        assert_eq!(bytes("bad", || Err(())), Err(()));
        assert_eq!(bytes::<()>("bad", || Ok(vec![1])), Ok(vec![1]));
        assert_eq!(bytes::<()>("bad", || panic!("known")), Ok(vec![1]));
        // an empty key is nobody's
        assert_eq!(text(&[], || "none".to_owned()), "none");
        assert_eq!(text(&[], || "other".to_owned()), "other");
        // the longest are not remembered
        assert_eq!(text(&[1; 255], || "a".to_owned()), "a");
        assert_eq!(text(&[1; 255], || "b".to_owned()), "b");
    }
}
