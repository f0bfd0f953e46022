//! What the chain tells its own contracts at a block's borders, and what it does with their answers.

use std::collections::BTreeSet;

use quern_beacon::on_validators;
use quern_context::Cx;
use quern_genesis::SystemGenesis;
use quern_interface::sudo::{ProposedSet, ValidatorPresence};
use quern_protocol::Amount;
use quern_system::{AUDITS, BONDING, Host, Misbehavior, POC_WEIGHTS, PRICING, SETTLEMENT, SudoMsg};
use quern_types::{AccAddress, Event, Result, Timestamp, consensus_bech32};
use quern_validators::{Key, Powers, consensus_address};
use tendermint_proto::v0_38::{
    abci::{self as pb, ValidatorUpdate},
    crypto::{PublicKey, public_key::Sum},
    types::BlockIdFlag,
};

use crate::{app::Shared, hooks::Border};

/// Tells `bonding` of every validator that CometBFT has evidence against: once a block each, as the
/// first offence is enough and an offender could fill blocks with more.
pub(crate) fn misbehavior(border: &Border<'_>, cx: &Cx) -> Result<()> {
    let gas = quern_system::params(cx)?.misbehavior_gas;
    let mut told = BTreeSet::new();
    for evidence in &border.block.misbehavior {
        let Some(validator) = &evidence.validator else {
            continue;
        };
        if told.insert(&validator.address) {
            note(cx, evidence, validator)?;
            let msg = SudoMsg::Misbehavior(offence(evidence, validator));
            let own = cx.with_own_events();
            border
                .shared
                .host()?
                .call(&own, BONDING, &msg, gas, |_, _| Ok(()))?;
            let said = own.events.take();
            let burned = burned(&said);
            cx.events.extend(said);
            if let Ok(address) = validator.address.as_ref().try_into()
                && !burned.is_zero()
            {
                quern_staking::slashed(cx, &address, validator.power, burned);
            }
        }
    }
    Ok(())
}

/// What `bonding` burned for it: nothing of who was convicted before.
fn burned(said: &[Event]) -> Amount {
    let of_bonding = |event: &&Event| event.ty == "wasm" && event.get("action") == Some("misbehavior");
    let event = said.iter().find(of_bonding);
    let burned = event.and_then(|event| event.get("slashed")?.parse().ok());
    burned.map(Amount).unwrap_or_default()
}

/// Keeps the evidence for those who ask.
fn note(cx: &Cx, evidence: &pb::Misbehavior, validator: &pb::Validator) -> Result<()> {
    let Ok(address) = <[u8; 20]>::try_from(validator.address.as_ref()) else {
        return Ok(());
    };
    let time = time(evidence);
    quern_staking::record_evidence(cx, &address, evidence.height, time, validator.power)
}

fn time(evidence: &pb::Misbehavior) -> Timestamp {
    let time = evidence.time.unwrap_or_default();
    Timestamp {
        seconds: time.seconds,
        nanos: u32::try_from(time.nanos).unwrap_or(0),
    }
}

fn offence(evidence: &pb::Misbehavior, validator: &pb::Validator) -> Misbehavior {
    let time = time(evidence);
    Misbehavior {
        consensus_address: hex::encode_upper(&validator.address),
        height: u64::try_from(evidence.height).unwrap_or(0),
        time_nanos: time.unix_nanos().unwrap_or(0),
        power: u64::try_from(validator.power).unwrap_or(0),
    }
}

/// Lets `settlement` do what is due.
pub(crate) fn settlement(border: &Border<'_>, cx: &Cx) -> Result<()> {
    end_block(border, cx, SETTLEMENT)
}

/// Lets the audits' round go on.
pub(crate) fn audits(border: &Border<'_>, cx: &Cx) -> Result<()> {
    end_block(border, cx, AUDITS)
}

/// Lets sprints of proof of compute begin and end.
pub(crate) fn poc_weights(border: &Border<'_>, cx: &Cx) -> Result<()> {
    end_block(border, cx, POC_WEIGHTS)
}

/// Lets prices follow demand.
pub(crate) fn pricing(border: &Border<'_>, cx: &Cx) -> Result<()> {
    end_block(border, cx, PRICING)
}

/// Calls a contract that answers nothing, if the chain has it.
fn end_block(border: &Border<'_>, cx: &Cx, contract: &str) -> Result<()> {
    let gas = quern_system::params(cx)?.end_block_gas;
    let host = border.shared.host()?;
    host.call(cx, contract, &SudoMsg::EndBlock {}, gas, |_, _| Ok(()))?;
    Ok(())
}

/// Removes the validators that `bonding` has convicted.
pub(crate) fn removals(border: &Border<'_>, cx: &Cx) -> Result<()> {
    let gas = quern_system::params(cx)?.end_block_gas;
    let host = border.shared.host()?;
    host.call(cx, BONDING, &SudoMsg::EndBlock {}, gas, |cx, answer| {
        let convicts = quern_system::read_removals(answer)?;
        let convicts = convicts.removed.iter().map(|key| key.0).collect::<Vec<_>>();
        remove(cx, &convicts)
    })?;
    Ok(())
}

/// Removes validators at once, with an event for each that was in the set.
fn remove(cx: &Cx, convicts: &[Key]) -> Result<()> {
    if convicts.is_empty() {
        return Ok(());
    }
    let before = quern_validators::current(cx)?;
    let last = quern_validators::remove(cx, convicts)?;
    for key in convicts.iter().filter(|key| before.contains_key(*key)) {
        let event = if last.contains(key) {
            "validator_removal_refused"
        } else {
            "validator_removed"
        };
        let address = consensus_bech32(&consensus_address(key));
        cx.emit(Event::new(event).with("consensus_address", address));
    }
    Ok(())
}

/// Counts who signed the last block, for the end of the epoch.
pub(crate) fn presence(border: &Border<'_>, cx: &Cx) -> Result<()> {
    if quern_system::params(cx)?.epoch_blocks == 0 {
        return Ok(());
    }
    let votes = border.block.decided_last_commit.iter().flat_map(|c| &c.votes);
    let vote = |vote: &pb::VoteInfo| {
        let address = vote.validator.as_ref()?.address.as_ref().try_into().ok()?;
        let voted = matches!(vote.block_id_flag(), BlockIdFlag::Commit | BlockIdFlag::Nil);
        Some((address, voted))
    };
    let votes = votes.filter_map(vote).collect::<Vec<_>>();
    let missing = votes.iter().filter(|(_, voted)| !voted);
    let missing = missing.map(|(address, _)| *address).collect::<Vec<_>>();
    quern_validators::count(cx, votes)?;
    quern_staking::missed(cx, &missing)
}

/// The set in force with what was counted.
fn validators(cx: &Cx) -> Result<Vec<ValidatorPresence>> {
    let counts = quern_validators::presence(cx)?;
    let validator = |(key, power): (Key, u64)| {
        let count = counts.get(&consensus_address(&key)).copied().unwrap_or_default();
        ValidatorPresence {
            pubkey: key.into(),
            power,
            signed: count.signed,
            missed: count.missed,
        }
    };
    let set = quern_validators::current(cx)?;
    Ok(set.into_iter().map(validator).collect())
}

/// At the end of an epoch, asks for the next set of validators.
pub(crate) fn epoch(border: &Border<'_>, cx: &Cx) -> Result<()> {
    let length = quern_system::params(cx)?.epoch_blocks;
    if cx.block.height.checked_rem(length) != Some(0) {
        return Ok(());
    }
    let epoch = quern_system::epoch(cx)?.saturating_add(1);
    quern_system::set_epoch(cx, epoch)?;
    let gas = quern_system::params(cx)?.end_epoch_gas;
    let msg = SudoMsg::EndEpoch {
        epoch,
        validators: validators(cx)?,
    };
    quern_validators::reset(cx)?;
    let host = border.shared.host()?;
    let source = quern_system::validator_source(cx)?;
    let adopted = host.call(cx, source, &msg, gas, |cx, answer| {
        adopt(cx, &quern_system::read_proposed(answer)?, epoch, false)
    })?;
    if adopted.is_none() {
        on_validators(cx, epoch, false, &[])?; // anchors come of age with the epochs, not with the answers
    }
    Ok(())
}

/// Takes a proposed set over within the bounds, and the anchors of who is in it.
fn adopt(cx: &Cx, proposed: &ProposedSet, epoch: u64, genesis: bool) -> Result<()> {
    let removed = proposed.removed.iter().map(|key| key.0).collect::<Vec<_>>();
    remove(cx, &removed)?;
    let powers = proposed
        .validators
        .iter()
        .map(|v| (v.pubkey.0, v.power))
        .collect::<Powers>();
    let most = usize::try_from(quern_system::params(cx)?.max_validators).unwrap_or(usize::MAX);
    let adopted = quern_validators::adopt(cx, &powers, most)?;
    let set = quern_validators::current(cx)?;
    let anchors = proposed
        .validators
        .iter()
        .filter(|v| set.contains_key(&v.pubkey.0))
        .map(|v| (consensus_address(&v.pubkey.0), v.anchor.map(|anchor| anchor.0)))
        .collect::<Vec<_>>();
    on_validators(cx, epoch, genesis, &anchors)?;
    let event = if adopted {
        "validator_set"
    } else {
        "validator_set_kept"
    };
    cx.emit(
        Event::new(event)
            .with("epoch", epoch)
            .with("validators", set.len())
            .with("total_power", quern_validators::total(&set)),
    );
    Ok(())
}

/// Updates for CometBFT; power 0 removes.
pub(crate) fn updates(changes: impl IntoIterator<Item = (Key, u64)>) -> Vec<ValidatorUpdate> {
    let update = |(key, power): (Key, u64)| ValidatorUpdate {
        pub_key: Some(PublicKey {
            sum: Some(Sum::Ed25519(key.to_vec())),
        }),
        power: i64::try_from(power).unwrap_or(i64::MAX),
    };
    changes.into_iter().map(update).collect()
}

impl Shared {
    /// The way into system contracts.
    pub(crate) fn host(&self) -> Result<Host<'_>> {
        Ok(Host {
            wasm: &self.wasm,
            router: self.router.handle()?,
        })
    }

    /// The first set of a new chain: what the source of validators proposes, or what an exported genesis
    /// carries. Empty if the chain has no such source.
    pub(crate) fn first_validators(&self, cx: &Cx, genesis: &SystemGenesis) -> Result<Powers> {
        let source = quern_system::validator_source(cx)?;
        let Some(source) = quern_system::address(cx, source)? else {
            return Ok(Powers::new());
        };
        if genesis.validators.is_empty() {
            self.propose_first(cx, &source, genesis.epoch)?;
        } else {
            quern_validators::init_genesis(cx, &genesis.validators)?;
        }
        quern_validators::current(cx)
    }

    fn propose_first(&self, cx: &Cx, source: &AccAddress, epoch: u64) -> Result<()> {
        let gas = quern_system::params(cx)?.end_epoch_gas;
        let msg = SudoMsg::EndEpoch {
            epoch,
            validators: Vec::new(),
        };
        self.host()?.attempt(cx, source, &msg, gas, |cx, answer| {
            adopt(cx, &quern_system::read_proposed(answer)?, epoch, true)
        })
    }
}
