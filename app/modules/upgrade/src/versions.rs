//! Versions of the modules.

use quern_context::Cx;
pub use quern_proto::cosmos::upgrade::v1beta1::ModuleVersion;
use quern_types::{Error, Result};

use crate::{MODULE, keys};

/// Notes the versions of this binary's modules.
///
/// # Errors
/// A halt.
pub fn set(cx: &Cx, versions: &[(&str, u64)]) -> Result<()> {
    let kv = cx.kv(MODULE);
    versions
        .iter()
        .try_for_each(|(module, version)| kv.set(&keys::version(module), version.to_be_bytes()))
}

/// All of them, by name.
pub(crate) fn all(cx: &Cx) -> Result<Vec<ModuleVersion>> {
    cx.kv(MODULE)
        .under(keys::VERSIONS)
        .prefix(&[])
        .map(|entry| {
            let (name, version) = entry?;
            Ok(ModuleVersion {
                name: String::from_utf8(name).map_err(Error::halt)?,
                version: keys::number(&version).ok_or_else(|| Error::halt("corrupt version of a module"))?,
            })
        })
        .collect()
}
