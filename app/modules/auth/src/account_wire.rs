//! Accounts in their wire form, which is also what the state holds.

use prost::Message;
use quern_proto::{
    Any,
    cosmos::{auth::v1beta1 as wire, base::v1beta1 as base, vesting::v1beta1 as vesting},
};
use quern_types::{AccAddress, Coin, Coins, Error, Result};

use crate::{Account, ModuleInfo, Period, PubKey, Schedule, Vesting};

const BASE_URL: &str = "/cosmos.auth.v1beta1.BaseAccount";
const MODULE_URL: &str = "/cosmos.auth.v1beta1.ModuleAccount";
const CONTINUOUS_URL: &str = "/cosmos.vesting.v1beta1.ContinuousVestingAccount";
const DELAYED_URL: &str = "/cosmos.vesting.v1beta1.DelayedVestingAccount";
const PERIODIC_URL: &str = "/cosmos.vesting.v1beta1.PeriodicVestingAccount";
const LOCKED_URL: &str = "/cosmos.vesting.v1beta1.PermanentLockedAccount";

impl Account {
    /// The wire's account.
    pub fn to_any(&self) -> Any {
        let any = |type_url: &str, value: Vec<u8>| Any {
            type_url: type_url.to_owned(),
            value,
        };
        if let Some(module) = &self.module {
            let account = wire::ModuleAccount {
                base_account: Some(self.to_base()),
                name: module.name.clone(),
                permissions: module.permissions.clone(),
            };
            return any(MODULE_URL, account.encode_to_vec());
        }
        let Some(v) = &self.vesting else {
            return any(BASE_URL, self.to_base().encode_to_vec());
        };
        let base_vesting_account = Some(vesting::BaseVestingAccount {
            base_account: Some(self.to_base()),
            original_vesting: coins_to_wire(&v.original),
            delegated_free: coins_to_wire(&v.delegated_free),
            delegated_vesting: coins_to_wire(&v.delegated_vesting),
            end_time: v.end_time,
        });
        match &v.schedule {
            Schedule::Continuous { start_time } => {
                let account = vesting::ContinuousVestingAccount {
                    base_vesting_account,
                    start_time: *start_time,
                };
                any(CONTINUOUS_URL, account.encode_to_vec())
            }
            Schedule::Delayed => {
                let account = vesting::DelayedVestingAccount { base_vesting_account };
                any(DELAYED_URL, account.encode_to_vec())
            }
            Schedule::PermanentLocked => {
                let account = vesting::PermanentLockedAccount { base_vesting_account };
                any(LOCKED_URL, account.encode_to_vec())
            }
            Schedule::Periodic { start_time, periods } => {
                let vesting_periods = periods.iter().map(|p| vesting::Period {
                    length: p.length,
                    amount: coins_to_wire(&p.amount),
                });
                let account = vesting::PeriodicVestingAccount {
                    base_vesting_account,
                    start_time: *start_time,
                    vesting_periods: vesting_periods.collect(),
                };
                any(PERIODIC_URL, account.encode_to_vec())
            }
        }
    }

    /// Reads what [`Account::to_any`] wrote into the state.
    ///
    /// # Errors
    /// A halt: the state holds only what this crate wrote.
    pub(crate) fn from_state(bytes: &[u8]) -> Result<Self> {
        decode(bytes).map_err(|cause| Error::halt(format!("corrupt account in state: {cause}")))
    }
}

fn decode(bytes: &[u8]) -> Result<Account, String> {
    let any = Any::decode(bytes).map_err(text)?;
    let bytes = any.value.as_slice();
    match any.type_url.as_str() {
        BASE_URL => from_base(wire::BaseAccount::decode(bytes).map_err(text)?),
        MODULE_URL => {
            let account = wire::ModuleAccount::decode(bytes).map_err(text)?;
            let mut base = from_base(account.base_account.ok_or("module account without base")?)?;
            base.module = Some(ModuleInfo {
                name: account.name,
                permissions: account.permissions,
            });
            Ok(base)
        }
        CONTINUOUS_URL => {
            let account = vesting::ContinuousVestingAccount::decode(bytes).map_err(text)?;
            let start_time = account.start_time;
            from_vesting(account.base_vesting_account, Schedule::Continuous { start_time })
        }
        DELAYED_URL => {
            let account = vesting::DelayedVestingAccount::decode(bytes).map_err(text)?;
            from_vesting(account.base_vesting_account, Schedule::Delayed)
        }
        LOCKED_URL => {
            let account = vesting::PermanentLockedAccount::decode(bytes).map_err(text)?;
            from_vesting(account.base_vesting_account, Schedule::PermanentLocked)
        }
        PERIODIC_URL => {
            let account = vesting::PeriodicVestingAccount::decode(bytes).map_err(text)?;
            let periods = account.vesting_periods.iter().map(|p| {
                Ok(Period {
                    length: p.length,
                    amount: coins_from_wire(&p.amount)?,
                })
            });
            let schedule = Schedule::Periodic {
                start_time: account.start_time,
                periods: periods.collect::<Result<_, String>>()?,
            };
            from_vesting(account.base_vesting_account, schedule)
        }
        other => Err(format!("unknown account type {other}")),
    }
}

fn from_base(base: wire::BaseAccount) -> Result<Account, String> {
    let pub_key = base.pub_key.as_ref().map(PubKey::from_any).transpose();
    Ok(Account {
        address: AccAddress::from_bech32(&base.address).map_err(|e| e.to_string())?,
        pub_key: pub_key.map_err(|e| e.to_string())?,
        number: base.account_number,
        sequence: base.sequence,
        module: None,
        vesting: None,
    })
}

fn from_vesting(base: Option<vesting::BaseVestingAccount>, schedule: Schedule) -> Result<Account, String> {
    let base = base.ok_or("vesting account without base")?;
    let mut account = from_base(base.base_account.ok_or("vesting account without base")?)?;
    account.vesting = Some(Vesting {
        original: coins_from_wire(&base.original_vesting)?,
        delegated_free: coins_from_wire(&base.delegated_free)?,
        delegated_vesting: coins_from_wire(&base.delegated_vesting)?,
        end_time: base.end_time,
        schedule,
    });
    Ok(account)
}

fn coins_to_wire(coins: &Coins) -> Vec<base::Coin> {
    let wire = coins.iter().map(|coin| base::Coin {
        denom: coin.denom.to_string(),
        amount: coin.amount.to_string(),
    });
    wire.collect()
}

fn coins_from_wire(coins: &[base::Coin]) -> Result<Coins, String> {
    let coins = coins.iter().map(|c| Coin::parse(&c.denom, &c.amount));
    coins
        .collect::<Result<Vec<_>>>()
        .and_then(Coins::try_from_sorted)
        .map_err(|e| e.to_string())
}

fn text(error: prost::DecodeError) -> String {
    error.to_string()
}
