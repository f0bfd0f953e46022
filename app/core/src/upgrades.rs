//! Software upgrades: what this binary carries, and the stop before a block that it cannot execute.

use std::{fs, io::Write, path::Path, sync::atomic::Ordering};

use quern_context::{Cx, Mode};
use quern_types::{Error, Result};
use quern_upgrade::{Handlers, Plan, Verdict};

use crate::{App, app::Shared};

/// Versions of the modules: those of SDK 0.53 and wasmd 0.61 where they have the module, 1 for our own.
const VERSIONS: &[(&str, u64)] = &[
    ("auth", 5),
    ("authz", 2),
    ("bank", 4),
    ("beacon", 1),
    ("consensus", 1),
    ("distribution", 3),
    ("emission", 1),
    ("evidence", 1),
    ("feegrant", 2),
    ("gov", 5),
    ("mint", 2),
    ("slashing", 4),
    ("staking", 5),
    ("system", 1),
    ("upgrade", 2),
    ("validators", 1),
    ("vesting", 1),
    ("wasm", 4),
];

/// The upgrades whose state changes this release carries: none has been made yet. A release for an upgrade adds
/// a line with its name and what it does to the state.
pub(crate) fn handlers() -> Handlers {
    Handlers::default()
}

/// Notes the versions of a new chain's modules.
pub(crate) fn init_versions(cx: &Cx) -> Result<()> {
    quern_upgrade::set_versions(cx, VERSIONS)
}

impl Shared {
    fn handlers(&self) -> Handlers {
        let names = self.options.upgrades.iter();
        names.fold(handlers(), |handlers, name| handlers.without_migration(name))
    }

    /// Stops before a block that another binary must execute, and makes an upgrade that is due.
    pub(crate) fn upgrade(&self, cx: &Cx) -> Result<()> {
        let wanted = |plan: &Plan| self.say_wanted(plan);
        let skipped = &self.options.skip_upgrades;
        quern_upgrade::before_block(cx, &self.handlers(), skipped, VERSIONS, wanted)
    }

    fn say_wanted(&self, plan: &Plan) -> Result<()> {
        self.planned.store(true, Ordering::SeqCst);
        let path = &self.options.upgrade_info;
        write(path, &quern_upgrade::info_json(plan)?)
            .map_err(|e| Error::halt(format!("cannot write {}: {e}", path.display())))
    }
}

/// The whole file or none of it, durable before the node says that it stops.
fn write(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("json.new");
    let mut file = fs::File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    path.parent()
        .map_or(Ok(()), |dir| fs::File::open(dir)?.sync_all())
}

impl App {
    /// Whether this binary may execute the next block, for a node that starts: better to say so at once than in
    /// the first block.
    ///
    /// # Errors
    /// The line that says which binary is needed, or why this one is wrong. Its file for Cosmovisor is written.
    pub fn check_upgrades(&self) -> Result<()> {
        let shared = &self.shared;
        if shared.store.latest().is_none() {
            return Ok(());
        }
        let cx = shared.check.lock().cx(Mode::Query);
        let next = self.last_height().saturating_add(1);
        match quern_upgrade::check(&cx, next, &shared.handlers(), &shared.options.skip_upgrades)? {
            Verdict::Refused(why) => Err(Error::halt(why)),
            Verdict::Needed(plan) => {
                shared.say_wanted(&plan)?;
                Err(Error::halt(quern_upgrade::needed(&plan)))
            }
            Verdict::GoOn | Verdict::Skip(_) | Verdict::Apply(_) => Ok(()),
        }
    }
}
