//! The listener as a client on the socket sees it.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)]

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use prost::Message;
use quern_abci::{Address, Options, Server, StartError, Stop};
use tempfile::TempDir;
use tendermint_abci::Application;
use tendermint_proto::v0_38::abci::request::Value as Call;
use tendermint_proto::v0_38::abci::response::Value as Answer;
use tendermint_proto::v0_38::abci::{
    CheckTxType, Request, RequestCheckTx, RequestCommit, RequestEcho, RequestFlush, RequestInfo, Response,
    ResponseCheckTx, ResponseCommit,
};

/// Bytes of a transaction that no socket's buffer holds many of.
const LONG: usize = 100_000;

/// Answers CheckTx with the transaction's own bytes; panics, takes its time or halts when told to.
#[derive(Clone, Default)]
struct Probe {
    halted: Arc<AtomicBool>,
    /// Set by a test; `is written?` is answered with it.
    written: Arc<AtomicBool>,
}

impl Application for Probe {
    fn check_tx(&self, request: RequestCheckTx) -> ResponseCheckTx {
        assert_ne!(&request.tx[..], b"panic", "told to panic");
        if &request.tx[..] == b"slow" {
            thread::sleep(Duration::from_millis(20));
        }
        if &request.tx[..] == b"is written?" {
            let code = u32::from(!self.written.load(Ordering::SeqCst));
            return ResponseCheckTx {
                code,
                ..Default::default()
            };
        }
        // An answer as long as the question would fill the way back while nobody reads.
        if request.tx.len() == LONG {
            return ResponseCheckTx::default();
        }
        ResponseCheckTx {
            data: request.tx,
            ..Default::default()
        }
    }

    fn commit(&self) -> ResponseCommit {
        self.halted.store(true, Ordering::SeqCst);
        ResponseCommit::default()
    }
}

struct Net {
    server: Server,
    path: std::path::PathBuf,
    _dir: TempDir,
}

fn start(options: Options) -> Net {
    start_probe(Probe::default(), options)
}

fn start_probe(probe: Probe, options: Options) -> Net {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.sock");
    let server = Server::start(&Address::Unix(path.clone()), probe, options).unwrap();
    Net {
        server,
        path,
        _dir: dir,
    }
}

impl Net {
    fn connect(&self) -> Client {
        let stream = UnixStream::connect(&self.path).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        Client {
            stream,
            input: BytesMut::new(),
        }
    }
}

struct Client {
    stream: UnixStream,
    input: BytesMut,
}

impl Client {
    fn send(&mut self, calls: &[Call]) {
        self.stream.write_all(&encode(calls)).unwrap();
    }

    /// The next answer; `None` when the server closed the connection.
    fn receive(&mut self) -> Option<Answer> {
        loop {
            let mut ahead = &self.input[..];
            if let Ok(length) = prost::decode_length_delimiter(&mut ahead)
                && ahead.len() >= length
            {
                let skip = self.input.len() - ahead.len();
                let _ = self.input.split_to(skip);
                let frame = self.input.split_to(length);
                return Response::decode(frame).unwrap().value;
            }
            let mut chunk = [0; 4096];
            match self.stream.read(&mut chunk).unwrap() {
                0 => return None,
                read => self.input.extend_from_slice(&chunk[..read]),
            }
        }
    }

    fn exception(&mut self) -> String {
        match self.receive() {
            Some(Answer::Exception(exception)) => exception.error,
            other => panic!("expected an exception, got {other:?}"),
        }
    }
}

fn encode(calls: &[Call]) -> Vec<u8> {
    let mut wire = Vec::new();
    for call in calls {
        Request {
            value: Some(call.clone()),
        }
        .encode_length_delimited(&mut wire)
        .unwrap();
    }
    wire
}

fn check(tx: impl Into<Vec<u8>>) -> Call {
    Call::CheckTx(RequestCheckTx {
        tx: tx.into().into(),
        r#type: 0,
    })
}

fn flush() -> Call {
    Call::Flush(RequestFlush {})
}

fn echo(text: &str) -> Call {
    Call::Echo(RequestEcho {
        message: text.to_owned(),
    })
}

fn checked(answer: Option<Answer>) -> Vec<u8> {
    match answer {
        Some(Answer::CheckTx(checked)) => checked.data.to_vec(),
        other => panic!("expected a CheckTx answer, got {other:?}"),
    }
}

#[test]
fn ten_thousand_pipelined_requests_are_answered_in_order() {
    let net = start(Options::default());
    let mut client = net.connect();
    let mut writer = client.stream.try_clone().unwrap();
    let sender = thread::spawn(move || {
        let calls: Vec<_> = (0..10_000_u32)
            .map(|n| check(n.to_be_bytes().repeat(60)))
            .collect();
        writer.write_all(&encode(&calls)).unwrap();
        writer.write_all(&encode(&[flush()])).unwrap();
    });
    for n in 0..10_000_u32 {
        assert_eq!(checked(client.receive())[..4], n.to_be_bytes());
    }
    assert!(matches!(client.receive(), Some(Answer::Flush(_))));
    sender.join().unwrap();
}

#[test]
fn a_client_that_never_flushes_still_gets_its_answers() {
    let net = start(Options::default());
    let mut client = net.connect();
    client.send(&[check("a"), check("b")]);
    assert_eq!(checked(client.receive()), b"a");
    assert_eq!(checked(client.receive()), b"b");
}

#[test]
fn a_request_that_arrives_byte_by_byte_is_answered() {
    let net = start(Options::default());
    let mut client = net.connect();
    for byte in encode(&[check("slow"), flush()]) {
        client.stream.write_all(&[byte]).unwrap();
        thread::sleep(Duration::from_millis(3));
    }
    assert_eq!(checked(client.receive()), b"slow");
}

#[test]
fn a_request_larger_than_every_buffer_is_answered_whole() {
    let net = start(Options::default());
    let mut client = net.connect();
    let tx: Vec<u8> = (0..5_000_000_u32).map(|n| n as u8).collect();
    let mut writer = client.stream.try_clone().unwrap();
    let wire = encode(&[check(tx.clone()), flush()]);
    let sender = thread::spawn(move || writer.write_all(&wire).unwrap());
    assert_eq!(checked(client.receive()), tx);
    sender.join().unwrap();
}

#[test]
fn an_oversized_request_is_refused_with_its_size_and_only_that_connection_closes() {
    let net = start(Options {
        max_message_bytes: 1000,
        ..Options::default()
    });
    let mut other = net.connect();
    let mut client = net.connect();
    client.send(&[echo("before")]);
    // Written best-effort: the server may close before it has taken everything.
    let _ = client.stream.write_all(&encode(&[check(vec![0; 2000])]));
    assert!(matches!(client.receive(), Some(Answer::Echo(_))));
    assert!(client.exception().contains("over the limit of 1000 bytes"));
    assert_eq!(client.receive(), None);
    other.send(&[echo("still here"), flush()]);
    assert!(matches!(other.receive(), Some(Answer::Echo(_))));
    assert_eq!(net.server.wait(Duration::ZERO), None);
}

#[test]
fn garbage_is_refused_with_a_reason() {
    let net = start(Options::default());
    // A broken length, bytes that are no Request, and a Request without a call.
    for garbage in [&[0xff; 16][..], &[3, 0xff, 0xff, 0xff][..], &[0][..]] {
        let mut client = net.connect();
        client.stream.write_all(garbage).unwrap();
        assert!(!client.exception().is_empty());
        assert_eq!(client.receive(), None);
    }
    assert_eq!(net.server.wait(Duration::ZERO), None);
}

#[test]
fn a_client_that_leaves_in_the_middle_of_a_request_harms_nobody() {
    let net = start(Options::default());
    for cut in 1..40 {
        let mut client = net.connect();
        let wire = encode(&[check(vec![7; 64])]);
        client.stream.write_all(&wire[..cut]).unwrap();
    }
    // The places of those that left are free again.
    let deadline = Instant::now() + Duration::from_secs(5);
    loop {
        let mut client = net.connect();
        let _ = client.stream.write_all(&encode(&[echo("hello"), flush()]));
        if let Ok(Some(Answer::Echo(_))) =
            std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| client.receive()))
        {
            break;
        }
        assert!(Instant::now() < deadline, "the listener no longer serves");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn sixteen_clients_at_once_each_get_their_own_answers() {
    let net = start(Options::default());
    thread::scope(|scope| {
        for id in 0..16_u8 {
            let mut client = net.connect();
            scope.spawn(move || {
                for round in 0..200_u8 {
                    client.send(&[check(vec![id, round]), flush()]);
                    assert_eq!(checked(client.receive()), vec![id, round]);
                    assert!(matches!(client.receive(), Some(Answer::Flush(_))));
                }
            });
        }
    });
}

#[test]
fn connections_over_the_limit_are_closed_and_the_others_stay() {
    let net = start(Options {
        max_connections: 1,
        ..Options::default()
    });
    let mut first = net.connect();
    first.send(&[echo("in"), flush()]);
    assert!(matches!(first.receive(), Some(Answer::Echo(_))));
    let mut second = net.connect();
    assert_eq!(second.receive(), None);
    assert!(matches!(first.receive(), Some(Answer::Flush(_))));
    first.send(&[echo("still in"), flush()]);
    assert!(matches!(first.receive(), Some(Answer::Echo(_))));
}

#[test]
fn a_panic_of_the_application_stops_the_server_after_the_earlier_answers() {
    let net = start(Options::default());
    let mut client = net.connect();
    client.send(&[check("good"), check("panic"), check("never")]);
    assert_eq!(checked(client.receive()), b"good");
    assert!(client.exception().contains("told to panic"));
    assert_eq!(client.receive(), None);
    match net.server.wait(Duration::from_secs(5)) {
        Some(Stop::Panicked {
            method: "check_tx",
            message,
        }) => assert!(message.contains("told")),
        other => panic!("expected the panic, got {other:?}"),
    }
}

#[test]
fn the_answer_of_a_call_that_halted_the_application_is_never_sent() {
    let probe = Probe::default();
    let halted = Arc::clone(&probe.halted);
    let options = Options {
        halted: Some(Arc::new(move || {
            halted.load(Ordering::SeqCst).then(|| "disk full".to_owned())
        })),
        ..Options::default()
    };
    let net = start_probe(probe, options);
    let mut client = net.connect();
    client.send(&[Call::Commit(RequestCommit {}), flush()]);
    assert!(client.exception().contains("disk full"));
    assert_eq!(client.receive(), None);
    assert_eq!(
        net.server.wait(Duration::from_secs(5)),
        Some(Stop::Halted {
            reason: "disk full".to_owned()
        })
    );
}

#[test]
fn a_shutdown_ends_open_connections_and_frees_the_socket() {
    let net = start(Options::default());
    let mut client = net.connect();
    client.send(&[Call::Info(RequestInfo::default()), flush()]);
    assert!(matches!(client.receive(), Some(Answer::Info(_))));
    assert!(matches!(client.receive(), Some(Answer::Flush(_))));
    net.server.shutdown();
    assert_eq!(client.receive(), None);
    assert!(!net.path.exists());
}

#[test]
fn a_socket_left_by_a_killed_process_is_replaced_and_a_live_one_is_not() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.sock");
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    let address = Address::Unix(path);
    let server = Server::start(&address, Probe::default(), Options::default()).unwrap();
    let second = Server::start(&address, Probe::default(), Options::default());
    assert!(matches!(second, Err(StartError::InUse(_))));
    server.shutdown();
}

#[test]
fn a_file_at_the_socket_path_is_never_removed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("app.sock");
    std::fs::write(&path, "precious").unwrap();
    let refused = Server::start(&Address::Unix(path.clone()), Probe::default(), Options::default());
    assert!(matches!(refused, Err(StartError::NotASocket(_))));
    assert_eq!(std::fs::read(&path).unwrap(), b"precious");
}

#[test]
fn a_tcp_port_in_use_is_reported_with_what_to_do() {
    let any = "tcp://127.0.0.1:0".parse().unwrap();
    let server = Server::start(&any, Probe::default(), Options::default()).unwrap();
    let taken = Server::start(server.address(), Probe::default(), Options::default());
    let Err(error) = taken else {
        panic!("the port was taken")
    };
    assert!(error.to_string().contains("stop it or choose another address"));
}

/// CometBFT spins while a write of requests is blocked; only rechecks are bounded by its mempool.
#[test]
fn rechecks_are_taken_before_their_turn_and_new_transactions_are_not() {
    for (kind, taken) in [(CheckTxType::Recheck, true), (CheckTxType::New, false)] {
        let probe = Probe::default();
        let written = Arc::clone(&probe.written);
        let net = start_probe(probe, Options::default());
        let mut client = net.connect();
        let check = |tx: Vec<u8>| {
            Call::CheckTx(RequestCheckTx {
                tx: tx.into(),
                r#type: kind as i32,
            })
        };
        // A second's work, a question, and what no socket's buffer holds.
        let mut calls = vec![check(b"slow".to_vec()); 50];
        calls.push(check(b"is written?".to_vec()));
        calls.extend(vec![check(vec![7; LONG]); 20]);
        calls.push(Call::Flush(RequestFlush {}));
        client.send(&calls);
        written.store(true, Ordering::SeqCst);
        for _ in 0..50 {
            assert!(matches!(client.receive(), Some(Answer::CheckTx(_))));
        }
        match client.receive() {
            Some(Answer::CheckTx(answer)) => assert_eq!(answer.code == 0, taken, "{kind:?}"),
            other => panic!("{other:?}"),
        }
    }
}
