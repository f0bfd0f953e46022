//! Genesis of a test chain.

use quern_genesis::{AppState, ConsensusParams, Document};

use crate::{CHAIN_ID, User};

/// Genesis of a test chain: default parameters and funded users.
#[derive(Clone, Debug)]
pub struct Genesis(Document);

impl Default for Genesis {
    fn default() -> Self {
        Self::new()
    }
}

impl Genesis {
    /// Nobody owns anything.
    pub fn new() -> Self {
        Self(Document::new(CHAIN_ID, "2026-01-01T00:00:00Z"))
    }

    /// Gives a user an account and coins, such as `1000nqrn`.
    #[must_use]
    pub fn fund(mut self, user: &User, amount: &str) -> Self {
        let state = &mut self.0.app_state;
        state
            .auth
            .add_account(user.address())
            .expect("a user is funded once");
        state
            .bank
            .add_balance(&user.address(), &amount.parse().expect("test coins"))
            .expect("supply fits");
        self
    }

    /// Changes the application's state in any way.
    #[must_use]
    pub fn state(mut self, change: impl FnOnce(&mut AppState)) -> Self {
        change(&mut self.0.app_state);
        self
    }

    /// Changes the consensus parameters in any way.
    #[must_use]
    pub fn params(mut self, change: impl FnOnce(&mut ConsensusParams)) -> Self {
        change(&mut self.0.consensus_params);
        self
    }

    /// Makes this the height of the first block.
    #[must_use]
    pub fn first_height(mut self, height: u64) -> Self {
        self.0.initial_height = height;
        self
    }

    /// Changes the document itself in any way.
    #[must_use]
    pub fn change(mut self, change: impl FnOnce(&mut Document)) -> Self {
        change(&mut self.0);
        self
    }

    /// The whole document.
    pub fn document(&self) -> &Document {
        &self.0
    }
}
