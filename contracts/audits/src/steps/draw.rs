//! Draws begin.

use cosmwasm_std::{Addr, Event};
use quern_evidence::{rate, Wealth};
use quern_interface::audits::Phase;
use quern_protocol::Amount;

use super::Worker;
use crate::chain::Chain;
use crate::error::Result;
use crate::state::{Case, CASES, EVIDENCE, HOSTS};

impl Worker<'_> {
    /// Begins the draw of the next host.
    pub(super) fn draw(&mut self) -> Result<()> {
        let chain = Chain::load(self.deps.as_ref())?;
        let Ok(Some(host)) = chain.next_host(self.round.name.clone()) else {
            self.enter(Phase::Reveal);
            return Ok(());
        };
        let span = span(&chain, &host, self.round.start, self.round.end);
        self.round.name = Some(host.clone());
        let Ok((base, total)) = span else {
            self.events
                .push(Event::new("audit_skipped").add_attribute("host", host));
            return Ok(());
        };
        if total.is_zero() {
            return Ok(());
        }
        let address = Addr::unchecked(&host);
        let walked = HOSTS.may_load(self.deps.storage, &address)?;
        let walked = walked.map_or(0, |record| record.walked);
        let evidence = EVIDENCE.may_load(self.deps.storage, &address)?;
        let wealth = evidence.map_or(Wealth::ONE, |evidence| evidence.highest());
        let rate = rate(walked, wealth, &self.params.evidence, &self.params.rates);
        CASES.save(self.deps.storage, &address, &Case::open(base, total, &rate))?;
        let event = Event::new("audit_case")
            .add_attribute("round", self.round.number.to_string())
            .add_attribute("host", host)
            .add_attribute("amount", total.to_string())
            .add_attribute("first_leaves", rate.all_of_next.to_string())
            .add_attribute("rate_bps", rate.bps.to_string());
        self.events.push(event);
        Ok(())
    }
}

/// The sum of a host's roots before the round, and in it.
fn span(chain: &Chain, host: &str, start: u64, end: u64) -> Result<(Amount, Amount)> {
    let sum = |height: u64| -> Result<Amount> {
        let place = chain.batch_at(host, height)?;
        Ok(place.map_or(Amount::ZERO, |place| place.committed))
    };
    let (base, last) = (sum(start.saturating_sub(1))?, sum(end.saturating_sub(1))?);
    Ok((base, last.saturating_sub(base)))
}
