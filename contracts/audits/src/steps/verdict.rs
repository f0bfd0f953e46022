//! What other contracts are told. A message that one of them refuses changes nothing about the others.

use cosmwasm_std::{Addr, CosmosMsg, Storage, SubMsg};
use quern_evidence::HostEvidence;
use quern_interface::{bonding, poc_weights, settlement};
use quern_protocol::Amount;

use super::{change_record, Worker};
use crate::assign;
use crate::chain::{call, Chain};
use crate::error::Result;
use crate::say;
use crate::state::HOSTS;
use crate::table::Table;

/// What a message takes, in leaves: it runs within the same call's gas.
const MESSAGE: usize = 8;

/// Id of a message; only refusals come back.
pub const TOLD: u64 = 1;
/// Id of a freeze of the host in the payload.
pub const FROZEN: u64 = 2;
/// Id of a thaw of the host in the payload.
pub const THAWED: u64 = 3;

impl Worker<'_> {
    fn tell(&mut self, message: CosmosMsg) {
        self.spend(MESSAGE);
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
    pub(super) fn convict(&mut self, host: &Addr, model: &str, generation: u32) -> Result<()> {
        let settlement = Chain::load(self.deps.as_ref())?.config.settlement;
        let slash = assign::may_cut(self.deps.storage, model)?;
        let order = settlement::ExecuteMsg::Convict {
            host: host.to_string(),
            model: model.to_owned(),
            generation,
            slash,
        };
        let order = call(&settlement, &order)?;
        self.messages.push(SubMsg::reply_on_error(order, TOLD));
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

    fn tell_freeze(&mut self, message: CosmosMsg, host: &Addr, frozen: bool) {
        self.spend(MESSAGE);
        let id = if frozen { FROZEN } else { THAWED };
        let message = SubMsg::reply_on_error(message, id).with_payload(host.as_bytes());
        self.messages.push(message);
    }

    /// Freezes or thaws unbonding and pay, if that changes; each leaf that was audited renews the bonds' freeze.
    pub(super) fn freeze(&mut self, host: &Addr, evidence: &HostEvidence, audited: bool) -> Result<()> {
        let frozen = evidence.highest().reaches(self.params.evidence.freeze_at);
        let before = HOSTS.find(self.deps.storage, host)?;
        let changed = before.is_some_and(|record| record.frozen) != frozen;
        if !(changed || frozen && audited) {
            return Ok(());
        }
        let config = Chain::load(self.deps.as_ref())?.config;
        let name = host.to_string();
        let bonds = bonding::ExecuteMsg::Freeze {
            host: name.clone(),
            frozen,
        };
        self.tell_freeze(call(&config.bonding, &bonds)?, host, frozen);
        if !changed {
            return Ok(());
        }
        change_record(self.deps.storage, host, &|record| {
            record.frozen = frozen;
            Ok(())
        })?;
        let pay = settlement::ExecuteMsg::Freeze { host: name, frozen };
        self.tell_freeze(call(&config.settlement, &pay)?, host, frozen);
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

/// A freeze, or a thaw, was refused: the record says so, and the host's next evidence tries again.
pub fn not_changed(storage: &mut dyn Storage, host: &[u8], frozen: bool) -> Result<()> {
    let host = Addr::unchecked(String::from_utf8_lossy(host));
    change_record(storage, &host, &|record| {
        record.frozen = frozen;
        Ok(())
    })
}
