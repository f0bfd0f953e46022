//! Who votes on proposals with how much: validators by the power that their proven compute gives them, and
//! whoever has coins behind them.
//!
//! All active coins are the voting power there is. A validator has as much of them as of the set's power,
//! so that a coin counts by the compute behind which it stands, and the coins behind it share that. What a
//! contract cannot answer has no power.

use std::sync::Arc;

use prost::Message;
use quern_context::{Cx, GasMeter, Router};
use quern_gov::{Electorate, Electors, Host, Position};
use quern_interface::{bonding, registry};
use quern_proto::cosmwasm::wasm::v1::{QuerySmartContractStateRequest, QuerySmartContractStateResponse};
use quern_protocol::Amount as Wide;
use quern_system::{BONDING, REGISTRY};
use quern_types::{AccAddress, Amount, Result, errors};
use quern_validators::consensus_address;
use serde::{Serialize, de::DeserializeOwned};

const SMART: &str = "/cosmwasm.wasm.v1.Query/SmartContractState";
/// Most gas of one question.
const QUESTION_LIMIT: u64 = 3_000_000;
/// What one question takes from the gas of the query that needs it; a block's end has no limit of its own.
const QUESTION_GAS: u64 = 60_000;

/// Asks the chain's own contracts.
pub(crate) struct Contracts(pub Arc<dyn Router>);

impl Contracts {
    /// Asks a system contract; `None` if the chain has none or it did not answer.
    ///
    /// # Errors
    /// A halt, and `sdk/11` once a query's own gas is used up.
    fn ask<T: DeserializeOwned>(&self, cx: &Cx, name: &str, question: &impl Serialize) -> Result<Option<T>> {
        let Some(contract) = quern_system::address(cx, name)? else {
            return Ok(None);
        };
        let request = QuerySmartContractStateRequest {
            address: contract.to_string(),
            query_data: serde_json::to_vec(question).map_err(|e| errors::JSON_MARSHAL.wrap(e.to_string()))?,
        };
        cx.gas.consume(QUESTION_GAS, "electorate")?;
        let limited = cx.fork().with_gas(GasMeter::limited(QUESTION_LIMIT));
        let answer = self.0.query(&limited, SMART, &request.encode_to_vec());
        let answer = answer.and_then(|bytes| {
            let answer = QuerySmartContractStateResponse::decode(bytes.as_slice());
            let answer = answer.map_err(|e| errors::TX_DECODE.wrap(e.to_string()))?;
            serde_json::from_slice(&answer.data).map_err(|e| errors::JSON_UNMARSHAL.wrap(e.to_string()))
        });
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(halt) if halt.is_halt() => Err(halt),
            Err(error) => {
                tracing::debug!(contract = name, %error, "a question about voting power was not answered");
                Ok(None)
            }
        }
    }

    fn bond(&self, cx: &Cx, host: &AccAddress) -> Result<Amount> {
        let question = bonding::QueryMsg::HostBond {
            host: host.to_string(),
        };
        let bond: Option<bonding::HostBond> = self.ask(cx, BONDING, &question)?;
        Ok(bond.map_or(0, |bond| bond.active.0))
    }
}

impl Electorate for Contracts {
    fn electors(&self, cx: &Cx) -> Result<Electors> {
        let totals: Option<bonding::Totals> = self.ask(cx, BONDING, &bonding::QueryMsg::Totals {})?;
        let Some(total) = totals.map(|totals| totals.active.0) else {
            return Ok(Electors::default());
        };
        let set = quern_validators::current(cx)?;
        let all = quern_validators::total(&set);
        let mut hosts = Vec::new();
        for (key, power) in set {
            let question = registry::QueryMsg::HostByConsensusAddress {
                consensus_address: hex::encode_upper(consensus_address(&key)),
            };
            let Some(found) = self.ask::<registry::HostInfo>(cx, REGISTRY, &question)? else {
                continue;
            };
            let Ok(address) = AccAddress::from_bech32(&found.host) else {
                continue;
            };
            let power = Wide(total).mul_div_floor(u128::from(power), all);
            hosts.push(Host {
                power: power.map_or(0, |power| power.0),
                active: self.bond(cx, &address)?,
                address,
            });
        }
        hosts.sort_by(|a, b| a.address.cmp(&b.address));
        hosts.dedup_by(|a, b| a.address == b.address);
        Ok(Electors { hosts, total })
    }

    fn active(&self, cx: &Cx, host: &AccAddress) -> Result<Amount> {
        self.bond(cx, host)
    }

    fn positions(
        &self,
        cx: &Cx,
        funder: &AccAddress,
        after: Option<&AccAddress>,
        limit: u32,
    ) -> Result<Vec<Position>> {
        let question = bonding::QueryMsg::PositionsOf {
            funder: funder.to_string(),
            start_after: after.map(ToString::to_string),
            limit: Some(limit),
        };
        let found: Option<Vec<bonding::Position>> = self.ask(cx, BONDING, &question)?;
        let position = |found: bonding::Position| {
            Some(Position {
                host: AccAddress::from_bech32(&found.host).ok()?,
                active: found.active.0,
            })
        };
        Ok(found
            .unwrap_or_default()
            .into_iter()
            .filter_map(position)
            .collect())
    }
}
