//! What holds of the state at every height, for operators who check a stopped node.

mod books;

use prost::Message;
use quern_context::{Cx, GasMeter, Router};
use quern_proto::cosmwasm::wasm::v1::{QuerySmartContractStateRequest, QuerySmartContractStateResponse};
use quern_protocol::Amount;
use quern_types::{BASE_DENOM, Denom, Error, Result, errors, module_address};
use serde::{Serialize, de::DeserializeOwned};

use crate::router::AppRouter;

const SMART: &str = "/cosmwasm.wasm.v1.Query/SmartContractState";
/// Gas of one question: a contract that loops must end here too.
const QUESTION_GAS: u64 = 500_000_000;

type Invariant = fn(&Books<'_>) -> Result<()>;

/// All of them, by module and name as in x/crisis.
const INVARIANTS: &[(&str, Invariant)] = &[
    ("auth/accounts", |books| quern_auth::check_accounts(books.cx)),
    ("auth/vesting", books::vesting),
    ("authz/queue", |books| quern_authz::check_queue(books.cx)),
    ("bank/total-supply", |books| quern_bank::check_supply(books.cx)),
    ("feegrant/queue", |books| quern_feegrant::check_queue(books.cx)),
    ("gov/module-account", |books| quern_gov::check_deposits(books.cx)),
    ("gov/queues", |books| quern_gov::check_queues(books.cx)),
    ("staking/module-accounts", pools),
    ("staking/completions", books::completions),
    ("upgrade/plan", plan),
    ("validators/powers", powers),
    ("audits/balance", books::audits),
    ("bonding/balance", books::bonding),
    ("bonding/positions", books::positions),
    ("rewards/balance", books::rewards),
    ("settlement/escrows", books::settlement),
];

/// Checks all of them.
///
/// # Errors
/// The first that is broken.
pub(crate) fn check(cx: &Cx, router: &AppRouter) -> Result<Vec<&'static str>> {
    let books = Books { cx, router };
    let check = |(name, invariant): &(&'static str, Invariant)| {
        invariant(&books).map_err(|error| error.wrap(*name))?;
        Ok(*name)
    };
    INVARIANTS.iter().map(check).collect()
}

/// The state, and the way into the chain's own contracts.
struct Books<'a> {
    cx: &'a Cx,
    router: &'a AppRouter,
}

impl Books<'_> {
    /// Asks a contract; `None` on a chain without it.
    fn ask<T: DeserializeOwned>(&self, name: &str, question: &impl Serialize) -> Result<Option<T>> {
        let Some(contract) = quern_system::address(self.cx, name)? else {
            return Ok(None);
        };
        let request = QuerySmartContractStateRequest {
            address: contract.to_string(),
            query_data: serde_json::to_vec(question).map_err(|e| errors::JSON_MARSHAL.wrap(e.to_string()))?,
        };
        let cx = self.cx.fork().with_gas(GasMeter::limited(QUESTION_GAS));
        let answer = self.router.query(&cx, SMART, &request.encode_to_vec())?;
        let answer = QuerySmartContractStateResponse::decode(answer.as_slice())
            .map_err(|e| errors::TX_DECODE.wrap(e.to_string()))?;
        let read = serde_json::from_slice(&answer.data);
        read.map(Some)
            .map_err(|e| errors::JSON_UNMARSHAL.wrap(format!("answer of {name}: {e}")))
    }

    /// All pages of a list, of which each is asked for with what comes after the last of the one before.
    fn pages<T: DeserializeOwned, Q: Serialize, K>(
        &self,
        name: &str,
        question: impl Fn(Option<K>) -> Q,
        key: impl Fn(&T) -> K,
    ) -> Result<Vec<T>> {
        let mut all: Vec<T> = Vec::new();
        loop {
            let page: Vec<T> = self
                .ask(name, &question(all.last().map(&key)))?
                .unwrap_or_default();
            if page.is_empty() {
                return Ok(all);
            }
            all.extend(page);
        }
    }

    /// Checks that a contract holds the coins that it owes.
    fn holds(&self, name: &str, owed: Amount) -> Result<()> {
        let Some(contract) = quern_system::address(self.cx, name)? else {
            return Ok(());
        };
        let denom = Denom::base();
        let held = quern_bank::balance(self.cx, &contract, &denom)?;
        if held < owed.0 {
            return Err(Error::halt(format!(
                "{name} owes {owed}{BASE_DENOM} and holds {held}{BASE_DENOM}"
            )));
        }
        Ok(())
    }
}

/// Adds amounts of one book.
fn sum(amounts: impl IntoIterator<Item = Amount>) -> Result<Amount> {
    Amount::sum(amounts).ok_or_else(|| Error::halt("amounts beyond what can be added"))
}

/// What is bonded lies with `bonding`, and what is minted goes on at once.
fn pools(books: &Books<'_>) -> Result<()> {
    for name in [
        "bonded_tokens_pool",
        "not_bonded_tokens_pool",
        quern_emission::MINT,
    ] {
        let held = quern_bank::all_balances(books.cx, &module_address(name))?;
        if !held.is_empty() {
            return Err(Error::halt(format!("account {name}, of nobody, holds {held}")));
        }
    }
    Ok(())
}

/// A plan is for a block that is to come.
fn plan(books: &Books<'_>) -> Result<()> {
    let height = i64::try_from(books.cx.block.height).unwrap_or(i64::MAX);
    match quern_upgrade::current(books.cx)? {
        Some(plan) if plan.height <= height => Err(Error::halt(format!(
            "upgrade {} was planned for height {} and not made",
            plan.name, plan.height
        ))),
        _ => Ok(()),
    }
}

/// Validators have power, and CometBFT can add it.
fn powers(books: &Books<'_>) -> Result<()> {
    let set = quern_validators::current(books.cx)?;
    let total = set.values().try_fold(0_i64, |total, power| {
        let power = i64::try_from(*power).ok().filter(|power| *power > 0)?;
        total.checked_add(power).filter(|total| *total <= i64::MAX / 8)
    });
    total
        .map(drop)
        .ok_or_else(|| Error::halt("a validator has no power, or all have too much"))
}
