//! Software upgrades: the stop before a block that this binary cannot execute, and the changes before one that it can.

use std::{fs, io::Write, path::Path, sync::atomic::Ordering};

use quern_context::{Cx, Mode};
use quern_types::{Error, Result};
use quern_upgrade::{Handlers, Plan, Verdict};

use crate::{App, Release, app::Shared};

/// Notes the versions of a new chain's modules.
pub(crate) fn init_versions(cx: &Cx, release: &Release) -> Result<()> {
    quern_upgrade::set_versions(cx, &release.versions())
}

impl Shared {
    fn handlers(&self) -> Handlers {
        let (names, carried) = (&self.options.upgrades, self.options.release.handlers.clone());
        // a name that is given never takes the place of a change of the state
        names.iter().fold(carried, |handlers, name| {
            if handlers.get(name).is_some() {
                handlers
            } else {
                handlers.without_migration(name)
            }
        })
    }

    /// Stops before a block that another binary must execute, and makes an upgrade that is due.
    pub(crate) fn upgrade(&self, cx: &Cx) -> Result<()> {
        let handlers = self.handlers();
        match quern_upgrade::check(cx, cx.block.height, &handlers, &self.options.skip_upgrades)? {
            Verdict::GoOn => Ok(()),
            Verdict::Refused(why) => Err(self.refuse(why)),
            Verdict::Needed(plan) => Err(self.ask_for(&plan)),
            Verdict::Skip(plan) => quern_upgrade::skip(cx, &plan),
            Verdict::Apply(plan) => {
                let versions = self.options.release.versions();
                quern_upgrade::apply(cx, &self.router.handle()?, &handlers, &plan, &versions)
            }
        }
    }

    /// A halt that no restart of this binary helps.
    fn refuse(&self, why: String) -> Error {
        self.planned.store(true, Ordering::SeqCst);
        Error::halt(why)
    }

    /// A halt until the plan's binary is there. Cosmovisor's file is written first.
    fn ask_for(&self, plan: &Plan) -> Error {
        let path = &self.options.upgrade_info;
        let written = quern_upgrade::info_json(plan).and_then(|json| {
            write(path, &json).map_err(|e| Error::halt(format!("cannot write {}: {e}", path.display())))
        });
        match written {
            Ok(()) => self.refuse(quern_upgrade::needed(plan)),
            Err(error) => error,
        }
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
            Verdict::Needed(plan) => Err(shared.ask_for(&plan)),
            Verdict::GoOn | Verdict::Skip(_) | Verdict::Apply(_) => Ok(()),
        }
    }
}
