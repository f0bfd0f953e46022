//! A world that remembers what was really signed and captured, and kills the router between any two writes.

use super::record::{Committee, Member, Request};
use super::*;
use proptest::prelude::*;
use quern_protocol::{Bytes, Coefficients, Hash, Price};

pub(super) const COEFFICIENTS: Coefficients = Coefficients {
    input: 1_000_000,
    cached: 1_000_000,
    output: 1_000_000,
};

const HOSTS: [&str; 3] = ["quern1a", "quern1b", "quern1c"];
const LIMITS: [u128; 3] = [4_000, 2_000, 1_000];
const KEYS: [&str; 2] = ["ann", "bob"];
const BUDGETS: [u128; 2] = [3_000, 2_500];

#[derive(Clone, Debug)]
enum Step {
    Ask {
        key: usize,
        ceiling: u128,
        first: u128,
    },
    /// Tries the next rank for a request that is open, as after a time-out.
    Again {
        which: usize,
    },
    Raise {
        which: usize,
        by: u128,
    },
    /// The host ends the answer; perhaps the router gets the receipt.
    Finish {
        which: usize,
        used: u128,
        receipt: bool,
    },
    Refuse {
        which: usize,
    },
    /// A receipt that was missing is fetched.
    Fetch {
        which: usize,
    },
    Lapse,
    /// All that was written becomes durable.
    Sync,
    /// The process dies; `kept` of what was not yet durable is.
    Crash {
        kept: usize,
    },
    Restart,
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let which = 0_usize..16;
    let step = prop_oneof![
        6 => (0..KEYS.len(), 1_u128..600, 0_u128..300).prop_map(|(key, ceiling, first)| Step::Ask { key, ceiling, first }),
        2 => which.clone().prop_map(|which| Step::Again { which }),
        4 => (which.clone(), 1_u128..200).prop_map(|(which, by)| Step::Raise { which, by }),
        4 => (which.clone(), 0_u128..300, any::<bool>())
            .prop_map(|(which, used, receipt)| Step::Finish { which, used, receipt }),
        1 => which.clone().prop_map(|which| Step::Refuse { which }),
        2 => which.prop_map(|which| Step::Fetch { which }),
        1 => Just(Step::Lapse),
        2 => Just(Step::Sync),
        2 => (0_usize..20).prop_map(|kept| Step::Crash { kept }),
        1 => Just(Step::Restart),
    ];
    prop::collection::vec(step, 1..120)
}

/// A voucher that exists somewhere.
#[derive(Clone, Debug)]
struct Live {
    id: u64,
    place: Place,
    authorised: u128,
    captured: Option<u128>,
    key: usize,
    request: Request,
    first: u128,
}

#[derive(Default)]
struct World {
    ledger: Ledger,
    log: Vec<Record>,
    durable: usize,
    vouchers: Vec<Live>,
    captured: BTreeMap<String, u128>,
    spent: [u128; 2],
    owners: BTreeMap<u64, u64>,
    ids: u64,
}

impl World {
    fn new() -> Self {
        let mut world = Self::default();
        let member = |i: usize| Member {
            host: HOSTS[i].into(),
            weight: 10 + i as u64,
            limit: Amount(LIMITS[i]),
        };
        world.ledger.commit(Record::Opened {
            session: 1,
            payer: "payer".into(),
            model: "m".into(),
        });
        world.ledger.commit(Record::Drawn {
            session: 1,
            committee: Committee {
                beacon: Bytes([3; 32]),
                drawn_at: 0,
                closes_at: 1_000_000,
                max_price: Price::CEILING,
                model_hash: Bytes([0; 32]),
                coefficients: COEFFICIENTS,
                lapse_blocks: 20,
                members: (0..3).map(member).collect(),
            },
        });
        world.write();
        world.sync();
        world
    }

    fn sync(&mut self) {
        let fresh = self.log[self.durable..].to_vec();
        self.durable = self.log.len();
        self.ledger.durable(fresh);
    }

    fn write(&mut self) {
        self.log.append(&mut self.ledger.take_records());
    }

    /// As the router does with marks: durable first, then in force.
    fn mark(&mut self, marks: Vec<Record>) {
        self.write();
        self.log.extend(marks);
        self.sync();
    }

    fn ask(&mut self, key: usize, first: u128, request: Request, again: Option<&Live>) {
        let tried: Vec<String> = self
            .vouchers
            .iter()
            .filter(|v| again.is_some_and(|a| a.id == v.id))
            .map(|v| v.place.host.clone())
            .collect();
        let skip = |host: &str| tried.iter().any(|tried| tried == host);
        for _ in 0..3 {
            let ask = Ask {
                chain_id: "quern-test",
                payer: "payer",
                model: "m",
                coefficients: &COEFFICIENTS,
                budget: Amount(BUDGETS[key]),
                kept: Amount::ZERO,
                authorised: Amount(first),
                margin: 10,
                again: again.map(|a| (1, a.place.nonce)),
                skip: &skip,
            };
            match self.ledger.grant(&ask, &request) {
                Err(Denied::Marks(marks)) => self.mark(marks),
                Err(_) => return,
                Ok(grant) => {
                    self.ids += u64::from(again.is_none());
                    let id = again.map_or(self.ids, |a| a.id);
                    let owner = *self.owners.entry(grant.place.nonce).or_insert(id);
                    assert_eq!(owner, id, "a nonce was used for two requests");
                    let twice = self.vouchers.iter().any(|v| v.place == grant.place);
                    assert!(!twice, "a second voucher for one nonce and host");
                    self.sign(&grant.place, grant.cap);
                    let authorised = first.min(request.ceiling.0);
                    self.vouchers.push(Live {
                        id,
                        place: grant.place,
                        authorised,
                        captured: None,
                        key,
                        request,
                        first,
                    });
                    return self.write();
                }
            }
        }
        panic!("marks never suffice");
    }

    fn sign(&mut self, place: &Place, cap: Amount) {
        let index = HOSTS.iter().position(|host| *host == place.host).unwrap();
        assert!(cap.0 <= LIMITS[index], "a cap above the limit");
        let durable = self.log[..self.durable].iter().filter_map(|record| match record {
            Record::Cap { host, cap, .. } if *host == place.host => Some(*cap),
            Record::Snapshot(ledger) => ledger.sessions[&1].host(&place.host).map(|book| book.marked),
            _ => None,
        });
        assert!(
            durable.max().is_some_and(|mark| cap <= mark) || cap.is_zero(),
            "a cap above what is durable"
        );
    }

    fn which(&self, which: usize, open: impl Fn(&Live, Option<&Open>) -> bool) -> Option<usize> {
        let fit = |v: &Live| open(v, self.ledger.open(&v.place));
        let found: Vec<usize> = (0..self.vouchers.len())
            .filter(|i| fit(&self.vouchers[*i]))
            .collect();
        (!found.is_empty()).then(|| found[which % found.len()])
    }

    fn capture(&mut self, index: usize, amount: u128) {
        let live = &mut self.vouchers[index];
        live.captured = Some(amount);
        *self.captured.entry(live.place.host.clone()).or_default() += amount;
        self.spent[live.key] += amount;
    }

    fn step(&mut self, step: Step) {
        let streaming =
            |v: &Live, open: Option<&Open>| v.captured.is_none() && open.is_some_and(|o| !o.ended);
        match step {
            Step::Ask { key, ceiling, first } => {
                let request = request(KEYS[key], ceiling);
                self.ask(key, first, request, None);
            }
            Step::Again { which } => {
                let Some(index) = self.which(which, streaming) else {
                    return;
                };
                let live = self.vouchers[index].clone();
                self.ledger.commit(Record::Ended {
                    place: live.place.clone(),
                });
                self.write();
                self.ask(live.key, live.first, live.request.clone(), Some(&live));
            }
            Step::Raise { which, by } => {
                let Some(index) = self.which(which, streaming) else {
                    return;
                };
                let live = self.vouchers[index].clone();
                for _ in 0..3 {
                    match self.ledger.raise(&live.place, Amount(live.authorised + by)) {
                        Err(Denied::Marks(marks)) => self.mark(marks),
                        Err(_) => return,
                        Ok(cap) => {
                            self.sign(&live.place, cap);
                            let to = (live.authorised + by).min(live.request.ceiling.0);
                            self.vouchers[index].authorised = to;
                            return self.write();
                        }
                    }
                }
                panic!("marks never suffice");
            }
            Step::Finish { which, used, receipt } => {
                let Some(index) = self.which(which, streaming) else {
                    return;
                };
                let (place, used) = (
                    self.vouchers[index].place.clone(),
                    used.min(self.vouchers[index].authorised),
                );
                self.capture(index, used);
                self.ledger.commit(match receipt {
                    true => Record::Settled {
                        place,
                        capture: Amount(used),
                    },
                    false => Record::Ended { place },
                });
                self.write();
            }
            Step::Refuse { which } => {
                let Some(index) = self.which(which, streaming) else {
                    return;
                };
                self.capture(index, 0);
                let place = self.vouchers[index].place.clone();
                self.ledger.commit(Record::Freed { place });
                self.write();
            }
            Step::Fetch { which } => {
                let missing =
                    |v: &Live, open: Option<&Open>| v.captured.is_some() && open.is_some_and(|o| o.ended);
                let Some(index) = self.which(which, missing) else {
                    return;
                };
                let live = &self.vouchers[index];
                let (place, capture) = (live.place.clone(), Amount(live.captured.unwrap()));
                self.ledger.commit(Record::Settled { place, capture });
                self.write();
            }
            Step::Lapse => {
                self.write();
                self.sync();
                // Hosts that captured something have handed in the receipt by now; the others no longer can.
                for live in &self.vouchers {
                    if let Some(captured) = live.captured
                        && self.ledger.open(&live.place).is_some_and(|open| open.ended)
                    {
                        let (place, capture) = (live.place.clone(), Amount(captured));
                        self.ledger.commit(Record::Settled { place, capture });
                    }
                }
                self.write();
                self.sync();
                for place in self.ledger.lapse(1_000) {
                    let gone = self.vouchers.iter_mut().filter(|v| v.place == place);
                    gone.for_each(|v| v.captured = v.captured.or(Some(0)));
                }
                self.write();
            }
            Step::Sync => self.sync(),
            Step::Crash { kept } => {
                // What streamed may have been used in full, and its hosts say so or not.
                for index in 0..self.vouchers.len() {
                    if self.vouchers[index].captured.is_none() && index % 2 == 0 {
                        self.capture(index, self.vouchers[index].authorised);
                    }
                }
                self.log
                    .truncate(self.durable + kept % (self.log.len() - self.durable + 1));
                self.restart();
            }
            Step::Restart => {
                for live in &self.vouchers {
                    if streaming(live, self.ledger.open(&live.place)) {
                        self.ledger.commit(Record::Ended {
                            place: live.place.clone(),
                        });
                    }
                }
                self.write();
                self.sync();
                let before = self.ledger.clone();
                self.ledger.commit(Record::Clean);
                self.write();
                self.restart();
                for (key, book) in &before.keys {
                    assert_eq!(
                        book.spent, self.ledger.keys[key].spent,
                        "an orderly restart costs nothing"
                    );
                }
                let (before, after) = (&before.sessions[&1], &self.ledger.sessions[&1]);
                assert!(
                    before
                        .hosts
                        .iter()
                        .zip(&after.hosts)
                        .all(|(a, b)| a.spent == b.spent)
                );
                assert_eq!(before.next, after.next);
            }
        }
    }

    fn restart(&mut self) {
        let mut ledger = Ledger::default();
        self.log.iter().cloned().for_each(|record| ledger.apply(record));
        ledger.commit(Record::Recovered);
        self.ledger = ledger;
        self.write();
        let snapshot = Record::Snapshot(Box::new(self.ledger.clone()));
        let json = serde_json::to_vec(&snapshot).unwrap();
        assert_eq!(serde_json::from_slice::<Record>(&json).unwrap(), snapshot);
        self.log = vec![snapshot];
        self.durable = 1;
    }

    fn check(&self) {
        for book in &self.ledger.sessions[&1].hosts {
            let captured = self.captured.get(&book.host).copied().unwrap_or(0);
            assert!(
                captured <= book.cap().0,
                "the host took more than the router knows"
            );
        }
        for (index, key) in KEYS.iter().enumerate() {
            let known = self.ledger.keys.get(*key).map_or(0, |book| book.exposure().0);
            assert!(
                self.spent[index] <= known,
                "a key spent more than the router knows"
            );
            assert!(known <= BUDGETS[index], "a key over its budget");
            let held: u128 = self.ledger.sessions[&1]
                .hosts
                .iter()
                .flat_map(|host| host.open.values())
                .filter(|open| open.request.key == **key)
                .map(|open| open.held.0)
                .sum();
            assert_eq!(held, self.ledger.keys.get(*key).map_or(0, |book| book.held.0));
        }
    }
}

pub(super) fn request(key: &str, ceiling: u128) -> Request {
    let hash: Hash = Bytes([1; 32]);
    Request {
        key: key.into(),
        ceiling: Amount(ceiling),
        height: 5,
        price: Price::FLOOR,
        salt: Bytes([0; 16]),
        request_hash: hash,
        content: hash,
        client_seed: None,
        prompt: 1,
        output: 1,
    }
}

/// Once found by chance: the end of an answer was kept, a raise signed before that was durable was lost.
#[test]
fn a_crash_between_an_end_and_a_raise_counts_nothing_twice() {
    let ask = |ceiling, first| Step::Ask {
        key: 1,
        ceiling,
        first,
    };
    for kept in 0..12 {
        let mut world = World::new();
        // nearly all of the budget is spent
        for used in [598; 4] {
            world.step(ask(used, used));
            world.step(Step::Finish {
                which: 0,
                used,
                receipt: true,
            });
            world.step(Step::Sync);
        }
        world.step(ask(100, 20));
        for step in [
            Step::Again { which: 0 },
            Step::Raise { which: 0, by: 5 },
            Step::Crash { kept },
            Step::Lapse,
        ] {
            world.step(step);
            world.check();
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]
    #[test]
    fn no_crash_between_any_two_writes_lets_a_limit_a_budget_or_a_nonce_be_used_twice(steps in steps()) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
            world.check();
        }
    }
}
