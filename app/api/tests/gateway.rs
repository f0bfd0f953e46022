//! gRPC as a client sees it, over an application that answers from a table.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)]

use std::sync::Arc;

use http::uri::PathAndQuery;
use prost::Message;
use quern_api::{Api, BLOCK_HEIGHT, Limits, MAX_REQUEST_BYTES, Messages, Options, Rate};
use quern_proto::cosmos::bank::v1beta1::{QueryBalanceRequest, QueryBalanceResponse};
use quern_proto::cosmos::base::v1beta1::Coin;
use quern_proto::cosmos::tx::v1beta1::{BroadcastTxRequest, BroadcastTxResponse};
use tendermint_proto::v0_38::abci::ResponseQuery;
use tokio::net::TcpListener;
use tokio_stream::StreamExt;
use tonic::client::Grpc;
use tonic::codec::ProstCodec;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

const BALANCE: &str = "/cosmos.bank.v1beta1.Query/Balance";

/// Balances are the height asked for; latest is 77.
fn application(path: &str, data: &[u8], height: u64) -> ResponseQuery {
    let failed = |code, log: &str| ResponseQuery {
        code,
        log: log.to_owned(),
        codespace: "sdk".to_owned(),
        ..Default::default()
    };
    if path != BALANCE {
        return failed(6, "unknown query path: unknown request");
    }
    let request = QueryBalanceRequest::decode(data).unwrap();
    match request.address.as_str() {
        "panic" => panic!("a handler panicked"),
        "nobody" => failed(
            22,
            "rpc error: code = NotFound desc = no such account: key not found",
        ),
        _ => {
            let height = if height == 0 { 77 } else { height };
            let coin = Coin {
                denom: request.denom,
                amount: height.to_string(),
            };
            let answer = QueryBalanceResponse { balance: Some(coin) };
            ResponseQuery {
                value: answer.encode_to_vec().into(),
                height: height as i64,
                ..Default::default()
            }
        }
    }
}

async fn start() -> Channel {
    start_with(Limits::for_cores(4)).await
}

async fn start_with(limits: Limits) -> Channel {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    // Nothing listens on port 1: calls that need CometBFT must say so.
    let options = Options {
        rpc: "http://127.0.0.1:1".to_owned(),
        limits,
        messages: Messages::new(|_| false),
    };
    let api = Api::new(Arc::new(application), options).unwrap();
    tokio::spawn(async move { api.serve_grpc(listener, std::future::pending()).await });
    Endpoint::try_from(format!("http://{address}"))
        .unwrap()
        .connect()
        .await
        .unwrap()
}

async fn call<Q, A>(channel: Channel, path: &'static str, request: Request<Q>) -> Result<Response<A>, Status>
where
    Q: Message + Send + Sync + 'static,
    A: Message + Default + Send + Sync + 'static,
{
    let mut client = Grpc::new(channel);
    client.ready().await.unwrap();
    client
        .unary(request, PathAndQuery::from_static(path), ProstCodec::default())
        .await
}

async fn balance(
    channel: Channel,
    who: &str,
    height: Option<&str>,
) -> Result<Response<QueryBalanceResponse>, Status> {
    let mut request = Request::new(QueryBalanceRequest {
        address: who.to_owned(),
        denom: "nqrn".to_owned(),
    });
    if let Some(height) = height {
        request
            .metadata_mut()
            .insert(BLOCK_HEIGHT, height.parse().unwrap());
    }
    call(channel, BALANCE, request).await
}

#[tokio::test]
async fn a_query_is_answered_at_the_height_asked_for_and_says_which() {
    let channel = start().await;
    for (asked, answered) in [(None, "77"), (Some("0"), "77"), (Some("5"), "5")] {
        let answer = balance(channel.clone(), "someone", asked).await.unwrap();
        assert_eq!(answer.metadata().get(BLOCK_HEIGHT).unwrap(), answered);
        assert_eq!(answer.into_inner().balance.unwrap().amount, answered);
    }
    for wrong in ["-1", "many", "99999999999999999999"] {
        let status = balance(channel.clone(), "someone", Some(wrong))
            .await
            .unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{wrong}");
    }
}

#[tokio::test]
async fn failures_keep_the_handler_s_code_and_text() {
    let channel = start().await;
    let status = balance(channel.clone(), "nobody", None).await.unwrap_err();
    assert_eq!(
        (status.code(), status.message()),
        (Code::NotFound, "no such account")
    );
}

#[tokio::test]
async fn what_nobody_serves_is_refused_in_the_words_of_go_s_server() {
    let channel = start().await;
    for (path, words) in [
        (
            "/ibc.core.client.v1.Query/ConsensusStateHeights",
            "unknown service ibc.core.client.v1.Query",
        ),
        (
            "/cosmos.mint.v1beta1.Query/Params",
            "unknown service cosmos.mint.v1beta1.Query",
        ),
        (
            "/cosmos.bank.v1beta1.Query/Params",
            "unknown method Params for service cosmos.bank.v1beta1.Query",
        ),
        (
            "/cosmos.bank.v1beta1.Query/NoSuch",
            "unknown method NoSuch for service cosmos.bank.v1beta1.Query",
        ),
        (
            "/cosmos.bank.v1beta1.Query/",
            "unknown method  for service cosmos.bank.v1beta1.Query",
        ),
        (
            "/grpc.reflection.v1.ServerReflection/NoSuch",
            "unknown method NoSuch for service grpc.reflection.v1.ServerReflection",
        ),
        ("/store/bank/key", "unknown service store/bank"),
        ("/nosuch", "malformed method name: \"/nosuch\""),
    ] {
        let request = Request::new(QueryBalanceRequest::default());
        let status = call::<_, QueryBalanceResponse>(channel.clone(), path, request)
            .await
            .unwrap_err();
        assert_eq!((status.code(), status.message()), (Code::Unimplemented, words));
    }
}

#[tokio::test]
async fn a_query_that_panics_fails_alone() {
    let channel = start().await;
    let status = balance(channel.clone(), "panic", None).await.unwrap_err();
    assert_eq!(status.code(), Code::Internal);
    // More panics than there are places for queries at a time: none of them is lost.
    for _ in 0..8 {
        let _ = balance(channel.clone(), "panic", None).await;
    }
    balance(channel, "someone", None).await.unwrap();
}

#[tokio::test]
async fn a_request_over_ten_mebibytes_is_refused() {
    let channel = start().await;
    let status = balance(channel.clone(), &"x".repeat(MAX_REQUEST_BYTES), None)
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::OutOfRange);
    balance(channel, "someone", None).await.unwrap();
}

#[tokio::test]
async fn a_broadcast_without_cometbft_says_that_its_rpc_is_unreachable() {
    let channel = start().await;
    let path = "/cosmos.tx.v1beta1.Service/BroadcastTx";
    let request = Request::new(BroadcastTxRequest {
        tx_bytes: vec![1],
        mode: 2,
    });
    let status = call::<_, BroadcastTxResponse>(channel.clone(), path, request)
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::Unavailable);
    let request = Request::new(BroadcastTxRequest {
        tx_bytes: vec![1],
        mode: 1,
    });
    let status = call::<_, BroadcastTxResponse>(channel, path, request)
        .await
        .unwrap_err();
    assert_eq!(status.code(), Code::InvalidArgument);
}

#[tokio::test]
async fn reflection_names_the_services_and_describes_a_message() {
    let mut client = ServerReflectionClient::new(start().await);
    let mut ask = async |request: MessageRequest| -> ServerReflectionResponse {
        let request = ServerReflectionRequest {
            host: String::new(),
            message_request: Some(request),
        };
        let mut answers = client
            .server_reflection_info(tokio_stream::once(request))
            .await
            .unwrap()
            .into_inner();
        answers.next().await.unwrap().unwrap()
    };
    let listed = ask(MessageRequest::ListServices(String::new())).await;
    let Some(MessageResponse::ListServicesResponse(list)) = listed.message_response else {
        panic!("{listed:?}")
    };
    assert!(
        list.service
            .iter()
            .any(|service| service.name == "cosmos.bank.v1beta1.Query")
    );
    let symbol = "cosmos.bank.v1beta1.QueryBalanceRequest".to_owned();
    let found = ask(MessageRequest::FileContainingSymbol(symbol)).await;
    assert!(
        matches!(
            found.message_response,
            Some(MessageResponse::FileDescriptorResponse(_))
        ),
        "{found:?}"
    );
}

#[tokio::test]
async fn who_asks_too_often_is_told_when_to_ask_again() {
    let limits = Limits {
        per_client: Some(Rate {
            per_second: 1,
            burst: 3,
        }),
        ..Limits::for_cores(4)
    };
    let channel = start_with(limits).await;
    let ask = || {
        let request = Request::new(QueryBalanceRequest {
            address: "a".to_owned(),
            denom: "nqrn".to_owned(),
        });
        call::<_, QueryBalanceResponse>(channel.clone(), BALANCE, request)
    };
    let (mut answered, mut refused) = (0, None);
    for _ in 0..6 {
        match ask().await {
            Ok(_) => answered += 1,
            Err(status) => refused = Some(status),
        }
    }
    assert!((3..=5).contains(&answered), "{answered}");
    let refused = refused.unwrap();
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert_eq!(refused.metadata().get("retry-after").unwrap(), "1");
    assert!(
        refused.message().contains("more than 1 times a second"),
        "{refused}"
    );
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    ask().await.unwrap();
}
