//! `quernd genesis add-system`: the chain's own contracts with the parameters of a profile.

use std::fs;
use std::path::{Path, PathBuf};

use quern_genesis::profile::{LaunchModel, ProfileName, artifact};
use quern_genesis::{BeaconGenesis, GenesisError};

use crate::exit::{At, Exit, Failure, Outcome};
use crate::home::Home;

/// Most blocks of an epoch: some years of them.
const LONGEST_EPOCH: u64 = 100_000_000;

/// Arguments of `quernd genesis add-system`.
#[derive(Clone, Debug, clap::Args)]
pub struct AddSystemArgs {
    /// Folder with the contracts, such as registry.wasm, as `make contracts` builds them
    #[arg(long, value_name = "DIR", default_value = "contracts/artifacts")]
    pub contracts: PathBuf,
    /// Parameters that the chain begins with
    #[arg(long, value_enum, default_value = "standard")]
    pub profile: ProfileName,
    /// JSON file with the models at launch: a list of launch packages, each with the `calibration` by which
    /// audits judge and the `proof` by which hosts prove it
    #[arg(long, value_name = "FILE")]
    pub models: Option<PathBuf>,
    /// Blocks per epoch [default: the profile's]
    #[arg(long, value_name = "BLOCKS", value_parser = clap::value_parser!(u64).range(1..=LONGEST_EPOCH))]
    pub epoch_blocks: Option<u64>,
    /// Replace contracts and gentx transactions that are there
    #[arg(long)]
    pub replace: bool,
}

pub(super) fn add_system(args: &AddSystemArgs, home: &Home) -> Outcome<String> {
    let mut document = quern_genesis::cli::load(&home.genesis()).at(Exit::BadFile, "genesis")?;
    if !document.app_state.system.is_empty() && !args.replace {
        let text = "genesis has system contracts already; give --replace to begin again without its gentx transactions";
        return Err(Failure::new(Exit::Exists, text));
    }
    let mut profile = args.profile.profile();
    if let Some(blocks) = args.epoch_blocks {
        profile.epoch_blocks = blocks;
    }
    let models = args.models.as_deref().map_or(Ok(Vec::new()), models)?;
    let count = models.len();
    let code = |name: &str| {
        let file = args.contracts.join(artifact(name));
        fs::read(&file).map_err(|source| GenesisError::File {
            path: format!("{} (run `make contracts`, or give --contracts)", file.display()),
            source,
        })
    };
    document.app_state.system = profile.system(models, code).at(Exit::BadFile, "contracts")?;
    document.app_state.emission = Some(profile.emission);
    // they come from the chain's contracts, with the anchors that hosts register
    document.validators.clear();
    document.app_state.beacon = BeaconGenesis {
        params: document.app_state.beacon.params,
        ..BeaconGenesis::default()
    };
    quern_genesis::cli::save(&home.genesis(), &document).at(Exit::Usage, "genesis")?;
    let mut said = document
        .app_state
        .system
        .contract_addresses()
        .iter()
        .map(|(name, address)| format!("{name} {address}"))
        .collect::<Vec<_>>();
    said.push(format!(
        "{count} models; the document lists no validators any more: run `quernd genesis gentx` on each host, then `collect`"
    ));
    Ok(said.join("\n"))
}

fn models(file: &Path) -> Outcome<Vec<LaunchModel>> {
    let text = fs::read(file).at(Exit::BadFile, file.display())?;
    serde_json::from_slice(&text).at(Exit::BadFile, file.display())
}
