//! Rewards of hosts, and what the chain mints for them.

use prost::Message;
use quern_interface::rewards::{EpochInfo, HostInfo, QueryMsg, Status};
use quern_protocol::Amount;
use quern_types::AccAddress;
use serde_json::json;

use super::list::{ListFlags, show, word};
use crate::{
    Result,
    output::Format,
    system::{Asker, System, account, read},
    table::{amount, number, sheet, table, text},
};

/// Questions to rewards.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Rewards of hosts, or of one with what vests when
    Rewards {
        /// Host's address
        #[arg(value_parser = account)]
        host: Option<AccAddress>,
        /// Page.
        #[command(flatten)]
        page: ListFlags,
    },
    /// What was minted in the last epochs and how it was divided, the latest first
    Emission(ListFlags),
}

/// `quern.emission.v1.QueryEmissionRequest`
#[derive(Clone, PartialEq, Message)]
struct MintedRequest {}

/// `quern.emission.v1.QueryEmissionResponse`: amounts are decimal text in base units.
#[derive(Clone, PartialEq, Message)]
struct Minted {
    #[prost(string, tag = "1")]
    denom: String,
    #[prost(string, tag = "2")]
    cap: String,
    #[prost(uint64, tag = "3")]
    retained: u64,
    #[prost(string, tag = "4")]
    minted: String,
    #[prost(string, tag = "5")]
    next: String,
    #[prost(string, tag = "6")]
    genesis_supply: String,
    #[prost(string, tag = "7")]
    supply: String,
    #[prost(string, tag = "8")]
    burned: String,
}

impl Minted {
    fn json(&self) -> serde_json::Value {
        json!({
            "denom": self.denom, "cap": self.cap, "retained": self.retained.to_string(), "minted": self.minted,
            "next": self.next, "genesis_supply": self.genesis_supply, "supply": self.supply, "burned": self.burned,
        })
    }

    fn sheet(&self) -> String {
        let coins = |text: &String| amount(Amount(text.parse().unwrap_or_default()));
        sheet(vec![
            ("supply at genesis", coins(&self.genesis_supply)),
            ("minted", coins(&self.minted)),
            ("burned", coins(&self.burned)),
            ("supply", coins(&self.supply)),
            ("next epoch brings", coins(&self.next)),
            ("minted at most", coins(&self.cap)),
        ])
    }
}

impl Command {
    pub(super) async fn run(self, asker: &Asker<'_>, format: Format) -> Result<String> {
        let of = System::Rewards;
        match self {
            Self::Rewards { host: Some(host), .. } => {
                let host = host.to_string();
                show(asker, format, of, &QueryMsg::Host { host }, |h| one_host(&h)).await
            }
            Self::Rewards { host: None, page } => {
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
            Self::Emission(page) => {
                let question = QueryMsg::Epochs {
                    before: page.after_number()?,
                    limit: page.limit(),
                };
                let epochs = asker.raw(of, &question).await?;
                let status = asker.raw(of, &QueryMsg::Status {}).await?;
                let path = "/quern.emission.v1.Query/Emission";
                let minted: Minted = asker.node.query(path, &MintedRequest {}, asker.height).await?;
                if format == Format::Json {
                    let minted = minted.json();
                    return Ok(format!(
                        r#"{{"minted":{minted},"status":{status},"epochs":{epochs}}}"#
                    ));
                }
                let list: Vec<EpochInfo> = read(of, &epochs)?;
                let more = page.more(list.len(), list.last().map(|e| e.epoch));
                let status = one_status(&read(of, &status)?);
                Ok(format!(
                    "{}\n\n{status}\n\n{}{more}",
                    minted.sheet(),
                    emission(&list)
                ))
            }
        }
    }
}

fn hosts(list: &[HostInfo]) -> String {
    let row = |h: &HostInfo| {
        let amounts = [h.by_weight, h.by_fees, h.vesting, h.claimable, h.claimed].map(amount);
        [vec![text(&h.host)], amounts.to_vec()].concat()
    };
    table(
        &["HOST", "BY WEIGHT", "BY FEES", "VESTING", "CLAIMABLE", "CLAIMED"],
        list.iter().map(row).collect(),
        "no rewards yet",
    )
}

fn one_host(h: &HostInfo) -> String {
    let first = sheet(vec![
        ("host", text(&h.host)),
        ("earned by weight", amount(h.by_weight)),
        ("earned by fees", amount(h.by_fees)),
        ("vesting", amount(h.vesting)),
        ("claimable", amount(h.claimable)),
        ("claimed", amount(h.claimed)),
        ("lost by convictions", amount(h.clawed_back)),
    ]);
    if h.grants.is_empty() {
        return first;
    }
    let row = |g: &quern_interface::rewards::Grant| {
        vec![number(g.start), number(g.end), amount(g.amount), amount(g.vested)]
    };
    let grants = table(
        &["VESTS FROM EPOCH", "TO", "AMOUNT", "VESTED"],
        h.grants.iter().map(row).collect(),
        "",
    );
    format!("{first}\n\n{grants}")
}

fn one_status(s: &Status) -> String {
    sheet(vec![
        ("epoch", number(s.epoch)),
        ("work left", text(word(&s.phase))),
        ("share by fees", text(format!("{} millionths", s.lambda))),
        ("utilisation", text(format!("{} bps", s.utilisation_bps))),
    ])
}

fn emission(list: &[EpochInfo]) -> String {
    let row = |e: &EpochInfo| {
        let amounts = [e.emission, e.community, e.by_weight, e.by_fees].map(amount);
        [
            vec![number(e.epoch), number(e.height)],
            amounts.to_vec(),
            vec![number(e.hosts)],
        ]
        .concat()
    };
    table(
        &[
            "EPOCH",
            "HEIGHT",
            "EMISSION",
            "COMMUNITY",
            "BY WEIGHT",
            "BY FEES",
            "HOSTS",
        ],
        list.iter().map(row).collect(),
        "no epoch has ended",
    )
}
