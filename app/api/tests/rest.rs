//! REST as a client sees it, over an application that answers from a table.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at a surprise")]

mod answers;

use std::sync::Arc;

use answers::{application, coin};
use bytes::Bytes;
use prost::Message;
use prost_types::{Any, Timestamp};
use quern_api::{Api, Limits, Messages, Options, RestOptions};
use quern_proto::cosmos::bank::v1beta1::{MsgSend, QueryAllBalancesRequest, QueryAllBalancesResponse};
use quern_proto::cosmos::tx::v1beta1::{Tx, TxBody};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

async fn start(options: RestOptions) -> String {
    start_with(Limits::for_cores(4), options).await
}

async fn start_with(limits: Limits, options: RestOptions) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let api = Options {
        rpc: "http://127.0.0.1:1".to_owned(),
        limits,
        messages: Messages::new(|_| false),
    };
    let api = Api::new(Arc::new(application), api).unwrap();
    tokio::spawn(async move { api.serve_rest(listener, options, std::future::pending()).await });
    address
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap()
    }
}

async fn ask(address: &str, verb: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let mut request = format!("{verb} {path} HTTP/1.1\r\nhost: node\r\nconnection: close\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str(&format!("content-length: {}\r\n\r\n", body.len()));
    stream.write_all(request.as_bytes()).await.unwrap();
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let split = answer.windows(4).position(|part| part == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..split]).to_lowercase();
    let mut body = answer[split + 4..].to_vec();
    if head.contains("transfer-encoding: chunked") {
        body = unchunked(&body);
    }
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    Answer { status, head, body }
}

fn unchunked(mut body: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    loop {
        let line = body.windows(2).position(|part| part == b"\r\n").unwrap();
        let size = usize::from_str_radix(std::str::from_utf8(&body[..line]).unwrap(), 16).unwrap();
        if size == 0 {
            return whole;
        }
        whole.extend(&body[line + 2..line + 2 + size]);
        body = &body[line + 4 + size..];
    }
}

async fn get(address: &str, path: &str) -> Answer {
    ask(address, "GET", path, &[], &[]).await
}

#[tokio::test]
async fn a_query_is_answered_in_the_json_and_at_the_height_of_grpc_gateway() {
    let address = start(RestOptions::default()).await;
    let answer = get(&address, "/cosmos/bank/v1beta1/balances/me?pagination.limit=5").await;
    assert_eq!(answer.status, 200);
    let expected =
        r#"{"balances":[{"denom":"nqrn","amount":"5"}],"pagination":{"next_key":null,"total":"3"}}"#;
    assert_eq!(String::from_utf8_lossy(&answer.body), expected);
    assert!(answer.head.contains("content-type: application/json"));
    assert!(answer.head.contains("grpc-metadata-x-cosmos-block-height: 77"));
    assert!(answer.head.contains("\nx-cosmos-block-height: 77"));

    let answer = get(&address, "/cosmos/bank/v1beta1/balances/me?pagination.limit=1").await;
    assert_eq!(answer.json()["pagination"]["next_key"], "+/8=");
    for header in ["x-cosmos-block-height", "Grpc-Metadata-X-Cosmos-Block-Height"] {
        let past = ask(
            &address,
            "GET",
            "/cosmos/bank/v1beta1/balances/me",
            &[(header, "5")],
            &[],
        )
        .await;
        assert!(
            past.head.contains("grpc-metadata-x-cosmos-block-height: 5"),
            "{}",
            past.head
        );
    }
    let wrong = [("x-cosmos-block-height", "many")];
    assert_eq!(
        ask(&address, "GET", "/cosmos/bank/v1beta1/balances/me", &wrong, &[])
            .await
            .status,
        400
    );

    let pool = get(&address, "/cosmos/distribution/v1beta1/community_pool").await;
    assert_eq!(
        pool.json(),
        json!({"pool": [{"denom": "nqrn", "amount": "1.500000000000000000"}]})
    );
}

#[tokio::test]
async fn failures_have_the_status_and_shape_that_wallets_probe_for() {
    let address = start(RestOptions::default()).await;
    let missing = get(&address, "/cosmos/bank/v1beta1/balances/nobody").await;
    assert_eq!(missing.status, 404);
    let expected = r#"{"code":5,"message":"no <account>","details":[]}"#;
    assert_eq!(String::from_utf8_lossy(&missing.body), expected);

    let wrong = get(&address, "/cosmos/bank/v1beta1/balances/me?pagination.limit=x").await;
    assert_eq!((wrong.status, wrong.json()["code"].clone()), (400, json!(3)));

    // What a module refuses is no failure of the node.
    let refused = get(&address, "/cosmos/bank/v1beta1/balances/refused").await;
    assert_eq!((refused.status, refused.json()["code"].clone()), (400, json!(2)));
    assert_eq!(refused.json()["message"], "no address: invalid address");
    let broken = get(&address, "/cosmos/bank/v1beta1/balances/broken").await;
    assert_eq!((broken.status, broken.json()["code"].clone()), (500, json!(13)));

    let none = json!({"code": 12, "message": "Not Implemented", "details": []});
    for path in [
        "/",
        "/nothing",
        "/feemarket/v1/params",
        "/cosmos/bank/v1beta1/balances/me/",
        // described but not served here, and asked wrongly
        "/cosmos/staking/v1beta1/validators",
        "/cosmos/gov/v1/proposals/notanumber",
        "/ibc/apps/transfer/v1/params",
    ] {
        let answer = get(&address, path).await;
        assert_eq!((answer.status, answer.json()), (501, none.clone()), "{path}");
    }
    let answer = ask(&address, "DELETE", "/cosmos/bank/v1beta1/balances/me", &[], &[]).await;
    assert_eq!(answer.status, 501);
    let broken = get(&address, "/cosmos/bank/v1beta1/balances/%zz").await;
    assert_eq!(broken.status, 400);
    // Nothing listens where CometBFT should.
    assert_eq!(
        get(&address, "/cosmos/base/tendermint/v1beta1/node_info")
            .await
            .status,
        503
    );
}

#[tokio::test]
async fn contracts_answer_as_json_and_wrong_base64_is_the_caller_s_fault() {
    let address = start(RestOptions::default()).await;
    let path = "/cosmwasm/wasm/v1/contract/me/smart/";
    let answer = get(
        &address,
        &format!("{path}eyJhIjogWzEsIDI1OTIxMTEyMjMzNDQ1NTY2Nzc4OF19"),
    )
    .await;
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    assert_eq!(
        String::from_utf8_lossy(&answer.body),
        r#"{"data":{"a":[1,259211122334455667788]}}"#
    );
    assert_eq!(get(&address, &format!("{path}***")).await.status, 400);
}

#[tokio::test]
async fn bodies_are_read_by_either_name_and_bounded() {
    let options = RestOptions {
        max_body_bytes: 1_000,
        ..RestOptions::default()
    };
    let address = start(options).await;
    let path = "/cosmos/tx/v1beta1/simulate";
    for body in [r#"{"tx_bytes":"AQID"}"#, r#"{"txBytes":"AQID","tx":null}"#] {
        let answer = ask(&address, "POST", path, &[], body.as_bytes()).await;
        assert_eq!(
            (answer.status, answer.json()["message"].clone()),
            (400, json!("3 bytes")),
            "{body}"
        );
    }
    for body in ["", "{}"] {
        let answer = ask(&address, "POST", path, &[], body.as_bytes()).await;
        assert_eq!(answer.json()["message"], "0 bytes");
    }
    for body in ["{", "[]", r#"{"unknown":1}"#, r#"{"tx_bytes":5}"#, "nonsense"] {
        assert_eq!(
            ask(&address, "POST", path, &[], body.as_bytes()).await.status,
            400,
            "{body}"
        );
    }
    let long = format!(r#"{{"tx_bytes":"{}"}}"#, "A".repeat(2_000));
    assert_eq!(
        ask(&address, "POST", path, &[], long.as_bytes()).await.status,
        400
    );
}

#[tokio::test]
async fn slow_bodies_fill_no_more_than_their_room_and_hinder_no_request_without_one() {
    let limits = Limits {
        bodies: 2_000,
        ..Limits::for_cores(4)
    };
    let options = RestOptions {
        read_timeout: std::time::Duration::from_millis(1_500),
        ..RestOptions::default()
    };
    let address = start_with(limits, options).await;
    let path = "/cosmos/tx/v1beta1/simulate";
    let mut slow = Vec::new();
    for _ in 0..2 {
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let head = format!("POST {path} HTTP/1.1\r\nhost: node\r\ncontent-length: 1500\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        stream.write_all(&[b' '; 1_000]).await.unwrap();
        slow.push(stream);
    }
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    let refused = ask(&address, "POST", path, &[], b"{}").await;
    assert_eq!((refused.status, refused.json()["code"].clone()), (429, json!(8)));
    let balances = "/cosmos/bank/v1beta1/balances/me";
    assert_eq!(get(&address, balances).await.status, 200);
    // They are cut off in their time, and there is room again.
    for mut stream in slow {
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await.unwrap();
        assert_eq!(&answer, b"HTTP/1.1 408");
    }
    let answer = ask(&address, "POST", path, &[], b"{}").await;
    assert_eq!(answer.json()["message"], "0 bytes");
}

#[tokio::test]
async fn a_long_body_waits_for_a_place_to_be_read() {
    let limits = Limits {
        parallel: 0,
        wait: std::time::Duration::from_millis(100),
        ..Limits::for_cores(4)
    };
    // what CometBFT answers takes no place of a query
    let broadcast = "/cosmos/tx/v1beta1/txs";
    let body = |bytes: usize| {
        format!(
            r#"{{"tx_bytes":"{}","mode":"BROADCAST_MODE_SYNC"}}"#,
            "A".repeat(bytes)
        )
    };
    let address = start_with(limits, RestOptions::default()).await;
    let short = ask(&address, "POST", broadcast, &[], body(4_000).as_bytes()).await;
    assert_eq!(short.json()["code"], json!(14), "{}", short.json());
    let long = ask(&address, "POST", broadcast, &[], body(40_000).as_bytes()).await;
    assert_eq!((long.status, long.json()["code"].clone()), (429, json!(8)));

    let address = start(RestOptions::default()).await;
    let long = ask(&address, "POST", broadcast, &[], body(40_000).as_bytes()).await;
    assert_eq!(long.json()["code"], json!(14), "{}", long.json());
    let simulate = "/cosmos/tx/v1beta1/simulate";
    let long = ask(
        &address,
        "POST",
        simulate,
        &[],
        body(40_000).replace("mode", "tx").as_bytes(),
    )
    .await;
    assert_eq!(long.status, 400, "{}", long.json());
}

#[tokio::test]
async fn urls_of_the_longest_form_are_read_and_endless_heads_are_not() {
    let address = start(RestOptions::default()).await;
    let long = format!("/cosmos/bank/v1beta1/balances/me?what={}", "a".repeat(65_000));
    assert_eq!(get(&address, &long).await.status, 200);
    let mut stream = TcpStream::connect(&address).await.unwrap();
    let mut request = "GET /cosmos/bank/v1beta1/balances/me HTTP/1.1\r\n".to_owned();
    for number in 0..40 {
        request.push_str(&format!("x-{number}: {}\r\n", "b".repeat(8_000)));
    }
    let _ = stream.write_all(request.as_bytes()).await;
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 431");
}

#[tokio::test]
async fn a_transaction_survives_the_way_through_json() {
    let address = start(RestOptions::default()).await;
    let send = MsgSend {
        from_address: "a".to_owned(),
        to_address: "b".to_owned(),
        amount: vec![coin("nqrn", "1")],
    };
    let body = TxBody {
        messages: vec![Any {
            type_url: "/cosmos.bank.v1beta1.MsgSend".to_owned(),
            value: send.encode_to_vec(),
        }],
        memo: "<hé>".to_owned(),
        timeout_timestamp: Some(Timestamp {
            seconds: 1,
            nanos: 500_000_000,
        }),
        timeout_height: u64::MAX,
        ..TxBody::default()
    };
    let tx = Tx {
        body: Some(body),
        auth_info: None,
        signatures: vec![vec![1, 2, 3]],
    };
    let bytes = base64(&tx.encode_to_vec());
    let path = "/cosmos/tx/v1beta1/decode";
    let decoded = ask(
        &address,
        "POST",
        path,
        &[],
        json!({"tx_bytes": bytes}).to_string().as_bytes(),
    )
    .await;
    let tx = decoded.json()["tx"].clone();
    assert_eq!(tx["auth_info"], Value::Null);
    assert_eq!(tx["signatures"], json!(["AQID"]));
    assert_eq!(tx["body"]["timeout_height"], u64::MAX.to_string());
    assert_eq!(tx["body"]["timeout_timestamp"], "1970-01-01T00:00:01.500Z");
    assert_eq!(tx["body"]["unordered"], false);
    assert_eq!(tx["body"]["messages"][0]["@type"], "/cosmos.bank.v1beta1.MsgSend");
    assert_eq!(
        tx["body"]["messages"][0]["amount"],
        json!([{"denom": "nqrn", "amount": "1"}])
    );
    let body = json!({"tx": tx}).to_string();
    let encoded = ask(
        &address,
        "POST",
        "/cosmos/tx/v1beta1/encode",
        &[],
        body.as_bytes(),
    )
    .await;
    assert_eq!(encoded.json(), json!({"tx_bytes": bytes}));
}

#[tokio::test]
async fn the_old_transaction_goes_from_amino_json_to_binary_and_back() {
    let address = start(RestOptions::default()).await;
    let post = |route: &str, body: Value| {
        let (address, path) = (address.clone(), format!("/cosmos/tx/v1beta1/{route}/amino"));
        async move { ask(&address, "POST", &path, &[], body.to_string().as_bytes()).await }
    };
    let key =
        r#"{"type":"tendermint/PubKeySecp256k1","value":"Ak9OKtmcNNYLm6YoPJQxqEGK+GcyEpYfl6d7Y3f80Fti"}"#;
    let tx = format!(
        r#"{{"type":"cosmos-sdk/StdTx","value":{{"msg":[{{"type":"cosmos-sdk/MsgSend","value":{{"from_address":"a","to_address":"b","amount":[{{"denom":"nqrn","amount":"5"}}]}}}}],"fee":{{"amount":[],"gas":"7"}},"signatures":[{{"pub_key":{key},"signature":"AQI="}}],"memo":"\u003c","timeout_height":"0"}}}}"#
    );
    let made = post("encode", json!({ "amino_json": tx })).await;
    assert_eq!(made.status, 200, "{}", made.json());
    let read = post("decode", made.json()).await;
    assert_eq!(read.json()["amino_json"], tx);
    for (route, body) in [
        ("encode", json!({})),
        ("decode", json!({})),
        ("encode", json!({ "amino_json": "{" })),
        ("decode", json!({ "amino_binary": "AAAA" })),
    ] {
        let refused = post(route, body.clone()).await;
        assert_eq!(
            (refused.status, refused.json()["code"].as_i64()),
            (400, Some(3)),
            "{route} {body}"
        );
    }
}

fn base64(bytes: &[u8]) -> String {
    use ::base64::Engine;
    ::base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[tokio::test]
async fn messages_nested_without_end_are_refused() {
    let address = start(RestOptions::default()).await;
    let mut any = Any::default();
    for _ in 0..2_000 {
        any = Any {
            type_url: "/google.protobuf.Any".to_owned(),
            value: any.encode_to_vec(),
        };
    }
    let tx = Tx {
        body: Some(TxBody {
            messages: vec![any],
            ..TxBody::default()
        }),
        ..Tx::default()
    };
    let body = json!({"tx_bytes": base64(&tx.encode_to_vec())}).to_string();
    let answer = ask(
        &address,
        "POST",
        "/cosmos/tx/v1beta1/decode",
        &[],
        body.as_bytes(),
    )
    .await;
    assert!(
        answer.json()["message"]
            .as_str()
            .unwrap()
            .contains("nested deeper")
    );
    assert_eq!(
        get(&address, "/cosmos/bank/v1beta1/balances/me").await.status,
        200
    );
}

#[tokio::test]
async fn browsers_are_let_in_only_where_the_operator_says_so() {
    let preflight = [
        ("origin", "https://a.example"),
        ("access-control-request-method", "POST"),
    ];
    let path = "/cosmos/tx/v1beta1/txs";
    let closed = start(RestOptions::default()).await;
    let answer = ask(&closed, "OPTIONS", path, &preflight, &[]).await;
    assert!(
        !answer.head.contains("access-control-allow-origin"),
        "{}",
        answer.head
    );
    let options = RestOptions {
        unsafe_cors: true,
        ..RestOptions::default()
    };
    let open = start(options).await;
    let answer = ask(&open, "OPTIONS", path, &preflight, &[]).await;
    assert_eq!(answer.status, 200);
    assert!(
        answer.head.contains("access-control-allow-origin: *"),
        "{}",
        answer.head
    );
}

#[tokio::test]
async fn grpc_web_is_answered_on_the_same_port() {
    let address = start(RestOptions::default()).await;
    let request = QueryAllBalancesRequest {
        address: "me".to_owned(),
        ..Default::default()
    };
    let request = request.encode_to_vec();
    let frame = [
        &[0, 0, 0, 0, u8::try_from(request.len()).unwrap()],
        request.as_slice(),
    ]
    .concat();
    let headers = [
        ("content-type", "application/grpc-web+proto"),
        ("x-grpc-web", "1"),
    ];
    let path = "/cosmos.bank.v1beta1.Query/AllBalances";
    let answer = ask(&address, "POST", path, &headers, &frame).await;
    assert_eq!(answer.status, 200);
    let length = usize::from(answer.body[4]);
    let message =
        QueryAllBalancesResponse::decode(Bytes::copy_from_slice(&answer.body[5..5 + length])).unwrap();
    assert_eq!(message.balances, [coin("nqrn", "0")]);
    assert!(String::from_utf8_lossy(&answer.body[5 + length..]).contains("grpc-status:0"));

    let options = RestOptions {
        grpc_web: false,
        ..RestOptions::default()
    };
    let without = start(options).await;
    assert_eq!(ask(&without, "POST", path, &headers, &frame).await.status, 501);
}

#[tokio::test]
async fn the_openapi_document_lists_what_is_served_and_nothing_else() {
    let address = start(RestOptions::default()).await;
    let document = get(&address, "/openapi.json").await.json();
    let paths = document["paths"].as_object().unwrap();
    assert!(paths.contains_key("/cosmos/bank/v1beta1/balances/{address}"));
    assert!(paths.contains_key("/cosmos/tx/v1beta1/txs"));
    assert!(!paths.contains_key("/cosmos/staking/v1beta1/validators"));
    // Every reference leads somewhere.
    let text = document.to_string();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(document["components"]["schemas"][name].is_object(), "{name}");
    }
    assert_eq!(get(&address, "/swagger").await.status, 200);
}

#[tokio::test]
async fn connections_over_the_limit_wait_their_turn() {
    let options = RestOptions {
        max_connections: 1,
        ..RestOptions::default()
    };
    let address = start(options).await;
    let first = TcpStream::connect(&address).await.unwrap();
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    let waiting = tokio::spawn({
        let address = address.clone();
        async move { get(&address, "/cosmos/bank/v1beta1/balances/me").await.status }
    });
    tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    assert!(!waiting.is_finished());
    drop(first);
    assert_eq!(waiting.await.unwrap(), 200);
}

#[tokio::test]
async fn what_is_not_there_and_what_has_no_json_is_no_failure_of_the_node() {
    let address = start(RestOptions::default()).await;
    let answer = get(&address, "/cosmos/feegrant/v1beta1/allowance/me/you").await;
    assert_eq!(answer.status, 404);
    assert_eq!(
        answer.json(),
        json!({"code": 5, "message": "fee-grant not found: not found", "details": []})
    );
    // a contract that answers with what is no JSON
    let answer = get(&address, "/cosmwasm/wasm/v1/contract/any/smart/bm90IGpzb24=").await;
    assert_eq!((answer.status, answer.json()["code"].as_u64()), (400, Some(2)));
    let said = answer.json()["message"].as_str().unwrap().to_owned();
    assert!(said.contains("is not JSON"), "{said}");
    // a broken state is
    let answer = get(&address, "/cosmos/bank/v1beta1/balances/broken").await;
    assert_eq!(answer.status, 500);
}
