//! What to type here instead of what operators of other Cosmos chains type from habit.

/// Words that stand in this order among those typed, and what is said then. The first that fits counts.
const HINTS: &[(&[&str], &str)] = &[
    (
        &["--keyring-backend"],
        "there is one keyring, of encrypted files: leave --keyring-backend out. Scripts give its password with \
         --password-file or QUERN_KEYRING_PASSWORD",
    ),
    (
        &["config", "client"],
        "there is no client.toml: --node, --chain-id and -o, or QUERN_NODE and QUERN_CHAIN_ID, say the same",
    ),
    (
        &["config"],
        "`quernd config get app KEY` and `quernd config set app KEY VALUE` read and change app.toml, with `config` instead of \
         `app` config.toml; names as in the files, with dots",
    ),
    (
        &["start", "--"],
        "settings have no flags: `quernd config set app KEY VALUE` changes app.toml, `quernd config set config KEY VALUE` \
         config.toml, such as p2p.persistent_peers",
    ),
    (
        &["debug"],
        "`quernd keys parse` converts addresses, `quernd tx decode` prints a transaction, `quernd keys show -p` a public key",
    ),
    (
        &["testnet"],
        "`quern-localnet` runs a network of several nodes on one machine; `quernd genesis` prepares one of your own",
    ),
    (
        &["module-hash-by-height"],
        "`quernd state` prints every row of the stopped node's state, to compare two nodes",
    ),
    (
        &["export", "--modules-to-export"],
        "the document has all modules: a chain cannot begin with some of them",
    ),
    (
        &["export", "--jail-allowed-addrs"],
        "the contracts that know the hosts go along as they are: nobody is jailed by an export",
    ),
    (
        &["genesis", "migrate"],
        "a new chain begins from `quernd export`, whose document needs no migration",
    ),
    (
        &["tx", "staking", "create-validator"],
        "a validator is a host: `quernd tx register-host` and `quernd tx bond`, or `quernd genesis gentx` before the start",
    ),
    (
        &["tx", "staking", "edit-validator"],
        "a validator is a host: `quernd tx update-host` and `quernd tx set-commission`",
    ),
    (
        &["tx", "distribution", "withdraw-all-rewards"],
        "`quernd tx distribution withdraw-rewards` takes one host at a time",
    ),
    (&["tx", "distribution"], BY_FILE),
    (
        &["tx", "upgrade"],
        "governance plans upgrades: `quernd tx gov submit-proposal` with a MsgSoftwareUpgrade",
    ),
    (
        &["query", "evidence"],
        "`quernd query misbehavior list` lists double votes; `quernd query evidence HOST` is what audits hold against a host",
    ),
    (&["group"], NO_MODULE),
    (&["ibc"], NO_MODULE),
    (&["ibc-transfer"], NO_MODULE),
    (&["interchain-accounts"], NO_MODULE),
    (&["nft"], NO_MODULE),
    (&["circuit"], NO_MODULE),
    (&["epochs"], NO_MODULE),
    (&["protocolpool"], NO_MODULE),
];

const BY_FILE: &str = "this message has no command: write it into what any command prints with --generate-only, then \
                       `quernd tx sign` and `quernd tx broadcast` the file";
const NO_MODULE: &str = "this chain has no such module; docs/spec/rpc-ledger.md lists what it serves";

/// What helps who typed these words, which are no command.
#[must_use]
pub fn of(words: &[String]) -> Option<&'static str> {
    HINTS
        .iter()
        .find(|(wanted, _)| {
            let mut left = words.iter();
            wanted.iter().all(|wanted| left.any(|word| fits(word, wanted)))
        })
        .map(|(_, hint)| *hint)
}

fn fits(word: &str, wanted: &str) -> bool {
    match wanted {
        "--" => word.starts_with("--"),
        "query" => word == "query" || word == "q",
        _ => word.split('=').next() == Some(wanted),
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::{HINTS, of};
    use crate::cli::Cli;

    fn words(line: &str) -> Vec<String> {
        line.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn habits_that_are_no_commands_here_are_answered_with_what_is() {
        for (line, said) in [
            ("keys add a --keyring-backend test", "QUERN_KEYRING_PASSWORD"),
            ("keys list --keyring-backend=file", "QUERN_KEYRING_PASSWORD"),
            ("config set client chain-id quern-1", "QUERN_CHAIN_ID"),
            ("config view app", "quernd config get app KEY"),
            (
                "start --p2p.persistent_peers x@y:1",
                "quernd config set config KEY VALUE",
            ),
            ("start --pruning nothing", "quernd config set app KEY VALUE"),
            ("debug addr quern1x", "quernd keys parse"),
            ("testnet init-files", "quern-localnet"),
            ("export --modules-to-export bank", "all modules"),
            ("export --jail-allowed-addrs quernvaloper1x", "nobody is jailed"),
            ("tx staking create-validator file.json", "quernd tx register-host"),
            ("tx distribution fund-community-pool 5nqrn", "--generate-only"),
            ("tx ibc-transfer transfer", "no such module"),
            ("tx group create-group", "no such module"),
        ] {
            let error = Cli::try_parse_from(words(&format!("quernd {line}"))).unwrap_err();
            assert!(error.use_stderr(), "{line}");
            let hint = of(&words(line)).unwrap_or_default();
            assert!(hint.contains(said), "{line}: {hint}");
        }
        assert_eq!(of(&words("tx bank pay")), None);
    }

    #[test]
    fn what_operators_type_from_habit_is_understood() {
        for line in [
            "tendermint show-node-id",
            "cometbft show-validator",
            "comet unsafe-reset-all",
            "query staking validators --limit 5 -o json",
            "q staking delegations quern1x --page-key AA==",
            "q distribution rewards quern1x",
            "q slashing signing-infos --count-total",
            "q mint inflation",
            "q authz grants-by-granter quern1x",
            "q feegrant grant quern1x quern1y",
            "q block --type=height 5",
            "q block --type=hash AB",
            "q block-results 5",
            "q txs --query message.action='/x' --page 2 --limit 10 --order_by desc",
            "q wait-tx AB --timeout 30s",
            "tx slashing unjail --from a",
            "tx staking delegate quernvaloper1x 5nqrn --from a -y",
            "tx distribution withdraw-rewards quernvaloper1x --commission --from a",
            "tx authz grant quern1x send --spend-limit 5nqrn --allow-list quern1y,quern1z --expiration 1893456000 --from a",
            "tx authz grant quern1x generic --msg-type /cosmos.gov.v1.MsgVote --from a",
            "tx authz grant quern1x delegate --spend-limit 5nqrn --allowed-validators quernvaloper1x --from a",
            "tx authz revoke quern1x /cosmos.bank.v1beta1.MsgSend --from a",
            "tx authz exec tx.json --from a -y",
            "tx feegrant grant a quern1x --spend-limit 5nqrn --expiration 2030-01-31T12:00:00Z",
            "tx feegrant grant quern1x --period 3600 --period-limit 5nqrn --allowed-messages /x,/y --from a",
            "tx feegrant revoke a quern1x --fee-granter quern1avgyh77ycn997ja45q5q8ss8y9mr424j69swf4",
            "tx feegrant prune --from a",
            "tx vesting create-vesting-account quern1x 5nqrn 1893456000 --delayed --from a",
            "tx vesting create-permanent-locked-account quern1x 5nqrn --from a",
            "tx vesting create-periodic-vesting-account quern1x periods.json --from a",
        ] {
            let parsed = Cli::try_parse_from(words(&format!("quernd {line}")));
            assert!(parsed.is_ok(), "{line}: {}", parsed.unwrap_err());
        }
    }

    #[test]
    fn no_hint_hides_behind_another() {
        for (place, (wanted, hint)) in HINTS.iter().enumerate() {
            let line: Vec<String> = wanted.iter().map(|word| (*word).to_owned()).collect();
            assert_eq!(of(&line), Some(*hint), "{place}");
        }
    }
}
