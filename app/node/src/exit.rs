//! Exit codes: the contract with scripts. The operator's chapter of the book lists them.

use std::fmt;

/// What a process tells its caller by its exit status.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// A failure without a code of its own.
    Failure = 1,
    /// Wrong arguments (clap uses the same).
    Usage = 2,
    /// The node or its RPC cannot be reached.
    Unreachable = 4,
    /// A genesis, config or key file is missing, corrupt or contradicts another.
    BadFile = 10,
    /// The target exists already and was left alone.
    Exists = 11,
    /// CometBFT is not found or has a version that does not fit.
    NoComet = 12,
    /// A port, socket or home is in use by another process.
    InUse = 13,
    /// The application halted because it could not store a block.
    Halted = 14,
    /// The node stopped as planned: for an upgrade, or at its halt-height or halt-time.
    Planned = 16,
    /// The node crashed more often than its restart limit allows.
    TooManyCrashes = 15,
}

impl Exit {
    /// The process exit status. 3 and 5 to 9 belong to the wallet's commands.
    #[must_use]
    pub const fn code(self) -> u8 {
        self as u8
    }

    /// Whether starting again without a change would fail the same way.
    #[must_use]
    pub const fn is_permanent(code: i32) -> bool {
        matches!(code, 2 | 10 | 11 | 12 | 13 | 16)
    }
}

/// An error with the exit code that belongs to it. The text says what to do next.
#[derive(Debug)]
pub struct Failure {
    /// Exit code.
    pub code: u8,
    /// For people.
    pub message: String,
}

impl Failure {
    /// An error with this code and text.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self {
            code: exit.code(),
            message: message.into(),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl From<quern_wallet::Failure> for Failure {
    fn from(failure: quern_wallet::Failure) -> Self {
        Self {
            code: failure.exit_code(),
            message: failure.to_string(),
        }
    }
}

/// The result of a command.
pub type Outcome<T = ()> = Result<T, Failure>;

/// Gives an error of the system the path it happened at.
pub trait At<T> {
    /// Turns the error into a [`Failure`] that names `what`.
    fn at(self, exit: Exit, what: impl fmt::Display) -> Outcome<T>;
}

impl<T, E: fmt::Display> At<T> for Result<T, E> {
    fn at(self, exit: Exit, what: impl fmt::Display) -> Outcome<T> {
        self.map_err(|error| Failure::new(exit, format!("{what}: {error}")))
    }
}
