//! `quernd genesis validate`: the document's rules, and then the chain's own start, in a folder that is
//! thrown away.

use std::path::Path;

use quern_core::{App, Options};
use quern_genesis::Document;
use tendermint_abci::Application;
use tendermint_proto::v0_38::abci::ValidatorUpdate;

use crate::exit::{At, Exit, Failure, Outcome};

/// Checks a genesis file.
pub(super) fn validate(file: &Path) -> Outcome<String> {
    let document = quern_genesis::cli::load(file).at(Exit::BadFile, "genesis")?;
    let validators = dry_run(&document)?;
    Ok(format!(
        "{} is valid: chain {}, {validators}",
        file.display(),
        document.chain_id
    ))
}

/// Gives the document to an application that nobody else sees. Says who would validate the first block.
///
/// # Errors
/// [`Exit::BadFile`] with the application's reason.
pub(super) fn dry_run(document: &Document) -> Outcome<String> {
    let dir = tempfile::tempdir().at(Exit::Failure, "temporary folder")?;
    let app = App::open(Options::new(dir.path())).at(Exit::Failure, "dry run")?;
    let request = quern_genesis::abci::init_chain(document).at(Exit::BadFile, "genesis")?;
    let listed = request.validators.clone();
    let answer = app.init_chain(request);
    if let Some(cause) = app.halted() {
        return Err(Failure::new(Exit::BadFile, cause));
    }
    let set = if answer.validators.is_empty() {
        listed
    } else {
        answer.validators
    };
    if set.is_empty() {
        let text = "genesis has no validators: run `quernd genesis add-system`, `gentx` and `collect`, or \
                    start from the document that `quernd init` made";
        return Err(Failure::new(Exit::BadFile, text));
    }
    Ok(shown(&set))
}

fn shown(set: &[ValidatorUpdate]) -> String {
    let powers = set.iter().map(|v| v.power.to_string()).collect::<Vec<_>>();
    match powers.as_slice() {
        [one] => format!("one validator of power {one}"),
        several => format!("{} validators of power {}", several.len(), several.join(", ")),
    }
}
