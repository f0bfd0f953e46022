//! What other contracts are told. A message that one of them refuses changes nothing about the others.

use cosmwasm_std::{Addr, CosmosMsg, SubMsg};
use quern_evidence::HostEvidence;
use quern_interface::{bonding, poc_weights, settlement};
use quern_protocol::Amount;

use super::{change_record, Worker};
use crate::assign;
use crate::chain::{call, Chain};
use crate::error::Result;
use crate::say;
use crate::state::HOSTS;

/// Id of every message; only refusals come back.
pub const TOLD: u64 = 1;

impl Worker<'_> {
    fn tell(&mut self, message: CosmosMsg) {
        // it runs within the same call's gas
        self.spend(8);
        self.messages.push(SubMsg::reply_on_error(message, TOLD));
    }

    /// Takes what the round cost the host out of its next pay.
    pub(super) fn forfeit(&mut self, host: &Addr, amount: Amount) -> Result<()> {
        if amount.is_zero() {
            return Ok(());
        }
        let settlement = Chain::load(self.deps.as_ref())?.config.settlement;
        let host = host.to_string();
        let order = settlement::ExecuteMsg::Forfeit { host, amount };
        self.tell(call(&settlement, &order)?);
        Ok(())
    }

    /// Tells the contract of proof of compute.
    pub(super) fn judge_proof(&mut self, order: &poc_weights::ExecuteMsg) -> Result<()> {
        let contract = Chain::load(self.deps.as_ref())?.config.poc_weights;
        if let Some(contract) = contract {
            self.tell(call(&contract, order)?);
        }
        Ok(())
    }

    /// Convicts; cuts coins only if the group has enough independent hosts.
    pub(super) fn convict(&mut self, host: &Addr, model: &str) -> Result<()> {
        let chain = Chain::load(self.deps.as_ref())?;
        let Ok(generation) = chain.generation(model, host) else {
            return Ok(());
        };
        let settlement = chain.config.settlement;
        let slash = assign::may_cut(self.deps.storage, model)?;
        let order = settlement::ExecuteMsg::Convict {
            host: host.to_string(),
            model: model.to_owned(),
            generation,
            slash,
        };
        self.tell(call(&settlement, &order)?);
        let event = say::event(
            "audit_convicted",
            &[
                ("host", host.to_string()),
                ("model", model.to_string()),
                ("generation", generation.to_string()),
                ("slash", slash.to_string()),
            ],
        );
        self.events.push(event);
        Ok(())
    }

    /// Freezes or thaws unbonding and pay, if that changes.
    pub(super) fn freeze(&mut self, host: &Addr, evidence: &HostEvidence) -> Result<()> {
        let frozen = evidence.highest().reaches(self.params.evidence.freeze_at);
        let before = HOSTS.may_load(self.deps.storage, host)?;
        if before.is_some_and(|record| record.frozen) == frozen {
            return Ok(());
        }
        change_record(self.deps.storage, host, &|record| {
            record.frozen = frozen;
            Ok(())
        })?;
        let config = Chain::load(self.deps.as_ref())?.config;
        let name = host.to_string();
        let bonds = bonding::ExecuteMsg::Freeze {
            host: name.clone(),
            frozen,
        };
        let pay = settlement::ExecuteMsg::Freeze { host: name, frozen };
        self.tell(call(&config.bonding, &bonds)?);
        self.tell(call(&config.settlement, &pay)?);
        let event = say::event(
            "audit_frozen",
            &[
                ("host", host.to_string()),
                ("frozen", frozen.to_string()),
                ("wealth", evidence.highest().to_string()),
            ],
        );
        self.events.push(event);
        Ok(())
    }
}
