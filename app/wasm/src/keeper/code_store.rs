//! The files of codes, as the VM lays them out, and what must be true of them on disk.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use cosmwasm_std::Checksum;
use quern_context::{Cx, Mode};
use quern_proto::cosmwasm::wasm::v1::CodeInfo;
use quern_store::Order;
use quern_types::{Error, Result};

use super::{OpenError, Wasm};
use crate::{iterate::Entries, keys, state};

/// Where the VM keeps codes (`state/wasm/<sha256>.wasm`) and compiled modules
/// (`cache/modules/<version>/<target>/<sha256>.module`).
#[derive(Debug)]
pub(crate) struct CodeStore {
    codes: PathBuf,
    modules: PathBuf,
}

impl CodeStore {
    pub(super) fn open(dir: &Path) -> Result<Self, OpenError> {
        let store = Self {
            codes: dir.join("state/wasm"),
            modules: dir.join("cache/modules"),
        };
        for dir in [&store.codes, &store.modules] {
            fs::create_dir_all(dir).map_err(|e| OpenError::Dir {
                dir: dir.clone(),
                reason: e.to_string(),
            })?;
        }
        Ok(store)
    }

    /// Makes a code, and its compiled module, survive a loss of power. Called before the block that
    /// stores the code is finalised, so no committed code can be missing.
    pub(super) fn make_durable(&self, checksum: &Checksum) -> Result<()> {
        self.sync(checksum)
            .map_err(|e| Error::halt(format!("cannot write a code to {}: {e}", self.codes.display())))
    }

    fn sync(&self, checksum: &Checksum) -> io::Result<()> {
        let code = self.codes.join(checksum.to_hex()).with_extension("wasm");
        fs::File::open(code)?.sync_all()?;
        fs::File::open(&self.codes)?.sync_all()?;
        for module in self.compiled(checksum)? {
            fs::File::open(module)?.sync_all()?;
        }
        Ok(())
    }

    /// Removes the compiled forms of a code, which the VM makes again from the code itself.
    pub(super) fn drop_compiled(&self, checksum: &Checksum) -> io::Result<()> {
        self.compiled(checksum)?.iter().try_for_each(fs::remove_file)
    }

    fn compiled(&self, checksum: &Checksum) -> io::Result<Vec<PathBuf>> {
        let name = format!("{}.module", checksum.to_hex());
        let mut found = Vec::new();
        for version in folders(&self.modules)? {
            for target in folders(&version)? {
                found.extend(Some(target.join(&name)).filter(|path| path.is_file()));
            }
        }
        Ok(found)
    }
}

fn folders(within: &Path) -> io::Result<Vec<PathBuf>> {
    let paths = fs::read_dir(within)?.map(|entry| Ok(entry?.path()));
    let paths = paths.collect::<io::Result<Vec<_>>>()?;
    Ok(paths.into_iter().filter(|path| path.is_dir()).collect())
}

/// Whether this run's codes will be committed. Elsewhere nothing is written to disk, or anyone could
/// fill it by simulation.
pub(super) fn keeps_codes(cx: &Cx) -> bool {
    matches!(cx.mode, Mode::Finalize | Mode::Genesis)
}

impl Wasm {
    /// Checks that every code of the committed state is on disk and intact. For the node's start.
    ///
    /// # Errors
    /// Names the first code that is not.
    pub fn check_requirements(&self, cx: &Cx) -> Result<(), OpenError> {
        let read = || -> Result<Vec<(u64, CodeInfo)>> {
            let mut entries = Entries::open(cx, &[keys::CODE], None, None, Order::Ascending)?;
            let mut codes = Vec::new();
            while let Some((key, value)) = entries.step()? {
                codes.extend(keys::id_of(&key).zip(Some(state::decode(&value)?)));
            }
            Ok(codes)
        };
        for (id, info) in read().map_err(|e| OpenError::State(e.to_string()))? {
            let found = checksum(&info.code_hash).is_ok_and(|c| self.vm().load_wasm(&c).is_ok());
            if !found {
                return Err(OpenError::MissingCode {
                    id,
                    checksum: hex::encode(&info.code_hash),
                    dir: self.codes().codes.clone(),
                });
            }
        }
        Ok(())
    }
}

/// A checksum from the state.
pub(super) fn checksum(bytes: &[u8]) -> Result<Checksum> {
    Checksum::try_from(bytes).map_err(|_| Error::halt("corrupt checksum in the wasm store"))
}
