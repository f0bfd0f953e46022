//! A model of hosts and audits, shared by the example and the tests: floating point and chance are fine
//! here, the processes are the real ones.

use quern_evidence::{rate, Entry, Null, Params, Process, RateParams, Score, Status};

/// SplitMix64.
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn chance(&mut self, probability: f64) -> bool {
        ((self.next() >> 11) as f64 / (1_u64 << 53) as f64) < probability
    }
}

/// A host that cheats on some of its requests. Each leaf has a payer of its own.
#[derive(Clone, Copy)]
pub struct Cheat {
    /// Null of the model, in millionths.
    pub null: u32,
    /// Part of requests that it cheats on.
    pub fraction: f64,
    /// Part of bad leaves that the score flags.
    pub flagged: f64,
    /// Requests of one epoch.
    pub requests: u32,
    /// Requests of one audit round.
    pub round: u32,
}

impl Cheat {
    /// The protocol's model: 2 % of 10,000 requests, 95 % flagged, at mu_0 = 10^-3.
    pub const DEFAULT: Self = Self {
        null: 1_000,
        fraction: 0.02,
        flagged: 0.95,
        requests: 10_000,
        round: 100,
    };

    fn leaf(&self, rng: &mut Rng, honest: bool) -> Entry {
        let bad = !honest && rng.chance(self.fraction * self.flagged);
        // the true rate of honest failures is a third of the null
        let failed = bad || rng.chance(f64::from(self.null) / 3e6);
        let score = if failed { Score::FAILED } else { Score::CLEAN };
        Entry::single(score, Null::from_micro(self.null).unwrap())
    }

    /// Whether one epoch convicts, at 5 % flat or with the adaptive rate.
    fn convicted(&self, adaptive: bool, rng: &mut Rng) -> bool {
        let (params, rates) = (Params::DEFAULT, RateParams::DEFAULT);
        let mut process = Process::new();
        let mut unsettled: Vec<Entry> = Vec::new();
        let mut bps = rates.base_bps;
        let enter = |process: &mut Process, entry: &Entry| {
            process.enter(entry, &params).unwrap() == Status::Convicted
        };
        for request in 0..self.requests {
            let leaf = self.leaf(rng, false);
            if rng.chance(f64::from(bps) / 1e4) {
                if enter(&mut process, &leaf) {
                    return true;
                }
            } else if bps == rates.base_bps {
                unsettled.push(leaf);
            }
            if adaptive && (request + 1) % self.round == 0 {
                let next = rate(1_000, process.wealth(), &params, &rates);
                bps = next.bps;
                // what is unsettled is drawn from again, up to the raised rate
                let backlog = unsettled.split_off(unsettled.len().saturating_sub(next.backlog as usize));
                let again =
                    f64::from(bps.saturating_sub(rates.base_bps)) / f64::from(10_000 - rates.base_bps);
                for leaf in &backlog {
                    if rng.chance(again) && enter(&mut process, leaf) {
                        return true;
                    }
                }
                if next.backlog == 0 {
                    unsettled.extend(backlog);
                }
            }
        }
        false
    }
}

/// Part of `runs` epochs that convict.
pub fn power(cheat: &Cheat, adaptive: bool, runs: u32, seed: u64) -> f64 {
    let mut rng = Rng::new(seed);
    let hits = (0..runs).filter(|_| cheat.convicted(adaptive, &mut rng)).count();
    hits as f64 / f64::from(runs)
}

/// Median number of audited leaves until conviction, after `good` honest ones.
pub fn median_to_conviction(cheat: &Cheat, good: u32, runs: usize, seed: u64) -> u32 {
    let mut rng = Rng::new(seed);
    let mut past = Process::new();
    let mut lengths: Vec<u32> = (0..runs)
        .map(|_| {
            past = Process::new();
            for _ in 0..good {
                past.enter(&cheat.leaf(&mut rng, true), &Params::DEFAULT).unwrap();
            }
            (1..20_000)
                .find(|_| {
                    let leaf = cheat.leaf(&mut rng, false);
                    past.enter(&leaf, &Params::DEFAULT).unwrap() == Status::Convicted
                })
                .unwrap_or(u32::MAX)
        })
        .collect();
    lengths.sort_unstable();
    lengths[runs / 2]
}

/// Leaves on which a host cheats, of those that audits look at, until it is convicted: the mean of `runs`, each of which
/// starts over after a past of `good` honest leaves, among the standard profile's nine processes. One that `limit` leaves
/// do not convict counts as convicted then.
pub fn cheated_until_conviction(cheat: &Cheat, good: u32, limit: u32, runs: u32, seed: u64) -> f64 {
    let mut rng = Rng::new(seed);
    let params = Params {
        processes: 9,
        ..Params::DEFAULT
    };
    let mut leaves = 0_u64;
    for _ in 0..runs {
        let mut process = Process::new();
        for _ in 0..good {
            process.enter(&cheat.leaf(&mut rng, true), &params).unwrap();
        }
        let convicts = |_: &u32| {
            let leaf = cheat.leaf(&mut rng, false);
            process.enter(&leaf, &params).unwrap() == Status::Convicted
        };
        leaves += u64::from((1..limit).find(convicts).unwrap_or(limit));
    }
    cheat.fraction * leaves as f64 / f64::from(runs)
}
