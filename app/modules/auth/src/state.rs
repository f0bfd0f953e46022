//! Reading and writing accounts.

use prost::Message;
use quern_context::Cx;
use quern_types::{AccAddress, Coins, Error, Result, errors, module_address};

use crate::{Account, MODULE, ModuleInfo, Vesting, keys};

/// The account of an address.
///
/// # Errors
/// `sdk/11` out of gas, or a halt.
pub fn get(cx: &Cx, address: &AccAddress) -> Result<Option<Account>> {
    cx.kv(MODULE)
        .get(&keys::account(address))?
        .map(|bytes| Account::from_state(&bytes))
        .transpose()
}

/// Whether an address has an account.
///
/// # Errors
/// As [`get`].
pub fn has(cx: &Cx, address: &AccAddress) -> Result<bool> {
    cx.kv(MODULE).has(&keys::account(address))
}

/// Writes an account.
///
/// # Errors
/// As [`get`].
pub fn set(cx: &Cx, account: &Account) -> Result<()> {
    let kv = cx.kv(MODULE);
    kv.set(&keys::account(&account.address), account.to_any().encode_to_vec())?;
    kv.set(&keys::by_number(account.number), account.address.as_bytes())
}

/// Creates a base account with the next number and stores it.
///
/// # Errors
/// As [`get`].
pub fn create(cx: &Cx, address: &AccAddress) -> Result<Account> {
    create_with(cx, address.clone(), None)
}

/// The account of an address, created if it has none.
///
/// # Errors
/// As [`get`].
pub fn ensure(cx: &Cx, address: &AccAddress) -> Result<()> {
    if !has(cx, address)? {
        create(cx, address)?;
    }
    Ok(())
}

/// The account of a module, created with its own number where genesis made none.
///
/// # Errors
/// As [`get`].
pub fn module_account(cx: &Cx, name: &str, permissions: &[&str]) -> Result<Account> {
    let address = module_address(name);
    if let Some(account) = get(cx, &address)? {
        return Ok(account);
    }
    let permissions = permissions.iter().map(|p| (*p).to_owned()).collect();
    create_with(
        cx,
        address,
        Some(ModuleInfo {
            name: name.to_owned(),
            permissions,
        }),
    )
}

/// Creates an account whose coins are partly locked, with the next number.
///
/// # Errors
/// As [`get`].
pub fn create_vesting(cx: &Cx, address: &AccAddress, vesting: Vesting) -> Result<Account> {
    let account = Account {
        address: address.clone(),
        pub_key: None,
        number: take_number(cx)?,
        sequence: 0,
        module: None,
        vesting: Some(vesting),
    };
    set(cx, &account)?;
    Ok(account)
}

/// Coins of an address that cannot be spent at the block's time.
///
/// # Errors
/// As [`get`].
pub fn locked(cx: &Cx, address: &AccAddress) -> Result<Coins> {
    let vesting = get(cx, address)?.and_then(|account| account.vesting);
    Ok(vesting.map_or_else(Coins::empty, |v| v.locked(cx.block.time.seconds)))
}

/// Notes that `amount` out of `balance` is delegated, where the account locks coins.
///
/// # Errors
/// `sdk/9` for an unknown account, `sdk/5` if the balance is too small.
pub fn track_delegation(cx: &Cx, address: &AccAddress, balance: &Coins, amount: &Coins) -> Result<()> {
    let mut account = existing(cx, address)?;
    if let Some(vesting) = &mut account.vesting {
        vesting.track_delegation(balance, cx.block.time.seconds, amount)?;
        set(cx, &account)?;
    }
    Ok(())
}

/// Notes that delegated coins came back.
///
/// # Errors
/// `sdk/9` for an unknown account.
pub fn track_undelegation(cx: &Cx, address: &AccAddress, amount: &Coins) -> Result<()> {
    let mut account = existing(cx, address)?;
    if let Some(vesting) = &mut account.vesting {
        vesting.track_undelegation(amount);
        set(cx, &account)?;
    }
    Ok(())
}

fn existing(cx: &Cx, address: &AccAddress) -> Result<Account> {
    get(cx, address)?.ok_or_else(|| errors::UNKNOWN_ADDRESS.wrap(format!("account {address} does not exist")))
}

fn create_with(cx: &Cx, address: AccAddress, module: Option<ModuleInfo>) -> Result<Account> {
    let account = Account {
        address,
        pub_key: None,
        number: take_number(cx)?,
        sequence: 0,
        module,
        vesting: None,
    };
    set(cx, &account)?;
    Ok(account)
}

fn take_number(cx: &Cx) -> Result<u64> {
    let kv = cx.kv(MODULE);
    let number = match kv.get(keys::NEXT_NUMBER)? {
        None => 0,
        Some(bytes) => u64::from_be_bytes(
            bytes
                .as_slice()
                .try_into()
                .map_err(|_| Error::halt("corrupt account counter in state"))?,
        ),
    };
    set_next_number(
        cx,
        number
            .checked_add(1)
            .ok_or_else(|| Error::halt("account numbers exhausted"))?,
    )?;
    Ok(number)
}

pub(crate) fn set_next_number(cx: &Cx, number: u64) -> Result<()> {
    cx.kv(MODULE).set(keys::NEXT_NUMBER, number.to_be_bytes())
}
