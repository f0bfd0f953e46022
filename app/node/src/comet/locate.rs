use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use crate::comet::program::{Comet, MIN_VERSION};
use crate::exit::{Exit, Failure, Outcome};

/// Finds CometBFT and checks its version.
///
/// The first that exists wins: `explicit` (`--comet-bin` or `QUERN_COMETBFT`), the folder of this
/// program, `.deps/bin` of a source tree around this program, `PATH`.
///
/// # Errors
/// [`Exit::NoComet`] with every place looked at, or with the version that does not fit.
pub fn locate(explicit: Option<&Path>) -> Outcome<Comet> {
    if let Some(path) = explicit {
        return Comet::open(path);
    }
    let places = candidates();
    match places.iter().find(|path| path.is_file()) {
        Some(path) => Comet::open(path),
        None => {
            let list: Vec<_> = places.iter().map(|path| path.display().to_string()).collect();
            Err(Failure::new(
                Exit::NoComet,
                format!(
                    "CometBFT is not installed (looked at {}): run `make setup` in the source tree, or install CometBFT {MIN_VERSION} or a later 0.38 and name it with --comet-bin or QUERN_COMETBFT",
                    list.join(", ")
                ),
            ))
        }
    }
}

fn candidates() -> Vec<PathBuf> {
    let mut places = Vec::new();
    if let Ok(program) = env::current_exe() {
        places.extend(program.parent().map(|folder| folder.join("cometbft")));
        places.extend(
            program
                .ancestors()
                .skip(1)
                .map(|folder| folder.join(".deps/bin/cometbft"))
                .filter(|p| p.is_file()),
        );
    }
    let path = env::var_os("PATH").unwrap_or_default();
    places.extend(
        env::split_paths::<OsStr>(&path)
            .filter(|p| !p.as_os_str().is_empty())
            .map(|folder| folder.join("cometbft")),
    );
    places
}
