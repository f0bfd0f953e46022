//! `quernd keys`.

mod run;

pub(crate) use run::read_all;

use std::path::PathBuf;

use crate::{output::OutputFlag, password::PasswordFlags};

/// Commands of `quernd keys`.
#[derive(Clone, Debug, clap::Args)]
pub struct KeysCommand {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
    /// Where the password comes from.
    #[command(flatten)]
    pub password: PasswordFlags,
    /// Output format.
    #[command(flatten)]
    pub output: OutputFlag,
    /// Folder of the keyring [default: HOME/keyring]
    #[arg(long, value_name = "DIR", global = true)]
    pub keyring_dir: Option<PathBuf>,
}

/// One command of `quernd keys`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Make a key, recover one from its words, or note the public key of others
    Add {
        /// Name of the key
        name: String,
        /// Note a public key without its secret: the JSON that `keys show -p` prints
        #[arg(long, value_name = "JSON", conflicts_with_all = ["recover", "multisig"])]
        pubkey: Option<String>,
        /// Make the key of an account that several keys of this keyring sign for: their names, with commas
        #[arg(long, value_name = "NAMES", value_delimiter = ',', conflicts_with = "recover")]
        multisig: Vec<String>,
        /// How many of them must sign
        #[arg(long, value_name = "K", default_value_t = 1, requires = "multisig")]
        multisig_threshold: u32,
        /// Keep the order of --multisig instead of the order of addresses
        #[arg(long, requires = "multisig")]
        nosort: bool,
        /// Read the words from standard input instead of making new ones
        #[arg(long)]
        recover: bool,
        /// Account of the path 44'/118'/ACCOUNT'/0/INDEX
        #[arg(long, default_value_t = 0)]
        account: u32,
        /// Index of the path 44'/118'/ACCOUNT'/0/INDEX
        #[arg(long, default_value_t = 0)]
        index: u32,
        /// Another path altogether
        #[arg(long, value_name = "PATH", conflicts_with_all = ["account", "index"])]
        hd_path: Option<String>,
        /// Do not print the words
        #[arg(long)]
        no_backup: bool,
    },
    /// Store a key from an exported file
    Import {
        /// Name of the key
        name: String,
        /// File made by `keys export`; `-` for standard input
        file: PathBuf,
    },
    /// Store a key from its private scalar, 64 hexadecimal digits on standard input
    ImportHex {
        /// Name of the key
        name: String,
    },
    /// Print a key's encrypted file
    Export {
        /// Name of the key
        name: String,
        /// Print the private scalar in clear instead
        #[arg(long, requires = "unsafe_")]
        unarmored_hex: bool,
        /// Confirm that the scalar may be shown
        #[arg(long = "unsafe", requires = "unarmored_hex")]
        unsafe_: bool,
    },
    /// List all keys
    List {
        /// Only the names
        #[arg(short, long)]
        list_names: bool,
    },
    /// Show one key
    Show {
        /// Name or address
        name: String,
        /// Only the address
        #[arg(short, long)]
        address: bool,
        /// Only the public key
        #[arg(short, long, conflicts_with = "address")]
        pubkey: bool,
        /// Prefix of the address
        #[arg(long, value_enum, default_value_t)]
        bech: Bech,
    },
    /// Delete a key; without its words it is gone for good
    Delete {
        /// Name of the key
        name: String,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Give a key another name
    Rename {
        /// Present name
        from: String,
        /// New name
        to: String,
    },
    /// Print 24 new words without storing anything
    Mnemonic,
    /// Convert an address between hexadecimal and Bech32
    Parse {
        /// Address in either form
        address: String,
    },
}

/// Kind of address.
#[derive(Clone, Copy, Debug, Default, clap::ValueEnum)]
pub enum Bech {
    /// Account
    #[default]
    Acc,
    /// Validator operator
    Val,
}
