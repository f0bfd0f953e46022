//! Handshakes under way, so few that strangers who connect and say nothing cannot fill the places of others.
//!
//! A place is never waited for. Who connects when an address has all its places takes that of the address' oldest
//! handshake, and when all places are taken that of the oldest one of the address that has most. An honest peer is done
//! after two round trips, so what loses its place is idle.

use rustix::process::{Resource, getrlimit};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::{IpAddr, Ipv6Addr};
use tokio::task::{AbortHandle, JoinSet};

/// How many places there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Places {
    pub(crate) all: usize,
    /// For one address.
    pub(crate) share: usize,
    /// For an address of this machine: what forwards strangers' connections here has none of theirs.
    pub(crate) local: usize,
}

impl Places {
    /// One for each so many files that the process may have open, within bounds.
    pub(crate) fn one_in(files_each: u64, least: u64, most: u64) -> Self {
        let files = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        let all = (files / files_each.max(1)).clamp(least, most);
        let all = usize::try_from(all).unwrap_or(usize::MAX);
        Self {
            all,
            share: all / 2,
            local: all,
        }
    }

    pub(crate) fn of(&self, address: IpAddr) -> usize {
        match address.is_loopback() {
            true => self.local,
            false => self.share,
        }
    }
}

/// What counts as one address: whoever has one of IPv6 has the 2^64 of its network.
pub(crate) fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(six) if !six.is_loopback() => {
            let [a, b, c, d, ..] = six.segments();
            IpAddr::V6(Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
        whole => whole,
    }
}

/// The handshakes; dropping this ends them.
#[derive(Debug)]
pub(crate) struct Handshakes {
    limit: Places,
    tasks: JoinSet<u64>,
    places: BTreeMap<u64, (IpAddr, AbortHandle)>,
    by_address: HashMap<IpAddr, BTreeSet<u64>>,
    next: u64,
}

impl Handshakes {
    pub(crate) fn new(limit: Places) -> Self {
        Self {
            limit,
            tasks: JoinSet::new(),
            places: BTreeMap::new(),
            by_address: HashMap::new(),
            next: 0,
        }
    }

    /// Begins one, at the cost of another if there is no place.
    pub(crate) fn begin(&mut self, address: IpAddr, handshake: impl Future<Output = ()> + Send + 'static) {
        let address = network(address);
        let own = self.by_address.get(&address).map_or(0, BTreeSet::len);
        if own >= self.limit.of(address) {
            self.end_oldest_of(address);
        } else if self.places.len() >= self.limit.all {
            let most = self.by_address.iter().max_by_key(|(_, places)| places.len());
            if let Some(most) = most.map(|(address, _)| *address) {
                self.end_oldest_of(most);
            }
        }
        let number = self.next;
        self.next = self.next.wrapping_add(1);
        let task = self.tasks.spawn(async move {
            handshake.await;
            number
        });
        self.places.insert(number, (address, task));
        self.by_address.entry(address).or_default().insert(number);
    }

    /// Gives back the place of one that is over; waits for ever if none is under way.
    pub(crate) async fn ended(&mut self) {
        match self.tasks.join_next().await {
            Some(Ok(number)) => drop(self.forget(number)),
            // Ended from here, so it is forgotten already.
            Some(Err(_)) => {}
            None => std::future::pending().await,
        }
    }

    fn end_oldest_of(&mut self, address: IpAddr) {
        let oldest = self.by_address.get(&address).and_then(BTreeSet::first).copied();
        if let Some(task) = oldest.and_then(|oldest| self.forget(oldest)) {
            task.abort();
        }
    }

    fn forget(&mut self, number: u64) -> Option<AbortHandle> {
        let (address, task) = self.places.remove(&number)?;
        if let Some(own) = self.by_address.get_mut(&address) {
            own.remove(&number);
            if own.is_empty() {
                self.by_address.remove(&address);
            }
        }
        Some(task)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    const ALL: usize = 512;
    const PER_ADDRESS: usize = 128;
    const LIMIT: Places = Places {
        all: ALL,
        share: PER_ADDRESS,
        local: ALL,
    };

    fn address(number: u8) -> IpAddr {
        Ipv4Addr::new(192, 0, 2, number).into()
    }

    #[tokio::test]
    async fn places_are_bounded_for_each_address_and_for_all_and_come_back() {
        let mut handshakes = Handshakes::new(LIMIT);
        for _ in 0..3 * PER_ADDRESS {
            handshakes.begin(address(1), std::future::pending());
        }
        assert_eq!(handshakes.places.len(), PER_ADDRESS);
        // The newest are left.
        assert_eq!(
            handshakes.places.keys().next().copied(),
            Some(2 * PER_ADDRESS as u64)
        );
        for number in 2..=250 {
            for _ in 0..4 {
                handshakes.begin(address(number), std::future::pending());
            }
        }
        assert_eq!(handshakes.places.len(), ALL);
        // Who has most loses first.
        let most = handshakes.by_address.values().map(BTreeSet::len).max();
        assert!(most <= Some(4), "{most:?}");
        handshakes.begin(address(251), std::future::ready(()));
        while handshakes.by_address.contains_key(&address(251)) {
            handshakes.ended().await;
        }
        assert_eq!(handshakes.places.len(), ALL - 1);
    }

    #[tokio::test]
    async fn what_is_forwarded_from_this_machine_has_all_places_and_no_more() {
        let mut handshakes = Handshakes::new(LIMIT);
        for _ in 0..2 * ALL {
            handshakes.begin(Ipv4Addr::LOCALHOST.into(), std::future::pending());
        }
        assert_eq!(handshakes.places.len(), ALL);
        // Somebody else finds a place all the same.
        handshakes.begin(address(1), std::future::pending());
        assert_eq!(handshakes.by_address[&address(1)].len(), 1);
        assert_eq!(handshakes.places.len(), ALL);
    }

    #[test]
    fn a_network_of_ipv6_counts_as_one_address_and_a_mapped_one_as_its_own() {
        let six = |text: &str| network(text.parse().unwrap());
        assert_eq!(six("2001:db8:1:2::1"), six("2001:db8:1:2:ffff::9"));
        assert_ne!(six("2001:db8:1:2::1"), six("2001:db8:1:3::1"));
        assert_eq!(six("::ffff:192.0.2.1"), address(1));
        assert!(
            six("::1").is_loopback(),
            "which a forwarder of this machine comes from"
        );
    }
}
