//! Every RPC of the modules that the chain speaks, and what becomes of a call.

use std::fmt;

use crate::calls::served;
use crate::rest::Routes;
use crate::{Messages, Queries};

/// Packages whose services the ledger lists.
const PACKAGES: [&str; 22] = [
    "cosmos.auth.v1beta1",
    "cosmos.authz.v1beta1",
    "cosmos.bank.v1beta1",
    "cosmos.base.node.v1beta1",
    "cosmos.base.reflection.v1beta1",
    "cosmos.base.reflection.v2alpha1",
    "cosmos.base.tendermint.v1beta1",
    "cosmos.consensus.v1",
    "cosmos.distribution.v1beta1",
    "cosmos.evidence.v1beta1",
    "cosmos.feegrant.v1beta1",
    "cosmos.gov.v1",
    "cosmos.gov.v1beta1",
    "cosmos.mint.v1beta1",
    "cosmos.params.v1beta1",
    "cosmos.slashing.v1beta1",
    "cosmos.staking.v1beta1",
    "cosmos.tx.v1beta1",
    "cosmos.upgrade.v1beta1",
    "cosmos.vesting.v1beta1",
    "cosmwasm.wasm.v1",
    "quern.beacon.v1",
];

/// Methods that answer, always with nothing: there is nothing that they could list.
const EMPTY: [&str; 3] = [
    "cosmos.params.v1beta1.Query/Params",
    "cosmos.params.v1beta1.Query/Subspaces",
    "cosmos.upgrade.v1beta1.Query/UpgradedConsensusState",
];

/// Methods that stay refused, and why.
const REFUSED: [(&str, &str); 3] = [
    (
        "cosmos.distribution.v1beta1.Msg/DepositValidatorRewardsPool",
        "hosts and their funders earn what the chain mints, and nothing else",
    ),
    (
        "cosmos.evidence.v1beta1.Msg/SubmitEvidence",
        "no kind of evidence is handed in by transaction, as in wasmd: CometBFT reports double votes",
    ),
    (
        "cosmos.mint.v1beta1.Msg/UpdateParams",
        "genesis sets the emission for ever: `sdk/37`",
    ),
];

/// What becomes of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is answered or executed.
    Served,
    /// It is answered with nothing, always; who asks for one of them is told that it is not there.
    Empty,
    /// It is refused for good; the text says why.
    Refused(&'static str),
    /// It is not implemented yet: gRPC code 12, HTTP 501, or `sdk/2` for a message.
    NotYet,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Served => f.write_str("served"),
            Self::Empty => f.write_str("empty by design"),
            Self::Refused(why) => write!(f, "refused: {why}"),
            Self::NotYet => f.write_str("not yet"),
        }
    }
}

/// One RPC.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Full name of the service.
    pub service: String,
    /// Name of the method.
    pub method: String,
    /// REST routes with their verbs.
    pub routes: Vec<String>,
    /// What becomes of a call.
    pub verdict: Verdict,
}

/// The ledger of an application.
#[must_use]
pub fn entries(source: &dyn Queries, messages: &Messages) -> Vec<Entry> {
    let pool = quern_proto::pool();
    let served = served(source);
    let routes = Routes::of(pool);
    let mut entries = Vec::new();
    for package in PACKAGES {
        let mut services: Vec<_> = pool
            .services()
            .filter(|service| service.package_name() == package)
            .collect();
        services.sort_by(|one, other| one.full_name().cmp(other.full_name()));
        for method in services.iter().flat_map(|service| service.methods()) {
            let service = method.parent_service().full_name().to_owned();
            let name = format!("{service}/{}", method.name());
            let answered = if method.parent_service().name() == "Msg" {
                messages.executes(&format!("/{}", method.input().full_name()))
            } else {
                served.contains(&format!("/{name}"))
            };
            let refused = REFUSED.iter().find(|(refused, _)| *refused == name);
            let verdict = match (answered, refused) {
                (true, _) if EMPTY.contains(&name.as_str()) => Verdict::Empty,
                (_, Some((_, why))) => Verdict::Refused(why),
                (true, None) => Verdict::Served,
                (false, None) => Verdict::NotYet,
            };
            let of_method = routes.iter().filter(|route| route.path == format!("/{name}"));
            entries.push(Entry {
                service,
                method: method.name().to_owned(),
                routes: of_method
                    .map(|route| format!("{} {}", route.verb, route.template.open_api()))
                    .collect(),
                verdict,
            });
        }
    }
    entries
}
