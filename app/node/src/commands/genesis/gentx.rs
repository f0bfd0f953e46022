//! `quernd genesis gentx`.

use std::path::PathBuf;

use quern_genesis::ConsensusKey;
use quern_wallet::{GentxArgs, GentxGround};

use super::ground::Ground;
use crate::config::edit;
use crate::exit::{At, Exit, Failure, Outcome};
use crate::home::Home;
use crate::init::validator_key;
use crate::onion::Onions;

/// Arguments of `quernd genesis gentx`.
#[derive(Clone, Debug, clap::Args)]
pub struct GentxCommand {
    /// Where to write the transaction [default: HOME/config/gentx/gentx-ADDRESS.json]
    #[arg(long, value_name = "FILE")]
    pub output_document: Option<PathBuf>,
    /// Who and how much.
    #[command(flatten)]
    pub args: GentxArgs,
}

pub(super) fn gentx(command: &GentxCommand, home: &Home) -> Outcome<String> {
    home.must_exist()?;
    let document = quern_genesis::cli::load(&home.genesis()).at(Exit::BadFile, "genesis")?;
    let ground = Ground::of(&document)?;
    let config = edit::read(&home.config_toml())?;
    let ConsensusKey::Ed25519 { value } = validator_key(&home.validator_key())?;
    let (host, text) = command.args.sign(
        home.root(),
        &GentxGround {
            chain_id: document.chain_id.clone(),
            moniker: edit::get(&config, "moniker")?
                .as_str()
                .unwrap_or_default()
                .to_owned(),
            consensus_key: value,
            anchor: Onions::load(&home.beacon_onion())?.anchor(),
            registry: ground.registry.clone(),
            bonding: ground.bonding.clone(),
            entry_fee: ground.terms.params.entry_fee,
            models: ground.terms.models.clone(),
        },
    )?;
    ground.must_afford(&document, &host.to_string(), command.args.amount.0)?;
    let file = command
        .output_document
        .clone()
        .unwrap_or_else(|| home.gentx().join(format!("gentx-{host}.json")));
    if file.exists() {
        let text = format!("{} exists; remove it to sign another", file.display());
        return Err(Failure::new(Exit::Exists, text));
    }
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder).at(Exit::Failure, folder.display())?;
    }
    edit::write(&file, text.as_bytes(), 0o644)?;
    Ok(format!(
        "wrote {}: hand it to whoever collects the genesis",
        file.display()
    ))
}
