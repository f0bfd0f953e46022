//! Proof of compute and the weights that follow from it.

use quern_interface::poc_weights::{EpochInfo, ProofInfo, QueryMsg, SprintInfo, SprintKind, WeightInfo};
use quern_types::AccAddress;

use super::list::{ListFlags, show, word};
use crate::{
    Result,
    output::Format,
    system::{Asker, System, account, read},
    table::{number, or_dash, sheet, table, text},
};

/// Questions to poc-weights.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Weights of the last epoch and the voting power that followed from them
    Weights {
        /// Host's address
        #[arg(value_parser = account)]
        host: Option<AccAddress>,
        /// Page.
        #[command(flatten)]
        page: ListFlags,
    },
    /// The last sprint of proof of compute, one by its number, or what a host proved in the last ones
    Sprints {
        /// Number of a sprint
        sprint: Option<u64>,
        /// What this host committed
        #[arg(long, value_name = "ADDRESS", value_parser = account, conflicts_with = "sprint")]
        host: Option<AccAddress>,
        /// In sprints that ended in the last so many blocks
        #[arg(long, value_name = "N", default_value_t = 1_000, requires = "host")]
        blocks: u64,
    },
}

impl Command {
    pub(super) async fn run(self, asker: &Asker<'_>, format: Format) -> Result<String> {
        let of = System::PocWeights;
        match self {
            Self::Weights { host: Some(host), .. } => {
                let host = host.to_string();
                show(
                    asker,
                    format,
                    of,
                    &QueryMsg::Weight { host },
                    |w: Option<WeightInfo>| {
                        w.map_or_else(|| "this host has no weight".to_owned(), |w| one_weight(&w))
                    },
                )
                .await
            }
            Self::Weights { host: None, page } => {
                let question = QueryMsg::Weights {
                    start_after: page.after(),
                    limit: page.limit(),
                };
                let answer = asker.raw(of, &question).await?;
                let epoch = asker.raw(of, &QueryMsg::Epoch {}).await?;
                if format == Format::Json {
                    return Ok(format!(r#"{{"epoch":{epoch},"weights":{answer}}}"#));
                }
                let list: Vec<WeightInfo> = read(of, &answer)?;
                let more = page.more(list.len(), list.last().map(|w| &w.host));
                Ok(format!(
                    "{}\n\n{}{more}",
                    one_epoch(&read(of, &epoch)?),
                    weights(&list)
                ))
            }
            Self::Sprints {
                host: Some(host),
                blocks,
                ..
            } => {
                let now = match asker.height {
                    0 => asker.node.height().await?,
                    height => height,
                };
                let question = QueryMsg::HostProofs {
                    host: host.to_string(),
                    from: now.saturating_sub(blocks),
                    to: now.saturating_add(1),
                };
                show(asker, format, of, &question, |list: Vec<ProofInfo>| proofs(&list)).await
            }
            Self::Sprints { sprint, .. } => {
                let question = match sprint {
                    Some(sprint) => QueryMsg::SprintBy { sprint },
                    None => QueryMsg::Sprint {},
                };
                show(asker, format, of, &question, |s: Option<SprintInfo>| {
                    s.map_or_else(|| "no such sprint is kept".to_owned(), |s| one_sprint(&s))
                })
                .await
            }
        }
    }
}

fn one_epoch(e: &EpochInfo) -> String {
    sheet(vec![
        ("epoch", number(e.epoch)),
        ("ended at", number(e.height)),
        ("set", text(word(&e.mode))),
        ("epochs with too few proofs", number(e.missed)),
        ("total power", number(e.total_power)),
    ])
}

fn weights(list: &[WeightInfo]) -> String {
    let row = |w: &WeightInfo| {
        let numbers = [w.proven, w.verified, w.present, w.covered, w.power].map(number);
        [vec![text(&w.host)], numbers.to_vec()].concat()
    };
    table(
        &["HOST", "PROVEN", "VERIFIED", "PRESENT", "COVERED", "POWER"],
        list.iter().map(row).collect(),
        "no weights: no epoch has ended",
    )
}

fn one_weight(w: &WeightInfo) -> String {
    sheet(vec![
        ("host", text(&w.host)),
        (
            "proven",
            text(format!("{} weighted tokens in 1,000 blocks", w.proven)),
        ),
        ("after verdicts", number(w.verified)),
        ("after presence", number(w.present)),
        ("covered by bond", number(w.covered)),
        ("power", number(w.power)),
    ])
}

const fn kind(kind: SprintKind) -> &'static str {
    match kind {
        SprintKind::Window => "window",
        SprintKind::Confirmation => "confirmation",
    }
}

fn one_sprint(s: &SprintInfo) -> String {
    sheet(vec![
        ("sprint", number(s.sprint)),
        ("epoch", number(s.epoch)),
        ("kind", text(kind(s.kind))),
        ("began at", number(s.start)),
        ("commits until", number(s.deadline)),
        ("beacon", text(s.beacon)),
    ])
}

fn proofs(list: &[ProofInfo]) -> String {
    let row = |p: &ProofInfo| {
        vec![
            number(p.sprint.sprint),
            text(kind(p.sprint.kind)),
            text(&p.model),
            number(p.committed_at),
            number(p.count),
            number(p.root.sum),
            or_dash(
                p.judged
                    .map(|j| format!("{} clean, {} failed", j.clean, j.failed)),
            ),
        ]
    };
    table(
        &[
            "SPRINT",
            "KIND",
            "MODEL",
            "COMMITTED AT",
            "ANSWERS",
            "WORK",
            "JUDGED",
        ],
        list.iter().map(row).collect(),
        "no proofs",
    )
}
