//! `app_state.auth`: parameters and accounts.

use quern_types::{AccAddress, module_address};
use serde::{Deserialize, Serialize};

use crate::{
    BaseVestingAccount, ContinuousVestingAccount, LockedAccount, PeriodicVestingAccount, Result,
    error::{invalid, no_duplicates},
    text,
};

/// `cosmos.auth.v1beta1.GenesisState`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthGenesis {
    /// Limits and gas prices of the ante handler.
    pub params: AuthParams,
    /// Accounts, with distinct addresses and numbers.
    pub accounts: Vec<Account>,
}

/// `cosmos.auth.v1beta1.Params`; the default is the SDK's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuthParams {
    /// Longest memo in bytes.
    #[serde(with = "text::int")]
    pub max_memo_characters: u64,
    /// Most signatures of one transaction.
    #[serde(with = "text::int")]
    pub tx_sig_limit: u64,
    /// Gas per byte of the transaction.
    #[serde(with = "text::int")]
    pub tx_size_cost_per_byte: u64,
    /// Gas to verify an Ed25519 signature.
    #[serde(with = "text::int")]
    pub sig_verify_cost_ed25519: u64,
    /// Gas to verify a secp256k1 signature.
    #[serde(with = "text::int")]
    pub sig_verify_cost_secp256k1: u64,
}

impl Default for AuthParams {
    fn default() -> Self {
        Self {
            max_memo_characters: 256,
            tx_sig_limit: 7,
            tx_size_cost_per_byte: 10,
            sig_verify_cost_ed25519: 590,
            sig_verify_cost_secp256k1: 1000,
        }
    }
}

/// One account, as `google.protobuf.Any` prints.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "@type")]
pub enum Account {
    /// Controlled by a key.
    #[serde(rename = "/cosmos.auth.v1beta1.BaseAccount")]
    Base(BaseAccount),
    /// Controlled by a module.
    #[serde(rename = "/cosmos.auth.v1beta1.ModuleAccount")]
    Module(ModuleAccount),
    /// Coins become free evenly.
    #[serde(rename = "/cosmos.vesting.v1beta1.ContinuousVestingAccount")]
    Continuous(ContinuousVestingAccount),
    /// Coins become free all at once.
    #[serde(rename = "/cosmos.vesting.v1beta1.DelayedVestingAccount")]
    Delayed(LockedAccount),
    /// Coins become free at the end of each period.
    #[serde(rename = "/cosmos.vesting.v1beta1.PeriodicVestingAccount")]
    Periodic(PeriodicVestingAccount),
    /// Coins never become free.
    #[serde(rename = "/cosmos.vesting.v1beta1.PermanentLockedAccount")]
    PermanentLocked(LockedAccount),
}

impl Account {
    /// The part that every account has.
    pub fn base(&self) -> &BaseAccount {
        match self {
            Self::Base(account) => account,
            Self::Module(account) => &account.base_account,
            Self::Continuous(account) => &account.base_vesting_account.base_account,
            Self::Periodic(account) => &account.base_vesting_account.base_account,
            Self::Delayed(account) | Self::PermanentLocked(account) => {
                &account.base_vesting_account.base_account
            }
        }
    }

    /// What a vesting account locks.
    pub fn base_vesting(&self) -> Option<&BaseVestingAccount> {
        match self {
            Self::Base(_) | Self::Module(_) => None,
            Self::Continuous(account) => Some(&account.base_vesting_account),
            Self::Periodic(account) => Some(&account.base_vesting_account),
            Self::Delayed(account) | Self::PermanentLocked(account) => Some(&account.base_vesting_account),
        }
    }
}

/// `cosmos.auth.v1beta1.BaseAccount`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BaseAccount {
    /// Address.
    #[serde(with = "text::address")]
    pub address: AccAddress,
    /// Key, once known.
    pub pub_key: Option<PubKey>,
    /// Number, unique on the chain.
    #[serde(with = "text::int")]
    pub account_number: u64,
    /// Sequence of the next transaction.
    #[serde(with = "text::int")]
    pub sequence: u64,
}

/// `cosmos.auth.v1beta1.ModuleAccount`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModuleAccount {
    /// Address and number.
    pub base_account: BaseAccount,
    /// Module name, from which the address derives.
    pub name: String,
    /// For example `minter`, `burner`.
    pub permissions: Vec<String>,
}

/// A key of an account.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "@type", deny_unknown_fields)]
pub enum PubKey {
    /// Compressed secp256k1 point.
    #[serde(rename = "/cosmos.crypto.secp256k1.PubKey")]
    Secp256k1 {
        /// 33 bytes.
        #[serde(with = "text::base64")]
        key: [u8; 33],
    },
    /// Compressed P-256 point.
    #[serde(rename = "/cosmos.crypto.secp256r1.PubKey")]
    Secp256r1 {
        /// 33 bytes.
        #[serde(with = "text::base64")]
        key: [u8; 33],
    },
    /// Ed25519 point.
    #[serde(rename = "/cosmos.crypto.ed25519.PubKey")]
    Ed25519 {
        /// 32 bytes.
        #[serde(with = "text::base64")]
        key: [u8; 32],
    },
    /// Several keys, of which some must sign.
    #[serde(rename = "/cosmos.crypto.multisig.LegacyAminoPubKey")]
    Multisig {
        /// Signatures that are needed.
        threshold: u32,
        /// The keys, in order.
        public_keys: Vec<Self>,
    },
}

impl AuthGenesis {
    /// Adds a key's account under the next free number.
    ///
    /// # Errors
    /// If the address already has an account, or numbers run out.
    pub fn add_account(&mut self, address: AccAddress) -> Result<()> {
        if self.accounts.iter().any(|a| a.base().address == address) {
            return Err(invalid(
                "app_state.auth.accounts",
                format!("{address} already has an account"),
            ));
        }
        let account_number = match self.accounts.iter().map(|a| a.base().account_number).max() {
            None => 0,
            Some(n) => n
                .checked_add(1)
                .ok_or_else(|| invalid("app_state.auth.accounts", "numbers ran out"))?,
        };
        self.accounts.push(Account::Base(BaseAccount {
            address,
            pub_key: None,
            account_number,
            sequence: 0,
        }));
        Ok(())
    }

    /// Checks what the types alone do not.
    ///
    /// # Errors
    /// A zero parameter, a duplicate address or number, a key or module name that is not the address's.
    pub fn validate(&self) -> Result<()> {
        let at = "app_state.auth.params";
        let p = &self.params;
        for (name, value) in [
            ("max_memo_characters", p.max_memo_characters),
            ("tx_sig_limit", p.tx_sig_limit),
            ("tx_size_cost_per_byte", p.tx_size_cost_per_byte),
            ("sig_verify_cost_ed25519", p.sig_verify_cost_ed25519),
            ("sig_verify_cost_secp256k1", p.sig_verify_cost_secp256k1),
        ] {
            if value == 0 {
                return Err(invalid(format!("{at}.{name}"), "must be positive"));
            }
        }
        let at = "app_state.auth.accounts";
        no_duplicates(at, self.accounts.iter().map(|a| &a.base().address))?;
        no_duplicates(
            &format!("{at} account_number"),
            self.accounts.iter().map(|a| a.base().account_number),
        )?;
        for (i, account) in self.accounts.iter().enumerate() {
            let base = account.base();
            if let Some(PubKey::Secp256k1 { key }) = &base.pub_key
                && AccAddress::from_secp256k1(key) != base.address
            {
                return Err(invalid(
                    format!("{at}[{i}].pub_key"),
                    "does not belong to the address",
                ));
            }
            if let Account::Module(module) = account
                && module_address(&module.name) != base.address
            {
                return Err(invalid(
                    format!("{at}[{i}].name"),
                    "does not belong to the address",
                ));
            }
        }
        Ok(())
    }
}
