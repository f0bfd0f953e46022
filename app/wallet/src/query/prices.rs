//! Prices and what moved them.

use quern_interface::pricing::{CapacitySource, PriceInfo, PricePoint, QueryMsg, QuoteInfo, UsdPrice};
use quern_protocol::Price;

use super::list::{ListFlags, show};
use crate::{
    Result,
    output::Format,
    system::{Asker, System},
    table::{number, sheet, table, text},
};

/// Questions to pricing.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Price of a model in nqrn per token
    Price {
        /// Model
        model: String,
        /// At this block [default: the last but one]
        #[arg(long, value_name = "HEIGHT")]
        at: Option<u64>,
    },
    /// What posters say that a QRN costs in US dollars, or what a model's million tokens cost by that
    Quote {
        /// Model
        model: Option<String>,
    },
    /// Prices and what moved them, or one model's
    Prices {
        /// Model
        model: Option<String>,
        /// Its last changes instead, the latest first
        #[arg(long, requires = "model")]
        history: bool,
        /// Page.
        #[command(flatten)]
        page: ListFlags,
    },
}

impl Command {
    pub(super) async fn run(self, asker: &Asker<'_>, format: Format) -> Result<String> {
        let of = System::Pricing;
        match self {
            Self::Price { model, at } => {
                let height = match (at, asker.height) {
                    (Some(height), _) => height,
                    // A node may know of a block a moment before its state does.
                    (None, 0) => asker.node.height().await?.saturating_sub(1),
                    (None, height) => height,
                };
                let question = QueryMsg::PriceAt { model, height };
                show(asker, format, of, &question, |price: Price| {
                    format!("{price} nqrn per token at height {height}")
                })
                .await
            }
            Self::Quote { model: Some(model) } => {
                show(asker, format, of, &QueryMsg::UsdPrice { model }, |q| usd(&q)).await
            }
            Self::Quote { model: None } => show(asker, format, of, &QueryMsg::Quote {}, |q| quotes(&q)).await,
            Self::Prices {
                model: Some(model),
                history: false,
                ..
            } => show(asker, format, of, &QueryMsg::Price { model }, |p| one(&p)).await,
            Self::Prices {
                model: Some(model),
                page,
                ..
            } => {
                let (before, limit) = (page.after_number()?, page.limit());
                let question = QueryMsg::History { model, before, limit };
                show(asker, format, of, &question, |list: Vec<PricePoint>| {
                    let more = page.more(list.len(), list.last().map(|p| p.from));
                    history(&list) + &more
                })
                .await
            }
            Self::Prices {
                model: None, page, ..
            } => {
                let question = QueryMsg::Prices {
                    start_after: page.after(),
                    limit: page.limit(),
                };
                show(asker, format, of, &question, |list: Vec<PriceInfo>| {
                    let more = page.more(list.len(), list.last().map(|p| &p.model));
                    prices(&list) + &more
                })
                .await
            }
        }
    }
}

/// Millionths as a percentage.
fn percent(millionths: u32) -> String {
    format!("{}.{} %", millionths / 10_000, millionths / 1_000 % 10)
}

const fn source(source: CapacitySource) -> &'static str {
    match source {
        CapacitySource::Proven => "proven",
        CapacitySource::Declared => "declared",
        CapacitySource::None => "none",
    }
}

fn prices(list: &[PriceInfo]) -> String {
    let row = |p: &PriceInfo| {
        vec![
            text(&p.model),
            number(p.price),
            number(p.launch),
            number(percent(p.smoothed)),
            number(p.updated_at),
        ]
    };
    table(
        &["MODEL", "PRICE", "AT LAUNCH", "UTILISATION", "UPDATED AT"],
        list.iter().map(row).collect(),
        "no price was ever updated: those of the launch count",
    )
}

fn one(p: &PriceInfo) -> String {
    sheet(vec![
        ("model", text(&p.model)),
        ("price", text(format!("{} nqrn per token", p.price))),
        ("at launch", text(format!("{} nqrn per token", p.launch))),
        ("updated at", number(p.updated_at)),
        ("blocks judged", number(p.blocks)),
        ("demand in them", text(format!("{} weighted tokens", p.demand))),
        (
            "capacity",
            text(format!(
                "{} weighted tokens a block, {}",
                p.capacity,
                source(p.source)
            )),
        ),
        ("utilisation", text(percent(p.utilisation))),
        ("smoothed", text(percent(p.smoothed))),
    ])
}

fn usd(q: &UsdPrice) -> String {
    let Some(usd) = q.usd else {
        return format!("{} was never quoted in US dollars", q.model);
    };
    let age = match q.fresh {
        true => "",
        false => "; old, as too few posters posted of late",
    };
    format!(
        "about {usd} US dollars for a million tokens of {}, since height {}{age}",
        q.model, q.since
    )
}

fn quotes(q: &QuoteInfo) -> String {
    let rate = match q.usd {
        Some(usd) => format!("a QRN costs about {usd} US dollars"),
        None => "too few posters posted of late for a quote".into(),
    };
    if q.posts.is_empty() {
        return rate;
    }
    let row = |p: &quern_interface::pricing::QuotePost| {
        let age = if p.fresh { "counts" } else { "too old" };
        vec![text(&p.poster), number(p.usd), number(p.height), text(age)]
    };
    let posts = table(
        &["POSTER", "US DOLLARS", "AT HEIGHT", ""],
        q.posts.iter().map(row).collect(),
        "",
    );
    format!("{rate}\n\n{posts}")
}

fn history(list: &[PricePoint]) -> String {
    let row = |p: &PricePoint| vec![number(p.from), number(p.price)];
    table(
        &["FROM HEIGHT", "PRICE"],
        list.iter().map(row).collect(),
        "no change is kept",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quote_says_that_it_is_old_or_was_never_made() {
        let mut quote = UsdPrice {
            model: "quern-small".into(),
            usd: None,
            since: 0,
            fresh: false,
        };
        assert_eq!(usd(&quote), "quern-small was never quoted in US dollars");
        (quote.usd, quote.since) = ("0.0005".parse().ok(), 90);
        let text = "about 0.0005 US dollars for a million tokens of quern-small, since height 90";
        assert_eq!(
            usd(&quote),
            format!("{text}; old, as too few posters posted of late")
        );
        quote.fresh = true;
        assert_eq!(usd(&quote), text);
    }

    #[test]
    fn utilisation_is_a_percentage() {
        assert_eq!(percent(0), "0.0 %");
        assert_eq!(percent(605_999), "60.5 %");
        assert_eq!(percent(1_250_000), "125.0 %");
    }
}
