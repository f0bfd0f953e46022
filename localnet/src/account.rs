//! Test accounts, made with the wallet.

use crate::net::Account;
use crate::programs::{Programs, ask_json, text};
use std::path::Path;

/// Makes a key in a home's keyring.
pub fn make(programs: &Programs, home: &Path, name: &str) -> anyhow::Result<Account> {
    let home = home.display().to_string();
    let made = ask_json(&programs.quernd, ["keys", "add", name, "--home", &home])?;
    Ok(Account {
        name: name.to_owned(),
        address: text(&made, "address")?,
        mnemonic: text(&made, "mnemonic")?,
    })
}
