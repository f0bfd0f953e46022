//! Export of the state as a genesis document's `app_state`.

use quern_context::Cx;
use quern_genesis::{AppState, Document, SystemGenesis};
use quern_types::Result;

use crate::{App, invariants};

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
            gov: quern_gov::export_genesis(&cx)?,
            staking: quern_staking::export_genesis(&cx)?,
            system: self.export_system(&cx)?,
            upgrade: quern_upgrade::export_genesis(&cx)?,
            wasm: self.shared.wasm.export_genesis(&cx)?,
        })
    }

    /// Fills a genesis document with the chain at `height` (0 is the latest): state, consensus parameters, the
    /// time of that block, and the height that follows.
    ///
    /// # Errors
    /// As [`App::export`].
    pub fn export_document(&self, height: u64, document: &mut Document) -> Result<()> {
        let cx = self.shared.export_cx(height)?;
        document.app_state = self.export(height)?;
        document.initial_height = cx.block.height.saturating_add(1);
        // the new chain's clock must not go back behind what contracts have seen
        document.genesis_time = cx.block.time.to_string();
        let now = quern_consensus::get(&cx)?;
        let params = &mut document.consensus_params;
        if let Some(block) = now.block {
            (params.block.max_bytes, params.block.max_gas) = (block.max_bytes, block.max_gas);
        }
        if let Some(evidence) = now.evidence {
            params.evidence.max_age_num_blocks = evidence.max_age_num_blocks;
            params.evidence.max_bytes = evidence.max_bytes;
            if let Some(age) = evidence.max_age_duration {
                let nanos = age.seconds.checked_mul(1_000_000_000);
                let nanos = nanos.and_then(|nanos| nanos.checked_add(age.nanos.into()));
                params.evidence.max_age_duration = nanos.unwrap_or(i64::MAX);
            }
        }
        if let Some(validator) = now.validator {
            params.validator.pub_key_types = validator.pub_key_types;
        }
        if let Some(version) = now.version {
            params.version.app = version.app;
        }
        if let Some(abci) = now.abci {
            params.abci.vote_extensions_enable_height = abci.vote_extensions_enable_height;
        }
        Ok(())
    }

    fn export_system(&self, cx: &Cx) -> Result<SystemGenesis> {
        let Some(mut system) = quern_system::export_genesis(cx)? else {
            return Ok(SystemGenesis::default());
        };
        system.validators = quern_validators::export_genesis(cx)?;
        Ok(system)
    }

    /// Checks the invariants that hold at every height, and names those that hold.
    ///
    /// # Errors
    /// The first that is broken.
    pub fn check_invariants(&self, height: u64) -> Result<Vec<&'static str>> {
        invariants::check(&self.shared.export_cx(height)?, &self.shared.router)
    }
}
