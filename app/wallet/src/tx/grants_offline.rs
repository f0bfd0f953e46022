//! Grants, allowances and vesting accounts as the commands write them without a node, and what they refuse.

use std::{fs, path::Path};

use clap::Parser;
use serde_json::{Value, json};

use super::TxCommand;
use crate::Failure;

const FROM: &str = "quern1avgyh77ycn997ja45q5q8ss8y9mr424j69swf4";
const OTHER: &str = "quern1qqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqqfujzmf";
/// Seconds of 2100-01-01.
const END: i64 = 4_102_444_800;

#[derive(Parser)]
struct Tx {
    #[command(flatten)]
    command: TxCommand,
}

/// Words in place of which the line has capitals; blanks within a word are underscores.
async fn run(home: &Path, line: &str) -> Result<String, Failure> {
    let host = |address: &str| {
        let address = quern_types::AccAddress::from_bech32(address).unwrap();
        address.to_validator_bech32()
    };
    let line = format!("tx {line} --generate-only --offline")
        .replace("FROM_HOST", &host(FROM))
        .replace("OTHER_HOST", &host(OTHER))
        .replace("FROM", FROM)
        .replace("OTHER", OTHER)
        .replace("END", &END.to_string())
        .replace("HOME", &home.display().to_string());
    let parsed = Tx::try_parse_from(line.split_whitespace()).map_err(|e| Failure::Usage(e.to_string()))?;
    parsed.command.run(home).await
}

async fn message(home: &Path, line: &str) -> Value {
    let printed = run(home, line).await.unwrap_or_else(|e| panic!("{line}: {e}"));
    let tx: Value = serde_json::from_str(&printed).unwrap();
    tx["body"]["messages"][0].clone()
}

async fn refused(home: &Path, cases: &[(&str, &str)]) {
    for (line, said) in cases {
        let failure = run(home, line).await.unwrap_err();
        assert_eq!(failure.exit_code(), 2, "{line}: {failure}");
        assert!(failure.to_string().contains(said), "{line}: {failure}");
    }
}

fn coins(amount: &str) -> Value {
    json!([{"denom": "nqrn", "amount": amount}])
}

#[tokio::test]
async fn grants_are_those_of_the_sdk() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let granted = |authorization: Value, end: Option<&str>| {
        json!({
            "@type": "/cosmos.authz.v1beta1.MsgGrant", "granter": FROM, "grantee": OTHER,
            "grant": {"authorization": authorization, "expiration": end},
        })
    };
    let send =
        "authz grant OTHER send --spend-limit 5qrn --allow-list FROM,OTHER --expiration END --from FROM";
    let wanted = json!({
        "@type": "/cosmos.bank.v1beta1.SendAuthorization",
        "spend_limit": coins("5000000000"), "allow_list": [FROM, OTHER],
    });
    assert_eq!(
        message(home, send).await,
        granted(wanted, Some("2100-01-01T00:00:00Z"))
    );
    let generic = "authz grant OTHER generic --msg-type /cosmos.gov.v1.MsgVote --expiration 0 --from FROM";
    let wanted =
        json!({"@type": "/cosmos.authz.v1beta1.GenericAuthorization", "msg": "/cosmos.gov.v1.MsgVote"});
    assert_eq!(message(home, generic).await, granted(wanted, None));
    let host = quern_types::AccAddress::from_bech32(OTHER)
        .unwrap()
        .to_validator_bech32();
    for (words, tokens, list, kind) in [
        (
            "delegate --spend-limit 7nqrn --allowed-validators OTHER_HOST",
            json!(coins("7")[0]),
            "allow_list",
            "DELEGATE",
        ),
        (
            "unbond --deny-validators OTHER_HOST",
            Value::Null,
            "deny_list",
            "UNDELEGATE",
        ),
        (
            "redelegate --allowed-validators OTHER_HOST",
            Value::Null,
            "allow_list",
            "REDELEGATE",
        ),
    ] {
        let wanted = json!({
            "@type": "/cosmos.staking.v1beta1.StakeAuthorization", "max_tokens": tokens,
            list: {"address": [host]}, "authorization_type": format!("AUTHORIZATION_TYPE_{kind}"),
        });
        let line = format!("authz grant OTHER {words} --from FROM");
        assert_eq!(message(home, &line).await, granted(wanted, None), "{words}");
    }
    let revoke = message(
        home,
        "authz revoke OTHER /cosmos.bank.v1beta1.MsgSend --from FROM",
    )
    .await;
    let wanted = json!({
        "@type": "/cosmos.authz.v1beta1.MsgRevoke", "granter": FROM, "grantee": OTHER,
        "msg_type_url": "/cosmos.bank.v1beta1.MsgSend",
    });
    assert_eq!(revoke, wanted);
}

#[tokio::test]
async fn what_a_file_holds_is_sent_for_its_signers() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let send = run(home, "bank send OTHER 5nqrn --from FROM").await.unwrap();
    fs::write(home.join("send.json"), &send).unwrap();
    let exec = message(home, "authz exec HOME/send.json --from OTHER").await;
    let sent: Value = serde_json::from_str(&send).unwrap();
    let wanted = json!({
        "@type": "/cosmos.authz.v1beta1.MsgExec", "grantee": OTHER, "msgs": sent["body"]["messages"],
    });
    assert_eq!(exec, wanted);
    let mut empty = sent;
    empty["body"]["messages"] = json!([]);
    fs::write(home.join("empty.json"), empty.to_string()).unwrap();
    fs::write(home.join("broken.json"), "{").unwrap();
    refused(
        home,
        &[
            (
                "authz exec HOME/empty.json --from FROM",
                "messages cannot be empty",
            ),
            ("authz exec HOME/broken.json --from FROM", "no Tx in JSON"),
        ],
    )
    .await;
    let missing = run(home, "authz exec HOME/none.json --from FROM")
        .await
        .unwrap_err();
    assert!(missing.to_string().contains("none.json"), "{missing}");
}

#[tokio::test]
async fn grants_that_would_say_something_else_are_refused() {
    let home = tempfile::tempdir().unwrap();
    refused(
        home.path(),
        &[
            ("authz grant quern1x send --spend-limit 5nqrn --from FROM", "grantee: \"quern1x\" is no account"),
            ("authz grant FROM send --spend-limit 5nqrn --from FROM", "grantee and granter should be different"),
            ("authz grant OTHER spend --from FROM", "invalid value 'spend'"),
            ("authz grant OTHER send --from FROM", "--spend-limit should be greater than zero"),
            ("authz grant OTHER send --spend-limit 0nqrn --from FROM", "should be greater than zero"),
            ("authz grant OTHER send --spend-limit 5 --from FROM", "--spend-limit: "),
            ("authz grant OTHER send --spend-limit=-5nqrn --from FROM", "--spend-limit: "),
            ("authz grant OTHER send --spend-limit 5nqrn --allow-list OTHER,x --from FROM", "--allow-list: \"x\""),
            (
                "authz grant OTHER send --spend-limit 5nqrn --allow-list FROM,OTHER,FROM --from FROM",
                "duplicate address at position 0 and 2",
            ),
            ("authz grant OTHER send --spend-limit 5nqrn --msg-type /x --from FROM", "has no --msg-type"),
            ("authz grant OTHER send --spend-limit 5nqrn --deny-validators OTHER_HOST --from FROM", "has no --deny-validators"),
            ("authz grant OTHER generic --from FROM", "--msg-type"),
            ("authz grant OTHER generic --msg-type /cosmos.bank.v1beta1.Send --from FROM", "doesn't exist"),
            (
                "authz grant OTHER generic --msg-type /cosmos.bank.v1beta1.MsgSend --spend-limit 5nqrn --from FROM",
                "a grant to generic has no --spend-limit",
            ),
            ("authz grant OTHER delegate --spend-limit 5nqrn --from FROM", "both allowed & deny list cannot be empty"),
            (
                "authz grant OTHER delegate --allowed-validators FROM_HOST --deny-validators OTHER_HOST --from FROM",
                "cannot set both allowed & deny list",
            ),
            ("authz grant OTHER unbond --allowed-validators OTHER --from FROM", "is no host's address"),
            ("authz grant OTHER unbond --allowed-validators OTHER_HOST --spend-limit 0nqrn --from FROM", "greater than zero"),
            ("authz grant OTHER unbond --allowed-validators OTHER_HOST --spend-limit 5uatom --from FROM", "--spend-limit: "),
            ("authz grant OTHER unbond --allowed-validators OTHER_HOST --allow-list FROM --from FROM", "has no --allow-list"),
            ("authz grant OTHER send --spend-limit 5nqrn --expiration 1700000000 --from FROM", "in the past"),
            ("authz grant OTHER send --spend-limit 5nqrn --expiration -1 --from FROM", "in the past"),
            ("authz grant OTHER send --spend-limit 5nqrn --expiration soon --from FROM", "is no time"),
            ("authz revoke quern1x /cosmos.bank.v1beta1.MsgSend --from FROM", "grantee: "),
            ("authz revoke OTHER MsgSend --from FROM", "doesn't exist"),
        ],
    )
    .await;
}

#[tokio::test]
async fn allowances_are_those_of_the_sdk() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let basic = json!({
        "@type": "/cosmos.feegrant.v1beta1.BasicAllowance",
        "spend_limit": coins("5"), "expiration": "2100-01-01T00:00:00Z",
    });
    // the granter by its place, as in the SDK, or by the flag
    for line in [
        "feegrant grant FROM OTHER --spend-limit 5nqrn --expiration 2100-01-01T00:00:00Z",
        "feegrant grant OTHER --spend-limit 5nqrn --expiration END --from FROM",
    ] {
        let wanted = json!({
            "@type": "/cosmos.feegrant.v1beta1.MsgGrantAllowance", "granter": FROM, "grantee": OTHER,
            "allowance": basic,
        });
        assert_eq!(message(home, line).await, wanted, "{line}");
    }
    let open = message(home, "feegrant grant FROM OTHER").await;
    assert_eq!(open["allowance"]["spend_limit"], json!([]));
    assert_eq!(open["allowance"]["expiration"], Value::Null);

    let line = "feegrant grant FROM OTHER --period 3600 --period-limit 2nqrn --spend-limit 5nqrn --expiration END \
                --allowed-messages /cosmos.gov.v1.MsgVote,/cosmos.bank.v1beta1.MsgSend";
    let outer = message(home, line).await["allowance"].clone();
    assert_eq!(outer["@type"], "/cosmos.feegrant.v1beta1.AllowedMsgAllowance");
    assert_eq!(
        outer["allowed_messages"],
        json!(["/cosmos.gov.v1.MsgVote", "/cosmos.bank.v1beta1.MsgSend"])
    );
    let periodic = &outer["allowance"];
    assert_eq!(periodic["@type"], "/cosmos.feegrant.v1beta1.PeriodicAllowance");
    assert_eq!(periodic["basic"]["spend_limit"], coins("5"));
    assert_eq!(periodic["period"], "3600s");
    assert_eq!(periodic["period_spend_limit"], coins("2"));
    assert_eq!(periodic["period_can_spend"], coins("2"));

    let wanted =
        json!({"@type": "/cosmos.feegrant.v1beta1.MsgRevokeAllowance", "granter": FROM, "grantee": OTHER});
    assert_eq!(message(home, "feegrant revoke FROM OTHER").await, wanted);
    let wanted = json!({"@type": "/cosmos.feegrant.v1beta1.MsgPruneAllowances", "pruner": FROM});
    assert_eq!(message(home, "feegrant prune --from FROM").await, wanted);
    refused(
        home,
        &[
            ("feegrant grant OTHER", "--from"),
            ("feegrant grant FROM quern1x", "grantee: "),
            ("feegrant grant FROM FROM", "cannot self-grant fee authorization"),
            (
                "feegrant grant FROM OTHER --spend-limit 0nqrn",
                "should be greater than zero",
            ),
            ("feegrant grant FROM OTHER --spend-limit x", "--spend-limit: "),
            (
                "feegrant grant FROM OTHER --expiration 2020-01-01T00:00:00Z",
                "in the past",
            ),
            ("feegrant grant FROM OTHER --expiration 0", "in the past"),
            (
                "feegrant grant FROM OTHER --period 60",
                "period limit was not set",
            ),
            (
                "feegrant grant FROM OTHER --period-limit 5nqrn",
                "period clock was not set",
            ),
            (
                "feegrant grant FROM OTHER --period 0 --period-limit 5nqrn",
                "period clock was not set",
            ),
            (
                "feegrant grant FROM OTHER --period -60 --period-limit 5nqrn",
                "period clock was not set",
            ),
            (
                "feegrant grant FROM OTHER --period 60 --period-limit 0nqrn",
                "--period-limit should be",
            ),
            (
                "feegrant grant FROM OTHER --period 9223372036854775807 --period-limit 5nqrn",
                "after the year 9999",
            ),
            (
                "feegrant grant FROM OTHER --period 99999999999 --period-limit 5nqrn --expiration END",
                "cannot reset after expiration",
            ),
            (
                "feegrant grant FROM OTHER --allowed-messages /cosmos.gov.v1.MsgVote,/x",
                "\"/x\" doesn't exist",
            ),
            ("feegrant revoke FROM FROM", "addresses must be different"),
            ("feegrant revoke FROM 1", "grantee: "),
        ],
    )
    .await;
}

#[tokio::test]
async fn vesting_accounts_are_those_of_the_sdk() {
    let home = tempfile::tempdir().unwrap();
    let home = home.path();
    let made = message(
        home,
        "vesting create-vesting-account OTHER 5qrn END --delayed --from FROM",
    )
    .await;
    let wanted = json!({
        "@type": "/cosmos.vesting.v1beta1.MsgCreateVestingAccount", "from_address": FROM, "to_address": OTHER,
        "amount": coins("5000000000"), "end_time": END.to_string(), "delayed": true,
    });
    assert_eq!(made, wanted);
    let made = message(
        home,
        "vesting create-permanent-locked-account OTHER 5nqrn --from FROM",
    )
    .await;
    let wanted = json!({
        "@type": "/cosmos.vesting.v1beta1.MsgCreatePermanentLockedAccount", "from_address": FROM, "to_address": OTHER,
        "amount": coins("5"),
    });
    assert_eq!(made, wanted);
    let file = |text: &str| fs::write(home.join("periods.json"), text).unwrap();
    let line = "vesting create-periodic-vesting-account OTHER HOME/periods.json --from FROM";
    file(
        r#"{"start_time":1625204910,"periods":[{"coins":"10nqrn","length_seconds":2592000},{"coins":"1qrn","length_seconds":5}]}"#,
    );
    let wanted = json!({
        "@type": "/cosmos.vesting.v1beta1.MsgCreatePeriodicVestingAccount", "from_address": FROM, "to_address": OTHER,
        "start_time": "1625204910",
        "vesting_periods": [
            {"length": "2592000", "amount": coins("10")}, {"length": "5", "amount": coins("1000000000")},
        ],
    });
    assert_eq!(message(home, line).await, wanted);
    for (text, said) in [
        ("", "no periods in JSON"),
        (r#"{"start_time":5}"#, "missing field `periods`"),
        (r#"{"start_time":5,"periods":[],"end":6}"#, "unknown field `end`"),
        (r#"{"start_time":5,"periods":[]}"#, "periods cannot be empty"),
        (r#"{"start_time":0,"periods":[]}"#, "invalid start time of 0"),
        (
            r#"{"start_time":5,"periods":[{"coins":"5nqrn","length_seconds":0}]}"#,
            "invalid period length of 0 in period 0",
        ),
        (
            r#"{"start_time":5,"periods":[{"coins":"0nqrn","length_seconds":5}]}"#,
            "coins of period 0 should be",
        ),
        (
            r#"{"start_time":5,"periods":[{"coins":"5nqrn","length_seconds":9223372036854775807}]}"#,
            "the length of the periods up to 0 is too large",
        ),
        (
            r#"{"start_time":5,"periods":[{"coins":"5nqrn","length_seconds":1},
                {"coins":"340282366920938463463374607431768211455nqrn","length_seconds":1}]}"#,
            "the sum of the periods up to 1 is too large",
        ),
    ] {
        file(text);
        refused(home, &[(line, said)]).await;
    }
    refused(
        home,
        &[
            (
                "vesting create-vesting-account quern1x 5nqrn END --from FROM",
                "the new account: ",
            ),
            (
                "vesting create-vesting-account FROM 5nqrn END --from FROM",
                "already exists",
            ),
            (
                "vesting create-vesting-account OTHER 0nqrn END --from FROM",
                "the amount should be greater than zero",
            ),
            (
                "vesting create-vesting-account OTHER 5nqrn 0 --from FROM",
                "in the past",
            ),
            (
                "vesting create-vesting-account OTHER 5nqrn -5 --from FROM",
                "in the past",
            ),
            (
                "vesting create-vesting-account OTHER 5nqrn 4102444800000 --from FROM",
                "not in milliseconds",
            ),
            (
                "vesting create-permanent-locked-account OTHER x --from FROM",
                "the amount: ",
            ),
        ],
    )
    .await;
}
