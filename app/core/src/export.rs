//! Export of the state as a genesis document's `app_state`.

use quern_context::Cx;
use quern_genesis::{AppState, SystemGenesis};
use quern_types::Result;

use crate::App;

impl App {
    /// The state at `height` (0 is the latest), as a new chain's `app_state`.
    ///
    /// # Errors
    /// `sdk/26` or `sdk/38` for a height that is not kept, or a halt.
    pub fn export(&self, height: u64) -> Result<AppState> {
        let cx = self.shared.export_cx(height)?;
        Ok(AppState {
            auth: quern_auth::export_genesis(&cx)?,
            authz: quern_authz::export_genesis(&cx)?,
            bank: quern_bank::export_genesis(&cx)?,
            beacon: quern_beacon::export_genesis(&cx)?,
            emission: quern_emission::export_genesis(&cx)?,
            feegrant: quern_feegrant::export_genesis(&cx)?,
            system: self.export_system(&cx)?,
            wasm: self.shared.wasm.export_genesis(&cx)?,
        })
    }

    fn export_system(&self, cx: &Cx) -> Result<SystemGenesis> {
        let Some(mut system) = quern_system::export_genesis(cx)? else {
            return Ok(SystemGenesis::default());
        };
        system.validators = quern_validators::export_genesis(cx)?;
        Ok(system)
    }

    /// Checks the invariants that hold at every height.
    ///
    /// # Errors
    /// The one that is broken.
    pub fn check_invariants(&self, height: u64) -> Result<()> {
        quern_bank::check_supply(&self.shared.export_cx(height)?)
    }
}
