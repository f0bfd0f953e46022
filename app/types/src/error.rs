//! The error that every module returns: a registered (codespace, code, text) with context around it.

use std::{borrow::Cow, fmt};

/// Result with the chain's error.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// One row of an error table: stable codespace and code, and the text that clients match on.
#[derive(Debug, PartialEq, Eq)]
pub struct Registered {
    /// Module that owns the code, for example `sdk` or `bank`.
    pub codespace: &'static str,
    /// Non-zero code, stable for ever.
    pub code: u32,
    /// Registered text, the last part of a log line.
    pub text: &'static str,
}

impl Registered {
    /// A row of an error table.
    pub const fn new(codespace: &'static str, code: u32, text: &'static str) -> Self {
        Self {
            codespace,
            code,
            text,
        }
    }

    /// This error with context in front of its text, as `<context>: <text>`.
    pub fn wrap(&'static self, context: impl Into<Cow<'static, str>>) -> Error {
        Error::from(self).wrap(context)
    }
}

/// A failure with a stable codespace and code.
///
/// The text reads outermost context first, as the Cosmos SDK prints wrapped errors.
/// A *halt* is a failure of the node itself (storage), never of a transaction: only the
/// application may act on it, by stopping before anything is committed.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    codespace: Cow<'static, str>,
    code: u32,
    text: Cow<'static, str>,
    contexts: Vec<Cow<'static, str>>,
    halt: bool,
    deterministic: bool,
}

impl Error {
    /// A failure of the node itself. Never caused by a transaction's content.
    pub fn halt(cause: impl fmt::Display) -> Self {
        Self {
            codespace: Cow::Borrowed("undefined"),
            code: 1,
            text: Cow::Owned(cause.to_string()),
            contexts: Vec::new(),
            halt: true,
            deterministic: false,
        }
    }

    /// A failure that no module registered, as Go's plain errors: `undefined/1` with a text of its own.
    pub fn unregistered(text: impl Into<Cow<'static, str>>) -> Self {
        Self {
            codespace: Cow::Borrowed("undefined"),
            code: 1,
            text: text.into(),
            contexts: Vec::new(),
            halt: false,
            deterministic: false,
        }
    }

    /// Adds context in front of the text, which is not [`Error::deterministic`] any more then.
    #[must_use]
    pub fn wrap(mut self, context: impl Into<Cow<'static, str>>) -> Self {
        self.contexts.push(context.into());
        self.deterministic = false;
        self
    }

    /// Marks the whole text as safe to show to a contract: it is the same on every node and version.
    #[must_use]
    pub fn deterministic(mut self) -> Self {
        self.deterministic = true;
        self
    }

    /// Whether [`Error::deterministic`] was called.
    pub fn is_deterministic(&self) -> bool {
        self.deterministic
    }

    /// Whether the node must stop.
    pub fn is_halt(&self) -> bool {
        self.halt
    }

    /// Whether this is the registered error `row`, whatever its context.
    pub fn is(&self, row: &Registered) -> bool {
        !self.halt && self.code == row.code && self.codespace == row.codespace
    }

    /// Codespace, for example `sdk`.
    pub fn codespace(&self) -> &str {
        &self.codespace
    }

    /// Non-zero code within the codespace.
    pub fn code(&self) -> u32 {
        self.code
    }

    /// The contexts alone, as they read in front of the registered text.
    pub fn contexts(&self) -> String {
        let contexts: Vec<&str> = self.contexts.iter().rev().map(|c| &**c).collect();
        contexts.join(": ")
    }

    /// The registered text without context.
    pub fn registered_text(&self) -> &str {
        &self.text
    }
}

impl From<&'static Registered> for Error {
    fn from(row: &'static Registered) -> Self {
        Self {
            codespace: Cow::Borrowed(row.codespace),
            code: row.code,
            text: Cow::Borrowed(row.text),
            contexts: Vec::new(),
            halt: false,
            deterministic: false,
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for context in self.contexts.iter().rev() {
            write!(f, "{context}: ")?;
        }
        f.write_str(&self.text)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{} {self}", self.codespace, self.code)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use crate::errors;

    #[test]
    fn context_reads_outermost_first() {
        let error = errors::INSUFFICIENT_FUNDS
            .wrap("1nqrn is smaller than 2nqrn")
            .wrap("message index: 0");
        assert_eq!(
            error.to_string(),
            "message index: 0: 1nqrn is smaller than 2nqrn: insufficient funds"
        );
        assert!(error.is(&errors::INSUFFICIENT_FUNDS));
        assert_eq!((error.codespace(), error.code()), ("sdk", 5));
    }
}
