//! Accounts between genesis and the state.

use quern_genesis as genesis;
use quern_types::{Result, errors};

use crate::{Account, ModuleInfo, Multisig, Period, PubKey, Schedule, Vesting};

/// Reads an account of the document.
///
/// # Errors
/// `sdk/8` for a key that is not the address's, `sdk/18` for a schedule that means nothing.
pub(crate) fn from_genesis(account: &genesis::Account) -> Result<Account> {
    let base = account.base();
    let pub_key = base.pub_key.as_ref().map(key_from_genesis).transpose()?;
    if pub_key.as_ref().is_some_and(|key| key.address() != base.address) {
        return Err(errors::INVALID_PUB_KEY.wrap(format!("the key does not belong to {}", base.address)));
    }
    let module = match account {
        genesis::Account::Module(m) => Some(ModuleInfo {
            name: m.name.clone(),
            permissions: m.permissions.clone(),
        }),
        _ => None,
    };
    let schedule = match account {
        genesis::Account::Base(_) | genesis::Account::Module(_) => None,
        genesis::Account::Continuous(a) => Some(Schedule::Continuous {
            start_time: a.start_time,
        }),
        genesis::Account::Delayed(_) => Some(Schedule::Delayed),
        genesis::Account::PermanentLocked(_) => Some(Schedule::PermanentLocked),
        genesis::Account::Periodic(a) => {
            let periods = a.vesting_periods.iter().map(|p| Period {
                length: p.length,
                amount: p.amount.clone(),
            });
            Some(Schedule::Periodic {
                start_time: a.start_time,
                periods: periods.collect(),
            })
        }
    };
    let vesting = account.base_vesting().zip(schedule).map(|(v, schedule)| Vesting {
        original: v.original_vesting.clone(),
        delegated_free: v.delegated_free.clone(),
        delegated_vesting: v.delegated_vesting.clone(),
        end_time: v.end_time,
        schedule,
    });
    if let Some(vesting) = &vesting {
        vesting.validate().map_err(|e| e.wrap(base.address.to_string()))?;
    }
    Ok(Account {
        address: base.address.clone(),
        pub_key,
        number: base.account_number,
        sequence: base.sequence,
        module,
        vesting,
    })
}

/// Writes an account into the document.
pub(crate) fn to_genesis(account: Account) -> genesis::Account {
    let base_account = genesis::BaseAccount {
        address: account.address,
        pub_key: account.pub_key.map(key_to_genesis),
        account_number: account.number,
        sequence: account.sequence,
    };
    if let Some(module) = account.module {
        return genesis::Account::Module(genesis::ModuleAccount {
            base_account,
            name: module.name,
            permissions: module.permissions,
        });
    }
    let Some(vesting) = account.vesting else {
        return genesis::Account::Base(base_account);
    };
    let base_vesting_account = genesis::BaseVestingAccount {
        base_account,
        original_vesting: vesting.original,
        delegated_free: vesting.delegated_free,
        delegated_vesting: vesting.delegated_vesting,
        end_time: vesting.end_time,
    };
    match vesting.schedule {
        Schedule::Continuous { start_time } => {
            genesis::Account::Continuous(genesis::ContinuousVestingAccount {
                base_vesting_account,
                start_time,
            })
        }
        Schedule::Delayed => genesis::Account::Delayed(genesis::LockedAccount { base_vesting_account }),
        Schedule::PermanentLocked => {
            genesis::Account::PermanentLocked(genesis::LockedAccount { base_vesting_account })
        }
        Schedule::Periodic { start_time, periods } => {
            let periods = periods.into_iter().map(|p| genesis::VestingPeriod {
                length: p.length,
                amount: p.amount,
            });
            genesis::Account::Periodic(genesis::PeriodicVestingAccount {
                base_vesting_account,
                start_time,
                vesting_periods: periods.collect(),
            })
        }
    }
}

fn key_from_genesis(key: &genesis::PubKey) -> Result<PubKey> {
    Ok(match key {
        genesis::PubKey::Secp256k1 { key } => PubKey::Secp256k1(*key),
        genesis::PubKey::Secp256r1 { key } => PubKey::secp256r1(*key)?,
        genesis::PubKey::Ed25519 { key } => PubKey::Ed25519(*key),
        genesis::PubKey::Multisig {
            threshold,
            public_keys,
        } => {
            let keys = public_keys.iter().map(key_from_genesis).collect::<Result<_>>()?;
            PubKey::Multisig(Multisig::new(*threshold, keys)?)
        }
    })
}

fn key_to_genesis(key: PubKey) -> genesis::PubKey {
    match key {
        PubKey::Secp256k1(key) => genesis::PubKey::Secp256k1 { key },
        PubKey::Secp256r1(key) => genesis::PubKey::Secp256r1 { key },
        PubKey::Ed25519(key) => genesis::PubKey::Ed25519 { key },
        PubKey::Multisig(multisig) => genesis::PubKey::Multisig {
            threshold: multisig.threshold(),
            public_keys: multisig.keys().iter().cloned().map(key_to_genesis).collect(),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_p256_key_that_is_no_point_of_the_curve_is_refused_alone_and_within_others() {
        // the curve's generator, compressed
        let x = "6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296";
        let key = |head: u8, x: &str| {
            let byte = |i: usize| u8::from_str_radix(&x[2 * i..2 * i + 2], 16).unwrap();
            let mut key = [head; 33];
            for i in 0..32 {
                key[i + 1] = byte(i);
            }
            genesis::PubKey::Secp256r1 { key }
        };
        let several = |key: genesis::PubKey| genesis::PubKey::Multisig {
            threshold: 1,
            public_keys: vec![key],
        };
        assert!(key_from_genesis(&key(3, x)).is_ok());
        let off = "ff".repeat(32);
        for wrong in [key(3, &off), key(5, x), several(key(3, &off))] {
            let error = key_from_genesis(&wrong).unwrap_err();
            assert_eq!((error.codespace(), error.code()), ("sdk", 8));
        }
    }
}
