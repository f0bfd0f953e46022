//! Dispatch of messages and queries to modules.

use std::sync::{Arc, Weak};

use quern_context::{AnyMsg, Cx, MsgOutput, Router};
use quern_proto::cosmwasm::wasm::v1::MsgExecuteContract;
use quern_types::{AccAddress, Error, Result, errors};
use quern_wasm::Wasm;

use crate::{Msg, electorate::Contracts, msg::is_message};

/// The application's router. Contracts hold it while they run, hence the handle to itself.
pub(crate) struct AppRouter {
    wasm: Wasm,
    this: Weak<Self>,
}

impl AppRouter {
    pub(crate) fn new(wasm: Wasm) -> Arc<Self> {
        Arc::new_cyclic(|this| Self {
            wasm,
            this: this.clone(),
        })
    }

    /// The handle that contracts get.
    pub(crate) fn handle(&self) -> Result<Arc<dyn Router>> {
        let this: Arc<dyn Router> = self
            .this
            .upgrade()
            .ok_or_else(|| Error::halt("the router is gone"))?;
        Ok(this)
    }

    /// Executes a decoded and validated message.
    pub(crate) fn execute_msg(&self, cx: &Cx, msg: Msg) -> Result<MsgOutput> {
        match msg {
            Msg::Auth(msg) => msg.execute(cx),
            Msg::Authz(msg) => msg.execute(cx, &self.handle()?),
            Msg::Bank(msg) => {
                if let quern_bank::Msg::Send(send) = &msg {
                    quern_staking::track_return(cx, send)?;
                }
                msg.execute(cx)
            }
            Msg::Consensus(msg) => msg.execute(cx),
            Msg::Feegrant(msg) => msg.execute(cx),
            Msg::Gov(msg) => msg.execute(cx, &self.handle()?),
            Msg::Pool(msg) => msg.execute(cx),
            Msg::Staking(msg) => msg.execute(cx, &self.handle()?),
            Msg::Upgrade(msg) => msg.execute(cx),
            Msg::Vesting(msg) => msg.execute(cx),
            Msg::Wasm(quern_wasm::Msg::Execute(call)) => self.call(cx, call),
            Msg::Wasm(msg) => self.wasm.execute(cx, &self.handle()?, msg),
        }
    }

    /// Executes a contract. If it is one of the chain's own, x/staking follows what it does.
    fn call(&self, cx: &Cx, call: MsgExecuteContract) -> Result<MsgOutput> {
        quern_staking::track_bond(cx, &call)?;
        let contract = call.contract.clone();
        let own = cx.with_own_events();
        let done = self
            .wasm
            .execute(&own, &self.handle()?, quern_wasm::Msg::Execute(call));
        let said = own.events.take();
        let told = match &done {
            Ok(_) => quern_staking::judged(cx, self, &contract, &said)?,
            Err(_) => None,
        };
        cx.events.extend(said);
        cx.events.extend(told);
        done
    }

    /// Answers a module's query; `None` if no module serves the path.
    pub(crate) fn answer(&self, cx: &Cx, path: &str, request: &[u8]) -> Option<Result<Vec<u8>>> {
        #[cfg(test)]
        crate::faulty::query(path);
        quern_auth::query(cx, path, request)
            .or_else(|| quern_authz::query(cx, path, request))
            .or_else(|| quern_bank::query(cx, path, request))
            .or_else(|| quern_beacon::query(cx, path, request))
            .or_else(|| quern_consensus::query(cx, path, request))
            .or_else(|| quern_emission::query(cx, path, request))
            .or_else(|| quern_feegrant::query(cx, path, request))
            .or_else(|| quern_staking::query(cx, self, path, request))
            .or_else(|| quern_system::query(cx, path, request))
            .or_else(|| quern_upgrade::query(cx, path, request))
            .or_else(|| quern_validators::query(cx, path, request))
            .or_else(|| match self.handle() {
                Ok(router) => quern_gov::query(cx, &Contracts(router.clone()), path, request)
                    .or_else(|| self.wasm.query(cx, &router, path, request)),
                Err(halt) => Some(Err(halt)),
            })
    }
}

impl Router for AppRouter {
    fn signers(&self, msg: &AnyMsg) -> Result<Vec<AccAddress>> {
        Msg::decode(msg)?.signers()
    }

    fn validate(&self, msg: &AnyMsg) -> Result<()> {
        Msg::decode(msg)?.validate()
    }

    fn serves(&self, type_url: &str) -> bool {
        is_message(type_url)
    }

    fn execute(&self, cx: &Cx, msg: &AnyMsg) -> Result<MsgOutput> {
        let msg = Msg::decode(msg)?;
        msg.validate()?;
        self.execute_msg(cx, msg)
    }

    fn query(&self, cx: &Cx, path: &str, request: &[u8]) -> Result<Vec<u8>> {
        self.answer(cx, path, request)
            .unwrap_or_else(|| Err(errors::UNKNOWN_REQUEST.wrap(format!("No route to query '{path}'"))))
    }
}
