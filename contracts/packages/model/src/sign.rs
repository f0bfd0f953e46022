//! Signatures that cannot be forged, because only a key makes them.

/// Who signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signer {
    /// The session key.
    Session,
    /// A host's warm key.
    Host(usize),
}

/// A private key. Not copied: whoever holds it is the only one who signs with it.
#[derive(Debug)]
pub struct Key(Signer);

impl Key {
    /// The key of a signer. A world makes each once and gives it to its owner.
    pub const fn new(signer: Signer) -> Self {
        Self(signer)
    }

    /// Signs.
    pub fn sign<T>(&self, body: T) -> Signed<T> {
        Signed { signer: self.0, body }
    }
}

/// A signed statement. Everyone may copy and replay it; nobody can change it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed<T> {
    signer: Signer,
    body: T,
}

impl<T> Signed<T> {
    /// Who signed.
    pub const fn signer(&self) -> Signer {
        self.signer
    }

    /// What.
    pub const fn body(&self) -> &T {
        &self.body
    }
}
