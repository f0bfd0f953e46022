//! `quernd genesis collect`: every host's transaction into one document.

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use quern_genesis::GenTx;
use quern_wallet::{Gentx, read_gentx};

use super::{ground::Ground, validate::dry_run};
use crate::exit::{At, Exit, Failure, Outcome};
use crate::home::Home;

/// Arguments of `quernd genesis collect`.
#[derive(Clone, Debug, clap::Args)]
pub struct CollectArgs {
    /// Folder of the transactions [default: HOME/config/gentx]
    #[arg(long, value_name = "DIR")]
    pub gentx_dir: Option<PathBuf>,
}

pub(super) fn collect(args: &CollectArgs, home: &Home) -> Outcome<String> {
    let mut document = quern_genesis::cli::load(&home.genesis()).at(Exit::BadFile, "genesis")?;
    let ground = Ground::of(&document)?;
    let folder = args.gentx_dir.clone().unwrap_or_else(|| home.gentx());
    let mut found = Vec::new();
    for file in files(&folder)? {
        let text = fs::read_to_string(&file).at(Exit::BadFile, file.display())?;
        let gentx = read_gentx(&text, &ground.registry, &ground.bonding).at(Exit::BadFile, file.display())?;
        ground
            .must_afford(&document, &gentx.host, gentx.amount)
            .at(Exit::BadFile, file.display())?;
        found.push((file, gentx));
    }
    if found.is_empty() {
        let text = format!(
            "{} has no gentx-*.json: run `quernd genesis gentx`",
            folder.display()
        );
        return Err(Failure::new(Exit::BadFile, text));
    }
    // by host, so that everybody who collects the same transactions makes the same document
    found.sort_by(|a, b| a.1.host.cmp(&b.1.host));
    distinct(&found, "the same host", |gentx| gentx.host.clone())?;
    distinct(&found, "the same consensus key", |gentx| {
        hex::encode(gentx.consensus_key)
    })?;
    document.app_state.system.gen_txs = found
        .iter()
        .map(|(_, gentx)| GenTx(gentx.bytes.clone()))
        .collect();
    let validators = dry_run(&document)?;
    quern_genesis::cli::save(&home.genesis(), &document).at(Exit::BadFile, "genesis")?;
    let hosts = found
        .iter()
        .map(|(_, g)| format!("{} {} bonds {}nqrn", g.host, g.moniker, g.amount));
    let mut said = hosts.collect::<Vec<_>>();
    said.push(format!("the chain begins with {validators}"));
    Ok(said.join("\n"))
}

fn files(folder: &std::path::Path) -> Outcome<Vec<PathBuf>> {
    let entries = match fs::read_dir(folder) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        other => other.at(Exit::BadFile, folder.display())?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.at(Exit::BadFile, folder.display())?.path();
        if path.extension().is_some_and(|e| e == "json") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn distinct(found: &[(PathBuf, Gentx)], what: &str, key: impl Fn(&Gentx) -> String) -> Outcome {
    let mut seen = BTreeSet::new();
    for (file, gentx) in found {
        if !seen.insert(key(gentx)) {
            let text = format!("{} is for {what} as another file", file.display());
            return Err(Failure::new(Exit::BadFile, text));
        }
    }
    Ok(())
}
