//! The account.

use quern_proto::cosmos::auth::v1beta1 as wire;
use quern_types::AccAddress;

use crate::{PubKey, Vesting};

/// A base account, possibly that of a module or one whose coins are partly locked.
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
    /// Present for vesting accounts, which are no module accounts.
    pub vesting: Option<Vesting>,
}

/// Name and permissions of a module account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModuleInfo {
    /// Module name, the preimage of the address.
    pub name: String,
    /// For example `burner`, `minter`.
    pub permissions: Vec<String>,
}

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
}
