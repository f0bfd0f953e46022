//! Audits: rounds, leaves, and what is held against hosts.

use std::collections::BTreeMap;

use quern_interface::audits::{HostRecord, LeafInfo, LeafSource, QueryMsg, RoundInfo, Totals, WorkInfo};
use quern_types::AccAddress;
use serde::Deserialize;

use super::list::{ListFlags, show, word};
use crate::{
    Result,
    output::Format,
    system::{Asker, System, account, read},
    table::{amount, number, or_dash, sheet, table, text},
};

/// Questions to the audits.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// The round of audits that is worked on, or what audits found about a host
    Audits {
        /// Host's address
        #[arg(value_parser = account)]
        host: Option<AccAddress>,
    },
    /// Leaves under audit in this round
    AuditLeaves {
        /// Of this host only
        #[arg(long, value_name = "ADDRESS", value_parser = account)]
        host: Option<AccAddress>,
        /// Page.
        #[command(flatten)]
        page: ListFlags,
    },
    /// What an auditor has to do in this round
    AuditWork {
        /// Auditor's address
        #[arg(value_parser = account)]
        auditor: AccAddress,
    },
    /// Evidence against a host: wealth of the bets that it is not honest
    Evidence {
        /// Host's address
        #[arg(value_parser = account)]
        host: AccAddress,
    },
}

impl Command {
    pub(super) async fn run(self, asker: &Asker<'_>, format: Format) -> Result<String> {
        let of = System::Audits;
        match self {
            Self::Audits { host: None } => {
                let round = asker.raw(of, &QueryMsg::Round {}).await?;
                let totals = asker.raw(of, &QueryMsg::Totals {}).await?;
                if format == Format::Json {
                    return Ok(format!(r#"{{"round":{round},"totals":{totals}}}"#));
                }
                Ok(one_round(&read(of, &round)?, &read(of, &totals)?))
            }
            Self::Audits { host: Some(host) } => {
                let host = host.to_string();
                show(asker, format, of, &QueryMsg::Host { host }, |h| record(&h)).await
            }
            Self::AuditLeaves { host, page } => {
                let question = QueryMsg::Leaves {
                    start_after: page.after_number()?,
                    limit: page.limit(),
                };
                let answer = asker.raw(of, &question).await?;
                let all: Vec<LeafInfo> = read(of, &answer)?;
                let host = host.map(|host| host.to_string());
                let own = |leaf: &&LeafInfo| host.as_ref().is_none_or(|host| leaf.host == *host);
                match format {
                    Format::Json if host.is_none() => Ok(answer),
                    Format::Json => serde_json::to_string(&all.iter().filter(own).collect::<Vec<_>>())
                        .map_err(crate::failure::usage),
                    Format::Text => {
                        let more = page.more(all.len(), all.last().map(|leaf| leaf.number));
                        Ok(leaves(all.iter().filter(own)) + &more)
                    }
                }
            }
            Self::AuditWork { auditor } => {
                let auditor = auditor.to_string();
                show(
                    asker,
                    format,
                    of,
                    &QueryMsg::Work { auditor },
                    |w: Option<WorkInfo>| {
                        w.map_or_else(|| "nothing to audit in this round".to_owned(), |w| work(&w))
                    },
                )
                .await
            }
            Self::Evidence { host } => {
                let host = host.to_string();
                show(asker, format, of, &QueryMsg::Evidence { host }, |e: Evidence| {
                    evidence(&e)
                })
                .await
            }
        }
    }
}

fn one_round(r: &RoundInfo, t: &Totals) -> String {
    sheet(vec![
        ("round", number(r.number)),
        ("audits blocks", text(format!("{}..{}", r.start, r.end))),
        ("phase", text(word(&r.phase))),
        ("since", number(r.since)),
        ("leaves", number(r.leaves)),
        ("pot", amount(t.pot)),
        ("owed to auditors", amount(t.owed)),
        ("paid to auditors", amount(t.paid)),
    ])
}

fn record(h: &HostRecord) -> String {
    sheet(vec![
        ("leaves judged", number(h.audited)),
        ("condemned", number(h.condemned)),
        ("payloads missing", number(h.missing)),
        ("leaves withheld", number(h.withheld)),
        ("proofs judged", number(h.proofs)),
        ("proofs failed", number(h.proofs_failed)),
        ("forfeited", amount(h.forfeited)),
        ("frozen", text(if h.frozen { "yes" } else { "no" })),
        ("convictions", number(h.convictions)),
        ("rounds audited", number(h.reports)),
        ("rounds missed", number(h.missed)),
        ("checks failed", number(h.refuted)),
        ("owed as an auditor", amount(h.owed)),
        ("kept of later pay", amount(h.debt)),
    ])
}

fn source(source: &LeafSource) -> String {
    match source {
        LeafSource::Receipt { session, nonce, .. } => format!("request {session}-{nonce}"),
        LeafSource::Proof { sprint, index } => format!("proof {sprint}-{index}"),
    }
}

fn leaves<'a>(list: impl Iterator<Item = &'a LeafInfo>) -> String {
    let row = |l: &LeafInfo| {
        vec![
            number(l.number),
            text(&l.host),
            text(source(&l.source)),
            number(l.tokens),
            or_dash(l.auditor.as_ref()),
            or_dash(l.vote.as_ref().map(word)),
            or_dash(l.verdict.as_ref().map(word)),
        ]
    };
    table(
        &["LEAF", "HOST", "OF", "TOKENS", "AUDITOR", "VOTE", "VERDICT"],
        list.map(row).collect(),
        "no leaves under audit",
    )
}

fn work(w: &WorkInfo) -> String {
    sheet(vec![
        ("leaves", number(w.leaves.len())),
        (
            "report",
            text(if w.root.is_some() { "committed" } else { "open" }),
        ),
        ("votes revealed", number(w.revealed)),
        ("positions opened", number(w.opened)),
        ("opens next", or_dash(w.opening)),
    ])
}

/// What of a host's evidence people read; amounts are of 10^-12.
#[derive(Debug, Deserialize)]
struct Evidence {
    models: BTreeMap<String, Process>,
    all: Process,
}

#[derive(Debug, Deserialize)]
struct Process {
    cash: String,
    stakes: Vec<String>,
    entries: u64,
    status: String,
}

impl Process {
    /// The protocol's M, to a thousandth.
    fn wealth(&self) -> String {
        let parts = self.stakes.iter().chain([&self.cash]);
        let sum = parts
            .filter_map(|part| part.parse::<u128>().ok())
            .fold(0_u128, u128::saturating_add);
        let thousandths = sum / 1_000_000_000;
        format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000)
    }
}

fn evidence(e: &Evidence) -> String {
    let models = e.models.iter().map(|(model, process)| (model.as_str(), process));
    let row = |(model, p): (&str, &Process)| {
        vec![
            text(model),
            number(p.wealth()),
            number(p.entries),
            text(&p.status),
        ]
    };
    table(
        &["MODEL", "WEALTH", "ENTRIES", "STATUS"],
        models.chain([("(all)", &e.all)]).map(row).collect(),
        "",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn evidence_is_read_as_the_contract_writes_it_and_its_wealth_is_a_number() {
        let fresh = serde_json::json!({
            "cash": "500000000000", "stakes": ["62500000000", "62500000000", "62500000000", "62500000000",
            "62500000000", "62500000000", "62500000000", "62500000000"],
            "entries": 1, "restarts": 1, "status": "running",
        });
        let e: Evidence =
            serde_json::from_value(serde_json::json!({"models": {"m": fresh}, "all": fresh})).unwrap();
        assert_eq!(
            evidence(&e),
            "MODEL  WEALTH  ENTRIES  STATUS\nm       1.000        1  running\n(all)   1.000        1  running"
        );
    }
}
