//! What happens at a block's borders, in order. Each table is the only place that says so.

use quern_context::Cx;
use quern_types::Result;
use tendermint_proto::v0_38::abci::RequestFinalizeBlock;

use crate::{app::Shared, electorate::Contracts, rewards, system};

/// What a hook sees besides state.
pub(crate) struct Border<'a> {
    pub shared: &'a Shared,
    /// The decided block.
    pub block: &'a RequestFinalizeBlock,
}

/// Work at a border. An error stops the node: only storage can cause one.
pub(crate) type Hook = fn(&Border<'_>, &Cx) -> Result<()>;

/// Before the block's transactions.
pub(crate) const BEGIN_BLOCK: &[(&str, Hook)] = &[
    ("presence", system::presence),
    ("misbehavior", system::misbehavior),
    ("authz", ended_grants),
];

/// After the block's transactions.
pub(crate) const END_BLOCK: &[(&str, Hook)] = &[
    ("gov", proposals),
    ("settlement", system::settlement),
    ("removals", system::removals),
    ("audits", system::audits),
    ("poc-weights", system::poc_weights),
    ("pricing", system::pricing),
    ("epoch", system::epoch),
    ("rewards", rewards::rewards),
    ("feegrant", ended_allowances),
    ("staking", staking),
];

fn ended_grants(_: &Border<'_>, cx: &Cx) -> Result<()> {
    quern_authz::prune(cx, quern_authz::PRUNED_PER_BLOCK)
}

fn ended_allowances(_: &Border<'_>, cx: &Cx) -> Result<()> {
    quern_feegrant::prune(cx, quern_feegrant::PRUNED_PER_BLOCK)
}

fn staking(border: &Border<'_>, cx: &Cx) -> Result<()> {
    quern_staking::end_block(cx, border.shared.router.as_ref())
}

fn proposals(border: &Border<'_>, cx: &Cx) -> Result<()> {
    let router = border.shared.router.handle()?;
    quern_gov::end_block(cx, &router, &Contracts(router.clone()))
}

impl Border<'_> {
    /// Runs a table.
    pub(crate) fn run(&self, cx: &Cx, table: &[(&'static str, Hook)]) -> Result<()> {
        for (name, hook) in table {
            hook(self, cx).map_err(|error| error.wrap(*name))?;
        }
        Ok(())
    }
}
