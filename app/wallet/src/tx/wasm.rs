//! `quernd tx wasm`.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use flate2::{Compression, write::GzEncoder};
use prost::{Message, Name};
use quern_proto::{
    Any,
    cosmos::base::v1beta1::Coin,
    cosmwasm::wasm::v1::{
        AccessConfig, AccessType, MsgClearAdmin, MsgExecuteContract, MsgInstantiateContract,
        MsgInstantiateContract2, MsgMigrateContract, MsgStoreCode, MsgUpdateAdmin,
    },
    type_url,
};
use quern_types::{AccAddress, Coins};

use super::factory::wire_coins;
use crate::{
    Failure, Result,
    failure::{local, usage},
};

/// Commands of `quernd tx wasm`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Upload a contract's code
    Store {
        /// WebAssembly file, plain or gzipped
        file: PathBuf,
        /// Addresses that may instantiate it, comma-separated [default: as the chain says]
        #[arg(long, value_delimiter = ',', value_name = "ADDRESSES")]
        instantiate_anyof_addresses: Vec<String>,
        /// Nobody may instantiate it
        #[arg(long, conflicts_with = "instantiate_anyof_addresses")]
        instantiate_nobody: bool,
    },
    /// Make a contract from stored code
    Instantiate {
        /// What to instantiate.
        #[command(flatten)]
        args: Instantiate,
    },
    /// Make a contract at an address that is known beforehand
    Instantiate2 {
        /// What to instantiate.
        #[command(flatten)]
        args: Instantiate,
        /// Salt of the address, text or hexadecimal with --hex, 1 to 64 bytes
        salt: String,
        /// The salt is hexadecimal
        #[arg(long)]
        hex: bool,
        /// Let the message go into the address
        #[arg(long)]
        fix_msg: bool,
    },
    /// Call a contract
    Execute {
        /// Contract address
        contract: String,
        /// Message in JSON
        msg: String,
        /// Coins to send along
        #[arg(long, default_value = "", hide_default_value = true)]
        amount: String,
    },
    /// Move a contract to other code
    Migrate {
        /// Contract address
        contract: String,
        /// New code
        code_id: u64,
        /// Message in JSON
        msg: String,
    },
    /// Give a contract another admin
    SetContractAdmin {
        /// Contract address
        contract: String,
        /// New admin
        admin: String,
    },
    /// Leave a contract without an admin, for good
    ClearContractAdmin {
        /// Contract address
        contract: String,
    },
}

/// What to instantiate.
#[derive(Clone, Debug, clap::Args)]
pub struct Instantiate {
    /// Stored code
    code_id: u64,
    /// Message in JSON
    msg: String,
    /// Name for people
    #[arg(long)]
    label: String,
    /// Who may migrate the contract
    #[arg(long, required_unless_present = "no_admin", conflicts_with = "no_admin")]
    admin: Option<String>,
    /// Nobody may migrate the contract
    #[arg(long)]
    no_admin: bool,
    /// Coins to send along
    #[arg(long, default_value = "", hide_default_value = true)]
    amount: String,
}

impl Command {
    /// The message of the command.
    pub(crate) fn message(&self, from: &AccAddress) -> Result<Any> {
        let sender = from.to_string();
        match self {
            Self::Store {
                file,
                instantiate_anyof_addresses,
                instantiate_nobody,
            } => any(&MsgStoreCode {
                sender,
                wasm_byte_code: code(file)?,
                instantiate_permission: permission(instantiate_anyof_addresses, *instantiate_nobody)?,
            }),
            Self::Instantiate { args } => any(&MsgInstantiateContract {
                sender,
                admin: args.admin()?,
                code_id: args.code_id,
                label: args.label.clone(),
                msg: json(&args.msg)?,
                funds: coins(&args.amount)?,
            }),
            Self::Instantiate2 {
                args,
                salt,
                hex,
                fix_msg,
            } => any(&MsgInstantiateContract2 {
                sender,
                admin: args.admin()?,
                code_id: args.code_id,
                label: args.label.clone(),
                msg: json(&args.msg)?,
                funds: coins(&args.amount)?,
                salt: match hex {
                    true => hex::decode(salt).map_err(usage)?,
                    false => salt.clone().into_bytes(),
                },
                fix_msg: *fix_msg,
            }),
            Self::Execute {
                contract,
                msg,
                amount,
            } => any(&MsgExecuteContract {
                sender,
                contract: address(contract)?,
                msg: json(msg)?,
                funds: coins(amount)?,
            }),
            Self::Migrate {
                contract,
                code_id,
                msg,
            } => any(&MsgMigrateContract {
                sender,
                contract: address(contract)?,
                code_id: *code_id,
                msg: json(msg)?,
            }),
            Self::SetContractAdmin { contract, admin } => any(&MsgUpdateAdmin {
                sender,
                new_admin: address(admin)?,
                contract: address(contract)?,
            }),
            Self::ClearContractAdmin { contract } => any(&MsgClearAdmin {
                sender,
                contract: address(contract)?,
            }),
        }
    }
}

impl Instantiate {
    fn admin(&self) -> Result<String> {
        self.admin.as_deref().map_or(Ok(String::new()), address)
    }
}

fn any<M: Message + Name>(message: &M) -> Result<Any> {
    Ok(Any {
        type_url: type_url::<M>(),
        value: message.encode_to_vec(),
    })
}

fn address(text: &str) -> Result<String> {
    AccAddress::from_bech32(text)
        .map(|a| a.to_string())
        .map_err(usage)
}

fn coins(text: &str) -> Result<Vec<Coin>> {
    Ok(wire_coins(&text.parse::<Coins>().map_err(usage)?))
}

/// Contracts take any JSON; that it is JSON is checked here, where the mistake is made.
fn json(text: &str) -> Result<Vec<u8>> {
    serde_json::from_str::<serde::de::IgnoredAny>(text)
        .map_err(|e| Failure::Usage(format!("the contract's message is no JSON: {e}")))?;
    Ok(text.as_bytes().to_vec())
}

fn permission(anyof: &[String], nobody: bool) -> Result<Option<AccessConfig>> {
    let (permission, addresses) = match (nobody, anyof.is_empty()) {
        (true, _) => (AccessType::Nobody, Vec::new()),
        (false, true) => return Ok(None),
        (false, false) => (
            AccessType::AnyOfAddresses,
            anyof.iter().map(|a| address(a)).collect::<Result<_>>()?,
        ),
    };
    Ok(Some(AccessConfig {
        permission: permission.into(),
        addresses,
    }))
}

/// The file's bytes, gzipped: a third of the size, and gas is paid per byte.
fn code(file: &Path) -> Result<Vec<u8>> {
    let bytes = std::fs::read(file).map_err(local(file.display()))?;
    match bytes.get(..4) {
        Some([0x1f, 0x8b, ..]) => Ok(bytes),
        Some(b"\0asm") => {
            let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
            encoder
                .write_all(&bytes)
                .and_then(|()| encoder.finish())
                .map_err(local(file.display()))
        }
        _ => Err(Failure::Usage(format!(
            "{} is neither WebAssembly nor gzip",
            file.display()
        ))),
    }
}
