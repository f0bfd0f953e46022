//! FinalizeBlock: executes a decided block and computes the app hash. Nothing is written.

use std::sync::{Arc, atomic::Ordering};

use quern_context::{Cx, Mode};
use quern_types::{Attribute, Error, Event, Result, errors};
use tendermint_proto::v0_38::abci::{RequestFinalizeBlock, ResponseFinalizeBlock};

use super::{PendingBlock, exec_result, header::Header, to_abci_event};
use crate::{
    app::Shared,
    execute::{Depth, Outcome},
    hooks::{self, Border},
    system,
};

impl Shared {
    pub fn finalize_block(&self, request: &RequestFinalizeBlock) -> Result<ResponseFinalizeBlock> {
        let mut chain = self.chain.lock();
        let parent = chain.parent()?;
        let height = u64::try_from(request.height).unwrap_or(0);
        if parent.height.checked_add(1) != Some(height) {
            return Err(Error::halt(format!(
                "block {height} came after block {}",
                parent.height
            )));
        }
        let time = request.time.unwrap_or_default();
        if let Some(reason) = self.options.halt.stops(height, time.seconds) {
            self.planned.store(true, Ordering::SeqCst);
            return Err(Error::halt(reason));
        }
        let header = Header {
            chain_id: parent.chain_id.clone(),
            height,
            seconds: time.seconds,
            nanos: u32::try_from(time.nanos).unwrap_or(0),
            proposer: request.proposer_address.to_vec(),
        };
        let cx = Cx::new(
            chain.branch(&self.store),
            Arc::new(header.facts()),
            Mode::Finalize,
        );
        let params = quern_consensus::get(&cx)?;
        self.upgrade(&cx)?;
        let max_gas = quern_consensus::max_gas(&quern_consensus::get(&cx)?);
        let validators = quern_validators::current(&cx)?;

        let advance = quern_beacon::advance(&cx, request.txs.first().map(AsRef::as_ref))?;
        let border = Border {
            shared: self,
            block: request,
        };
        if !advance.revealed {
            cx.emit(advance.event.clone());
        }
        let mut events = run(&border, &cx, hooks::BEGIN_BLOCK, "BeginBlock")?;
        let executor = self.executor(max_gas);
        let mut tx_results = Vec::with_capacity(request.txs.len());
        let mut block_gas = 0u64;
        for (index, tx) in request.txs.iter().enumerate() {
            let outcome = if index == 0 && advance.revealed {
                Outcome {
                    events: vec![advance.event.clone()],
                    ..Outcome::default()
                }
            } else if max_gas.is_some_and(|max| block_gas >= max) {
                // ProcessProposal refuses such a block, so only an unsound majority gets here
                Outcome::refused(errors::OUT_OF_GAS.wrap("no block gas left to run tx"))
            } else {
                executor.run(&cx, tx, Depth::Messages)?
            };
            block_gas = block_gas.saturating_add(outcome.gas_used.min(outcome.gas_wanted));
            tx_results.push(exec_result(outcome));
        }
        events.extend(run(&border, &cx, hooks::END_BLOCK, "EndBlock")?);

        let changed = quern_consensus::get(&cx)?;
        let moved = quern_validators::diff(&validators, &quern_validators::current(&cx)?);
        header.write(&cx)?;
        let changes = cx.branch().changes();
        let pending = self.store.prepare(height, &changes).map_err(Error::halt)?;
        let app_hash = pending.app_hash();
        chain.pending = Some(PendingBlock {
            header,
            next_validators: request.next_validators_hash.to_vec(),
            pending,
        });
        Ok(ResponseFinalizeBlock {
            events: events.into_iter().map(to_abci_event).collect(),
            tx_results,
            validator_updates: system::updates(moved),
            consensus_param_updates: (changed != params).then_some(changed),
            app_hash: app_hash.to_vec().into(),
        })
    }
}

/// Runs a border's hooks; its events carry the mode last, as the SDK's do.
fn run(
    border: &Border<'_>,
    cx: &Cx,
    table: &[(&'static str, hooks::Hook)],
    mode: &str,
) -> Result<Vec<Event>> {
    border.run(cx, table)?;
    let mut events = cx.events.take();
    for event in &mut events {
        event.attributes.push(Attribute {
            key: "mode".to_owned(),
            value: mode.to_owned(),
        });
    }
    Ok(events)
}
