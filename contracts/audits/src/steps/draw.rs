//! Draws begin.

use cosmwasm_std::Addr;
use quern_audit::{proof_draw_seed, Sampling, MAX_TOTAL};
use quern_evidence::{rate, Wealth};
use quern_interface::audits::Phase;
use quern_protocol::Amount;

use super::Worker;
use crate::case::Drawn;
use crate::chain::Chain;
use crate::error::Result;
use crate::say;
use crate::state::{Case, Judged, ProofCase, BACKLOG, CALIBRATIONS, CASES, EVIDENCE, HOSTS, PROOF_CASES};
use crate::table::Table;

impl Worker<'_> {
    /// Begins the draw of the next host.
    pub(super) fn draw(&mut self) -> Result<()> {
        let chain = Chain::load(self.deps.as_ref())?;
        let Ok(Some(next)) = chain.next_host(self.round.name.clone()) else {
            self.enter(Phase::Reveal);
            return Ok(());
        };
        let host = next.host;
        let span = span(&chain, &host, self.round.start, self.round.end);
        // the registry's answer takes as much as there are offers
        self.spend(next.memberships.len() / 2);
        self.round.name = Some(host.clone());
        let address = Addr::unchecked(&host);
        let old = BACKLOG.find(self.deps.storage, &address)?;
        BACKLOG.remove(self.deps.storage, &address);
        // more than any host can earn: a draw could not begin, and no round may stop for it
        let span = span.ok().filter(|(_, total)| total.0 < MAX_TOTAL);
        let Some((base, total)) = span else {
            self.events
                .push(say::event("audit_skipped", &[("host", host.to_string())]));
            return Ok(());
        };
        let proofs = self.draw_proofs(&address)?;
        let evidence = EVIDENCE.find(self.deps.storage, &address)?;
        let wealth = evidence.map_or(Wealth::ONE, |evidence| evidence.highest());
        // what the round before covered, if this one goes on where it ended
        let old = old.filter(|old| wealth.reaches(self.params.evidence.freeze_at) && old.end() == Some(base));
        let draws = self.draw_backlog(&address, old)?;
        if total.is_zero() && proofs == 0 && draws == 0 {
            return Ok(());
        }
        // other contracts were asked, and a case for each draw is written
        self.spend(proofs.saturating_add(8));
        let walked = HOSTS.find(self.deps.storage, &address)?;
        let walked = walked.map_or(0, |record| record.walked);
        let rate = rate(walked, wealth, &self.params.evidence, &self.params.rates);
        CASES.write(self.deps.storage, &address, &Case::open(base, total, &rate))?;
        let event = say::event(
            "audit_case",
            &[
                ("round", self.round.number.to_string()),
                ("host", host.to_string()),
                ("amount", total.to_string()),
                ("proofs", proofs.to_string()),
                ("first_leaves", rate.all_of_next.to_string()),
                ("rate_bps", rate.bps.to_string()),
                ("backlog", draws.to_string()),
            ],
        );
        self.events.push(event);
        Ok(())
    }
}

impl Worker<'_> {
    /// Draws again, and more, from what the round before covered: how many leaves at most.
    fn draw_backlog(&mut self, host: &Addr, old: Option<Case>) -> Result<u32> {
        let (Some(old), Some(beacon)) = (old, self.round.beacon) else {
            return Ok(0);
        };
        let seed = Drawn::seed(true, &self.env, &self.round, host, &beacon);
        let case = old.again(&seed, &self.params)?;
        // its audited leaves are read and written too
        self.spend(16);
        BACKLOG.write(self.deps.storage, host, &case)?;
        Ok(case.draws)
    }

    /// Begins the draws among a host's answers, one for each sprint and model of the round; how many there are.
    fn draw_proofs(&mut self, host: &Addr) -> Result<usize> {
        let (Some(beacon), true) = (self.round.beacon, self.params.proof_draws > 0) else {
            return Ok(0);
        };
        let chain = Chain::load(self.deps.as_ref())?;
        let (round, chain_id) = (&self.round, &self.env.block.chain_id);
        let mut proofs = chain
            .proofs(host.as_str(), round.start, round.end)
            .unwrap_or_default();
        proofs.retain(|proof| CALIBRATIONS.has(self.deps.storage, &proof.model));
        for proof in &proofs {
            let key = (host, proof.sprint.sprint, proof.model.as_str());
            let of = (proof.sprint.sprint, proof.model.as_str());
            let seed = proof_draw_seed(chain_id, host.as_str(), of, round.number, &beacon);
            let draws = self.params.proof_draws.min(proof.count);
            let case = ProofCase {
                generation: proof.generation,
                root: proof.root,
                count: proof.count,
                sampling: Sampling::new(seed, Amount::ZERO, proof.root.sum, draws, vec![])?,
                withheld: 0,
                judged: Judged::default(),
            };
            PROOF_CASES.write(self.deps.storage, key, &case)?;
        }
        Ok(proofs.len())
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
