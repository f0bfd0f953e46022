//! Sealing of headers and records.

use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{ChaCha20Poly1305, Key, Nonce};

/// Bytes of a nonce. Nonces are random: a journal stays far below the 2^32 records at which that would matter.
pub(crate) const NONCE: usize = 12;
/// Bytes of an authentication tag, the end of every ciphertext.
pub(crate) const TAG: usize = 16;

/// A tag, which stands for everything before it in the chain of records.
pub(crate) type Tag = [u8; TAG];

/// The journal's key, ready for use.
#[derive(Clone)]
pub(crate) struct Cipher(ChaCha20Poly1305);

impl Cipher {
    pub(crate) fn new(key: &[u8; 32]) -> Self {
        Self(ChaCha20Poly1305::new(Key::from_slice(key)))
    }

    /// Nonce and ciphertext, appended to `out`. Fails only without randomness.
    pub(crate) fn seal(&self, text: &[u8], bound: &[u8], out: &mut Vec<u8>) -> std::io::Result<()> {
        let mut nonce = [0; NONCE];
        getrandom::fill(&mut nonce).map_err(|e| std::io::Error::other(e.to_string()))?;
        let payload = Payload {
            msg: text,
            aad: bound,
        };
        let sealed = self.0.encrypt(Nonce::from_slice(&nonce), payload);
        let sealed = sealed.map_err(|_| std::io::Error::other("a record could not be sealed"))?;
        out.extend_from_slice(&nonce);
        out.extend_from_slice(&sealed);
        Ok(())
    }

    /// The text of nonce and ciphertext, if nothing of it was changed.
    pub(crate) fn open(&self, sealed: &[u8], bound: &[u8]) -> Option<Vec<u8>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE)?;
        let payload = Payload {
            msg: sealed,
            aad: bound,
        };
        self.0.decrypt(Nonce::from_slice(nonce), payload).ok()
    }
}

/// The last tag in some bytes.
pub(crate) fn last_tag(bytes: &[u8]) -> Tag {
    bytes.last_chunk().copied().unwrap_or_default()
}
