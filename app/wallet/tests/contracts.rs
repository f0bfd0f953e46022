//! Calls of the chain's own contracts, made without a node: what a wallet signs is what the contracts read.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

use std::path::Path;

use clap::Parser;
use prost::Message;
use quern_interface::{
    bonding, pricing,
    registry::{self, HostDetails, HostUpdate, Offer, RouterDetails},
    settlement::{self, SignedBy},
};
use quern_proto::{
    cosmos::tx::v1beta1::{TxBody, TxRaw},
    cosmwasm::wasm::v1::MsgExecuteContract,
};
use quern_protocol::{Amount, Bytes, Release};
use quern_types::contract_address;
use quern_wallet::{Failure, TxCommand};

const KEY32: &str = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE=";

#[derive(Parser)]
struct Tx {
    #[command(flatten)]
    command: TxCommand,
}

fn parse(args: &str) -> Result<Tx, clap::Error> {
    let args = args.replace("KEY33", &"02".repeat(33)).replace("KEY32", KEY32);
    Tx::try_parse_from(std::iter::once("tx").chain(args.split_whitespace()))
}

async fn run(args: &str) -> Result<String, Failure> {
    parse(args).unwrap().command.run(Path::new("/nonexistent")).await
}

/// The call that a command makes: contract, message, funds.
async fn call(args: &str) -> (String, String, String) {
    let from = sender();
    let tx = run(&format!("{args} --from {from} --generate-only --offline"))
        .await
        .unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), tx).unwrap();
    use base64::{Engine, engine::general_purpose::STANDARD};
    let bytes = STANDARD
        .decode(run(&format!("encode {}", file.path().display())).await.unwrap())
        .unwrap();
    let raw = TxRaw::decode(bytes.as_slice()).unwrap();
    let body = TxBody::decode(raw.body_bytes.as_slice()).unwrap();
    let message = &body.messages[0];
    assert_eq!(message.type_url, "/cosmwasm.wasm.v1.MsgExecuteContract");
    let message = MsgExecuteContract::decode(message.value.as_slice()).unwrap();
    assert_eq!(message.sender, from);
    let funds = message
        .funds
        .iter()
        .map(|c| format!("{}{}", c.amount, c.denom))
        .collect::<Vec<_>>();
    (
        message.contract,
        String::from_utf8(message.msg).unwrap(),
        funds.join(","),
    )
}

fn sender() -> String {
    host(7)
}

/// Any address.
fn host(n: u64) -> String {
    contract_address(n, 100).to_string()
}

fn json(message: &impl serde::Serialize) -> String {
    serde_json::to_string(message).unwrap()
}

#[tokio::test]
async fn bonding_commands_say_what_bonding_reads() {
    let bonding = contract_address(2, 2).to_string();
    let (h1, h2) = (host(1), host(2));
    for (args, expected, funds) in [
        (
            format!("bond {h1} 12.5qrn"),
            bonding::ExecuteMsg::Bond { host: h1.clone() },
            "12500000000nqrn",
        ),
        (
            format!("unbond {h1} 7nqrn"),
            bonding::ExecuteMsg::Unbond {
                host: h1.clone(),
                amount: Amount(7),
            },
            "",
        ),
        (
            format!("withdraw {h1}"),
            bonding::ExecuteMsg::Withdraw { host: h1.clone() },
            "",
        ),
        (
            format!("move-bond {h1} {h2} 1qrn"),
            bonding::ExecuteMsg::Move {
                from: h1.clone(),
                to: h2.clone(),
                amount: Amount(1_000_000_000),
            },
            "",
        ),
        (
            "set-open false".into(),
            bonding::ExecuteMsg::SetOpen { open: false },
            "",
        ),
        (
            "set-commission 7.5%".into(),
            bonding::ExecuteMsg::SetCommission { rate_bps: 750 },
            "",
        ),
        (
            "withdraw-commission".into(),
            bonding::ExecuteMsg::WithdrawCommission {},
            "",
        ),
        (
            format!("withdraw-rewards {h1}"),
            bonding::ExecuteMsg::WithdrawRewards {
                host: h1.clone(),
                to: None,
            },
            "",
        ),
        (
            format!("withdraw-rewards {h1} --to {h2}"),
            bonding::ExecuteMsg::WithdrawRewards {
                host: h1.clone(),
                to: Some(h2.clone()),
            },
            "",
        ),
    ] {
        assert_eq!(
            call(&args).await,
            (bonding.clone(), json(&expected), funds.into()),
            "{args}"
        );
    }
}

#[tokio::test]
async fn a_posters_command_says_what_pricing_reads() {
    let usd = "0.25".parse().unwrap();
    assert_eq!(
        call("post-quote 0.25").await,
        (
            contract_address(6, 6).to_string(),
            json(&pricing::ExecuteMsg::PostQuote { usd }),
            String::new()
        )
    );
}

#[tokio::test]
async fn host_commands_say_what_the_registry_reads() {
    let registry = contract_address(1, 1).to_string();
    let offer = |model: &str, profile: &str| Offer {
        model: model.into(),
        capacity: 120,
        profile: profile.into(),
    };
    let key = Bytes::new([1; 32]);
    let details = HostDetails {
        moniker: "mill".into(),
        endpoint: "https://mill.example:8100".into(),
        transport_key: key,
        consensus_key: key,
        beacon_anchor: Some(Bytes::new([3; 32])),
        warm_key: Bytes::new([2; 33]),
        payout: Some(host(3)),
        offers: vec![offer("quern-small", "cpu"), offer("other", "gpu")],
    };
    let register = format!(
        "register-host --moniker mill --endpoint https://mill.example:8100 --transport-key KEY32 \
         --consensus-key KEY32 --warm-key KEY33 --beacon-anchor {} --payout {} --offer quern-small=120:cpu \
         --offer other=120:gpu --entry-fee 5qrn",
        "03".repeat(32),
        host(3)
    );
    let keys = tempfile::NamedTempFile::new().unwrap();
    let content = serde_json::json!({
        "warm_key": details.warm_key, "warm_address": "quern1x", "transport_key": details.transport_key,
    });
    std::fs::write(keys.path(), content.to_string()).unwrap();
    let from_file = register.replace("--transport-key KEY32", "").replace(
        "--warm-key KEY33",
        &format!("--worker-keys {}", keys.path().display()),
    );
    let update = HostUpdate {
        endpoint: Some("https://b:1".into()),
        payout: Some(host(4)),
        ..Default::default()
    };
    let router = RouterDetails {
        moniker: "r".into(),
        endpoint: "https://r".into(),
        transport_key: key,
        fee_bps: 250,
    };
    let router_flags = "--moniker r --endpoint https://r --transport-key KEY32 --fee-bps 250";
    use registry::ExecuteMsg as Msg;
    for (args, expected, funds) in [
        (register, Msg::RegisterHost(details.clone()), "5000000000nqrn"),
        (from_file, Msg::RegisterHost(details), "5000000000nqrn"),
        (
            format!("update-host --endpoint https://b:1 --payout {}", host(4)),
            Msg::UpdateHost(update),
            "",
        ),
        (
            "rotate-warm-key KEY33".into(),
            Msg::RotateWarmKey {
                warm_key: Bytes::new([2; 33]),
            },
            "",
        ),
        (
            "set-beacon-anchor KEY32".into(),
            Msg::SetBeaconAnchor { anchor: key },
            "",
        ),
        (
            "set-offers quern-small=120:cpu".into(),
            Msg::SetOffers {
                offers: vec![offer("quern-small", "cpu")],
            },
            "",
        ),
        ("set-offers".into(), Msg::SetOffers { offers: Vec::new() }, ""),
        (
            "declare-maintenance 100 150".into(),
            Msg::DeclareMaintenance { from: 100, to: 150 },
            "",
        ),
        ("retire-host".into(), Msg::RetireHost {}, ""),
        (
            "requalify quern-small --entry-fee 1nqrn".into(),
            Msg::Requalify {
                model: "quern-small".into(),
            },
            "1nqrn",
        ),
        (
            format!("register-router {router_flags}"),
            Msg::RegisterRouter(router.clone()),
            "",
        ),
        (
            format!("update-router {router_flags}"),
            Msg::UpdateRouter(router),
            "",
        ),
        ("retire-router".into(), Msg::RetireRouter {}, ""),
    ] {
        assert_eq!(
            call(&args).await,
            (registry.clone(), json(&expected), funds.into()),
            "{args}"
        );
    }
}

#[tokio::test]
async fn session_commands_say_what_settlement_reads() {
    let settlement = contract_address(3, 3).to_string();
    use settlement::ExecuteMsg as Msg;
    let open = |router: Option<String>, router_fee_bps, signed_by| Msg::OpenSession {
        model: "quern-small".into(),
        max_price: "2.5".parse().unwrap(),
        router,
        router_fee_bps,
        session_key: Bytes::new([2; 33]),
        agent: None,
        signed_by,
        blocks: 900,
        consent: None,
        max_fee: Some(Amount(1_000_000_000)),
    };
    let consent = settlement::Consent {
        nonce: 7,
        expires: 99,
        signature: Bytes::new([5; 64]),
    };
    let word = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(word.path(), serde_json::to_vec(&consent).unwrap()).unwrap();
    let mut agreed = open(Some(host(5)), 200, SignedBy::Router);
    if let Msg::OpenSession { consent: given, .. } = &mut agreed {
        *given = Some(consent);
    }
    let flags =
        "open-session quern-small 10qrn --max-price 2.5 --session-key KEY33 --blocks 900 --open-fee 1qrn";
    let release = Release {
        session: 4,
        from: host(1),
        to: host(2),
        cumulative: Amount(9),
    };
    let signature = Bytes::new([5; 64]);
    let file = tempfile::NamedTempFile::new().unwrap();
    let content = serde_json::json!({"release": release, "signature": signature});
    std::fs::write(file.path(), content.to_string()).unwrap();
    for (args, expected, funds) in [
        (
            flags.to_owned(),
            open(None, 0, SignedBy::Payer),
            "11000000000nqrn",
        ),
        (
            format!("{flags} --router {} --router-fee-bps 200", host(5)),
            open(Some(host(5)), 200, SignedBy::Router),
            "11000000000nqrn",
        ),
        (
            format!(
                "{flags} --router {} --router-fee-bps 200 --consent {}",
                host(5),
                word.path().display()
            ),
            agreed,
            "11000000000nqrn",
        ),
        (
            format!(
                "{flags} --router {} --router-fee-bps 0 --signed-by payer",
                host(5)
            ),
            open(Some(host(5)), 0, SignedBy::Payer),
            "11000000000nqrn",
        ),
        ("close-session 4".into(), Msg::CloseSession { session: 4 }, ""),
        ("close 4".into(), Msg::Close { session: 4 }, ""),
        (
            format!("rebalance 4 {} {} 2qrn", host(1), host(2)),
            Msg::Rebalance {
                session: 4,
                from: host(1),
                to: host(2),
                amount: Amount(2_000_000_000),
            },
            "",
        ),
        (
            format!("execute-rebalance 4 {}", host(1)),
            Msg::ExecuteRebalance {
                session: 4,
                from: host(1),
            },
            "",
        ),
        (
            format!("present-release {}", file.path().display()),
            Msg::PresentRelease { release, signature },
            "",
        ),
        ("fund-router 3qrn".into(), Msg::FundRouter {}, "3000000000nqrn"),
        (
            "defund-router 3qrn".into(),
            Msg::DefundRouter {
                amount: Amount(3_000_000_000),
            },
            "",
        ),
    ] {
        assert_eq!(
            call(&args).await,
            (settlement.clone(), json(&expected), funds.into()),
            "{args}"
        );
    }
}

#[tokio::test]
async fn another_address_is_a_flag_away() {
    let other = host(9);
    let (contract, _, _) = call(&format!("bond {} 1qrn --bonding {other}", host(1))).await;
    assert_eq!(contract, other);
}

#[tokio::test]
async fn what_cannot_work_is_refused_before_anything_is_signed() {
    let (h, from) = (host(1), sender());
    let open = "open-session m 1qrn --max-price 2 --session-key KEY33";
    for (args, text) in [
        (format!("bond {h} 0qrn"), "zero"),
        ("update-host".into(), "nothing to change"),
        ("update-router".into(), "nothing to change"),
        ("declare-maintenance 9 9".into(), "no block"),
        ("set-offers quern-small=9".into(), "quern-small=CAPACITY:PROFILE"),
        ("requalify m".into(), "--entry-fee"),
        (open.into(), "--open-fee"),
        (format!("{open} --open-fee 1qrn"), "--blocks"),
        (
            format!("{open} --open-fee 1qrn --blocks 5 --router {h}"),
            "--router-fee-bps",
        ),
        (
            format!("{open} --open-fee 1qrn --blocks 5 --signed-by router"),
            "--router",
        ),
        ("settle /nonexistent".into(), "/nonexistent"),
        ("prove-fault Cargo.toml".into(), "no proof of a fault in JSON"),
    ] {
        let failure = run(&format!("{args} --from {from} --generate-only --offline"))
            .await
            .unwrap_err();
        assert!(failure.to_string().contains(text), "{args}: {failure}");
        assert!([1, 2].contains(&failure.exit_code()), "{args}");
    }
    for args in [
        format!("bond {h} 12"),
        "bond cosmos17xpfvakm2amg962yls6f84z3kell8c5lserqta 1qrn".into(),
        "set-offers quern-small=fast".into(),
        "set-offers =5".into(),
        "rotate-warm-key KEY32".into(),
        "set-open perhaps".into(),
        "post-quote a lot".into(),
        "post-quote -1".into(),
        "set-commission 5".into(),
        "withdraw-rewards nobody".into(),
        format!("{open} --router-fee-bps 5"),
    ] {
        assert!(parse(&args).is_err(), "{args}");
    }
}
