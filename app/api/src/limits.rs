//! How much of the machine queries may take.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;
use tonic::Status;

use crate::rate::{Clients, Rate};
use crate::services::AMINO;

/// Methods that run transactions or contracts, and so may compute up to a gas limit, and those that take whole
/// transactions of the old form apart.
const HEAVY: [&str; 4] = [
    "/cosmos.tx.v1beta1.Service/Simulate",
    "/cosmwasm.wasm.v1.Query/SmartContractState",
    AMINO[0],
    AMINO[1],
];

/// Most bytes of requests held at a time, unless the operator admits a longer body.
const BODIES: usize = 64 * 1024 * 1024;

/// Bounds of the queries that the application answers for gRPC, gRPC-web and REST together.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Most queries that run at a time.
    pub parallel: usize,
    /// Most of them that simulate a transaction, ask a contract or read amino: the others keep the rest.
    pub heavy: usize,
    /// Most calls that ask CometBFT at a time.
    pub comet: usize,
    /// Most queries that wait; one more is refused.
    pub queue: usize,
    /// Most bytes of requests held at a time, those on their way included; what goes beyond is refused.
    pub bodies: usize,
    /// Longest time that a query waits for its turn.
    pub wait: Duration,
    /// Longest time that a caller waits for a query that runs. Gas limits end the query itself.
    pub run: Duration,
    /// How often one address may ask, if that is bounded.
    pub per_client: Option<Rate>,
}

impl Limits {
    /// Bounds for a machine with this many cores that consensus needs too.
    #[must_use]
    pub fn for_cores(cores: usize) -> Self {
        let parallel = cores.clamp(2, 16);
        Self {
            parallel,
            heavy: parallel / 2,
            comet: parallel * 8,
            queue: parallel * 64,
            bodies: BODIES,
            wait: Duration::from_secs(5),
            run: Duration::from_secs(15),
            per_client: None,
        }
    }
}

/// Most long bodies that are read at a time: JSON of a few bytes an element takes fifty times its length as a message.
const LONG_BODIES: usize = 2;

/// The places that are left.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    limits: Limits,
    queue: Arc<Semaphore>,
    heavy: Arc<Semaphore>,
    all: Arc<Semaphore>,
    comet: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
    long: Arc<Semaphore>,
    clients: Option<Arc<Clients>>,
}

/// A query's place among those that run; dropping it makes room.
#[derive(Debug)]
pub(crate) struct Place {
    _heavy: Option<OwnedSemaphorePermit>,
    _all: OwnedSemaphorePermit,
}

impl Places {
    pub(crate) fn new(limits: Limits) -> Self {
        Self {
            limits,
            queue: Arc::new(Semaphore::new(limits.queue)),
            heavy: Arc::new(Semaphore::new(limits.heavy)),
            all: Arc::new(Semaphore::new(limits.parallel)),
            comet: Arc::new(Semaphore::new(limits.comet)),
            bodies: Arc::new(Semaphore::new(limits.bodies.min(Semaphore::MAX_PERMITS))),
            long: Arc::new(Semaphore::new(LONG_BODIES)),
            clients: limits.per_client.map(|rate| Arc::new(Clients::new(rate))),
        }
    }

    /// The clients, if each of them is bounded.
    pub(crate) fn clients(&self) -> Option<Arc<Clients>> {
        self.clients.clone()
    }

    /// Longest time that a caller waits for a query that runs.
    pub(crate) const fn run(&self) -> Duration {
        self.limits.run
    }

    /// Counts bytes of a request; `None` where those of others leave no room.
    pub(crate) fn count(&self, bytes: usize) -> Option<OwnedSemaphorePermit> {
        let bytes = u32::try_from(bytes).ok()?;
        Arc::clone(&self.bodies).try_acquire_many_owned(bytes).ok()
    }

    /// Waits for leave to ask CometBFT.
    ///
    /// # Errors
    /// As [`Places::enter`].
    pub(crate) async fn enter_comet(&self) -> Result<OwnedSemaphorePermit, Status> {
        self.enter_door(&self.comet).await
    }

    /// Waits for leave to read a long body.
    ///
    /// # Errors
    /// As [`Places::enter`].
    pub(crate) async fn enter_long(&self) -> Result<OwnedSemaphorePermit, Status> {
        self.enter_door(&self.long).await
    }

    async fn enter_door(&self, door: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Status> {
        let _waiting = self.queue.try_acquire().map_err(|_| busy())?;
        timeout(self.limits.wait, Arc::clone(door).acquire_owned())
            .await
            .ok()
            .and_then(Result::ok)
            .ok_or_else(busy)
    }

    /// Waits for a place.
    ///
    /// # Errors
    /// `ResourceExhausted` when too many wait, or this one waited too long.
    pub(crate) async fn enter(&self, path: &str) -> Result<Place, Status> {
        let _waiting = self.queue.try_acquire().map_err(|_| busy())?;
        let enter = async {
            // The narrow door first: who waits there takes no place from light queries.
            let heavy = if HEAVY.contains(&path) {
                Some(Arc::clone(&self.heavy).acquire_owned().await.ok()?)
            } else {
                None
            };
            let all = Arc::clone(&self.all).acquire_owned().await.ok()?;
            Some(Place {
                _heavy: heavy,
                _all: all,
            })
        };
        timeout(self.limits.wait, enter)
            .await
            .ok()
            .flatten()
            .ok_or_else(busy)
    }
}

/// What is answered where there is no room.
pub(crate) fn busy() -> Status {
    Status::resource_exhausted("this node answers as many requests as it can: try again later")
}

#[cfg(test)]
mod tests {
    use super::{HEAVY, Limits, Places};
    use std::time::Duration;
    use tonic::Code;

    fn places(queue: usize) -> Places {
        Places::new(Limits {
            parallel: 2,
            heavy: 1,
            comet: 1,
            queue,
            bodies: 1_000,
            wait: Duration::from_millis(20),
            run: Duration::from_secs(1),
            per_client: None,
        })
    }

    #[tokio::test]
    async fn heavy_queries_leave_room_for_light_ones() {
        let places = places(8);
        let heavy = places.enter(HEAVY[0]).await.unwrap();
        let refused = places.enter(HEAVY[1]).await.unwrap_err();
        assert_eq!(refused.code(), Code::ResourceExhausted);
        let light = places.enter("/cosmos.bank.v1beta1.Query/Balance").await.unwrap();
        drop((heavy, light));
        places.enter(HEAVY[1]).await.unwrap();
    }

    #[tokio::test]
    async fn two_long_bodies_are_read_at_a_time_however_many_cores_there_are() {
        let places = Places::new(Limits {
            wait: Duration::from_millis(20),
            ..Limits::for_cores(16)
        });
        let reading = (
            places.enter_long().await.unwrap(),
            places.enter_long().await.unwrap(),
        );
        assert_eq!(
            places.enter_long().await.unwrap_err().code(),
            Code::ResourceExhausted
        );
        drop(reading);
        drop(places.enter_long().await.unwrap());
    }

    #[tokio::test]
    async fn a_long_queue_refuses_at_once() {
        let places = places(1);
        let _running = (
            places.enter("/a/b").await.unwrap(),
            places.enter("/a/b").await.unwrap(),
        );
        let (first, second) = tokio::join!(places.enter("/a/b"), places.enter("/a/b"));
        assert_eq!(first.unwrap_err().code(), Code::ResourceExhausted);
        assert_eq!(second.unwrap_err().code(), Code::ResourceExhausted);
    }
}
