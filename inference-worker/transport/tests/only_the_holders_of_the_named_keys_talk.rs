//! Every way to be someone else ends before a handler runs.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

mod common;

use bytes::Bytes;
use common::{key, serve};
use http_body_util::BodyExt;
use quern_transport::{Client, ClientError, TransportKey};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivatePkcs8KeyDer, ServerName};
use rustls::sign::CertifiedKey;
use rustls::version::{TLS12, TLS13};
use rustls::{ClientConfig, SupportedProtocolVersion};
use std::net::SocketAddr;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsConnector;

async fn call(client: &Client, address: SocketAddr, expected: &TransportKey) -> Result<String, ClientError> {
    let url = format!("https://{address}/who");
    let body = Bytes::from_static(b"a secret prompt");
    let answer = client.post(&url, expected.public(), body).await?;
    let bytes = answer.into_body().collect().await.unwrap().to_bytes();
    Ok(String::from_utf8(bytes.to_vec()).unwrap())
}

#[tokio::test]
async fn both_ends_learn_who_the_other_is_and_keep_the_connection() {
    let (address, _) = serve(&key(1)).await;
    let client = Client::new(key(2));
    let first = call(&client, address, &key(1)).await.unwrap();
    assert!(first.starts_with(&format!("{:?} ", key(2).public())), "{first}");
    // The answer names the port the call came from: the same for all, so one connection served them.
    for _ in 0..5 {
        assert_eq!(call(&client, address, &key(1)).await.unwrap(), first);
    }
    let other = call(&Client::new(key(3)), address, &key(1)).await.unwrap();
    assert!(other.starts_with(&format!("{:?} ", key(3).public())), "{other}");
}

#[tokio::test]
async fn a_server_with_another_key_hears_nothing() {
    let (address, calls) = serve(&key(1)).await;
    let client = Client::new(key(2));
    assert!(matches!(
        call(&client, address, &key(9)).await,
        Err(ClientError::Connect(_))
    ));
    assert_eq!(calls.load(Ordering::SeqCst), 0);
    // After a rotation in the registry the same client goes on with the new key, and no longer with the old.
    call(&client, address, &key(1)).await.unwrap();
    assert!(call(&client, address, &key(9)).await.is_err());
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

/// Copies bytes both ways and remembers them.
async fn tap(target: SocketAddr) -> (SocketAddr, Arc<Mutex<Vec<u8>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let seen = Arc::new(Mutex::new(Vec::new()));
    let log = seen.clone();
    tokio::spawn(async move {
        let (near, _) = listener.accept().await.unwrap();
        let far = TcpStream::connect(target).await.unwrap();
        let ((mut from_near, mut to_near), (mut from_far, mut to_far)) =
            (near.into_split(), far.into_split());
        let back = log.clone();
        tokio::spawn(async move {
            let mut buffer = [0; 4096];
            while let Ok(n @ 1..) = from_far.read(&mut buffer).await {
                back.lock().unwrap().extend_from_slice(&buffer[..n]);
                to_near.write_all(&buffer[..n]).await.unwrap();
            }
        });
        let mut buffer = [0; 4096];
        while let Ok(n @ 1..) = from_near.read(&mut buffer).await {
            log.lock().unwrap().extend_from_slice(&buffer[..n]);
            to_far.write_all(&buffer[..n]).await.unwrap();
        }
    });
    (address, seen)
}

#[tokio::test]
async fn a_listener_on_the_wire_reads_neither_text_nor_keys() {
    let (address, _) = serve(&key(1)).await;
    let (tapped, seen) = tap(address).await;
    call(&Client::new(key(2)), tapped, &key(1)).await.unwrap();
    let seen = seen.lock().unwrap().clone();
    assert!(seen.len() > 500);
    for secret in [
        &b"a secret prompt"[..],
        b"/who",
        &key(1).public(),
        &key(2).public(),
    ] {
        assert!(!seen.windows(secret.len()).any(|window| window == secret));
    }
}

#[tokio::test]
async fn a_man_in_the_middle_with_keys_of_his_own_gets_no_call_through() {
    let (real, real_calls) = serve(&key(1)).await;
    // The middleman answers in the server's place, with his own key, and would pass calls on.
    let (middle, middle_calls) = serve(&key(6)).await;
    assert!(call(&Client::new(key(2)), middle, &key(1)).await.is_err());
    assert_eq!(middle_calls.load(Ordering::SeqCst), 0);
    // Towards the real server he is himself and not the client.
    let answer = call(&Client::new(key(6)), real, &key(1)).await.unwrap();
    assert!(!answer.contains(&format!("{:?}", key(2).public())));
    assert_eq!(real_calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn plain_http_is_refused_on_both_sides() {
    let (address, calls) = serve(&key(1)).await;
    let mut socket = TcpStream::connect(address).await.unwrap();
    let request = b"POST /who HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n";
    socket.write_all(request).await.unwrap();
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    assert!(
        !answer.starts_with(b"HTTP"),
        "{}",
        String::from_utf8_lossy(&answer)
    );
    assert_eq!(calls.load(Ordering::SeqCst), 0);

    let plain = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = plain.local_addr().unwrap();
    let router = axum::Router::new().fallback(|| async { "plain" });
    tokio::spawn(async move { axum::serve(plain, router).await });
    let client = Client::new(key(2));
    assert!(call(&client, address, &key(1)).await.is_err());
    let answer = client
        .get(&format!("http://{address}/who"), key(1).public())
        .await;
    assert!(matches!(answer, Err(ClientError::Url(_))));
}

/// Takes any server for the right one.
#[derive(Debug)]
struct Trusting;

impl rustls::client::danger::ServerCertVerifier for Trusting {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: rustls::pki_types::UnixTime,
    ) -> Result<rustls::client::danger::ServerCertVerified, rustls::Error> {
        Ok(rustls::client::danger::ServerCertVerified::assertion())
    }
    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }
    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &rustls::DigitallySignedStruct,
    ) -> Result<rustls::client::danger::HandshakeSignatureValid, rustls::Error> {
        Ok(rustls::client::danger::HandshakeSignatureValid::assertion())
    }
    fn supported_verify_schemes(&self) -> Vec<rustls::SignatureScheme> {
        ring::default_provider()
            .signature_verification_algorithms
            .supported_schemes()
    }
    fn requires_raw_public_keys(&self) -> bool {
        true
    }
}

/// A client that speaks `version` and shows the public key `shown` while it signs with `held`.
async fn forged(
    address: SocketAddr,
    version: &'static SupportedProtocolVersion,
    key: Option<(&TransportKey, [u8; 32])>,
) -> std::io::Result<Vec<u8>> {
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_protocol_versions(&[version])
        .unwrap()
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(Trusting));
    let mut config = match key {
        None => builder.with_no_client_auth(),
        Some((shown, held)) => {
            let pkcs8 = [
                &hex::decode("302e020100300506032b657004220420").unwrap()[..],
                &held,
            ]
            .concat();
            let signer = ring::sign::any_eddsa_type(&PrivatePkcs8KeyDer::from(pkcs8)).unwrap();
            let spki = [
                &hex::decode("302a300506032b6570032100").unwrap()[..],
                &shown.public(),
            ]
            .concat();
            let certified = Arc::new(CertifiedKey::new(vec![spki.into()], signer));
            builder.with_client_cert_resolver(Arc::new(
                rustls::client::AlwaysResolvesClientRawPublicKeys::new(certified),
            ))
        }
    };
    config.enable_sni = false;
    let socket = TcpStream::connect(address).await?;
    let name = ServerName::try_from("quern.test").unwrap();
    let mut stream = TlsConnector::from(Arc::new(config)).connect(name, socket).await?;
    let request = b"POST /who HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(request).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    Ok(answer)
}

#[tokio::test]
async fn a_client_must_hold_the_key_that_it_shows() {
    let (address, calls) = serve(&key(1)).await;
    // The forger's own key works, so it is the key that fails below and not the forger's TLS.
    let honest = forged(address, &TLS13, Some((&key(5), [5; 32]))).await.unwrap();
    assert!(honest.starts_with(b"HTTP/1.1 200"));
    assert!(forged(address, &TLS13, Some((&key(2), [5; 32]))).await.is_err());
    assert!(forged(address, &TLS13, None).await.is_err());
    assert_eq!(calls.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_older_version_of_tls_is_refused() {
    let (address, calls) = serve(&key(1)).await;
    let error = forged(address, &TLS12, Some((&key(5), [5; 32])))
        .await
        .unwrap_err();
    assert!(error.to_string().contains("ProtocolVersion"), "{error}");
    assert_eq!(calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn peers_that_stay_silent_hold_up_nobody() {
    let (address, _) = serve(&key(1)).await;
    let mut silent = Vec::new();
    for _ in 0..50 {
        silent.push(TcpStream::connect(address).await.unwrap());
    }
    // Behind them it would run out of its own time first.
    call(&Client::new(key(2)), address, &key(1)).await.unwrap();
}
