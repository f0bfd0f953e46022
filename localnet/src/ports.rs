//! Free ports on loopback.

use anyhow::Context;
use std::net::{Ipv4Addr, TcpListener};

/// `count` ports that nobody listens on now. They are held together while choosing, so they differ; two
/// networks that start in the same instant may still collide, and the later one then says so.
pub fn free(count: usize) -> anyhow::Result<Vec<u16>> {
    let held = (0..count)
        .map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))
        .collect::<Result<Vec<_>, _>>()
        .context("no free port on 127.0.0.1")?;
    held.iter()
        .map(|socket| Ok(socket.local_addr()?.port()))
        .collect()
}
