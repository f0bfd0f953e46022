//! InitChain: genesis into a branch that the first block commits.

use std::sync::Arc;

use quern_context::{Cx, Mode};
use quern_genesis::{AppState, SystemGenesis};
use quern_types::{Error, Result};
use quern_validators::Powers;
use sha2::{Digest, Sha256};
use tendermint_proto::v0_38::abci::{RequestInitChain, ResponseInitChain, ValidatorUpdate};

use super::{Genesis, header::Header};
use crate::{
    app::{CheckState, Shared},
    system, upgrades,
};

impl Shared {
    /// Builds the state of genesis. The document's own validators stand unless a contract proposes them.
    pub fn init_chain(&self, request: RequestInitChain) -> Result<ResponseInitChain> {
        let mut chain = self.chain.lock();
        if chain.committed.is_some() {
            return Err(Error::halt("InitChain on a state that already has blocks"));
        }
        let time = request.time.unwrap_or_default();
        let first = u64::try_from(request.initial_height).unwrap_or(0).max(1);
        let header = Header {
            chain_id: request.chain_id,
            height: first.saturating_sub(1),
            seconds: time.seconds,
            nanos: u32::try_from(time.nanos).unwrap_or(0),
            proposer: Vec::new(),
        };
        // Contracts instantiated in genesis see height 0, as in the SDK.
        let mut facts = header.facts();
        facts.height = 0;
        let cx = Cx::new(
            quern_store::Branch::new(self.store.snapshot()),
            Arc::new(facts),
            Mode::Genesis,
        );

        let bad = |what: &str, e: &dyn std::fmt::Display| Error::halt(format!("genesis: {what}: {e}"));
        let state = AppState::from_json(&request.app_state_bytes).map_err(|e| bad("app_state", &e))?;
        if let Some(params) = &request.consensus_params {
            quern_consensus::validate(params).map_err(|e| bad("consensus_params", &e))?;
            quern_consensus::set(&cx, params)?;
        }
        quern_auth::init_genesis(&cx, &state.auth).map_err(|e| bad("auth", &e))?;
        quern_bank::init_genesis(&cx, &state.bank).map_err(|e| bad("bank", &e))?;
        quern_authz::init_genesis(&cx, &state.authz).map_err(|e| bad("authz", &e))?;
        quern_feegrant::init_genesis(&cx, &state.feegrant).map_err(|e| bad("feegrant", &e))?;
        quern_upgrade::init_genesis(&cx, &state.upgrade).map_err(|e| bad("upgrade", &e))?;
        upgrades::init_versions(&cx, &self.options.release)?;
        quern_gov::init_genesis(&cx, &state.gov).map_err(|e| bad("gov", &e))?;
        quern_beacon::init_genesis(&cx, header.height, &state.beacon).map_err(|e| bad("beacon", &e))?;
        quern_staking::init_genesis(&cx, &state.staking).map_err(|e| bad("staking", &e))?;
        if let Some(emission) = &state.emission {
            quern_emission::init_genesis(&cx, emission).map_err(|e| bad("emission", &e))?;
        }
        self.wasm
            .init_genesis(&cx, &state.wasm)
            .map_err(|e| bad("wasm", &e))?;
        let validators = self
            .init_system(&cx, &state.system, &request.validators)
            .map_err(|e| bad("system", &e))?;
        module_accounts(&cx).map_err(|e| bad("accounts", &e))?;
        header.write(&cx)?;

        *self.check.lock() = CheckState::on(cx.branch().fork(), &Arc::new(header.facts()))?;
        chain.genesis = Some(Genesis {
            header,
            changes: cx.branch().changes(),
        });
        Ok(ResponseInitChain {
            validators: system::updates(validators),
            // of no commit yet: the first block's header has it, as on a chain of the SDK
            app_hash: Sha256::digest([]).to_vec().into(),
            ..Default::default()
        })
    }

    /// Makes the chain's own contracts, delivers the transactions of genesis and takes the first set of
    /// validators from the contract that proposes them. Empty where the document's own stand.
    fn init_system(&self, cx: &Cx, genesis: &SystemGenesis, listed: &[ValidatorUpdate]) -> Result<Powers> {
        if genesis.is_empty() {
            return Ok(Powers::new());
        }
        quern_system::init_genesis(cx, genesis)?;
        quern_system::install(&self.host()?, cx, &genesis.contracts)?;
        self.deliver_gen_txs(cx, &genesis.gen_txs)?;
        let source = quern_system::validator_source(cx)?;
        if quern_system::address(cx, source)?.is_none() {
            return Ok(Powers::new());
        }
        if !listed.is_empty() {
            return Err(Error::halt(format!(
                "the document lists validators, but contract {source} proposes them: remove `validators`"
            )));
        }
        let set = self
            .first_validators(cx, genesis)
            .map_err(|e| e.wrap(format!("contract {source}")))?;
        if set.is_empty() {
            return Err(Error::halt(format!(
                "contract {source} proposes no validators: is there a transaction in gen_txs that bonds?"
            )));
        }
        Ok(set)
    }
}

/// The accounts that every chain of the SDK has from genesis on, with the SDK's permissions: clients look up the
/// authority there before anything was paid to it. The pools hold nothing, as the bonding contract holds what is bonded.
fn module_accounts(cx: &Cx) -> Result<()> {
    let staking: &[&str] = &["burner", "staking"];
    for (name, permissions) in [
        (quern_auth::FEE_COLLECTOR, &[][..]),
        (quern_pool::ACCOUNT, &[]),
        ("bonded_tokens_pool", staking),
        ("not_bonded_tokens_pool", staking),
        (quern_gov::MODULE, &["burner"]),
        (quern_emission::MINT, &["minter"]),
    ] {
        quern_auth::module_account(cx, name, permissions)?;
    }
    Ok(())
}
