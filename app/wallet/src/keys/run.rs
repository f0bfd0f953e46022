//! What each command of `quernd keys` does.

use std::{io::Read, path::Path};

use quern_types::{AccAddress, consensus_bech32};
use serde_json::json;
use zeroize::Zeroizing;

use super::{Bech, Command, KeysCommand};
use crate::{
    Failure, Keyring, Result, SigningKey,
    failure::{local, usage},
    json,
    keyring::{KeyFile, Secret},
    mnemonic::path_of,
    new_mnemonic,
    password::read_line,
    public_key::PublicKey,
};

impl KeysCommand {
    /// Runs the command and returns what to print.
    ///
    /// # Errors
    /// With the exit code of [`Failure::exit_code`]; the keyring is unchanged then.
    pub fn run(self, home: &Path) -> Result<String> {
        let ring = match &self.keyring_dir {
            Some(folder) => Keyring::in_folder(folder),
            None => Keyring::of_home(home),
        };
        let show = |value: serde_json::Value| self.output.output.show(&value.to_string());
        match &self.command {
            Command::Add {
                name,
                pubkey: Some(json),
                ..
            } => {
                let file = KeyFile::without_secret(&PublicKey::from_json(json)?);
                ring.add(name, &file)?;
                Ok(show(described(name, &file)?))
            }
            Command::Add {
                name,
                multisig,
                multisig_threshold,
                nosort,
                ..
            } if !multisig.is_empty() => {
                let file = KeyFile::without_secret(&together(&ring, multisig, *multisig_threshold, *nosort)?);
                ring.add(name, &file)?;
                Ok(show(described(name, &file)?))
            }
            Command::Add {
                name,
                recover,
                account,
                index,
                hd_path,
                no_backup,
                ..
            } => {
                let path = hd_path.clone().unwrap_or_else(|| path_of(*account, *index));
                let words = if *recover {
                    read_line("Words: ")?
                } else {
                    new_mnemonic()?
                };
                let key = SigningKey::from_mnemonic(&words, &path)?;
                let secret = Secret {
                    private_key: hex::encode(key.to_bytes()),
                    mnemonic: Some(words.to_string()),
                    path: Some(path),
                };
                let file = self.store(&ring, name, &secret)?;
                let mut shown = described(name, &file)?;
                if !recover && !no_backup {
                    shown["mnemonic"] = json!(words.as_str());
                    eprintln!(
                        "Write the 24 words down and keep them offline: nothing else restores this key."
                    );
                }
                Ok(show(shown))
            }
            Command::Import { name, file } => {
                let stored = KeyFile::from_json(&read_all(file)?).map_err(|e| named(file, e))?;
                if stored.has_secret() {
                    let password = self.password.existing(name)?;
                    stored.open(&password).map_err(|e| named(file, e))?;
                }
                ring.add(name, &stored)?;
                Ok(show(described(name, &stored)?))
            }
            Command::ImportHex { name } => {
                let text = read_line("Private key, hexadecimal: ")?;
                let bytes = hex::decode(text.trim_start_matches("0x"))
                    .map(Zeroizing::new)
                    .map_err(|_| Failure::Usage("the private key must be 64 hexadecimal digits".into()))?;
                let key = SigningKey::from_bytes(&bytes)?;
                let secret = Secret {
                    private_key: hex::encode(key.to_bytes()),
                    mnemonic: None,
                    path: None,
                };
                let file = self.store(&ring, name, &secret)?;
                Ok(show(described(name, &file)?))
            }
            Command::Export {
                name, unarmored_hex, ..
            } => {
                let file = ring.get(name)?;
                if !unarmored_hex {
                    return serde_json::to_string_pretty(&file).map_err(usage);
                }
                let password = self.password.existing(name)?;
                Ok(ring.unlock(name, &password)?.private_key.clone())
            }
            Command::List { list_names } => {
                let keys = ring.list()?;
                if *list_names {
                    return Ok(keys
                        .into_iter()
                        .map(|(name, _)| name)
                        .collect::<Vec<_>>()
                        .join("\n"));
                }
                let described = keys.iter().map(|(name, file)| described(name, file));
                Ok(show(described.collect::<Result<Vec<_>>>()?.into()))
            }
            Command::Show {
                name,
                address,
                pubkey,
                bech,
            } => {
                let (name, file) = ring.find(name)?;
                let mut shown = described(&name, &file)?;
                if let Bech::Val = bech {
                    let account = AccAddress::from_bech32(&file.address).map_err(usage)?;
                    shown["address"] = json!(account.to_validator_bech32());
                }
                let only = match (address, pubkey) {
                    (true, _) => "address",
                    (_, true) => "pubkey",
                    _ => return Ok(show(shown)),
                };
                Ok(shown[only].as_str().unwrap_or_default().to_owned())
            }
            Command::Delete { name, yes } => {
                ring.get(name)?;
                if !yes
                    && !matches!(
                        read_line(&format!("Delete key {name} for good? [y/N] "))?.as_str(),
                        "y" | "Y" | "yes"
                    )
                {
                    return Err(Failure::Declined);
                }
                ring.delete(name)?;
                Ok(format!("deleted {name}"))
            }
            Command::Rename { from, to } => {
                ring.rename(from, to)?;
                Ok(format!("renamed {from} to {to}"))
            }
            Command::Mnemonic => Ok(new_mnemonic()?.to_string()),
            Command::Parse { address } => Ok(show(parse_address(address)?)),
        }
    }

    fn store(&self, ring: &Keyring, name: &str, secret: &Secret) -> Result<KeyFile> {
        if ring.get(name).is_ok() {
            return Err(Failure::Key(format!(
                "key {name} exists already; choose another name, or delete it first"
            )));
        }
        let password = self.password.new_one()?;
        let file = KeyFile::seal(secret, &password)?;
        ring.add(name, &file)?;
        Ok(file)
    }
}

fn described(name: &str, file: &KeyFile) -> Result<serde_json::Value> {
    let kind = match (file.has_secret(), &file.multisig) {
        (true, _) => "local",
        (false, Some(_)) => "multi",
        (false, None) => "offline",
    };
    Ok(json!({
        "name": name,
        "type": kind,
        "address": file.address,
        "pubkey": json::print(&file.public()?.to_any())?,
    }))
}

/// The key of several keys of the keyring, by their names or addresses.
fn together(ring: &Keyring, names: &[String], threshold: u32, keep_order: bool) -> Result<PublicKey> {
    let mut keys = Vec::with_capacity(names.len());
    for name in names {
        match ring.find(name)?.1.public()? {
            PublicKey::Single(key) => keys.push(key),
            PublicKey::Multi { .. } => {
                return Err(Failure::Usage(format!(
                    "{name} is a multisig key itself, which is not supported"
                )));
            }
        }
    }
    if !keep_order {
        keys.sort_by_key(AccAddress::from_secp256k1);
    }
    PublicKey::multi(threshold, keys)
}

fn parse_address(text: &str) -> Result<serde_json::Value> {
    let account = match AccAddress::from_bech32(text).or_else(|_| AccAddress::from_validator_bech32(text)) {
        Ok(account) => account,
        Err(e) => match hex::decode(text) {
            Ok(bytes) => AccAddress::from_bytes(bytes).map_err(usage)?,
            Err(_) => {
                return Err(Failure::Usage(format!(
                    "neither hexadecimal nor an address of this chain: {e}"
                )));
            }
        },
    };
    Ok(json!({
        "bytes": hex::encode_upper(account.as_bytes()),
        "account": account.to_string(),
        "validator": account.to_validator_bech32(),
        "consensus": consensus_bech32(account.as_bytes()),
    }))
}

fn named(file: &Path, e: Failure) -> Failure {
    Failure::Key(format!("{}: {e}", file.display()))
}

/// A whole file, or standard input for `-`.
pub(crate) fn read_all(file: &Path) -> Result<Vec<u8>> {
    if file != Path::new("-") {
        return std::fs::read(file).map_err(local(file.display()));
    }
    let mut bytes = Vec::new();
    std::io::stdin()
        .lock()
        .read_to_end(&mut bytes)
        .map_err(local("standard input"))?;
    Ok(bytes)
}
