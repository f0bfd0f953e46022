//! What concerns the contracts themselves: totals, parameters, addresses.

use prost::Message;
use quern_interface::{audits, bonding, poc_weights, pricing, registry, rewards, settlement};
use serde_json::{Value, json};

use crate::{
    Failure, Result,
    output::Format,
    system::{Asker, System, read},
    table::{amount, sheet, table, text},
};

/// Questions about the contracts themselves.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum Command {
    /// Sums over all bonds and sessions
    Totals,
    /// Parameters of one of the chain's own contracts
    Params {
        /// Which
        contract: System,
    },
    /// The chain's own contracts and their addresses
    Contracts,
}

/// `quern.system.v1.QueryContractsRequest`
#[derive(Clone, PartialEq, Message)]
struct ContractsRequest {}

/// `quern.system.v1.QueryContractsResponse`
#[derive(Clone, PartialEq, Message)]
struct ContractsResponse {
    #[prost(message, repeated, tag = "1")]
    contracts: Vec<SystemContract>,
}

/// `quern.system.v1.SystemContract`
#[derive(Clone, PartialEq, Message)]
struct SystemContract {
    #[prost(string, tag = "1")]
    name: String,
    #[prost(string, tag = "2")]
    address: String,
}

impl Command {
    pub(super) async fn run(self, asker: &Asker<'_>, format: Format) -> Result<String> {
        match self {
            Self::Totals => totals(asker, format).await,
            Self::Params { contract } => {
                let answer = match contract {
                    System::Registry => asker.raw(contract, &registry::QueryMsg::Params {}).await?,
                    System::Bonding => asker.raw(contract, &bonding::QueryMsg::Params {}).await?,
                    System::Settlement => asker.raw(contract, &settlement::QueryMsg::Params {}).await?,
                    System::Audits => asker.raw(contract, &audits::QueryMsg::Params {}).await?,
                    System::PocWeights => asker.raw(contract, &poc_weights::QueryMsg::Params {}).await?,
                    System::Pricing => asker.raw(contract, &pricing::QueryMsg::Params {}).await?,
                    System::Rewards => asker.raw(contract, &rewards::QueryMsg::Params {}).await?,
                };
                Ok(format.show(&answer))
            }
            Self::Contracts => contracts(asker, format).await,
        }
    }
}

async fn totals(asker: &Asker<'_>, format: Format) -> Result<String> {
    let bonds = asker.raw(System::Bonding, &bonding::QueryMsg::Totals {}).await?;
    let sessions = asker
        .raw(System::Settlement, &settlement::QueryMsg::Totals {})
        .await?;
    if format == Format::Json {
        return Ok(format!(r#"{{"bonding":{bonds},"settlement":{sessions}}}"#));
    }
    let b: bonding::Totals = read(System::Bonding, &bonds)?;
    let s: settlement::Totals = read(System::Settlement, &sessions)?;
    Ok(sheet(vec![
        ("bonded", amount(b.active)),
        ("unbonding", amount(b.unbonding)),
        ("burned by slashes", amount(b.burned)),
        ("slashed for payers", amount(b.restitution)),
        ("escrowed", amount(s.escrowed)),
        ("routers' bonds", amount(s.router_bonds)),
        ("on its way to payers", amount(s.restitution_held)),
        ("paid to hosts", amount(s.paid)),
        ("paid to routers", amount(s.router_fees)),
        ("burned by sessions", amount(s.burned)),
        ("given to the audits", amount(s.audits)),
        ("refunded", amount(s.refunded)),
        ("of it, not yet claimed", amount(s.unclaimed)),
    ]))
}

async fn contracts(asker: &Asker<'_>, format: Format) -> Result<String> {
    let path = "/quern.system.v1.Query/Contracts";
    let answer: ContractsResponse = asker.node.query(path, &ContractsRequest {}, asker.height).await?;
    let found = answer.contracts;
    if format == Format::Json {
        let list: Vec<Value> = found
            .iter()
            .map(|c| json!({"name": c.name, "address": c.address}))
            .collect();
        return Ok(json!({ "contracts": list }).to_string());
    }
    let rows = found.iter().map(|c| vec![text(&c.name), text(&c.address)]);
    let shown = table(
        &["CONTRACT", "ADDRESS"],
        rows.collect(),
        "this chain has no contracts of its own",
    );
    let used = |of: System| asker.contracts.of(of).to_string();
    let known = |c: &&SystemContract| System::ALL.into_iter().find(|of| of.name() == c.name);
    let wrong = found
        .iter()
        .filter_map(|c| Some((c, known(&c)?)))
        .find(|(c, of)| c.address != used(*of));
    match wrong {
        None => Ok(shown),
        Some((c, of)) => Err(Failure::Usage(format!(
            "{shown}\nthis wallet takes {} for {}: give --{} or {}, if you trust the node",
            used(of),
            c.name,
            of.name(),
            of.variable()
        ))),
    }
}
