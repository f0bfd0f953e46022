//! A server that tells its caller who the caller is.

use axum::Router;
use axum::extract::ConnectInfo;
use axum::routing::post;
use quern_transport::{Peer, SecureListener, TransportKey, served};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::net::TcpListener;

/// A key pair by number.
pub fn key(number: u8) -> TransportKey {
    TransportKey::from_secret([number; 32].into())
}

/// Serves `POST /who`; counts how often a handler ran.
pub async fn serve(key: &TransportKey) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let who = move |ConnectInfo(peer): ConnectInfo<Peer>, body: String| {
        counted.fetch_add(1, Ordering::SeqCst);
        async move { format!("{:?} {} {body}", peer.key, peer.address) }
    };
    let router = Router::new().route("/who", post(who));
    let listener = SecureListener::new(listener, key).unwrap();
    let service = served(router);
    tokio::spawn(async move { axum::serve(listener, service).await });
    (address, calls)
}
