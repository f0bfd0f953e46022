//! What holds of the accounts at every height.

use quern_context::Cx;
use quern_types::{AccAddress, Error, Result, module_address};

use crate::{Account, MODULE, keys};

/// Every account, by address, without charge.
pub fn accounts(cx: &Cx) -> impl Iterator<Item = Result<Account>> {
    let entries = cx.kv_unmetered(MODULE).under(keys::ACCOUNTS).prefix(&[]);
    entries.map(|entry| {
        let (key, value) = entry?;
        let account = Account::from_state(&value)?;
        if account.address.as_bytes() != key {
            let address = AccAddress::from_bytes(key).map_err(Error::halt)?;
            return Err(Error::halt(format!(
                "the account of {address} says that it is {}",
                account.address
            )));
        }
        Ok(account)
    })
}

/// The invariant of accounts: each has a number of its own, below the next, by which it is found; and a module's account
/// stands at the module's address.
///
/// # Errors
/// What is broken.
pub fn check_accounts(cx: &Cx) -> Result<()> {
    let kv = cx.kv_unmetered(MODULE);
    let next = match kv.get(keys::NEXT_NUMBER)? {
        None => 0,
        Some(bytes) => bytes
            .try_into()
            .map(u64::from_be_bytes)
            .map_err(|_| Error::halt("corrupt account counter in state"))?,
    };
    let mut count = 0_usize;
    for account in accounts(cx) {
        let Account {
            address,
            number,
            module,
            ..
        } = account?;
        count = count.saturating_add(1);
        if number >= next || kv.get(&keys::by_number(number))?.as_deref() != Some(address.as_bytes()) {
            return Err(Error::halt(format!(
                "account {address} is not the one of number {number}"
            )));
        }
        if let Some(module) = module.filter(|module| module_address(&module.name) != address) {
            return Err(Error::halt(format!(
                "the account of module {} is at {address}",
                module.name
            )));
        }
    }
    let numbers = kv.prefix(keys::BY_NUMBER).count();
    if numbers != count {
        return Err(Error::halt(format!("{numbers} numbers for {count} accounts")));
    }
    Ok(())
}
