//! Looking at the round, block by block.

use crate::audit::act::{AuditError, Auditor};
use crate::audit::view::{ModelTerms, View};
use quern_interface::MAX_PAGE;
use quern_interface::audits::{LeafInfo, PanelInfo, Params, Phase, QueryMsg, RoundInfo, WorkInfo};
use quern_interface::registry::{HostInfo, QueryMsg as Registry};
use std::collections::BTreeMap;
use std::sync::Arc;

impl Auditor {
    /// Looks at every block, and has examined what is to be.
    pub(super) async fn look_on(self) {
        let mut heights = self.paid.follow.heights();
        while heights.changed().await.is_ok() {
            let height = *heights.borrow_and_update();
            match self.look(height).await {
                Ok(view) => {
                    for leaf in view.to_examine(self.host()) {
                        self.exams.begin(&self, &view, leaf);
                    }
                    self.paid.audits.show(view);
                }
                Err(error) => {
                    self.problem(error.to_string());
                    self.paid.metrics.audits.errors.inc();
                }
            }
        }
    }

    async fn look(&self, height: u64) -> Result<View, AuditError> {
        let before = self.paid.audits.view();
        let round: RoundInfo = self.ask(&QueryMsg::Round {}).await?;
        let same = before
            .as_ref()
            .filter(|before| before.round.number == round.number);
        let mut view = match same {
            Some(before) => View::clone(before),
            None => {
                if let Some(before) = &before {
                    self.tally(before);
                }
                self.exams.clear();
                self.paid.store.book().audits.begin(round.number);
                self.begin(round.clone()).await?
            }
        };
        let entered = same.is_none_or(|before| before.round.phase != round.phase);
        (view.height, view.round) = (height, round);
        if matches!(view.round.phase, Phase::Snapshot | Phase::Draw) {
            // Calibrations and profiles of the round are those of its snapshot.
            view.models = self.model_terms().await?;
        }
        let phase = view.round.phase;
        if !View::is_judging(phase) {
            view.panels.clear();
            if (Phase::Evidence..Phase::Clean).contains(&phase) && view.work.is_some() {
                // The last word on what was opened.
                let work = self.work().await?;
                view.work = work.or(view.work);
            }
            return Ok(view);
        }
        // With the beacon of the first panels auditors are drawn for a check, and leaves of theirs get a panel.
        let drawn = view.round.since.saturating_add(view.params.draw_delay);
        let settled = drawn.saturating_add(view.check_blocks());
        let checks =
            phase == Phase::Panel && height >= drawn && same.is_some_and(|before| before.height < settled);
        if entered || checks {
            view.leaves.clear();
        }
        if entered {
            view.panels.clear();
        }
        let known = view.leaves.keys().next_back().copied();
        if known.unwrap_or(0) < view.round.leaves {
            self.leaves(known, &mut view.leaves).await?;
        }
        view.work = self.work().await?;
        if phase >= Phase::Panel {
            self.panels(&mut view).await?;
        }
        Ok(view)
    }

    pub(super) async fn work(&self) -> Result<Option<WorkInfo>, AuditError> {
        let auditor = self.host().to_owned();
        Ok(self.ask(&QueryMsg::Work { auditor }).await?)
    }

    async fn begin(&self, round: RoundInfo) -> Result<View, AuditError> {
        let params: Params = self.ask(&QueryMsg::Params {}).await?;
        let models = self.model_terms().await?;
        Ok(View {
            height: 0,
            round,
            params,
            models,
            leaves: BTreeMap::new(),
            panels: BTreeMap::new(),
            work: None,
        })
    }

    async fn model_terms(&self) -> Result<BTreeMap<String, ModelTerms>, AuditError> {
        let question = Registry::Host {
            host: self.host().to_owned(),
        };
        let registry = &self.paid.config.contracts.registry;
        let host: HostInfo = self.paid.follow.chain.smart(registry, &question).await?.value;
        let mut models = BTreeMap::new();
        for own in &*self.paid.follow.models {
            let model = own.id.clone();
            let calibration = self.ask(&QueryMsg::Calibration { model }).await?;
            let mut offers = host.memberships.iter().map(|membership| &membership.offer);
            let profile = offers.find(|offer| offer.model == own.id);
            let terms = ModelTerms {
                calibration,
                profile: profile.map(|offer| offer.profile.clone()),
            };
            models.insert(own.id.clone(), terms);
        }
        Ok(models)
    }

    async fn leaves(
        &self,
        mut start_after: Option<u64>,
        leaves: &mut BTreeMap<u64, LeafInfo>,
    ) -> Result<(), AuditError> {
        loop {
            let limit = Some(MAX_PAGE);
            let page: Vec<LeafInfo> = self.ask(&QueryMsg::Leaves { start_after, limit }).await?;
            let full = page.len() >= MAX_PAGE as usize;
            start_after = page.last().map(|leaf| leaf.number).or(start_after);
            leaves.extend(page.into_iter().map(|leaf| (leaf.number, leaf)));
            if !full {
                return Ok(());
            }
        }
    }

    /// Panels that hear a leaf in this phase. One is asked for until its draw is known, and on as long as this host has
    /// a seat.
    async fn panels(&self, view: &mut View) -> Result<(), AuditError> {
        let heard = view.leaves.values();
        let heard: Vec<u64> = heard
            .filter(|leaf| leaf.stage.is_some() && leaf.verdict.is_none())
            .map(|leaf| leaf.number)
            .collect();
        for leaf in heard {
            let known = view.panels.get(&leaf);
            let mine = |panel: &PanelInfo| panel.seats.iter().any(|seat| seat.host == self.host());
            if known.is_none_or(mine)
                && let Some(panel) = self.ask::<Option<PanelInfo>>(&QueryMsg::Panel { leaf }).await?
            {
                view.panels.insert(leaf, panel);
            }
        }
        Ok(())
    }

    /// Counts what came of this host's work in a round that is over.
    fn tally(&self, view: &Arc<View>) {
        let Some(work) = view.work.as_ref().filter(|work| !work.leaves.is_empty()) else {
            return;
        };
        let told = work.root.is_some() && work.revealed as usize == work.leaves.len();
        let whole = told && work.opening.is_none();
        let outcome = if whole { "reported" } else { "missed" };
        if !whole {
            tracing::error!(
                round = view.round.number,
                ?work,
                "this host's report of a round is not complete: it earns nothing"
            );
        }
        self.paid
            .metrics
            .audits
            .rounds
            .with_label_values(&[outcome])
            .inc();
    }
}
