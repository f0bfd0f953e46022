//! Parties, network and the steps that tests take.

use quern_protocol::ledger::Ledger;
use quern_protocol::Amount;

use crate::chain::Chain;
use crate::host::Host;
use crate::message::{Message, Release, Tx, Voucher};
use crate::router::Router;
use crate::sign::Signed;
use crate::step::{Setup, Step};
use crate::HostId;

/// Everything there is.
#[derive(Debug)]
pub struct World {
    /// Limits at the opening.
    pub initial: Ledger,
    /// Chain.
    pub chain: Chain,
    /// Router.
    pub router: Router,
    /// Hosts.
    pub hosts: Vec<Host>,
    /// Whether transactions of running hosts reach the next block.
    reliable: bool,
    was_reliable: bool,
    had_time: bool,
    /// What is under way.
    network: Vec<Message>,
    /// Every voucher ever signed: the adversary hears everything.
    vouchers: Vec<Signed<Voucher>>,
    /// Every release ever signed.
    releases: Vec<Signed<Release>>,
}

impl World {
    /// A world; none if the escrow cannot be split.
    pub fn new(setup: &Setup) -> Option<Self> {
        let weights: Vec<u64> = setup.hosts.iter().map(|(weight, ..)| *weight).collect();
        let ledger = Ledger::open(Amount(setup.escrow), setup.fee_bps, setup.burn_bps, &weights).ok()?;
        let hosts = setup.hosts.iter().enumerate();
        Some(Self {
            initial: ledger.clone(),
            chain: Chain::new(ledger, setup.closes_at),
            router: Router::new(setup.honest_router),
            hosts: hosts
                .map(|(id, (_, honest, optimistic))| Host::new(id, *honest, *optimistic))
                .collect(),
            reliable: setup.reliable_chain,
            was_reliable: setup.reliable_chain,
            had_time: false,
            network: Vec::new(),
            vouchers: Vec::new(),
            releases: Vec::new(),
        })
    }

    /// Whether transactions of running hosts always reached the next block.
    pub const fn was_reliable(&self) -> bool {
        self.was_reliable
    }

    /// Whether a claim could still arrive once the network was sound.
    pub const fn had_time(&self) -> bool {
        self.had_time
    }

    fn pick(&self, host: usize) -> HostId {
        host % self.hosts.len().max(1)
    }

    fn send_voucher(&mut self, voucher: Option<Signed<Voucher>>) {
        if let Some(voucher) = voucher {
            self.vouchers.push(voucher.clone());
            self.network.push(Message::Authority(voucher));
        }
    }

    fn send_release(&mut self, release: Option<Signed<Release>>) {
        if let Some(release) = release {
            self.releases.push(release.clone());
            self.network.push(Message::Tx(Tx::Present(release)));
        }
    }

    /// Takes a step. One that its party would not take does nothing.
    pub fn step(&mut self, step: Step) {
        match step {
            Step::Request { host, tokens } if !self.router.gone => {
                let host = self.pick(host);
                let voucher = self.router.request(host, tokens, &self.chain);
                self.send_voucher(voucher);
            }
            Step::Serve { host, which, tokens } => {
                self.act(host, |host, chain| {
                    host.serve(which, tokens, chain).into_iter().collect()
                });
            }
            Step::Finish { host, which } => {
                self.act(host, |host, chain| {
                    host.finish(which, chain).into_iter().collect()
                });
            }
            Step::Deliver { which } => {
                if let Some(message) = self.take(which) {
                    self.deliver(message);
                }
            }
            Step::Lose { which } => drop(self.take(which)),
            Step::Double { which } => {
                if let Some(message) = self.take(which) {
                    self.network.extend([message.clone(), message]);
                }
            }
            Step::Block => self.block(),
            Step::AskRelease { from, to, amount } => {
                let (from, to) = (self.pick(from), self.pick(to));
                self.network.push(Message::AskRelease { from, to, amount });
            }
            Step::Rebalance { from, to, amount } => {
                let (from, to) = (self.pick(from), self.pick(to));
                self.chain.apply(Tx::Rebalance { from, to, amount });
            }
            Step::Execute { from } => {
                let from = self.pick(from);
                self.chain.apply(Tx::Execute { from });
            }
            Step::CloseSession => {
                self.chain.apply(Tx::CloseSession);
            }
            Step::Restart { host } => self.act(host, |host, chain| {
                host.crash();
                host.recover(chain)
            }),
            Step::Fall { host } => self.act(host, |host, _| {
                host.crash();
                Vec::new()
            }),
            Step::Rise { host } => self.rise(host),
            Step::RestartRouter if !self.router.gone => {
                for voucher in self.router.restart(&self.chain) {
                    self.send_voucher(Some(voucher));
                }
            }
            Step::HostVanishes { host } => {
                let host = self.pick(host);
                self.hosts[host].gone = true;
            }
            Step::RouterVanishes => self.router.gone = true,
            Step::Close => {
                self.chain.apply(Tx::Close);
            }
            adversary => self.attack(adversary),
        }
    }

    fn attack(&mut self, step: Step) {
        match step {
            Step::ReplayRelease { which } => {
                if let Some(release) = pick_from(&self.releases, which) {
                    self.chain.apply(Tx::Present(release));
                }
            }
            Step::ReplayClaim { host, voucher, batch } => {
                let host = self.pick(host);
                if let Some(voucher) = pick_from(&self.vouchers, voucher) {
                    let last = self.chain.last_sequence(host).max(1);
                    self.chain.apply(Tx::Settle {
                        host,
                        voucher,
                        sequence: 1 + batch % last,
                    });
                }
            }
            Step::OverSign { voucher } if !self.router.honest => {
                let host = self.pick(voucher.host);
                // mostly recent, at times stale or in the future
                let height = (self.chain.height + 1).saturating_sub(voucher.height % 8);
                let signed = self.router.sign_anything(Voucher {
                    host,
                    height,
                    ..voucher
                });
                self.send_voucher(Some(signed));
            }
            Step::Inflate { host, cumulative } => {
                let host = self.pick(host);
                if !self.hosts[host].honest {
                    let sequence = self.chain.last_sequence(host) + 1;
                    self.chain.apply(Tx::Commit {
                        host,
                        sequence,
                        cumulative,
                        until: u64::MAX,
                    });
                }
            }
            Step::OverRelease { from, to, cumulative } => {
                let (from, to) = (self.pick(from), self.pick(to));
                if !self.hosts[from].honest {
                    let release = self.hosts[from].sign_anything(to, cumulative);
                    self.send_release(Some(release));
                }
            }
            Step::FalseReceipt { host, nonce, capture } => {
                let host = self.pick(host);
                if !self.hosts[host].honest {
                    self.network.push(Message::Receipt { host, nonce, capture });
                }
            }
            _ => {}
        }
    }

    fn act(&mut self, host: usize, action: impl FnOnce(&mut Host, &Chain) -> Vec<Message>) {
        let host = self.pick(host);
        if self.hosts[host].up() {
            let messages = action(&mut self.hosts[host], &self.chain);
            self.network.extend(messages);
        }
    }

    fn rise(&mut self, host: usize) {
        let host = self.pick(host);
        if self.hosts[host].down && !self.hosts[host].gone {
            let messages = self.hosts[host].recover(&self.chain);
            self.network.extend(messages);
        }
    }

    fn take(&mut self, which: usize) -> Option<Message> {
        let index = which.checked_rem(self.network.len())?;
        Some(self.network.remove(index))
    }

    fn deliver(&mut self, message: Message) {
        match message {
            Message::Authority(voucher) => {
                let host = voucher.body().host;
                if self.hosts[host].up() {
                    self.hosts[host].authority(voucher, &self.chain);
                }
            }
            Message::AskRelease { from, to, amount } if self.hosts[from].up() => {
                let release = self.hosts[from].release(to, amount, &self.chain);
                self.send_release(release);
            }
            Message::Tokens { host, nonce, upto } if !self.router.gone => {
                let next = self.router.tokens(host, nonce, upto, &self.chain);
                self.send_voucher(next);
            }
            Message::Receipt { host, nonce, capture } if !self.router.gone => {
                self.router.receipt(host, nonce, capture);
            }
            Message::Tx(tx) => {
                self.chain.apply(tx);
            }
            _ => {}
        }
    }

    /// A block: running hosts do their duties first.
    fn block(&mut self) {
        for id in 0..self.hosts.len() {
            if !self.hosts[id].up() {
                self.hosts[id].missed_blocks += 1;
                continue;
            }
            for message in self.hosts[id].duties(&self.chain) {
                match message {
                    Message::Tx(tx) if self.reliable => {
                        self.chain.apply(tx);
                    }
                    other => self.network.push(other),
                }
            }
        }
        self.chain.height += 1;
    }

    /// Lets time run until the session is paid. Whoever vanished stays away; the others' transactions
    /// arrive. Anyone closes.
    pub fn run_out(&mut self) {
        self.reliable = true;
        self.had_time = self.chain.height + 2 < self.chain.payable_at();
        for host in 0..self.hosts.len() {
            self.rise(host);
        }
        while self.chain.height < self.chain.payable_at() {
            self.block();
        }
        self.chain.apply(Tx::Close);
    }
}

fn pick_from<T: Clone>(all: &[T], which: usize) -> Option<T> {
    all.get(which.checked_rem(all.len())?).cloned()
}
