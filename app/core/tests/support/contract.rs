//! Contracts that users store and instantiate themselves.

use prost::Message;
use quern_proto::{
    Any,
    cosmos::base::abci::v1beta1::TxMsgData,
    cosmwasm::wasm::v1::{
        MsgInstantiateContract, MsgInstantiateContractResponse, MsgStoreCode, MsgStoreCodeResponse,
    },
};
use quern_testkit::{User, any};
use tendermint_proto::v0_38::abci::ExecTxResult;

/// A contract built by `make contracts`, by the name of its file without `.wasm`.
pub fn artifact(name: &str) -> Vec<u8> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../contracts/artifacts");
    std::fs::read(format!("{folder}/{name}.wasm")).expect("run `make contracts` first")
}

pub fn store(sender: &User, name: &str) -> Any {
    any(&MsgStoreCode {
        sender: sender.address().to_string(),
        wasm_byte_code: artifact(name),
        instantiate_permission: None,
    })
}

/// Code id of what [`store`] stored.
pub fn stored(result: &ExecTxResult) -> u64 {
    response::<MsgStoreCodeResponse>(result).code_id
}

pub fn instantiate(sender: &User, code_id: u64, msg: &str) -> Any {
    any(&MsgInstantiateContract {
        sender: sender.address().to_string(),
        code_id,
        label: "of a test".into(),
        msg: msg.as_bytes().to_vec(),
        ..Default::default()
    })
}

/// Address of what [`instantiate`] made.
pub fn instantiated(result: &ExecTxResult) -> String {
    response::<MsgInstantiateContractResponse>(result).address
}

#[track_caller]
fn response<M: Message + Default>(result: &ExecTxResult) -> M {
    assert_eq!(result.code, 0, "{}", result.log);
    let data = TxMsgData::decode(result.data.as_ref()).unwrap();
    M::decode(data.msg_responses[0].value.as_slice()).unwrap()
}
