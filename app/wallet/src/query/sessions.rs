//! Settlement's lists: sessions, batches, faults, routers' bonds.

use quern_interface::settlement::{
    BatchInfo, BatchPlace, CommitteeMember, FaultRecord, HostStanding, Outcome, QueryMsg, RouterBond,
    SessionInfo, SessionStatus,
};
use quern_types::AccAddress;

use super::list::{ListFlags, show};
use crate::{
    Result,
    output::Format,
    qrn,
    system::{Asker, System, account, read},
    table::{amount, number, or_dash, sheet, table, text},
};

/// Questions to settlement.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Sessions, or one of them with its committee and outcome
    Sessions {
        /// Session's id
        session: Option<u64>,
        /// Of this payer
        #[arg(long, value_name = "ADDRESS", value_parser = account, conflicts_with = "session")]
        payer: Option<AccAddress>,
        /// Not closed, with this host in the committee
        #[arg(long, value_name = "ADDRESS", value_parser = account, conflicts_with_all = ["session", "payer"])]
        host: Option<AccAddress>,
        /// Page.
        #[command(flatten)]
        page: ListFlags,
    },
    /// The last batches that a host committed, or one of them
    Batches {
        /// Host's address
        #[arg(value_parser = account)]
        host: AccAddress,
        /// Its sequence
        batch: Option<u64>,
        /// Most batches, the last first
        #[arg(long, value_name = "N", default_value_t = 10)]
        limit: u64,
        /// The last one committed at or before this block, with the sum of all up to it
        #[arg(long, value_name = "HEIGHT", conflicts_with = "batch")]
        at: Option<u64>,
    },
    /// What a host committed and claimed over all sessions, and what judges hold back of its pay
    Standing {
        /// Host's address
        #[arg(value_parser = account)]
        host: AccAddress,
    },
    /// Deterministic faults that were proven, the oldest first
    Faults(ListFlags),
    /// A router's bond and the escrow that it covers
    RouterBond {
        /// Router's address
        #[arg(value_parser = account)]
        router: AccAddress,
    },
}

impl Command {
    pub(super) async fn run(self, asker: &Asker<'_>, format: Format) -> Result<String> {
        let of = System::Settlement;
        match self {
            Self::Sessions {
                session: Some(session),
                ..
            } => {
                let question = QueryMsg::Session { session };
                show(asker, format, of, &question, |s| one_session(&s)).await
            }
            Self::Sessions {
                payer, host, page, ..
            } => {
                let (start_after, limit) = (page.after_number()?, page.limit());
                let question = match host {
                    Some(host) => QueryMsg::HostSessions {
                        host: host.to_string(),
                        start_after,
                        limit,
                    },
                    None => QueryMsg::Sessions {
                        payer: payer.map(|p| p.to_string()),
                        start_after,
                        limit,
                    },
                };
                show(asker, format, of, &question, |list: Vec<SessionInfo>| {
                    let more = page.more(list.len(), list.last().map(|s| s.id));
                    sessions(&list) + &more
                })
                .await
            }
            Self::Batches {
                host,
                at: Some(height),
                ..
            } => {
                let host = host.to_string();
                let question = QueryMsg::BatchAt { host, height };
                show(asker, format, of, &question, |place: Option<BatchPlace>| {
                    place.map_or_else(
                        || "no batch up to this block is kept".to_owned(),
                        |p| one_place(&p),
                    )
                })
                .await
            }
            Self::Standing { host } => {
                let host = host.to_string();
                show(
                    asker,
                    format,
                    of,
                    &QueryMsg::HostStanding { host },
                    |s: HostStanding| standing(&s),
                )
                .await
            }
            Self::Batches {
                host, batch, limit, ..
            } => {
                let host = host.to_string();
                let answers = match batch {
                    Some(sequence) => vec![asker.raw(of, &QueryMsg::Batch { host, sequence }).await?],
                    None => last_batches(asker, host, limit).await?,
                };
                let joined = format!("[{}]", answers.join(","));
                match format {
                    Format::Json => Ok(joined),
                    Format::Text => {
                        let list: Vec<Option<BatchInfo>> = read(of, &joined)?;
                        Ok(batches(&list.into_iter().flatten().collect::<Vec<_>>()))
                    }
                }
            }
            Self::Faults(page) => {
                let question = QueryMsg::Faults {
                    start_after: page.after_number()?,
                    limit: page.limit(),
                };
                show(asker, format, of, &question, |list: Vec<FaultRecord>| {
                    let more = page.more(list.len(), list.last().map(|f| f.number));
                    faults(&list) + &more
                })
                .await
            }
            Self::RouterBond { router } => {
                let router = router.to_string();
                show(
                    asker,
                    format,
                    of,
                    &QueryMsg::Router { router },
                    |bond: RouterBond| {
                        sheet(vec![
                            ("bond", amount(bond.bond)),
                            ("in flight", amount(bond.in_flight)),
                        ])
                    },
                )
                .await
            }
        }
    }
}

/// The contract keeps no list of a host's batches, but they are numbered.
async fn last_batches(asker: &Asker<'_>, host: String, limit: u64) -> Result<Vec<String>> {
    let of = System::Settlement;
    let question = QueryMsg::LastBatch { host: host.clone() };
    let answer = asker.raw(of, &question).await?;
    let Some(last) = read::<Option<BatchInfo>>(of, &answer)? else {
        return Ok(Vec::new());
    };
    let mut answers = vec![answer];
    let earlier = (1..last.sequence)
        .rev()
        .take(usize::try_from(limit.saturating_sub(1)).unwrap_or(0));
    for sequence in earlier {
        let host = host.clone();
        answers.push(asker.raw(of, &QueryMsg::Batch { host, sequence }).await?);
    }
    Ok(answers)
}

/// A status as the contract writes it.
pub(crate) fn status(status: SessionStatus) -> &'static str {
    match status {
        SessionStatus::Pending => "pending",
        SessionStatus::Open => "open",
        SessionStatus::Closing => "closing",
        SessionStatus::Closed => "closed",
        SessionStatus::Void => "void",
    }
}

fn sessions(list: &[SessionInfo]) -> String {
    let row = |s: &SessionInfo| {
        vec![
            number(s.id),
            text(status(s.status)),
            text(&s.model),
            amount(s.escrow),
            number(s.closes_at),
            number(s.committee.len()),
            text(&s.payer),
        ]
    };
    table(
        &[
            "SESSION",
            "STATUS",
            "MODEL",
            "ESCROW",
            "CLOSES AT",
            "HOSTS",
            "PAYER",
        ],
        list.iter().map(row).collect(),
        "no sessions",
    )
}

fn one_session(s: &SessionInfo) -> String {
    let mut parts = vec![sheet(vec![
        ("session", number(s.id)),
        ("status", text(status(s.status))),
        ("model", text(&s.model)),
        ("payer", text(&s.payer)),
        ("agent", or_dash(s.agent.as_ref())),
        ("router", or_dash(s.router.as_ref())),
        ("router fee", text(format!("{} bps", s.router_fee_bps))),
        ("max price", text(format!("{} nqrn per token", s.max_price))),
        ("session key", text(s.session_key)),
        ("escrow", amount(s.escrow)),
        ("opened at", number(s.opened_at)),
        ("drawn at", number(s.drawn_at)),
        ("closes at", number(s.closes_at)),
        ("commits until", number(s.commits_until)),
        ("payable at", number(s.payable_at)),
    ])];
    if !s.committee.is_empty() {
        parts.push(committee(&s.committee));
    }
    if !s.rebalances.is_empty() {
        let rows = s
            .rebalances
            .iter()
            .map(|r| vec![text(&r.from), text(&r.to), amount(r.amount), number(r.due_at)]);
        parts.push(table(
            &["REBALANCE FROM", "TO", "AT MOST", "DUE AT"],
            rows.collect(),
            "",
        ));
    }
    if let Some(outcome) = &s.outcome {
        parts.push(outcome_table(outcome));
    }
    parts.join("\n\n")
}

fn committee(members: &[CommitteeMember]) -> String {
    let row = |m: &CommitteeMember| {
        vec![
            text(&m.host),
            number(m.weight),
            amount(m.limit),
            amount(m.claimed),
            number(m.receipts),
        ]
    };
    table(
        &["HOST", "WEIGHT", "LIMIT", "CLAIMED", "RECEIPTS"],
        members.iter().map(row).collect(),
        "",
    )
}

fn outcome_table(o: &Outcome) -> String {
    let paid = o.paid.iter().map(|(host, paid)| vec![text(host), amount(*paid)]);
    let rest = [
        ("router", o.router_fee),
        ("burned", o.burned),
        ("to the audits", o.audits),
        ("refund to the payer", o.refund),
    ];
    let rest = rest.map(|(name, value)| vec![text(name), amount(value)]);
    let mut parts = vec![table(&["OUTCOME", "AMOUNT"], paid.chain(rest).collect(), "")];
    if !o.voided.is_zero() {
        let voided = qrn::show(o.voided);
        parts.push(format!("claims of {voided} were void and are part of the refund"));
    }
    if !o.restitution.is_zero() {
        let more = qrn::show(o.restitution);
        parts.push(format!("{more} more went to the payer out of slashed bonds"));
    }
    parts.join("\n")
}

fn batches(list: &[BatchInfo]) -> String {
    let row = |b: &BatchInfo| {
        vec![
            number(b.sequence),
            number(b.height),
            number(b.sessions),
            amount(b.root.sum),
            text(b.root.hash),
        ]
    };
    table(
        &["BATCH", "HEIGHT", "SESSIONS", "AMOUNT", "ROOT"],
        list.iter().map(row).collect(),
        "no batches",
    )
}

fn one_place(p: &BatchPlace) -> String {
    sheet(vec![
        ("batch", number(p.batch.sequence)),
        ("committed at", number(p.batch.height)),
        ("sessions", number(p.batch.sessions)),
        ("amount", amount(p.batch.root.sum)),
        ("all batches up to it", amount(p.committed)),
        ("root", text(p.batch.root.hash)),
    ])
}

fn standing(s: &HostStanding) -> String {
    sheet(vec![
        ("committed", amount(s.committed)),
        ("claimed", amount(s.claimed)),
        (
            "pay frozen",
            text(if s.frozen {
                "yes, while evidence is high"
            } else {
                "no"
            }),
        ),
        ("to be burned out of its pay", amount(s.forfeit)),
    ])
}

fn faults(list: &[FaultRecord]) -> String {
    let row = |f: &FaultRecord| {
        vec![
            number(f.number),
            number(f.height),
            text(&f.host),
            text(&f.model),
            number(f.generation),
            text(&f.kind),
            text(&f.prover),
        ]
    };
    table(
        &[
            "NO",
            "HEIGHT",
            "HOST",
            "MODEL",
            "GENERATION",
            "FAULT",
            "PROVEN BY",
        ],
        list.iter().map(row).collect(),
        "no faults",
    )
}

#[cfg(test)]
mod tests {
    use quern_protocol::Amount;

    use super::*;

    #[test]
    fn an_outcome_names_everyone_who_got_something() {
        let outcome = Outcome {
            paid: vec![("quern1h".into(), Amount(3_000_000_000))],
            router_fee: Amount(1),
            burned: Amount(0),
            audits: Amount(20),
            refund: Amount(2_000_000_000),
            voided: Amount(1_000_000_000),
            restitution: Amount(0),
        };
        assert_eq!(
            outcome_table(&outcome),
            "OUTCOME                       AMOUNT\n\
             quern1h                        3 QRN\n\
             router               0.000000001 QRN\n\
             burned                         0 QRN\n\
             to the audits         0.00000002 QRN\n\
             refund to the payer            2 QRN\n\
             claims of 1 QRN were void and are part of the refund"
        );
    }
}
