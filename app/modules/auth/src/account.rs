//! The account and its wire forms.

use prost::Message;
use quern_proto::{Any, cosmos::auth::v1beta1 as wire};
use quern_types::{AccAddress, Error, Result};

use crate::PubKey;

/// A base account, possibly that of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Address.
    pub address: AccAddress,
    /// Set by the first transaction that the account signs.
    pub pub_key: Option<PubKey>,
    /// Global number, never reused.
    pub number: u64,
    /// Number of transactions signed so far.
    pub sequence: u64,
    /// Present for module accounts.
    pub module: Option<ModuleInfo>,
}

/// Name and permissions of a module account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleInfo {
    /// Module name, the preimage of the address.
    pub name: String,
    /// For example `burner`, `minter`.
    pub permissions: Vec<String>,
}

const BASE_URL: &str = "/cosmos.auth.v1beta1.BaseAccount";
const MODULE_URL: &str = "/cosmos.auth.v1beta1.ModuleAccount";

impl Account {
    /// The wire's base part.
    pub fn to_base(&self) -> wire::BaseAccount {
        wire::BaseAccount {
            address: self.address.to_string(),
            pub_key: self.pub_key.as_ref().map(PubKey::to_any),
            account_number: self.number,
            sequence: self.sequence,
        }
    }

    /// The wire's account, which is also what the state holds.
    pub fn to_any(&self) -> Any {
        match &self.module {
            None => Any {
                type_url: BASE_URL.to_owned(),
                value: self.to_base().encode_to_vec(),
            },
            Some(module) => Any {
                type_url: MODULE_URL.to_owned(),
                value: wire::ModuleAccount {
                    base_account: Some(self.to_base()),
                    name: module.name.clone(),
                    permissions: module.permissions.clone(),
                }
                .encode_to_vec(),
            },
        }
    }

    /// Reads what [`Account::to_any`] wrote into the state.
    ///
    /// # Errors
    /// A halt: the state holds only what this crate wrote.
    pub(crate) fn from_state(bytes: &[u8]) -> Result<Self> {
        Self::decode(bytes).map_err(|cause| Error::halt(format!("corrupt account in state: {cause}")))
    }

    fn decode(bytes: &[u8]) -> Result<Self, String> {
        let text = |e: prost::DecodeError| e.to_string();
        let any = Any::decode(bytes).map_err(text)?;
        let (base, module) = match any.type_url.as_str() {
            BASE_URL => (
                wire::BaseAccount::decode(any.value.as_slice()).map_err(text)?,
                None,
            ),
            MODULE_URL => {
                let account = wire::ModuleAccount::decode(any.value.as_slice()).map_err(text)?;
                let info = ModuleInfo {
                    name: account.name,
                    permissions: account.permissions,
                };
                (
                    account.base_account.ok_or("module account without base")?,
                    Some(info),
                )
            }
            other => return Err(format!("unknown account type {other}")),
        };
        Ok(Self {
            address: AccAddress::from_bech32(&base.address).map_err(|e| e.to_string())?,
            pub_key: base
                .pub_key
                .as_ref()
                .map(PubKey::from_any)
                .transpose()
                .map_err(|e| e.to_string())?,
            number: base.account_number,
            sequence: base.sequence,
            module,
        })
    }
}
