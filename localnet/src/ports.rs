//! Free ports on loopback.

use anyhow::bail;
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;
use std::time::SystemTime;

/// Below the range that systems take the ports of outgoing connections from: a port that is chosen long before it is
/// used is not taken by a connection meanwhile.
const RANGE: Range<u16> = 12_000..32_000;

/// `count` ports that nobody listens on now. They are held together while choosing, so they differ; two networks begin
/// their search at different places, and if they still collide, the later one says so.
pub fn free(count: usize) -> anyhow::Result<Vec<u16>> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH)?;
    let begin = usize::try_from(
        now.subsec_micros()
            .wrapping_add(std::process::id().wrapping_mul(7919)),
    )?;
    let mut held = Vec::new();
    let (mut turned, mut all) = (RANGE.collect::<Vec<_>>(), Vec::new());
    let places = turned.len();
    turned.rotate_left(begin % places);
    for port in turned {
        if all.len() == count {
            break;
        }
        if let Ok(socket) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
            held.push(socket);
            all.push(port);
        }
    }
    if all.len() < count {
        bail!("fewer than {count} free ports on 127.0.0.1");
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_and_differ_and_taken_ones_are_passed_over() {
        let ports = free(40).unwrap();
        let taken: Vec<_> = ports
            .iter()
            .map(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).unwrap())
            .collect();
        let others = free(40).unwrap();
        assert_eq!((taken.len(), others.len()), (40, 40));
        assert!(others.iter().all(|port| !ports.contains(port)));
    }
}
