//! Delegators, and what wallets ask for them.

use prost::Message;
use quern_core::App;
use quern_proto::{
    Any,
    cosmos::{base::query::v1beta1::PageRequest, staking::v1beta1 as staking},
};
use quern_testkit::{Chain, QueryError, User, any, bank_send, coins};
use tendermint_proto::v0_38::abci::{Event, ExecTxResult};

use super::{
    deliver,
    shipped::{World, world},
};

pub const QRN: u128 = 1_000_000_000;

pub struct Scene {
    pub w: World,
    pub ann: User,
}

/// Two hosts with 100 QRN each, and somebody with 50.
pub fn scene() -> Scene {
    let mut w = world(&["100000000000nqrn", "100000000000nqrn"]);
    w.chain.empty_blocks(1);
    let ann = User::new("ann");
    let send = bank_send(&w.hosts[0], &ann, "50000000000nqrn");
    let tx = w.chain.tx(&w.hosts[0]).message(send).sign(&w.hosts[0]);
    assert_eq!(deliver(&mut w.chain, tx).code, 0);
    Scene { w, ann }
}

pub fn valoper(user: &User) -> String {
    user.address().to_validator_bech32()
}

pub fn nqrn(amount: u128) -> Option<quern_proto::cosmos::base::v1beta1::Coin> {
    coins(&format!("{amount}nqrn")).pop()
}

pub fn delegate(from: &User, to: &str, amount: u128) -> Any {
    any(&staking::MsgDelegate {
        delegator_address: from.address().to_string(),
        validator_address: to.into(),
        amount: nqrn(amount),
    })
}

pub fn undelegate(from: &User, to: &str, amount: u128) -> Any {
    any(&staking::MsgUndelegate {
        delegator_address: from.address().to_string(),
        validator_address: to.into(),
        amount: nqrn(amount),
    })
}

/// A description that leaves everything as it is.
pub fn kept() -> Option<staking::Description> {
    let keep = || "[do-not-modify]".to_owned();
    Some(staking::Description {
        moniker: keep(),
        identity: keep(),
        website: keep(),
        security_contact: keep(),
        details: keep(),
    })
}

pub fn redelegate(who: &User, from: &str, to: &str, amount: u128) -> Any {
    any(&staking::MsgBeginRedelegate {
        delegator_address: who.address().to_string(),
        validator_src_address: from.into(),
        validator_dst_address: to.into(),
        amount: nqrn(amount),
    })
}

pub fn send(chain: &mut Chain<App>, user: &User, message: Any) -> ExecTxResult {
    let tx = chain.tx(user).message(message).gas(5_000_000).sign(user);
    deliver(chain, tx)
}

#[track_caller]
pub fn done(result: ExecTxResult) -> ExecTxResult {
    assert_eq!(result.code, 0, "{}", result.log);
    result
}

pub fn attributes<'a>(events: &'a [Event], ty: &str) -> Vec<&'a str> {
    let event = events.iter().find(|e| e.r#type == ty);
    let event = event.unwrap_or_else(|| panic!("no event {ty} in {events:?}"));
    event.attributes.iter().map(|a| a.key.as_str()).collect()
}

pub fn value<'a>(events: &'a [Event], ty: &str, key: &str) -> &'a str {
    let event = events.iter().find(|e| e.r#type == ty).expect(ty);
    let found = event.attributes.iter().find(|a| a.key == key);
    found.expect(key).value.as_str()
}

pub fn ask_staking<Q: Message, R: Message + Default>(
    chain: &Chain<App>,
    method: &str,
    q: &Q,
) -> Result<R, QueryError> {
    chain.query(&format!("/cosmos.staking.v1beta1.Query/{method}"), q)
}

pub fn delegation(s: &Scene, who: &User, to: &User) -> Result<u128, QueryError> {
    let request = staking::QueryDelegationRequest {
        delegator_addr: who.address().to_string(),
        validator_addr: valoper(to),
    };
    let found: staking::QueryDelegationResponse = ask_staking(&s.w.chain, "Delegation", &request)?;
    let found = found.delegation_response.unwrap();
    let balance: u128 = found.balance.unwrap().amount.parse().unwrap();
    assert_eq!(
        found.delegation.unwrap().shares,
        format!("{balance}{}", "0".repeat(18))
    );
    Ok(balance)
}

pub fn unbonding(s: &Scene, who: &User) -> Vec<staking::UnbondingDelegation> {
    let request = staking::QueryDelegatorUnbondingDelegationsRequest {
        delegator_addr: who.address().to_string(),
        pagination: None,
    };
    let found: staking::QueryDelegatorUnbondingDelegationsResponse =
        ask_staking(&s.w.chain, "DelegatorUnbondingDelegations", &request).unwrap();
    found.unbonding_responses
}

pub fn redelegations(s: &Scene, who: &User) -> Vec<staking::RedelegationResponse> {
    let request = staking::QueryRedelegationsRequest {
        delegator_addr: who.address().to_string(),
        ..Default::default()
    };
    let found: staking::QueryRedelegationsResponse =
        ask_staking(&s.w.chain, "Redelegations", &request).unwrap();
    found.redelegation_responses
}

pub fn pool(s: &Scene) -> staking::Pool {
    let found: staking::QueryPoolResponse =
        ask_staking(&s.w.chain, "Pool", &staking::QueryPoolRequest {}).unwrap();
    found.pool.unwrap()
}

pub fn validators(s: &Scene, status: &str, limit: u64, key: Vec<u8>) -> staking::QueryValidatorsResponse {
    let request = staking::QueryValidatorsRequest {
        status: status.into(),
        pagination: Some(PageRequest {
            key,
            limit,
            ..Default::default()
        }),
    };
    ask_staking(&s.w.chain, "Validators", &request).unwrap()
}
