//! The VM's side of queries that a contract asks (wasmd `x/wasm/keeper/query_plugins.go`).

use std::sync::Arc;

use cosmwasm_std::{Binary, ContractResult, SystemError, SystemResult};
use cosmwasm_vm::{BackendError, BackendResult, GasInfo, Querier};
use quern_context::{Cx, GasMeter, Router};
use quern_types::{AccAddress, errors as sdk};

use super::Fault;
use crate::{
    Wasm, dispatch, gas,
    json::QueryRequest,
    querier::{self, Refusal},
};

/// Answers queries of one contract during one call, each on a branch that is dropped.
pub(crate) struct ChainQuerier {
    pub(crate) wasm: Wasm,
    pub(crate) router: Arc<dyn Router>,
    pub(crate) cx: Cx,
    pub(crate) contract: AccAddress,
    pub(crate) fault: Fault,
}

type Answer = SystemResult<ContractResult<Binary>>;

impl Querier for ChainQuerier {
    fn query_raw(&self, request: &[u8], gas_limit: u64) -> BackendResult<Answer> {
        let Ok(query) = serde_json::from_slice::<QueryRequest>(request) else {
            let error = SystemError::InvalidRequest {
                error: "cannot read the query".into(), // the parser's own words may change
                request: request.into(),
            };
            return (Ok(SystemResult::Err(error)), GasInfo::free());
        };
        let before = self.cx.gas.consumed();
        let answer = self.answer(&query, gas::from_vm(gas_limit));
        let used = self.cx.gas.consumed().saturating_sub(before);
        match answer {
            Ok(answer) => (Ok(answer), GasInfo::with_externally_used(gas::to_vm(used))),
            Err(error) => (Err(error), GasInfo::free()),
        }
    }
}

impl ChainQuerier {
    fn answer(&self, query: &QueryRequest, limit: u64) -> Result<Answer, BackendError> {
        let meter = GasMeter::limited(limit);
        let inner = self.cx.fork().with_gas(meter.clone());
        let result = querier::answer(&self.wasm, &inner, &self.router, &self.contract, query);
        self.cx
            .gas
            .consume(meter.consumed(), "contract sub-query")
            .map_err(|e| self.fault.hand_over(e))?;
        match result {
            Ok(bytes) => Ok(SystemResult::Ok(ContractResult::Ok(bytes.into()))),
            Err(Refusal::System(error)) => Ok(SystemResult::Err(error)),
            Err(Refusal::Chain(error)) if error.is_halt() => Err(self.fault.hand_over(error)),
            Err(Refusal::Chain(error)) if error.is(&sdk::OUT_OF_GAS) && dispatch::is_spent(&meter) => {
                Err(BackendError::out_of_gas())
            }
            Err(Refusal::Chain(error)) => Ok(SystemResult::Ok(ContractResult::Err(dispatch::redact(&error)))),
        }
    }
}
