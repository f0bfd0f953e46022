//! Who may be drawn in this round: noted before any beacon of it is known, so that nobody moves capacity
//! until a draw falls as it should.

use cosmwasm_std::{Order, StdResult};
use cw_storage_plus::Bound;
use quern_audit::Candidate;
use quern_interface::audits::Phase;

use super::{count, Worker};
use crate::assign;
use crate::chain::Chain;
use crate::error::{ContractError, Result};
use crate::state::{Group, CALIBRATIONS, GROUPS};
use crate::table::Table;

/// Candidates of one step, each with its large funders.
const PAGE: u32 = 4;

impl Worker<'_> {
    /// Notes some candidates of the next group; after the last of them, whether it is large. Whether it did: what is
    /// too much for the rest of this block waits.
    pub(super) fn snapshot(&mut self) -> Result<bool> {
        let Some(model) = self.model()? else {
            self.enter(Phase::Draw);
            return Ok(true);
        };
        let (mut group, mut work) = (Group::default(), 0_usize);
        let chain = Chain::load(self.deps.as_ref())?;
        let page = chain
            .group(&model, self.round.below.clone(), PAGE)
            .unwrap_or_default();
        for member in page.iter().filter(|member| member.capacity > 0) {
            let funders = chain.large_funders(&member.host, &self.params.profile);
            let offers = chain.offers(&member.host).unwrap_or_default();
            // two questions to other contracts, of which one takes as much as there are offers
            work = work.saturating_add(offers.len()).saturating_add(4);
            let mut offers = offers.into_iter();
            let profile = offers.find(|offer| offer.model == model);
            group
                .profiles
                .push(profile.map(|offer| offer.profile).unwrap_or_default());
            group.candidates.push(Candidate {
                host: member.host.clone(),
                weight: member.capacity,
                funders: funders.unwrap_or_default(),
            });
        }
        if self.round.below.is_none() {
            self.round.leaf = 0;
        }
        let number = u32::try_from(self.round.leaf).map_err(|_| ContractError::Overflow)?;
        let pages = number.saturating_add(1);
        let full = pages.saturating_mul(PAGE) >= self.params.max_candidates;
        let below = match page.last() {
            Some(last) if page.len() >= PAGE as usize && !full => Some(last.host.clone()),
            _ => None,
        };
        if below.is_none() {
            // the whole group is read
            work = work.saturating_add(pages as usize / 2);
            if !self.fits(work) {
                return Ok(false);
            }
        }
        self.spend(work);
        GROUPS.write(self.deps.storage, (&model, number), &group)?;
        count(&mut self.round.leaf)?;
        if below.is_none() {
            self.forget(&model, number)?;
            assign::weigh(self.deps.storage, &model)?;
        }
        (self.round.below, self.round.name) = (below, Some(model));
        Ok(true)
    }

    /// Removes what an earlier snapshot, of a larger group, left behind a page.
    fn forget(&mut self, model: &str, last: u32) -> Result<()> {
        let after = Some(Bound::exclusive(last));
        let old = GROUPS
            .prefix(model)
            .keys(self.deps.storage, after, None, Order::Ascending)
            .collect::<StdResult<Vec<u32>>>()?;
        for page in old {
            GROUPS.remove(self.deps.storage, (model, page));
        }
        Ok(())
    }

    /// The group under way, or the next.
    fn model(&self) -> Result<Option<String>> {
        if self.round.below.is_some() {
            return Ok(self.round.name.clone());
        }
        let after = self.round.name.as_deref().map(Bound::exclusive);
        let next = CALIBRATIONS
            .keys(self.deps.storage, after, None, Order::Ascending)
            .next();
        let next: StdResult<Option<String>> = next.transpose();
        Ok(next?)
    }
}
