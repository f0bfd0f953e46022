//! Making contracts.

use std::sync::Arc;

use quern_context::{Cx, Router};
use quern_proto::cosmwasm::wasm::v1::{
    CodeInfo, ContractCodeHistoryEntry, ContractCodeHistoryOperationType, ContractInfo,
};
use quern_types::{AccAddress, Coin, Coins, Event, Result, errors as sdk, module_address};

use super::{
    Authority, Wasm,
    call::{Call, Entry},
    code_store,
    execute::Data,
    funds,
};
use crate::{
    address, dispatch, errors,
    json::{self, MessageInfo, WireCoin},
    keys, state,
};

/// How the new contract gets its address.
pub(crate) enum Naming<'a> {
    /// From the chain's counter.
    Classic,
    /// From the creator's choice.
    Predictable { salt: &'a [u8], fix_msg: bool },
}

/// What to make.
pub(crate) struct Instantiate<'a> {
    pub code_id: u64,
    pub creator: &'a AccAddress,
    pub admin: Option<AccAddress>,
    pub msg: &'a [u8],
    pub label: &'a str,
    pub funds: &'a Coins,
    pub naming: Naming<'a>,
}

impl Instantiate<'_> {
    /// Makes the contract and returns its address and data.
    pub(crate) fn run(&self, wasm: &Wasm, cx: &Cx, router: &Arc<dyn Router>) -> Result<(AccAddress, Data)> {
        let authority = Authority::of(cx, self.creator);
        let code = state::require_code(cx, self.code_id)?;
        let checksum = code_store::checksum(&code.code_hash)?;
        let pinned = state::is_pinned(cx, self.code_id)?;
        // The address is known only after the counter moved, which follows the charge.
        let unnamed = Call {
            wasm,
            cx,
            router,
            contract: self.creator,
            checksum,
        };
        unnamed.charge_setup(pinned, "Loading CosmWasm module: instantiate")?;
        let config = code.instantiate_config.clone().unwrap_or_default();
        if !authority.may_instantiate(&config, self.creator) {
            return Err(sdk::UNAUTHORIZED.wrap("can not instantiate"));
        }
        let contract = self.address(cx, &code)?;
        if state::has_contract(cx, &contract)? {
            return Err(errors::DUPLICATE.wrap(
                "contract address already exists, try a different combination of creator, checksum and salt",
            ));
        }
        claim_account(cx, &contract)?;
        funds::deposit(cx, self.creator, &contract, self.funds)?;
        let info = MessageInfo {
            sender: self.creator.to_string(),
            funds: WireCoin::list(self.funds),
        };
        let entry = Entry::Instantiate {
            info: json::to_vec(&info)?,
            msg: self.msg,
        };
        let call = Call {
            contract: &contract,
            ..unnamed
        };
        let response = call.run(&entry, &errors::INSTANTIATE_FAILED)?;
        let ibc_port = if wasm.report(cx, &call.checksum)?.ibc {
            address::ibc_port(&contract)
        } else {
            String::new()
        };
        self.record(cx, &contract, ibc_port.clone())?;
        cx.emit(
            Event::new("instantiate")
                .with("_contract_address", &contract)
                .with("code_id", self.code_id),
        );
        let mut inner = cx.clone();
        inner.calls = authority.within_instantiate(cx);
        let data = dispatch::handle(wasm, &inner, router, &contract, &ibc_port, response)
            .map_err(|e| dispatch::context(e, cx, "dispatch"))?;
        Ok((contract, data))
    }

    fn address(&self, cx: &Cx, code: &CodeInfo) -> Result<AccAddress> {
        match self.naming {
            Naming::Classic => {
                let instance = state::take_sequence(cx, &keys::instance_sequence())?;
                address::classic(self.code_id, instance)
            }
            Naming::Predictable { salt, fix_msg } => {
                let msg = if fix_msg { self.msg } else { &[] };
                address::predictable(&code.code_hash, self.creator, salt, msg)
            }
        }
    }

    /// Stores the contract, before its messages run, so that they can call it back.
    fn record(&self, cx: &Cx, contract: &AccAddress, ibc_port: String) -> Result<()> {
        let created = state::position(cx);
        let entry = ContractCodeHistoryEntry {
            operation: ContractCodeHistoryOperationType::Init.into(),
            code_id: self.code_id,
            updated: Some(created),
            msg: self.msg.to_vec(),
        };
        state::index_by_code(cx, contract, &entry)?;
        state::index_by_creator(cx, self.creator, contract, &entry)?;
        state::append_history(cx, contract, std::slice::from_ref(&entry))?;
        let info = ContractInfo {
            code_id: self.code_id,
            creator: self.creator.to_string(),
            admin: self.admin.as_ref().map(AccAddress::to_string).unwrap_or_default(),
            label: self.label.to_owned(),
            created: Some(created),
            ibc_port_id: ibc_port,
            extension: None,
            ibc2_port_id: address::ibc2_port(contract),
        };
        state::set_contract(cx, contract, &info)
    }
}

/// Makes the contract's account, or takes over one that somebody made by sending coins there. One that
/// has signed, or that is a module's, is not taken over.
fn claim_account(cx: &Cx, contract: &AccAddress) -> Result<()> {
    match quern_auth::get(cx, contract)? {
        None => quern_auth::create(cx, contract).map(drop),
        Some(mut a) if a.sequence == 0 && a.pub_key.is_none() && a.module.is_none() => {
            // Nobody shall lock coins of a contract by making its account ahead, nor free locked ones by making a
            // contract where they are: as in wasmd, what was meant to vest is burned.
            let Some(vesting) = a.vesting.take() else {
                return Ok(());
            };
            quern_auth::set(cx, &a)?;
            burn_balances(cx, contract, &vesting.original)
        }
        Some(_) => Err(errors::ACCOUNT_EXISTS.wrap("address is claimed by external account")),
    }
}

/// Burns all that an account has of the denominations of `coins`.
fn burn_balances(cx: &Cx, of: &AccAddress, coins: &Coins) -> Result<()> {
    let mut held = Vec::new();
    for coin in coins {
        let amount = quern_bank::balance(cx, of, &coin.denom)?;
        if amount > 0 {
            held.push(Coin {
                denom: coin.denom.clone(),
                amount,
            });
        }
    }
    let held = Coins::try_from_sorted(held)?;
    if held.is_empty() {
        return Ok(());
    }
    quern_auth::module_account(cx, keys::STORE, &["burner"])?;
    let module = module_address(keys::STORE);
    quern_bank::send_coins(cx, of, &module, &held)?;
    quern_bank::burn(cx, &module, &held)
}
