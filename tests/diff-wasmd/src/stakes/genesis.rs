//! The same validators at genesis of both: hosts with bonds here, validators with delegations there.

use std::path::Path;

use base64::{Engine, engine::general_purpose::STANDARD};
use quern_genesis::GenTx;
use quern_genesis::profile::{ProfileName, artifact};
use quern_proto::cosmwasm::wasm::v1::MsgExecuteContract;
use quern_protocol::Amount;
use quern_testkit::{Genesis, TxBuilder, User, any, coins};
use serde_json::{Value, json};

use super::income;
use crate::generate::consensus_key;

/// Coins of everybody.
const FUNDS: u128 = 1_000_000_000_000;
/// Coins behind each operator, besides.
pub const BOND: u128 = 10_000_000_000_000;
/// Blocks from one set of validators to the next, and from one income to the next.
pub const EPOCH: u64 = 10;
/// Blocks that what leaves waits here. It is paid in the block after.
const DELAY: u64 = 20;
/// What it waits there: less than a block more, so that its time is over in the block that pays it.
const WAIT: &str = "20.750s";
/// Blocks for which a convict is in jail, or seconds.
pub const JAIL: u64 = 30;
/// Basis points that an operator keeps, and by which that rises at a time.
const RATE: u32 = 1_000;
const RISE: u32 = 100;

/// This chain's, with so many operators among the users.
pub fn ours(artifacts: &Path, users: &[User], operators: usize) -> Genesis {
    let mut profile = ProfileName::Localnet.profile();
    profile.epoch_blocks = EPOCH;
    profile.registry.entry_fee = Amount::ZERO;
    profile.registry.requalify_blocks = JAIL;
    // Those of genesis and no more: when a new one votes is each chain's own to say.
    profile.max_validators = u32::try_from(operators).expect("few operators");
    profile.bonding.max_validators = profile.max_validators;
    profile.bonding.unbonding_blocks = DELAY;
    // Each block's own, as wasmd keeps what leaves.
    profile.bonding.bucket_blocks = 1;
    profile.bonding.freeze_blocks = 5;
    profile.bonding.max_freeze_blocks = 10;
    profile.bonding.commission_rise_bps = RISE;
    // Bonds cover whatever is proven, and what an epoch brings is paid with the end of the next one.
    profile.poc_weights.weights.bond_per_weight = Amount(1);
    (
        profile.poc_weights.window_start,
        profile.poc_weights.sprint_blocks,
    ) = income::SPRINT;
    profile.poc_weights.confirm_every = 0;
    profile.rewards.vesting_epochs = 1;
    let code = |name: &str| {
        let path = artifacts.join(artifact(name));
        Ok(std::fs::read(path).expect("run make contracts first"))
    };
    let mut system = profile.system(vec![income::model()], code).expect("a profile");
    let genesis = Genesis::new().params(|params| params.block.max_gas = -1);
    let mut genesis = income::fund(genesis, operators);
    for (place, user) in users.iter().enumerate() {
        let operates = place < operators;
        let coins = if operates { FUNDS + BOND } else { FUNDS };
        genesis = genesis.fund(user, &format!("{coins}nqrn,1000000other"));
        if operates {
            let tx = registration(user, place);
            system
                .gen_txs
                .push(GenTx(prost::Message::encode_to_vec(&tx.sign_raw(user))));
        }
    }
    genesis.state(|state| {
        state.system = system;
        state.gov.params = Some(crate::generate::governance_params());
    })
}

fn registration(host: &User, place: usize) -> TxBuilder {
    let call = |contract: &str, message: Value, funds: &str| {
        any(&MsgExecuteContract {
            sender: host.address().to_string(),
            contract: income::contract(contract),
            msg: message.to_string().into_bytes(),
            funds: coins(funds),
        })
    };
    let key = |bytes: &[u8]| STANDARD.encode(bytes);
    let register = json!({"register_host": {
        "moniker": format!("host {place}"), "endpoint": "https://127.0.0.1:8443",
        "transport_key": key(&consensus_key(place + 100)), "consensus_key": key(&consensus_key(place)),
        "beacon_anchor": null, "warm_key": key(&income::warm(place).public_key()),
        "payout": null, "offers": income::offers(),
    }});
    let bond = json!({"bond": {"host": host.address().to_string()}});
    TxBuilder::new(0, 0)
        .message(call("registry", register, ""))
        .message(call("bonding", bond, &format!("{BOND}nqrn")))
        .message(call("bonding", json!({"set_commission": {"rate_bps": RATE}}), ""))
        .gas(40_000_000)
}

/// Makes wasmd's state, which has the users already, that of the same validators.
pub fn theirs(state: &mut Value, users: &[User], operators: usize) {
    // The validator that wasmd's own commands made stakes another coin.
    state["genutil"]["gen_txs"] = json!([]);
    let dec = |bps: u32| format!("0.{bps:04}{}", "0".repeat(14));
    let one = format!("1.{}", "0".repeat(18));
    let validator = |(place, user): (usize, &User)| {
        json!({
            "operator_address": user.address().to_validator_bech32(),
            "consensus_pubkey": {
                "@type": "/cosmos.crypto.ed25519.PubKey", "key": STANDARD.encode(consensus_key(place)),
            },
            "jailed": false, "status": "BOND_STATUS_UNBONDED", "tokens": BOND.to_string(),
            "delegator_shares": format!("{BOND}.{}", "0".repeat(18)),
            "description": {
                "moniker": format!("host {place}"), "identity": "", "website": "https://127.0.0.1:8443",
                "security_contact": "", "details": "",
            },
            "unbonding_height": "0", "unbonding_time": "1970-01-01T00:00:00Z",
            "commission": {
                "commission_rates": {"rate": dec(RATE), "max_rate": one, "max_change_rate": dec(RISE)},
                "update_time": "1970-01-01T00:00:00Z",
            },
            "min_self_delegation": "1", "unbonding_on_hold_ref_count": "0", "unbonding_ids": [],
        })
    };
    let delegation = |user: &User| {
        json!({
            "delegator_address": user.address().to_string(),
            "validator_address": user.address().to_validator_bech32(),
            "shares": format!("{BOND}.{}", "0".repeat(18)),
        })
    };
    let ours = &users[..operators];
    let staking = &mut state["staking"];
    staking["params"] = json!({
        "unbonding_time": WAIT, "max_validators": operators, "max_entries": 32,
        "historical_entries": 10_000, "bond_denom": "nqrn", "min_commission_rate": dec(0),
    });
    staking["validators"] = ours.iter().enumerate().map(validator).collect();
    staking["delegations"] = ours.iter().map(delegation).collect();
    state["mint"] = json!({
        "minter": {"inflation": dec(0), "annual_provisions": dec(0)},
        "params": {
            "mint_denom": "nqrn", "inflation_rate_change": dec(0), "inflation_max": dec(0), "inflation_min": dec(0),
            // Nothing divides by it here.
            "goal_bonded": dec(6_700), "blocks_per_year": "31536000",
        },
    });
    state["slashing"]["params"] = json!({
        "signed_blocks_window": EPOCH.to_string(), "min_signed_per_window": dec(0), "downtime_jail_duration": "0s",
        "slash_fraction_double_sign": dec(500), "slash_fraction_downtime": dec(0),
    });
    let tax = ProfileName::Localnet.profile().rewards.tax_bps;
    state["distribution"]["params"]["community_tax"] = dec(tax).into();
    // What is staked is nobody's balance.
    let pool = quern_types::module_address("not_bonded_tokens_pool").to_string();
    let balances = state["bank"]["balances"].as_array_mut().expect("balances");
    for user in ours {
        let address = user.address().to_string();
        let balance = balances.iter_mut().find(|balance| balance["address"] == address);
        let coins = &mut balance.expect("an operator has coins")["coins"];
        coins[0]["amount"] = FUNDS.to_string().into();
    }
    // An operator's first transaction is in our genesis.
    let accounts = state["auth"]["accounts"].as_array_mut().expect("accounts");
    for user in ours {
        let address = user.address().to_string();
        let account = accounts.iter_mut().find(|account| account["address"] == address);
        account.expect("an operator has an account")["sequence"] = "1".into();
    }
    let staked = BOND * ours.len() as u128;
    let staked = json!([{"denom": "nqrn", "amount": staked.to_string()}]);
    let balances = state["bank"]["balances"].as_array_mut().expect("balances");
    balances.push(json!({"address": pool, "coins": staked}));
}

/// Makes wasmd jail who misses more than half of the votes, and cut as much as a conviction does here.
pub fn jailing(state: &mut Value) {
    let dec = |bps: u32| format!("0.{bps:04}{}", "0".repeat(14));
    let params = &mut state["slashing"]["params"];
    params["min_signed_per_window"] = dec(5_000).into();
    params["downtime_jail_duration"] = format!("{JAIL}s").into();
    let fraction = ProfileName::Localnet.profile().settlement.fault_slash_bps;
    params["slash_fraction_downtime"] = dec(fraction).into();
}
