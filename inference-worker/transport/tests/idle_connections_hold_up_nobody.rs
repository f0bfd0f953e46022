//! Whoever connects and says nothing keeps no place from those who have something to say.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

mod common;

use bytes::Bytes;
use common::{key, serve};
use quern_transport::Client;
use std::net::SocketAddr;
use std::time::{Duration, Instant};
use tokio::net::{TcpSocket, TcpStream};
use tokio::sync::Mutex;

/// Below what an idle handshake is given.
const SOON: Duration = Duration::from_millis(2_500);

/// One after the other: each opens hundreds of files at both ends, and a process may have a thousand.
static FILES: Mutex<()> = Mutex::const_new(());

async fn calls(address: SocketAddr) -> Duration {
    let (client, started) = (Client::new(key(2)), Instant::now());
    let url = format!("https://{address}/who");
    let answer = client.post(&url, key(1).public(), Bytes::new()).await.unwrap();
    assert_eq!(answer.status(), 200);
    started.elapsed()
}

/// A connection from any of the machine's own addresses.
async fn from(number: u8, to: SocketAddr) -> std::io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from(([127, 0, 1, number], 0)))?;
    socket.connect(to).await
}

#[tokio::test(flavor = "multi_thread")]
async fn hundreds_of_idle_connections_from_the_callers_own_address_do_not_delay_a_call() {
    let _turn = FILES.lock().await;
    let (address, _) = serve(&key(1)).await;
    let mut idle = Vec::new();
    for _ in 0..300 {
        idle.push(TcpStream::connect(address).await.unwrap());
    }
    assert!(calls(address).await < SOON);
}

#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_from_many_addresses_do_not_delay_a_call() {
    let _turn = FILES.lock().await;
    let (address, _) = serve(&key(1)).await;
    let mut idle = Vec::new();
    for number in 1..=60 {
        for _ in 0..5 {
            idle.push(from(number, address).await.unwrap());
        }
    }
    assert!(calls(address).await < SOON);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_flood_from_one_address_costs_another_nothing() {
    let _turn = FILES.lock().await;
    let (address, _) = serve(&key(1)).await;
    let flood = tokio::spawn(async move {
        let mut idle = std::collections::VecDeque::new();
        loop {
            if let Ok(connection) = from(9, address).await {
                idle.push_back(connection);
            }
            if idle.len() > 300 {
                idle.pop_front();
            }
        }
    });
    tokio::time::sleep(Duration::from_millis(100)).await;
    for _ in 0..5 {
        assert!(calls(address).await < SOON);
    }
    flood.abort();
}
