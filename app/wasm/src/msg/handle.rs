//! Which function handles which message, and its response (wasmd `x/wasm/keeper/msg_server.go`).

use std::sync::Arc;

use prost::{Message, Name};
use quern_context::{AnyMsg, Cx, MsgOutput, Router};
use quern_proto::cosmwasm::wasm::v1::{
    MsgAddCodeUploadParamsAddressesResponse, MsgClearAdminResponse, MsgExecuteContractResponse,
    MsgInstantiateContract2Response, MsgInstantiateContractResponse, MsgMigrateContractResponse,
    MsgPinCodesResponse, MsgRemoveCodeUploadParamsAddressesResponse, MsgStoreAndInstantiateContract,
    MsgStoreAndInstantiateContractResponse, MsgStoreAndMigrateContract, MsgStoreAndMigrateContractResponse,
    MsgStoreCodeResponse, MsgSudoContractResponse, MsgUnpinCodesResponse, MsgUpdateAdminResponse,
    MsgUpdateContractLabelResponse, MsgUpdateInstantiateConfigResponse, MsgUpdateParamsResponse,
};
use quern_types::{AccAddress, Result};

use super::{
    Msg,
    validate::{address, funds},
};
use crate::{
    Wasm,
    keeper::{
        self, Instantiate, Naming, add_uploaders, remove_uploaders, require_governance, set_admin,
        set_instantiate_config, set_label,
    },
    state,
};

fn output<M: Message + Name>(response: &M) -> Result<MsgOutput> {
    Ok(MsgOutput {
        response: AnyMsg {
            type_url: quern_proto::type_url::<M>(),
            value: response.encode_to_vec(),
        },
    })
}

fn optional(admin: &str) -> Result<Option<AccAddress>> {
    (!admin.is_empty()).then(|| address(admin, "admin")).transpose()
}

/// Executes a message.
pub(crate) fn handle(wasm: &Wasm, cx: &Cx, router: &Arc<dyn Router>, msg: Msg) -> Result<MsgOutput> {
    msg.validate()?;
    match msg {
        Msg::StoreCode(m) => {
            let sender = address(&m.sender, "sender")?;
            let (code_id, checksum) =
                keeper::store_code(wasm, cx, &sender, &m.wasm_byte_code, m.instantiate_permission)?;
            output(&MsgStoreCodeResponse {
                code_id,
                checksum: checksum.as_slice().to_vec(),
            })
        }
        Msg::Instantiate(m) => {
            let (address, data) = Instantiate {
                code_id: m.code_id,
                creator: &address(&m.sender, "sender")?,
                admin: optional(&m.admin)?,
                msg: &m.msg,
                label: &m.label,
                funds: &funds(&m.funds)?,
                naming: Naming::Classic,
            }
            .run(wasm, cx, router)?;
            let (address, data) = (address.to_string(), data.unwrap_or_default());
            output(&MsgInstantiateContractResponse { address, data })
        }
        Msg::Instantiate2(m) => {
            let (address, data) = Instantiate {
                code_id: m.code_id,
                creator: &address(&m.sender, "sender")?,
                admin: optional(&m.admin)?,
                msg: &m.msg,
                label: &m.label,
                funds: &funds(&m.funds)?,
                naming: Naming::Predictable {
                    salt: &m.salt,
                    fix_msg: m.fix_msg,
                },
            }
            .run(wasm, cx, router)?;
            let (address, data) = (address.to_string(), data.unwrap_or_default());
            output(&MsgInstantiateContract2Response { address, data })
        }
        Msg::Execute(m) => {
            let (sender, contract) = (address(&m.sender, "sender")?, address(&m.contract, "contract")?);
            let coins = funds(&m.funds)?;
            let data = keeper::execute(wasm, cx, router, &contract, &sender, &m.msg, &coins)?;
            output(&MsgExecuteContractResponse {
                data: data.unwrap_or_default(),
            })
        }
        Msg::Migrate(m) => {
            let (sender, contract) = (address(&m.sender, "sender")?, address(&m.contract, "contract")?);
            let data = keeper::migrate(wasm, cx, router, &contract, &sender, m.code_id, &m.msg)?;
            output(&MsgMigrateContractResponse {
                data: data.unwrap_or_default(),
            })
        }
        Msg::UpdateAdmin(m) => {
            let (sender, contract) = (address(&m.sender, "sender")?, address(&m.contract, "contract")?);
            set_admin(cx, &contract, &sender, Some(&address(&m.new_admin, "new admin")?))?;
            output(&MsgUpdateAdminResponse {})
        }
        Msg::ClearAdmin(m) => {
            let (sender, contract) = (address(&m.sender, "sender")?, address(&m.contract, "contract")?);
            set_admin(cx, &contract, &sender, None)?;
            output(&MsgClearAdminResponse {})
        }
        Msg::UpdateInstantiateConfig(m) => {
            let config = m.new_instantiate_permission.unwrap_or_default();
            set_instantiate_config(cx, m.code_id, &address(&m.sender, "sender")?, config)?;
            output(&MsgUpdateInstantiateConfigResponse {})
        }
        Msg::UpdateContractLabel(m) => {
            let (sender, contract) = (address(&m.sender, "sender")?, address(&m.contract, "contract")?);
            set_label(cx, &contract, &sender, &m.new_label)?;
            output(&MsgUpdateContractLabelResponse {})
        }
        other => handle_governance(wasm, cx, router, other),
    }
}

fn handle_governance(wasm: &Wasm, cx: &Cx, router: &Arc<dyn Router>, msg: Msg) -> Result<MsgOutput> {
    match msg {
        // These two also serve others, under the rules that bind them.
        Msg::StoreAndInstantiate(m) => return store_and_instantiate(wasm, cx, router, &m),
        Msg::StoreAndMigrate(m) => return store_and_migrate(wasm, cx, router, &m),
        ref governed => require_governance(governed.signer())?,
    }
    match msg {
        Msg::UpdateParams(m) => {
            state::set_params(cx, &m.params.unwrap_or_default())?;
            output(&MsgUpdateParamsResponse {})
        }
        Msg::Sudo(m) => {
            let contract = address(&m.contract, "contract")?;
            let data = wasm.sudo(cx, router, &contract, &m.msg)?;
            output(&MsgSudoContractResponse { data })
        }
        Msg::PinCodes(m) => {
            m.code_ids.iter().try_for_each(|id| wasm.pin(cx, *id))?;
            output(&MsgPinCodesResponse {})
        }
        Msg::UnpinCodes(m) => {
            m.code_ids.iter().try_for_each(|id| wasm.unpin(cx, *id))?;
            output(&MsgUnpinCodesResponse {})
        }
        Msg::AddUploaders(m) => {
            add_uploaders(cx, &m.addresses)?;
            output(&MsgAddCodeUploadParamsAddressesResponse {})
        }
        Msg::RemoveUploaders(m) => {
            remove_uploaders(cx, &m.addresses)?;
            output(&MsgRemoveCodeUploadParamsAddressesResponse {})
        }
        _ => Err(quern_types::errors::UNKNOWN_REQUEST.wrap("not a message of governance")),
    }
}

fn store_and_instantiate(
    wasm: &Wasm,
    cx: &Cx,
    router: &Arc<dyn Router>,
    m: &MsgStoreAndInstantiateContract,
) -> Result<MsgOutput> {
    let creator = address(&m.authority, "authority")?;
    let permission = m.instantiate_permission.clone();
    let (code_id, _) = keeper::store_code(wasm, cx, &creator, &m.wasm_byte_code, permission)?;
    let (address, data) = Instantiate {
        code_id,
        creator: &creator,
        admin: optional(&m.admin)?,
        msg: &m.msg,
        label: &m.label,
        funds: &funds(&m.funds)?,
        naming: Naming::Classic,
    }
    .run(wasm, cx, router)?;
    let (address, data) = (address.to_string(), data.unwrap_or_default());
    output(&MsgStoreAndInstantiateContractResponse { address, data })
}

fn store_and_migrate(
    wasm: &Wasm,
    cx: &Cx,
    router: &Arc<dyn Router>,
    m: &MsgStoreAndMigrateContract,
) -> Result<MsgOutput> {
    let caller = address(&m.authority, "authority")?;
    let permission = m.instantiate_permission.clone();
    let (code_id, checksum) = keeper::store_code(wasm, cx, &caller, &m.wasm_byte_code, permission)?;
    let contract = address(&m.contract, "contract")?;
    let data = keeper::migrate(wasm, cx, router, &contract, &caller, code_id, &m.msg)?;
    output(&MsgStoreAndMigrateContractResponse {
        code_id,
        checksum: checksum.as_slice().to_vec(),
        data: data.unwrap_or_default(),
    })
}
