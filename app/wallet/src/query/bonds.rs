//! Bonding's lists: bonds, positions, slashes.

use quern_interface::bonding::{FunderRewards, HostBond, HostIncome, Position, QueryMsg, SlashRecord};
use quern_protocol::Amount;
use quern_types::AccAddress;

use super::list::{ListFlags, show};
use crate::{
    Failure, Result,
    output::Format,
    qrn,
    system::{Asker, System, account},
    table::{amount, number, sheet, table, text},
};

/// Questions to bonding.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Bonds behind hosts, the largest first, or behind one
    Bonds {
        /// Host's address
        #[arg(value_parser = account)]
        host: Option<AccAddress>,
        /// Page.
        #[command(flatten)]
        page: ListFlags,
    },
    /// What a funder has behind hosts
    Positions {
        /// Funder's address
        #[arg(value_parser = account, required_unless_present = "host")]
        funder: Option<AccAddress>,
        /// Behind this host only; without a funder, everyone's behind it
        #[arg(long, value_name = "ADDRESS", value_parser = account)]
        host: Option<AccAddress>,
        /// Page.
        #[command(flatten)]
        page: ListFlags,
    },
    /// What a host keeps of its rewards, and whose they are until they are paid
    Commission {
        /// Host's address
        #[arg(value_parser = account)]
        host: AccAddress,
    },
    /// What a funder's coins behind hosts earned and was not paid yet
    FunderRewards {
        /// Funder's address
        #[arg(value_parser = account)]
        funder: AccAddress,
        /// Behind this host only
        #[arg(long, value_name = "ADDRESS", value_parser = account)]
        host: Option<AccAddress>,
        /// Page.
        #[command(flatten)]
        page: ListFlags,
    },
    /// Slashes of all hosts, or of one, the oldest first
    Slashes {
        /// Host's address
        #[arg(value_parser = account)]
        host: Option<AccAddress>,
        /// Page.
        #[command(flatten)]
        page: ListFlags,
    },
}

impl Command {
    pub(super) async fn run(self, asker: &Asker<'_>, format: Format) -> Result<String> {
        let of = System::Bonding;
        match self {
            Self::Bonds { host: Some(host), .. } => {
                let host = host.to_string();
                show(asker, format, of, &QueryMsg::HostBond { host }, |b| one_bond(&b)).await
            }
            Self::Bonds { host: None, page } => {
                let question = QueryMsg::HostBonds {
                    start_after: page.after(),
                    limit: page.limit(),
                };
                show(asker, format, of, &question, |list: Vec<HostBond>| {
                    let more = page.more(list.len(), list.last().map(|b| &b.host));
                    bonds(&list) + &more
                })
                .await
            }
            Self::Positions {
                funder: Some(funder),
                host: Some(host),
                ..
            } => {
                let (host, funder) = (host.to_string(), funder.to_string());
                let question = QueryMsg::Position { host, funder };
                show(asker, format, of, &question, |p: Position| positions(&[p])).await
            }
            Self::Positions { funder, host, page } => {
                let (start_after, limit) = (page.after(), page.limit());
                let by_funder = funder.is_some();
                let question = match (funder, host) {
                    (Some(funder), _) => QueryMsg::PositionsOf {
                        funder: funder.to_string(),
                        start_after,
                        limit,
                    },
                    (None, Some(host)) => QueryMsg::Positions {
                        host: host.to_string(),
                        start_after,
                        limit,
                    },
                    (None, None) => return Err(Failure::Usage("give a funder or --host".into())),
                };
                show(asker, format, of, &question, |list: Vec<Position>| {
                    let last = list.last().map(|p| if by_funder { &p.host } else { &p.funder });
                    positions(&list) + &page.more(list.len(), last)
                })
                .await
            }
            Self::Commission { host } => {
                let host = host.to_string();
                show(asker, format, of, &QueryMsg::Commission { host }, |i| income(&i)).await
            }
            Self::FunderRewards {
                funder,
                host: Some(host),
                ..
            } => {
                let (host, funder) = (host.to_string(), funder.to_string());
                let question = QueryMsg::FunderRewards { host, funder };
                show(asker, format, of, &question, |r: FunderRewards| earned(&[r])).await
            }
            Self::FunderRewards {
                funder,
                host: None,
                page,
            } => {
                let question = QueryMsg::RewardsOf {
                    funder: funder.to_string(),
                    start_after: page.after(),
                    limit: page.limit(),
                };
                show(asker, format, of, &question, |list: Vec<FunderRewards>| {
                    let more = page.more(list.len(), list.last().map(|r| &r.host));
                    earned(&list) + &more
                })
                .await
            }
            Self::Slashes { host, page } => {
                let question = QueryMsg::Slashes {
                    host: host.map(|h| h.to_string()),
                    start_after: page.after_number()?,
                    limit: page.limit(),
                };
                show(asker, format, of, &question, |list: Vec<SlashRecord>| {
                    let more = page.more(list.len(), list.last().map(|s| s.number));
                    slashes(&list) + &more
                })
                .await
            }
        }
    }
}

/// What is out of the ordinary about a host's bond.
fn flags(b: &HostBond) -> String {
    let all = [
        (!b.open, "closed"),
        (b.frozen, "frozen"),
        (b.tombstoned, "tombstoned"),
    ];
    let set: Vec<_> = all
        .iter()
        .filter(|(set, _)| *set)
        .map(|(_, name)| *name)
        .collect();
    match set.is_empty() {
        true => "open".into(),
        false => set.join(" "),
    }
}

fn bonds(list: &[HostBond]) -> String {
    let row = |b: &HostBond| {
        vec![
            text(&b.host),
            amount(b.active),
            amount(b.operator),
            amount(b.unbonding),
            text(flags(b)),
        ]
    };
    table(
        &["HOST", "ACTIVE", "OPERATOR'S", "UNBONDING", "FUNDERS"],
        list.iter().map(row).collect(),
        "no bonds",
    )
}

fn one_bond(b: &HostBond) -> String {
    sheet(vec![
        ("host", text(&b.host)),
        ("active", amount(b.active)),
        ("operator's", amount(b.operator)),
        ("unbonding", amount(b.unbonding)),
        ("funders", text(flags(b))),
    ])
}

fn positions(list: &[Position]) -> String {
    let row = |p: &Position| {
        let out = p
            .unbonding
            .iter()
            .map(|e| format!("{} at {}", qrn::show(e.amount), e.matures_at));
        let out: Vec<_> = out.collect();
        let out = if out.is_empty() {
            "-".into()
        } else {
            out.join(", ")
        };
        vec![text(&p.host), text(&p.funder), amount(p.active), text(out)]
    };
    table(
        &["HOST", "FUNDER", "ACTIVE", "MATURES"],
        list.iter().map(row).collect(),
        "no positions",
    )
}

/// A rate in percent.
fn percent(bps: u32) -> String {
    format!("{}.{:02} %", bps / 100, bps % 100)
}

fn income(i: &HostIncome) -> String {
    sheet(vec![
        ("host", text(&i.host)),
        ("commission", text(percent(i.rate_bps))),
        ("may be set to", text(percent(i.may_set_bps))),
        ("changed in epoch", number(i.changed_epoch)),
        ("vested", amount(i.vested)),
        ("commission to pay", amount(i.commission)),
        ("operator's to pay", amount(i.own)),
        ("funders' to pay", amount(i.funders)),
    ])
}

fn earned(list: &[FunderRewards]) -> String {
    let row = |r: &FunderRewards| vec![text(&r.host), text(&r.funder), amount(r.amount)];
    table(
        &["HOST", "FUNDER", "REWARDS"],
        list.iter().map(row).collect(),
        "no positions",
    )
}

fn slashes(list: &[SlashRecord]) -> String {
    let row = |s: &SlashRecord| {
        let cells = [s.slashed, s.restitution, s.burned].map(|a: Amount| amount(a));
        [
            vec![
                number(s.number),
                number(s.height),
                text(&s.host),
                text(&s.offence),
                number(s.fraction_bps),
            ],
            cells.to_vec(),
        ]
        .concat()
    };
    table(
        &[
            "NO",
            "HEIGHT",
            "HOST",
            "OFFENCE",
            "BPS",
            "SLASHED",
            "TO PAYERS",
            "BURNED",
        ],
        list.iter().map(row).collect(),
        "no slashes",
    )
}

#[cfg(test)]
mod tests {
    use quern_interface::bonding::UnbondingEntry;

    use super::*;

    #[test]
    fn positions_say_when_coins_mature() {
        let position = Position {
            host: "h".into(),
            funder: "f".into(),
            active: Amount(2_000_000_000),
            unbonding: vec![UnbondingEntry {
                amount: Amount(5),
                bucket: 899,
                moving: Amount(0),
                to: None,
                matures_at: 900,
            }],
        };
        assert_eq!(
            positions(&[position]),
            "HOST  FUNDER  ACTIVE  MATURES\nh     f        2 QRN  0.000000005 QRN at 900"
        );
    }
}
