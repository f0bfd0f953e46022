//! Coins into a bond: locked coins may be delegated, and the account keeps track of them.

use quern_context::Cx;
use quern_types::{AccAddress, Coin, Coins, Result, errors};

use crate::state;

/// Notes that an account is about to bond coins out of its balance, locked ones first, so that the transfer that
/// follows may take them (`DelegateCoins`). An account's balance is never below what is locked and not delegated, so
/// afterwards all of `amount` can be spent.
///
/// # Errors
/// `sdk/5` if a balance is too small, `sdk/9` for an unknown account.
pub fn track_delegation(cx: &Cx, delegator: &AccAddress, amount: &Coins) -> Result<()> {
    let mut balances = Coins::empty();
    for coin in amount {
        let held = state::balance(cx, delegator, &coin.denom)?;
        if held < coin.amount {
            return Err(errors::INSUFFICIENT_FUNDS.wrap(format!(
                "failed to delegate; {held}{} is smaller than {amount}",
                coin.denom
            )));
        }
        balances = balances.checked_add(&Coins::one(Coin {
            denom: coin.denom.clone(),
            amount: held,
        }))?;
    }
    quern_auth::track_delegation(cx, delegator, &balances, amount)
        .map_err(|e| e.wrap("failed to track delegation"))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use quern_auth::{Schedule, Vesting};
    use quern_context::{BlockFacts, Mode};
    use quern_types::{Timestamp, module_address};

    use super::*;

    #[test]
    fn locked_coins_are_bonded_first_and_stay_locked_when_they_come_back() {
        let block = BlockFacts {
            time: Timestamp {
                seconds: 50,
                nanos: 0,
            },
            ..Default::default()
        };
        let snapshot = quern_store::Snapshot::in_memory(0, Default::default());
        let cx = Cx::new(
            quern_store::Branch::new(snapshot),
            Arc::new(block),
            Mode::Finalize,
        );
        let (alice, bonds) = (module_address("alice"), module_address("bonds"));
        let coins = |text: &str| text.parse::<Coins>().unwrap();
        let vesting = Vesting::new(coins("100nqrn"), 100, Schedule::Continuous { start_time: 0 }).unwrap();
        quern_auth::create_vesting(&cx, &alice, vesting).unwrap();
        crate::mint(&cx, &alice, &coins("120nqrn")).unwrap();
        let nqrn = "nqrn".parse().unwrap();
        let spendable = || state::spendable(&cx, &alice, &nqrn).unwrap();
        assert_eq!(spendable(), 70);
        track_delegation(&cx, &alice, &coins("50nqrn")).unwrap();
        crate::send_coins(&cx, &alice, &bonds, &coins("50nqrn")).unwrap();
        assert_eq!(spendable(), 70, "the locked half went into the bond");
        assert!(track_delegation(&cx, &alice, &coins("71nqrn")).is_err());
        quern_auth::track_undelegation(&cx, &alice, &coins("50nqrn")).unwrap();
        crate::send_coins(&cx, &bonds, &alice, &coins("50nqrn")).unwrap();
        assert_eq!(spendable(), 70);
        assert_eq!(state::balance(&cx, &alice, &nqrn).unwrap(), 120);
    }
}
