//! The registry's lists: hosts, models, groups, routers.

use quern_interface::registry::{
    GroupMember, HostInfo, HostStatus, LaunchPackage, Membership, ModelState, QueryMsg, RouterInfo,
};
use quern_types::AccAddress;

use super::list::{ListFlags, show};
use crate::{
    Result,
    output::Format,
    system::{Asker, System, account},
    table::{Cell, amount, number, or_dash, sheet, table, text},
};

/// Questions to the registry.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Hosts, or one of them with its keys
    Hosts {
        /// Host's address
        #[arg(value_parser = account)]
        host: Option<AccAddress>,
        /// Page.
        #[command(flatten)]
        page: ListFlags,
    },
    /// Models, or one of them
    Models {
        /// Model
        model: Option<String>,
        /// Page.
        #[command(flatten)]
        page: ListFlags,
    },
    /// Hosts that serve a model, with the capacity that draws count
    Group {
        /// Model
        model: String,
        /// Page.
        #[command(flatten)]
        page: ListFlags,
    },
    /// Routers, or one of them
    Routers {
        /// Router's address
        #[arg(value_parser = account)]
        router: Option<AccAddress>,
        /// Page.
        #[command(flatten)]
        page: ListFlags,
    },
}

impl Command {
    pub(super) async fn run(self, asker: &Asker<'_>, format: Format) -> Result<String> {
        let of = System::Registry;
        match self {
            Self::Hosts { host: Some(host), .. } => {
                let host = host.to_string();
                show(asker, format, of, &QueryMsg::Host { host }, |h| one_host(&h)).await
            }
            Self::Hosts { host: None, page } => {
                let question = QueryMsg::Hosts {
                    start_after: page.after(),
                    limit: page.limit(),
                };
                show(asker, format, of, &question, |list: Vec<HostInfo>| {
                    let more = page.more(list.len(), list.last().map(|h| &h.host));
                    hosts(&list) + &more
                })
                .await
            }
            Self::Models {
                model: Some(model), ..
            } => show(asker, format, of, &QueryMsg::Model { model }, |m| one_model(&m)).await,
            Self::Models { model: None, page } => {
                let question = QueryMsg::Models {
                    start_after: page.after(),
                    limit: page.limit(),
                };
                show(asker, format, of, &question, |list: Vec<LaunchPackage>| {
                    let more = page.more(list.len(), list.last().map(|m| &m.id));
                    models(&list) + &more
                })
                .await
            }
            Self::Group { model, page } => {
                let question = QueryMsg::Group {
                    model,
                    start_after: page.after(),
                    limit: page.limit(),
                };
                show(asker, format, of, &question, |list: Vec<GroupMember>| {
                    let more = page.more(list.len(), list.last().map(|m| &m.host));
                    group(&list) + &more
                })
                .await
            }
            Self::Routers {
                router: Some(router), ..
            } => {
                let router = router.to_string();
                show(asker, format, of, &QueryMsg::Router { router }, |r| {
                    one_router(&r)
                })
                .await
            }
            Self::Routers { router: None, page } => {
                let question = QueryMsg::Routers {
                    start_after: page.after(),
                    limit: page.limit(),
                };
                show(asker, format, of, &question, |list: Vec<RouterInfo>| {
                    let more = page.more(list.len(), list.last().map(|r| &r.router));
                    routers(&list) + &more
                })
                .await
            }
        }
    }
}

fn status(status: HostStatus) -> &'static str {
    match status {
        HostStatus::Active => "active",
        HostStatus::Retired => "retired",
        HostStatus::Tombstoned => "tombstoned",
    }
}

/// `quern-small=40/100`: of the declared capacity, what draws count.
fn membership(m: &Membership) -> String {
    let (model, declared) = (&m.offer.model, m.offer.capacity);
    match m.convicted_until {
        Some(height) => format!("{model}=convicted until {height}"),
        None if m.effective == declared => format!("{model}={declared}"),
        None => format!("{model}={}/{declared}", m.effective),
    }
}

fn memberships(host: &HostInfo) -> Cell {
    match host.memberships.as_slice() {
        [] => text("-"),
        all => text(all.iter().map(membership).collect::<Vec<_>>().join(" ")),
    }
}

fn hosts(list: &[HostInfo]) -> String {
    let row = |h: &HostInfo| {
        vec![
            text(&h.host),
            text(&h.moniker),
            text(status(h.status)),
            amount(h.bond),
            memberships(h),
            text(&h.endpoint),
        ]
    };
    table(
        &["HOST", "NAME", "STATUS", "BOND", "MODELS", "ENDPOINT"],
        list.iter().map(row).collect(),
        "no hosts",
    )
}

fn one_host(h: &HostInfo) -> String {
    let windows = h.maintenance.iter().map(|(from, to)| format!("{from}..{to}"));
    let windows = windows.collect::<Vec<_>>().join(" ");
    sheet(vec![
        ("host", text(&h.host)),
        ("name", text(&h.moniker)),
        ("status", text(status(h.status))),
        ("bond", amount(h.bond)),
        ("models", memberships(h)),
        ("endpoint", text(&h.endpoint)),
        ("payout", text(&h.payout)),
        ("warm key", text(h.warm_key.key)),
        ("warm address", text(&h.warm_key.address)),
        ("warm key from", number(h.warm_key.from)),
        ("transport key", text(h.transport_key)),
        ("consensus key", text(h.consensus_key)),
        ("beacon anchor", or_dash(h.beacon_anchor)),
        ("maintenance", or_dash(Some(windows).filter(|w| !w.is_empty()))),
    ])
}

fn state(state: ModelState) -> &'static str {
    match state {
        ModelState::Proposed => "proposed",
        ModelState::Canary => "canary",
        ModelState::Live => "live",
        ModelState::Retiring => "retiring",
        ModelState::Retired => "retired",
    }
}

fn models(list: &[LaunchPackage]) -> String {
    let row = |m: &LaunchPackage| {
        vec![
            text(&m.id),
            text(state(m.state)),
            number(m.context),
            text(&m.precision),
            text(m.profiles.join(" ")),
            text(m.hash),
        ]
    };
    table(
        &["MODEL", "STATE", "CONTEXT", "PRECISION", "PROFILES", "HASH"],
        list.iter().map(row).collect(),
        "no models",
    )
}

fn one_model(m: &LaunchPackage) -> String {
    let c = m.coefficients;
    sheet(vec![
        ("model", text(&m.id)),
        ("state", text(state(m.state))),
        ("hash", text(m.hash)),
        ("context", text(format!("{} tokens", m.context))),
        ("precision", text(&m.precision)),
        ("sampler", number(m.sampler)),
        ("rendering", number(m.rendering)),
        ("grammar", number(m.grammar)),
        ("launch price", text(format!("{} nqrn per token", m.price))),
        (
            "coefficients",
            text(format!(
                "input {}, cached {}, output {} millionths",
                c.input, c.cached, c.output
            )),
        ),
        ("profiles", text(m.profiles.join(" "))),
    ])
}

fn group(list: &[GroupMember]) -> String {
    let row = |m: &GroupMember| vec![text(&m.host), number(m.capacity), number(m.generation)];
    table(
        &["HOST", "CAPACITY", "GENERATION"],
        list.iter().map(row).collect(),
        "no host serves this model",
    )
}

fn routers(list: &[RouterInfo]) -> String {
    let row = |r: &RouterInfo| {
        vec![
            text(&r.router),
            text(&r.details.moniker),
            text(if r.retired { "retired" } else { "active" }),
            number(r.details.fee_bps),
            text(&r.details.endpoint),
        ]
    };
    table(
        &["ROUTER", "NAME", "STATUS", "FEE BPS", "ENDPOINT"],
        list.iter().map(row).collect(),
        "no routers",
    )
}

fn one_router(r: &RouterInfo) -> String {
    sheet(vec![
        ("router", text(&r.router)),
        ("name", text(&r.details.moniker)),
        ("status", text(if r.retired { "retired" } else { "active" })),
        ("fee", text(format!("{} bps", r.details.fee_bps))),
        ("endpoint", text(&r.details.endpoint)),
        ("transport key", text(r.details.transport_key)),
    ])
}

#[cfg(test)]
mod tests {
    use quern_interface::registry::{Offer, WarmKey};
    use quern_protocol::{Amount, Bytes};

    use super::*;

    fn host(convicted_until: Option<u64>) -> HostInfo {
        HostInfo {
            host: "quern1host".into(),
            moniker: "mill\u{7}".into(),
            endpoint: "https://h:1".into(),
            transport_key: Bytes::new([1; 32]),
            consensus_key: Bytes::new([2; 32]),
            beacon_anchor: None,
            warm_key: WarmKey {
                key: Bytes::new([3; 33]),
                address: "quern1warm".into(),
                from: 9,
            },
            payout: "quern1pay".into(),
            bond: Amount(1_500_000_000),
            memberships: vec![Membership {
                offer: Offer {
                    model: "m".into(),
                    capacity: 100,
                    profile: "cpu".into(),
                },
                effective: 40,
                generation: 0,
                convicted_until,
            }],
            status: HostStatus::Active,
            maintenance: vec![(5, 8)],
        }
    }

    #[test]
    fn hosts_are_a_table_with_bonds_in_qrn() {
        assert_eq!(
            hosts(&[host(None), host(Some(70))]),
            "HOST        NAME   STATUS     BOND  MODELS                ENDPOINT\n\
             quern1host  mill\u{fffd}  active  1.5 QRN  m=40/100              https://h:1\n\
             quern1host  mill\u{fffd}  active  1.5 QRN  m=convicted until 70  https://h:1"
        );
        assert_eq!(hosts(&[]), "no hosts");
        let one = one_host(&host(None));
        assert!(
            one.contains("maintenance    5..8") && one.contains("beacon anchor  -"),
            "{one}"
        );
    }
}
