//! Who earned what, over all sessions: what rewards look at.

use cosmwasm_std::{Addr, Storage};
use quern_interface::settlement::Earned;
use quern_protocol::ledger::{Division, Ledger};
use quern_protocol::Amount;

use crate::error::{ContractError, Result};
use crate::funds;
use crate::state::{Session, EARNED, ROUTER_EARNED};

/// How a session's pays and burns divide.
pub struct Shares {
    /// Of each host, in the order of the seats.
    pub hosts: Vec<Earned>,
    /// Of the router.
    pub router: Earned,
}

impl Shares {
    /// Divides every pay: what [`Ledger::divide`] took out of it goes to the audits as far as
    /// `floor(taken * audit_bps / burn_bps)`, the rest burns. `audited` is false without an audits contract.
    pub fn of(
        session: &Session,
        ledger: &Ledger,
        division: &Division,
        void: &[bool],
        audited: bool,
    ) -> Result<Self> {
        let share = |paid: Amount, taken: Amount| {
            let audits = if audited && session.burn_bps > 0 {
                taken.mul_div_floor(session.audit_bps.into(), session.burn_bps.into())
            } else {
                Some(Amount::ZERO)
            };
            let audits = audits.ok_or(ContractError::Overflow)?;
            let burned = taken.checked_sub(audits).ok_or(ContractError::Overflow)?;
            Ok::<_, ContractError>(Earned { paid, burned, audits })
        };
        let mut left = division.burned;
        let mut hosts = Vec::with_capacity(division.hosts.len());
        for (index, (seat, paid)) in ledger.seats.iter().zip(&division.hosts).enumerate() {
            let void = void.get(index).copied().unwrap_or(false);
            let gross = if void { Amount::ZERO } else { seat.claimed };
            let taken = gross.checked_sub(*paid).ok_or(ContractError::Overflow)?;
            funds::take(&mut left, taken)?;
            hosts.push(share(*paid, taken)?);
        }
        let router = share(division.router, left)?;
        Ok(Self { hosts, router })
    }

    /// All that goes to the audits.
    pub fn audits(&self) -> Result<Amount> {
        let parts = self.hosts.iter().chain([&self.router]).map(|share| share.audits);
        Amount::sum(parts).ok_or(ContractError::Overflow)
    }

    /// Adds to the sums. `paid` is what hosts get in the end, after what judges took.
    pub fn note(
        &self,
        storage: &mut dyn Storage,
        session: &Session,
        paid: &[(String, Amount)],
    ) -> Result<()> {
        for ((member, share), (_, paid)) in session.committee.iter().zip(&self.hosts).zip(paid) {
            if *share == Earned::default() {
                continue;
            }
            let share = Earned {
                paid: *paid,
                ..share.clone()
            };
            let sum = EARNED.may_load(storage, &member.host)?;
            EARNED.save(storage, &member.host, &plus(sum, &share)?)?;
        }
        if let Some(router) = session
            .router
            .as_ref()
            .filter(|_| self.router != Earned::default())
        {
            let sum = ROUTER_EARNED.may_load(storage, router)?;
            ROUTER_EARNED.save(storage, router, &plus(sum, &self.router)?)?;
        }
        Ok(())
    }
}

fn plus(sum: Option<Earned>, more: &Earned) -> Result<Earned> {
    let mut sum = sum.unwrap_or_default();
    funds::add(&mut sum.paid, more.paid)?;
    funds::add(&mut sum.burned, more.burned)?;
    funds::add(&mut sum.audits, more.audits)?;
    Ok(sum)
}

/// A host's or router's pay that the bank refused and that burned instead.
pub fn unpaid(
    storage: &mut dyn Storage,
    host: Option<&Addr>,
    router: Option<&Addr>,
    amount: Amount,
) -> Result<()> {
    let (map, who) = match (host, router) {
        (Some(host), _) => (EARNED, host),
        (None, Some(router)) => (ROUTER_EARNED, router),
        (None, None) => return Ok(()),
    };
    let mut sum = map.may_load(storage, who)?.unwrap_or_default();
    funds::take(&mut sum.paid, amount)?;
    Ok(map.save(storage, who, &sum)?)
}
