//! `quernd genesis`: commands over the document in a home directory.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use quern_types::{AccAddress, Coins};

use crate::{Document, GenesisError, Result};

/// Commands of `quernd genesis`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum GenesisCommand {
    /// Give an account coins at genesis
    #[command(visible_alias = "add-genesis-account")]
    AddAccount(AddAccount),
    /// Check the genesis file, naming the first broken rule
    Validate {
        /// File to check instead of the home's config/genesis.json
        file: Option<PathBuf>,
    },
}

/// Arguments of `quernd genesis add-account`.
#[derive(Clone, Debug, clap::Args)]
pub struct AddAccount {
    /// Bech32 address; `quernd keys show NAME -a` prints the one of a key
    pub address: String,
    /// Coins, for example 1000000nqrn
    pub coins: String,
    /// Add to an account that is already there
    #[arg(long)]
    pub append: bool,
}

/// The genesis file of a home directory.
pub fn path(home: &Path) -> PathBuf {
    home.join("config").join("genesis.json")
}

/// Reads and checks a genesis file.
///
/// # Errors
/// If it cannot be read, or breaks a rule.
pub fn load(file: &Path) -> Result<Document> {
    let bytes = fs::read(file).map_err(|source| at(file, source))?;
    Document::from_json(&bytes).map_err(|e| GenesisError::Content {
        path: file.display().to_string(),
        source: Box::new(e),
    })
}

/// Checks and writes a genesis file so that a crash leaves either the old or the new one.
///
/// # Errors
/// If the document breaks a rule, or the disk refuses. The old file is untouched then.
pub fn save(file: &Path, document: &Document) -> Result<()> {
    document.validate()?;
    let folder = file.parent().unwrap_or(Path::new("."));
    let written = (|| {
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        temporary.write_all(&document.to_json().map_err(std::io::Error::other)?)?;
        temporary
            .as_file()
            .set_permissions(fs::Permissions::from_mode(0o644))?;
        temporary.as_file().sync_all()?;
        temporary.persist(file)?;
        fs::File::open(folder)?.sync_all()
    })();
    written.map_err(|source| at(file, source))
}

/// Runs one command over the home's genesis file and returns what to print.
///
/// # Errors
/// On a bad argument or file; the file is unchanged then.
pub fn run(command: GenesisCommand, home: &Path) -> Result<String> {
    match command {
        GenesisCommand::AddAccount(args) => add_account(&args, &path(home)),
        GenesisCommand::Validate { file } => {
            let file = file.unwrap_or_else(|| path(home));
            let document = load(&file)?;
            Ok(format!(
                "{} is valid: chain {}",
                file.display(),
                document.chain_id
            ))
        }
    }
}

fn add_account(args: &AddAccount, file: &Path) -> Result<String> {
    let usage = |e: quern_types::Error| GenesisError::Usage(e.to_string());
    let address = AccAddress::from_bech32(&args.address).map_err(usage)?;
    let coins: Coins = args.coins.parse().map_err(usage)?;
    if coins.is_empty() {
        return Err(GenesisError::Usage(
            "no coins given; write for example 1000000nqrn".into(),
        ));
    }
    let mut document = load(file)?;
    let state = &mut document.app_state;
    let known = state.auth.accounts.iter().any(|a| a.base().address == address);
    match (known, args.append) {
        (true, false) => {
            let text = format!("{address} is already in genesis; use --append to add to its balance");
            return Err(GenesisError::Usage(text));
        }
        (true, true) => {}
        (false, _) => state.auth.add_account(address.clone())?,
    }
    state.bank.add_balance(&address, &coins)?;
    save(file, &document)?;
    Ok(format!("added {coins} to {address}"))
}

fn at(file: &Path, source: std::io::Error) -> GenesisError {
    GenesisError::File {
        path: file.display().to_string(),
        source,
    }
}
