//! What a binary does for upgrades, by name.

use std::{collections::BTreeMap, sync::Arc};

use quern_context::{AnyMsg, Cx, Gas, GasMeter, Router};
use quern_proto::type_url;
use quern_types::{Result, errors};

use crate::Plan;

/// Gas of one message of a handler, as of a proposal's: a contract that loops must end.
const MESSAGE_GAS: Gas = 100_000_000;

/// Changes the state for an upgrade. An error stops the node before the block. All nodes run it on the same state, so
/// it must do the same on all: no file, no clock, no setting of the node may decide anything.
pub type Handler = fn(&Upgrade<'_>) -> Result<()>;

/// What a handler works with: the state before the block of the plan's height, and what governance may do to it.
pub struct Upgrade<'a> {
    /// The state. No gas is charged.
    pub cx: &'a Cx,
    /// The plan.
    pub plan: &'a Plan,
    /// Messages and queries of all modules.
    pub router: &'a Arc<dyn Router>,
}

impl Upgrade<'_> {
    /// Executes a message with governance as its authority, sender or admin, and answers what it returned. Nothing of
    /// one that fails stays.
    ///
    /// # Errors
    /// The message's own, or `sdk/11` when it uses 100,000,000 gas.
    pub fn execute<M, R>(&self, msg: &M) -> Result<R>
    where
        M: prost::Name,
        R: prost::Message + Default,
    {
        let msg = AnyMsg {
            type_url: type_url::<M>(),
            value: msg.encode_to_vec(),
        };
        let fork = self.cx.fork().with_gas(GasMeter::limited(MESSAGE_GAS));
        let done = self
            .router
            .execute(&fork, &msg)
            .map_err(|e| e.wrap(msg.type_url.clone()))?;
        self.cx.events.extend(fork.merge());
        R::decode(done.response.value.as_slice()).map_err(|e| errors::TX_DECODE.wrap(e.to_string()))
    }

    /// Answers a query by its gRPC path, such as `/cosmos.bank.v1beta1.Query/Params`.
    ///
    /// # Errors
    /// The query's own.
    pub fn query<R: prost::Message + Default>(&self, path: &str, request: &impl prost::Message) -> Result<R> {
        let limited = self.cx.with_gas(GasMeter::limited(MESSAGE_GAS));
        let answer = self.router.query(&limited, path, &request.encode_to_vec())?;
        R::decode(answer.as_slice()).map_err(|e| errors::TX_DECODE.wrap(e.to_string()))
    }
}

/// The upgrades that a binary carries.
#[derive(Clone, Debug, Default)]
pub struct Handlers(BTreeMap<String, Handler>);

impl Handlers {
    /// Adds one.
    #[must_use]
    pub fn with(mut self, name: impl Into<String>, handler: Handler) -> Self {
        self.0.insert(name.into(), handler);
        self
    }

    /// Adds one that needs no change of the state.
    #[must_use]
    pub fn without_migration(self, name: impl Into<String>) -> Self {
        self.with(name, |_| Ok(()))
    }

    /// The handler of an upgrade.
    pub fn get(&self, name: &str) -> Option<Handler> {
        self.0.get(name).copied()
    }
}
