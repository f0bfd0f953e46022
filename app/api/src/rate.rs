//! How often one client may ask.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use http::{Extensions, HeaderName, HeaderValue, Request, header};
use tokio::time::Instant;
use tonic::Status;
use tonic::metadata::MetadataValue;
use tonic::transport::server::TcpConnectInfo;

use crate::rest::failure;

/// Clients and sites that are remembered at most, twice over: one more than that and the oldest half is forgotten.
const CLIENTS: usize = 50_000;
/// Times the rate of a client that a site may ask: a network of 48 bits of IPv6, which has 65,536 of 64 bits to give.
const SITE: u32 = 16;
/// Whom a request counts against that tells no address.
const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
/// Name of the header that says when to ask again, in HTTP and in gRPC.
pub(crate) const RETRY_AFTER: HeaderName = header::RETRY_AFTER;

/// How often one address may ask, over all protocols together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second, in the long run.
    pub per_second: u32,
    /// Requests at once after a pause.
    pub burst: u32,
}

/// Where a REST connection comes from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// What a client speaks, and so how it is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Speaks {
    /// gRPC on a connection of its own.
    Grpc,
    /// REST, or gRPC-web.
    Rest,
}

/// The clients of late, by address.
#[derive(Debug)]
pub(crate) struct Clients {
    rate: Rate,
    begin: Instant,
    known: Mutex<Known>,
}

/// When each client has used up what it may, in nanoseconds since the begin. Who is not here has all of its burst: an
/// entry lives for as long as a burst takes to come back, at least.
#[derive(Debug, Default)]
struct Known {
    now: BTreeMap<Asker, u64>,
    before: BTreeMap<Asker, u64>,
    turned: u64,
}

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Asker {
    Client(IpAddr),
    Site(Ipv6Addr),
}

/// Who asks too often, and how long it has to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Over {
    asker: Asker,
    wait: Duration,
}

impl Clients {
    pub(crate) fn new(rate: Rate) -> Self {
        Self {
            rate,
            begin: Instant::now(),
            known: Mutex::default(),
        }
    }

    /// Counts a request of a client, and of its site if it has one; without an address, of all such clients together.
    ///
    /// # Errors
    /// `ResourceExhausted`, with when to ask again.
    pub(crate) fn admit(&self, client: Option<IpAddr>) -> Result<(), Status> {
        let admitted = self.admit_at(client.unwrap_or(NOWHERE), self.begin.elapsed());
        admitted.map_err(|over| self.refusal(over))
    }

    /// As [`Clients::admit`], so long after the begin.
    fn admit_at(&self, client: IpAddr, now: Duration) -> Result<(), Over> {
        let now = u64::try_from(now.as_nanos()).unwrap_or(u64::MAX);
        let longest = self.share(1).1.max(self.share(SITE).1);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.now.len() + 2 > CLIENTS || now.saturating_sub(known.turned) > longest {
            known.before = std::mem::take(&mut known.now);
            known.turned = now;
        }
        let counted = askers(client).map(|asker| {
            let (step, burst) = self.share(asker.times());
            let used = known.now.get(&asker).or_else(|| known.before.get(&asker));
            let used = used.copied().unwrap_or(0).max(now).saturating_add(step);
            let wait = Duration::from_nanos(used.saturating_sub(now.saturating_add(burst)));
            (used, Over { asker, wait })
        });
        let counted: Vec<(u64, Over)> = counted.collect();
        // Who is refused is not counted at all, so that a site fills no more of the memory than it may ask.
        let over = counted.iter().map(|(_, over)| *over).max_by_key(|over| over.wait);
        match over.filter(|over| !over.wait.is_zero()) {
            Some(over) => Err(over),
            None => {
                known
                    .now
                    .extend(counted.into_iter().map(|(used, over)| (over.asker, used)));
                Ok(())
            }
        }
    }

    /// The nanoseconds that one request takes of what may be asked, and those that may be ahead.
    fn share(&self, times: u32) -> (u64, u64) {
        let rate = u64::from(self.rate.per_second.max(1)).saturating_mul(times.into());
        let burst = u64::from(self.rate.burst.max(1)).saturating_mul(times.into());
        let step = 1_000_000_000_u64.div_ceil(rate);
        (step, step.saturating_mul(burst))
    }

    /// What is said to who asks too often.
    fn refusal(&self, over: Over) -> Status {
        let seconds = over.wait.as_nanos().div_ceil(1_000_000_000).max(1);
        let mut status = Status::resource_exhausted(format!(
            "this {} asks more than {} times a second: try again in {seconds} s",
            over.asker.word(),
            self.rate.per_second.saturating_mul(over.asker.times()),
        ));
        if let Ok(seconds) = MetadataValue::try_from(seconds.to_string()) {
            status.metadata_mut().insert(RETRY_AFTER.as_str(), seconds);
        }
        status
    }
}

impl Asker {
    const fn times(self) -> u32 {
        match self {
            Self::Client(_) => 1,
            Self::Site(_) => SITE,
        }
    }

    const fn word(self) -> &'static str {
        match self {
            Self::Client(_) => "address",
            Self::Site(_) => "network",
        }
    }
}

/// One client, an address or the network of 64 bits that a host of IPv6 has to itself, and the site of that.
fn askers(address: IpAddr) -> impl Iterator<Item = Asker> {
    let (client, site) = match address.to_canonical() {
        IpAddr::V6(address) => {
            let network = |bits: u32| Ipv6Addr::from(u128::from(address) & (u128::MAX << (128 - bits)));
            (network(64).into(), Some(network(48)))
        }
        address => (address, None),
    };
    [Asker::Client(client)].into_iter().chain(site.map(Asker::Site))
}

/// The router, whose clients ask no more often than they may.
pub(crate) fn limited(router: Router, clients: Option<Arc<Clients>>, speaks: Speaks) -> Router {
    let Some(clients) = clients else {
        return router;
    };
    router.layer(from_fn(move |request: Request<Body>, next: Next| {
        let clients = Arc::clone(&clients);
        async move {
            match clients.admit(address(request.extensions())) {
                Ok(()) => next.run(request).await,
                Err(status) => refuse(&status, &request, speaks),
            }
        }
    }))
}

/// Where a request comes from.
pub(crate) fn address(extensions: &Extensions) -> Option<IpAddr> {
    let of_rest = extensions.get::<Peer>().map(|peer| peer.0);
    of_rest.or_else(|| Some(extensions.get::<TcpConnectInfo>()?.remote_addr()?.ip()))
}

fn refuse(status: &Status, request: &Request<Body>, speaks: Speaks) -> Response {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let web = kind.filter(|kind| kind.as_bytes().starts_with(b"application/grpc-web"));
    if speaks == Speaks::Rest && web.is_none() {
        return failure::response(status);
    }
    let mut response = status.clone().into_http::<Body>().into_response();
    if let Some(kind) = web {
        // all of the answer is in its head
        response.headers_mut().insert(header::CONTENT_TYPE, kind.clone());
    }
    response
}

/// When to ask again, if the status says so or means it.
pub(crate) fn retry_after(status: &Status) -> Option<HeaderValue> {
    let said = status.metadata().get(RETRY_AFTER.as_str());
    let said = said.and_then(|said| HeaderValue::from_bytes(said.as_bytes()).ok());
    let busy = status.code() == tonic::Code::ResourceExhausted;
    said.or_else(|| busy.then(|| HeaderValue::from_static("1")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use tower::ServiceExt;

    fn clients(per_second: u32, burst: u32) -> Clients {
        Clients::new(Rate { per_second, burst })
    }

    fn v4(last: u32) -> IpAddr {
        IpAddr::V4((0x0a00_0000 | last).into())
    }

    #[test]
    fn a_client_has_a_burst_and_then_its_rate_and_others_theirs() {
        let clients = clients(4, 3);
        let at = |client, millis| clients.admit_at(v4(client), Duration::from_millis(millis));
        for _ in 0..3 {
            at(1, 0).unwrap();
        }
        assert_eq!(at(1, 0).unwrap_err().wait, Duration::from_millis(250));
        at(2, 0).unwrap();
        at(1, 250).unwrap();
        assert!(at(1, 250).is_err());
        // a refusal costs nothing, a pause brings the burst back and no more
        for _ in 0..3 {
            at(1, 3_600_000).unwrap();
        }
        assert!(at(1, 3_600_000).is_err());
    }

    #[test]
    fn what_is_remembered_is_bounded_and_no_client_escapes_by_the_turn() {
        let clients = clients(1, 2);
        // whatever the turns of memory, over time it is one a second
        let asked = (0..4_000).map(|turn| clients.admit_at(v4(0), Duration::from_millis(100 * turn)));
        let passed = asked.filter(Result::is_ok).count();
        assert!((400..=401).contains(&passed), "{passed}");
        let most = 3 * u32::try_from(CLIENTS).unwrap();
        for last in 1..=most {
            clients.admit_at(v4(last), Duration::from_secs(400)).unwrap();
        }
        let known = clients.known.lock().unwrap();
        assert!(known.now.len() + known.before.len() <= 2 * CLIENTS);
    }

    #[test]
    fn a_network_of_ipv6_is_one_client_and_a_mapped_address_is_its_own() {
        let client = |text: &str| askers(text.parse().unwrap()).next();
        assert_eq!(client("2001:db8:1:2::1"), client("2001:db8:1:2:ffff::9"));
        assert_ne!(client("2001:db8:1:2::1"), client("2001:db8:1:3::1"));
        assert_eq!(client("::ffff:192.0.2.7"), client("192.0.2.7"));
        assert_ne!(client("192.0.2.7"), client("192.0.2.8"));
    }

    #[test]
    fn who_has_many_networks_of_ipv6_asks_no_more_than_sixteen_clients() {
        let clients = clients(4, 3);
        let at = |network: u32, millis| {
            let address = format!("2001:db8:{:x}:{:x}::1", network >> 16, network & 0xffff);
            clients.admit_at(address.parse().unwrap(), Duration::from_millis(millis))
        };
        let passed = (0..0x10000).filter(|network| at(*network, 0).is_ok()).count();
        assert_eq!(passed, 48);
        let over = at(0xffff, 0).unwrap_err();
        assert_eq!(over.wait, Duration::from_nanos(1_000_000_000 / 64));
        let words = "this network asks more than 64 times a second: try again in 1 s";
        assert_eq!(clients.refusal(over).message(), words);
        // what was refused is not remembered: others are not forgotten for it
        assert_eq!(clients.known.lock().unwrap().now.len(), 49);
        // another site, and this one in a second
        at(0x10000, 0).unwrap();
        let passed = (0..0x10000).filter(|network| at(*network, 500).is_ok()).count();
        assert_eq!(passed, 32);
    }

    #[tokio::test]
    async fn requests_without_an_address_are_counted_together() {
        let clients = Arc::new(clients(1, 2));
        let router = limited(Router::new(), Some(clients), Speaks::Grpc);
        let mut codes = Vec::new();
        // a second more lets one more in on a busy machine
        for _ in 0..10 {
            let answer = router.clone().oneshot(Request::new(Body::empty())).await.unwrap();
            let code = answer.headers().get("grpc-status");
            codes.push(code.map(|code| code.to_str().unwrap().to_owned()));
        }
        assert_eq!(codes[..2], [None, None]);
        assert!(codes.contains(&Some("8".to_owned())), "{codes:?}");
    }
}
