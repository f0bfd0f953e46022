//! A bound for each client, as REST, gRPC-web and gRPC show it.
#![allow(clippy::unwrap_used, reason = "a test stops at a surprise")]

use std::sync::Arc;

use quern_api::{Api, Limits, Messages, Options, Rate, RestOptions};
use tendermint_proto::v0_38::abci::ResponseQuery;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_stream::StreamExt;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Status};
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::{ServerReflectionRequest, ServerReflectionResponse};

/// Twice at once, and then once a second.
const TWICE: Rate = Rate {
    per_second: 1,
    burst: 2,
};

fn api(rate: Option<Rate>) -> Api {
    let options = Options {
        rpc: "http://127.0.0.1:1".to_owned(),
        limits: Limits {
            per_client: rate,
            ..Limits::for_cores(4)
        },
        messages: Messages::new(|_| false),
    };
    let answer = |_: &str, _: &[u8], _: u64| ResponseQuery::default();
    Api::new(Arc::new(answer), options).unwrap()
}

async fn start_grpc(rate: Option<Rate>) -> Channel {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let api = api(rate);
    tokio::spawn(async move { api.serve_grpc(listener, std::future::pending()).await });
    let endpoint = Endpoint::try_from(format!("http://{address}")).unwrap();
    endpoint.connect().await.unwrap()
}

/// The answers to so many requests in one stream of reflection.
async fn reflect(channel: Channel, requests: usize) -> Vec<Result<ServerReflectionResponse, Status>> {
    let request = ServerReflectionRequest {
        host: String::new(),
        message_request: Some(MessageRequest::FileByFilename(
            "cosmos/bank/v1beta1/query.proto".into(),
        )),
    };
    let mut client = ServerReflectionClient::new(channel).max_decoding_message_size(1 << 20);
    let requests = tokio_stream::iter(vec![request; requests]);
    match client.server_reflection_info(requests).await {
        Ok(answers) => answers.into_inner().collect().await,
        Err(status) => vec![Err(status)],
    }
}

/// A server that lets an address ask twice at once, and then once a second.
async fn start() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let api = api(Some(TWICE));
    let rest = RestOptions {
        unsafe_cors: true,
        ..RestOptions::default()
    };
    tokio::spawn(async move { api.serve_rest(listener, rest, std::future::pending()).await });
    address
}

/// Head and body of an answer, from an address of the loopback net.
async fn ask(server: &str, from: &str, request: &str) -> String {
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind(format!("{from}:0").parse().unwrap()).unwrap();
    let mut stream: TcpStream = socket.connect(server.parse().unwrap()).await.unwrap();
    let request = format!("{request} HTTP/1.1\r\nhost: node\r\norigin: http://page\r\nconnection: close\r\n");
    let request = match request.starts_with("POST") {
        true => format!(
            "{request}content-type: application/grpc-web+proto\r\ncontent-length: 5\r\n\r\n\0\0\0\0\0"
        ),
        false => format!("{request}\r\n"),
    };
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).to_lowercase()
}

#[tokio::test]
async fn one_address_is_bounded_over_its_connections_and_another_is_not() {
    let server = start().await;
    let params = "GET /cosmos/bank/v1beta1/params";
    for _ in 0..2 {
        let answer = ask(&server, "127.0.0.1", params).await;
        assert!(answer.starts_with("http/1.1 200"), "{answer}");
        assert!(!answer.contains("retry-after: "), "{answer}");
    }
    let refused = ask(&server, "127.0.0.1", params).await;
    assert!(refused.starts_with("http/1.1 429"), "{refused}");
    assert!(refused.contains("\r\nretry-after: 1\r\n"), "{refused}");
    // a page in a browser may see why
    assert!(refused.contains("access-control-allow-origin: *"), "{refused}");
    assert!(
        refused.contains("{\"code\":8,\"message\":\"this address asks more than 1 times a second"),
        "{refused}"
    );
    // gRPC-web draws on the same
    let refused = ask(&server, "127.0.0.1", "POST /cosmos.bank.v1beta1.Query/Params").await;
    for part in [
        "http/1.1 200",
        "\r\ngrpc-status: 8\r\n",
        "\r\nretry-after: 1\r\n",
        "application/grpc-web+proto",
    ] {
        assert!(refused.contains(part), "{part}: {refused}");
    }
    let other = ask(&server, "127.0.0.2", params).await;
    assert!(other.starts_with("http/1.1 200"), "{other}");
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    let again = ask(&server, "127.0.0.1", params).await;
    assert!(again.starts_with("http/1.1 200"), "{again}");
}

#[tokio::test]
async fn each_request_of_a_stream_counts_and_so_does_each_stream() {
    // the first answer of a process takes its time
    assert!(reflect(start_grpc(None).await, 1).await[0].is_ok());
    let channel = start_grpc(Some(TWICE)).await;
    let mut answers = reflect(channel.clone(), 20).await;
    let refused = answers.pop().unwrap().unwrap_err();
    // some seconds may pass meanwhile on a busy machine
    assert!((2..=10).contains(&answers.len()), "{}", answers.len());
    assert!(answers.iter().all(Result::is_ok));
    assert_eq!(refused.code(), Code::ResourceExhausted);
    assert!(
        refused.message().contains("more than 1 times a second"),
        "{refused}"
    );
    assert_eq!(refused.metadata().get("retry-after").unwrap(), "1");
    // nothing is left for another stream, unless a second has passed: then for that one
    for tries in 0.. {
        assert!(tries < 5, "each of five streams at once was let in");
        if let Err(refused) = &reflect(channel.clone(), 1).await[0] {
            assert_eq!(refused.code(), Code::ResourceExhausted);
            break;
        }
    }
}

#[tokio::test]
async fn a_stream_ends_after_a_thousand_requests_where_no_rate_bounds_them() {
    let channel = start_grpc(None).await;
    let mut answers = reflect(channel.clone(), 1_100).await;
    let refused = answers.pop().unwrap().unwrap_err();
    assert_eq!((answers.len(), refused.code()), (1_000, Code::ResourceExhausted));
    assert!(answers.iter().all(Result::is_ok));
    assert!(reflect(channel, 300).await.iter().all(Result::is_ok));
}
