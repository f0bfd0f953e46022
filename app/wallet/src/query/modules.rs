//! `quernd query staking`, `distribution` and the like, under the names that the SDK's programs have.

use std::fmt::Write;

use prost::Message;
use prost_reflect::{DynamicMessage, MethodDescriptor, Value};
use quern_proto::pool;

use super::PageFlags;
use crate::{Failure, Result, failure::usage, node::Node};

/// A query: its command, its method, and the request's fields in the order of the words; those behind `?` may be left out.
type Known = (&'static str, &'static str, &'static [&'static str]);

const STAKING: &[Known] = &[
    ("validators", "Validators", &["?status"]),
    ("validator", "Validator", &["validator_addr"]),
    ("delegation", "Delegation", &["delegator_addr", "validator_addr"]),
    ("delegations", "DelegatorDelegations", &["delegator_addr"]),
    ("delegations-to", "ValidatorDelegations", &["validator_addr"]),
    (
        "unbonding-delegation",
        "UnbondingDelegation",
        &["delegator_addr", "validator_addr"],
    ),
    (
        "unbonding-delegations",
        "DelegatorUnbondingDelegations",
        &["delegator_addr"],
    ),
    (
        "unbonding-delegations-from",
        "ValidatorUnbondingDelegations",
        &["validator_addr"],
    ),
    (
        "redelegation",
        "Redelegations",
        &["delegator_addr", "src_validator_addr", "dst_validator_addr"],
    ),
    ("redelegations", "Redelegations", &["delegator_addr"]),
    ("delegator-validators", "DelegatorValidators", &["delegator_addr"]),
    (
        "delegator-validator",
        "DelegatorValidator",
        &["delegator_addr", "validator_addr"],
    ),
    ("historical-info", "HistoricalInfo", &["height"]),
    ("pool", "Pool", &[]),
    ("params", "Params", &[]),
];
const DISTRIBUTION: &[Known] = &[
    ("rewards", "DelegationTotalRewards", &["delegator_address"]),
    (
        "rewards-by-validator",
        "DelegationRewards",
        &["delegator_address", "validator_address"],
    ),
    ("commission", "ValidatorCommission", &["validator_address"]),
    (
        "slashes",
        "ValidatorSlashes",
        &["validator_address", "?starting_height", "?ending_height"],
    ),
    (
        "validator-distribution-info",
        "ValidatorDistributionInfo",
        &["validator_address"],
    ),
    (
        "validator-outstanding-rewards",
        "ValidatorOutstandingRewards",
        &["validator_address"],
    ),
    (
        "delegator-validators",
        "DelegatorValidators",
        &["delegator_address"],
    ),
    (
        "delegator-withdraw-address",
        "DelegatorWithdrawAddress",
        &["delegator_address"],
    ),
    ("community-pool", "CommunityPool", &[]),
    ("params", "Params", &[]),
];
const SLASHING: &[Known] = &[
    ("signing-info", "SigningInfo", &["cons_address"]),
    ("signing-infos", "SigningInfos", &[]),
    ("params", "Params", &[]),
];
const MINT: &[Known] = &[
    ("inflation", "Inflation", &[]),
    ("annual-provisions", "AnnualProvisions", &[]),
    ("params", "Params", &[]),
];
const EVIDENCE: &[Known] = &[("list", "AllEvidence", &[]), ("evidence", "Evidence", &["hash"])];
const AUTHZ: &[Known] = &[
    ("grants", "Grants", &["granter", "grantee", "?msg_type_url"]),
    ("grants-by-granter", "GranterGrants", &["granter"]),
    ("grants-by-grantee", "GranteeGrants", &["grantee"]),
];
const FEEGRANT: &[Known] = &[
    ("grant", "Allowance", &["granter", "grantee"]),
    ("grants-by-grantee", "Allowances", &["grantee"]),
    ("grants-by-granter", "AllowancesByGranter", &["granter"]),
];

/// A module of the SDK.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Module {
    /// x/staking.
    Staking,
    /// x/distribution.
    Distribution,
    /// x/slashing.
    Slashing,
    /// x/mint.
    Mint,
    /// x/evidence.
    Evidence,
    /// x/authz.
    Authz,
    /// x/feegrant.
    Feegrant,
}

impl Module {
    const fn parts(self) -> (&'static str, &'static [Known]) {
        match self {
            Self::Staking => ("staking", STAKING),
            Self::Distribution => ("distribution", DISTRIBUTION),
            Self::Slashing => ("slashing", SLASHING),
            Self::Mint => ("mint", MINT),
            Self::Evidence => ("evidence", EVIDENCE),
            Self::Authz => ("authz", AUTHZ),
            Self::Feegrant => ("feegrant", FEEGRANT),
        }
    }

    /// The commands, for people.
    pub(super) fn help(self) -> String {
        let (module, known) = self.parts();
        let mut text = format!("Commands of `quernd query {module}`:\n");
        for (command, _, fields) in known {
            let words = fields.iter().map(|field| match field.strip_prefix('?') {
                Some(field) => format!(" [{}]", field.to_uppercase()),
                None => format!(" {}", field.to_uppercase()),
            });
            let _ = writeln!(text, "  {command}{}", words.collect::<String>());
        }
        text.trim_end().to_owned()
    }
}

/// What to ask of a module.
#[derive(Clone, Debug, clap::Args)]
pub struct ModuleArgs {
    /// Command, as below
    command: Option<String>,
    /// What it asks about
    words: Vec<String>,
    /// Page.
    #[command(flatten)]
    page: PageFlags,
}

impl ModuleArgs {
    pub(super) async fn run(&self, module: Module, node: &Node, height: u64) -> Result<String> {
        let (method, request) = self.request(module)?;
        let path = format!("/{}/{}", method.parent_service().full_name(), method.name());
        let answer = node
            .raw_query(&path, request.encode_to_vec(), height, false)
            .await?;
        let answer = DynamicMessage::decode(method.output(), answer.value.as_slice())
            .map_err(|e| Failure::Local(format!("the node's answer to {path} cannot be read: {e}")))?;
        quern_json::write(&answer).map_err(|e| Failure::Local(e.to_string()))
    }

    fn request(&self, module: Module) -> Result<(MethodDescriptor, DynamicMessage)> {
        let (name, known) = module.parts();
        let wanted = self.command.as_deref();
        let found = known.iter().find(|(command, ..)| Some(*command) == wanted);
        let Some((_, method, fields)) = found else {
            let what = wanted.map_or("name a command".to_owned(), |wanted| {
                format!("there is no {wanted:?}")
            });
            return Err(Failure::Usage(format!("{what}. {}", module.help())));
        };
        let least = fields.iter().filter(|field| !field.starts_with('?')).count();
        if !(least..=fields.len()).contains(&self.words.len()) {
            return Err(Failure::Usage(format!(
                "{} words where {} are awaited. {}",
                self.words.len(),
                fields.len(),
                module.help()
            )));
        }
        let service = format!("cosmos.{name}.v1beta1.Query");
        let service = pool().get_service_by_name(&service);
        let method = service.and_then(|service| service.methods().find(|each| each.name() == *method));
        let method = method.ok_or_else(|| Failure::Local(format!("no descriptor of {name}")))?;
        let mut request = DynamicMessage::new(method.input());
        for (field, word) in fields.iter().zip(&self.words) {
            let field = field.trim_start_matches('?');
            let found = quern_json::named(&method.input(), field);
            let found = found.ok_or_else(|| Failure::Local(format!("no field {field}")))?;
            let value = quern_json::read_text(&found, word);
            let value = value.map_err(|e| Failure::Usage(format!("{}: {e}", field.to_uppercase())))?;
            request.set_field(&found.descriptor, value);
        }
        if let (Some(field), Some(page)) = (
            method.input().get_field_by_name("pagination"),
            self.page.request()?,
        ) && let Some(kind) = field.kind().as_message()
        {
            let page =
                DynamicMessage::decode(kind.clone(), page.encode_to_vec().as_slice()).map_err(usage)?;
            request.set_field(&field, Value::Message(page));
        }
        Ok((method, request))
    }
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    fn request(module: Module, words: &[&str]) -> Result<(MethodDescriptor, DynamicMessage)> {
        let mut words = words.iter().map(|word| (*word).to_owned());
        let args = ModuleArgs {
            command: words.next(),
            words: words.collect(),
            page: PageFlags::default(),
        };
        args.request(module)
    }

    #[test]
    fn every_command_has_its_method_and_fields() {
        for module in Module::value_variants() {
            for (command, _, fields) in module.parts().1 {
                // numbers are texts too
                let words: Vec<&str> = std::iter::once(*command)
                    .chain(fields.iter().map(|_| "7"))
                    .collect();
                let (method, request) = request(*module, &words).unwrap();
                for field in *fields {
                    let field = method
                        .input()
                        .get_field_by_name(field.trim_start_matches('?'))
                        .unwrap();
                    assert!(request.has_field(&field), "{command} {field:?}");
                }
            }
        }
    }

    #[test]
    fn what_does_not_fit_is_told_with_what_would() {
        let failure = |module, words: &[&str]| request(module, words).unwrap_err().to_string();
        assert!(
            failure(Module::Staking, &[]).starts_with("name a command. Commands of `quernd query staking`:")
        );
        assert!(failure(Module::Staking, &["nosuch"]).contains("there is no \"nosuch\""));
        assert!(failure(Module::Staking, &["validator"]).contains("validator VALIDATOR_ADDR"));
        let heights = failure(Module::Distribution, &["slashes", "x", "high"]);
        assert!(heights.starts_with("STARTING_HEIGHT: "), "{heights}");
    }
}
