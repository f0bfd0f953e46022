//! Storing and instantiating system contracts in genesis.

use prost::Message;
use quern_context::{Cx, GasMeter, MsgOutput};
use quern_genesis::SystemContract;
use quern_proto::cosmwasm::wasm::v1::{MsgInstantiateContract, MsgInstantiateContractResponse, MsgPinCodes};
use quern_types::{AccAddress, Error, Result};
use quern_wasm::Msg;

use crate::{Host, INSTALL, state};

/// Gas of one contract's installation: a loop in it must end.
const INSTALL_GAS: u64 = 200_000_000;

/// Stores, instantiates and pins the contracts in their order, on behalf of governance, and notes their
/// addresses.
///
/// # Errors
/// Names the contract that failed.
pub fn install(host: &Host<'_>, cx: &Cx, contracts: &[SystemContract]) -> Result<()> {
    contracts.iter().try_for_each(|contract| {
        one(host, cx, contract).map_err(|e| e.wrap(format!("contract {}", contract.name)))
    })
}

fn one(host: &Host<'_>, cx: &Cx, contract: &SystemContract) -> Result<()> {
    let cx = cx.with_gas(GasMeter::limited(INSTALL_GAS));
    let governance = quern_auth::authority();
    let creator = AccAddress::from_bech32(&governance)?;
    let code_id = host.wasm.store_code(&cx, &creator, &contract.code)?;
    let made: MsgInstantiateContractResponse = run(
        host,
        &cx,
        Msg::Instantiate(MsgInstantiateContract {
            sender: governance.clone(),
            admin: governance.clone(),
            code_id,
            label: contract.name.clone(),
            msg: contract.init_bytes(),
            funds: Vec::new(),
        }),
    )?;
    let pin = MsgPinCodes {
        authority: governance,
        code_ids: vec![code_id],
    };
    host.wasm.execute(&cx, &host.router, Msg::PinCodes(pin))?;
    state::set_address(&cx, &contract.name, &AccAddress::from_bech32(&made.address)?)
}

fn run<R: Message + Default>(host: &Host<'_>, cx: &Cx, msg: Msg) -> Result<R> {
    let MsgOutput { response } = host.wasm.execute(cx, &host.router, msg)?;
    R::decode(response.value.as_slice())
        .map_err(|e: prost::DecodeError| Error::from(&INSTALL).wrap(e.to_string()))
}
