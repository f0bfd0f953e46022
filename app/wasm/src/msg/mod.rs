//! The module's messages: decoding, signers, and which function handles each.

mod handle;
mod validate;

use prost::Message;
use quern_proto::cosmwasm::wasm::v1::{
    MsgAddCodeUploadParamsAddresses, MsgClearAdmin, MsgExecuteContract, MsgInstantiateContract,
    MsgInstantiateContract2, MsgMigrateContract, MsgPinCodes, MsgRemoveCodeUploadParamsAddresses,
    MsgStoreAndInstantiateContract, MsgStoreAndMigrateContract, MsgStoreCode, MsgSudoContract, MsgUnpinCodes,
    MsgUpdateAdmin, MsgUpdateContractLabel, MsgUpdateInstantiateConfig, MsgUpdateParams,
};
use quern_types::{AccAddress, Result, errors as sdk};

pub(crate) use handle::handle;
pub(crate) use validate::{check_code, label as check_label};

/// Defines [`Msg`] from rows of variant, wire type and signer field.
macro_rules! messages {
    ($($variant:ident($ty:ident, $signer:ident);)*) => {
        /// A message of `cosmwasm.wasm.v1.Msg`.
        #[derive(Clone, Debug, PartialEq)]
        #[allow(missing_docs)] // the variants are named as the wire names them
        pub enum Msg { $($variant($ty),)* }

        impl Msg {
            /// Type URLs that [`Msg::decode`] takes.
            pub const TYPE_URLS: &[&str] = &[$(concat!("/cosmwasm.wasm.v1.", stringify!($ty)),)*];

            /// Decodes a message; `None` if its type is not of this module.
            ///
            /// # Errors
            /// `sdk/2` for bytes that are no such message.
            pub fn decode(type_url: &str, value: &[u8]) -> Option<Result<Self>> {
                match type_url.strip_prefix("/cosmwasm.wasm.v1.")? {
                    $(stringify!($ty) => Some($ty::decode(value).map(Self::$variant).map_err(malformed)),)*
                    _ => None,
                }
            }

            fn signer(&self) -> &str {
                match self { $(Self::$variant(msg) => &msg.$signer,)* }
            }
        }
    };
}

messages! {
    StoreCode(MsgStoreCode, sender);
    Instantiate(MsgInstantiateContract, sender);
    Instantiate2(MsgInstantiateContract2, sender);
    Execute(MsgExecuteContract, sender);
    Migrate(MsgMigrateContract, sender);
    UpdateAdmin(MsgUpdateAdmin, sender);
    ClearAdmin(MsgClearAdmin, sender);
    UpdateInstantiateConfig(MsgUpdateInstantiateConfig, sender);
    UpdateContractLabel(MsgUpdateContractLabel, sender);
    UpdateParams(MsgUpdateParams, authority);
    Sudo(MsgSudoContract, authority);
    PinCodes(MsgPinCodes, authority);
    UnpinCodes(MsgUnpinCodes, authority);
    StoreAndInstantiate(MsgStoreAndInstantiateContract, authority);
    StoreAndMigrate(MsgStoreAndMigrateContract, authority);
    AddUploaders(MsgAddCodeUploadParamsAddresses, authority);
    RemoveUploaders(MsgRemoveCodeUploadParamsAddresses, authority);
}

fn malformed(_: prost::DecodeError) -> quern_types::Error {
    sdk::TX_DECODE.wrap("malformed message of the wasm module")
}

impl Msg {
    /// Who must have signed: one account.
    ///
    /// # Errors
    /// `undefined/1` for a malformed address, `sdk/35` for another chain's.
    pub fn signers(&self) -> Result<Vec<AccAddress>> {
        Ok(vec![AccAddress::from_signer(self.signer())?])
    }

    /// Checks what needs no state (the SDK's `ValidateBasic`).
    ///
    /// # Errors
    /// As wasmd's, by code.
    pub fn validate(&self) -> Result<()> {
        validate::validate(self)
    }
}
