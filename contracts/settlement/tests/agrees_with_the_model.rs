//! The contract and the executable model's chain take the same random history, step by step: what one
//! accepts the other accepts, and limits, claims and pay are equal.

use crate::common;

use common::books::{receipt, tokens_for, Books};
use common::{sign, Ask, World, CHAIN};
use proptest::collection::vec;
use proptest::prelude::*;
use quern_interface::settlement::{ExecuteMsg, Outcome};
use quern_model::chain::Chain;
use quern_model::message::{Release, Tx, Voucher};
use quern_model::sign::{Key, Signer};
use quern_model::{APPEAL, BATCH, LAPSE};
use quern_protocol::ledger::Ledger;
use quern_protocol::Amount;

#[derive(Clone, Debug)]
enum Step {
    Commit {
        host: usize,
        cumulative: u128,
    },
    Settle {
        host: usize,
        of: usize,
        cap: u128,
        back: u64,
        batch: u64,
    },
    Present {
        from: usize,
        to: usize,
        cumulative: u128,
        forged: bool,
    },
    Rebalance {
        from: usize,
        to: usize,
        amount: u128,
    },
    Execute {
        from: usize,
    },
    Blocks(u64),
    CloseSession,
    Close,
}

fn step() -> impl Strategy<Value = Step> {
    let host = || 0_usize..4;
    let amount = || prop_oneof![4 => 0_u128..400_000, 1 => Just(u128::MAX), 1 => 0_u128..50];
    prop_oneof![
        4 => (host(), amount()).prop_map(|(host, cumulative)| Step::Commit { host, cumulative }),
        6 => (host(), prop_oneof![8 => Just(None), 1 => host().prop_map(Some)], amount(), 0_u64..4, 1_u64..5)
            .prop_map(|(host, of, cap, back, batch)| Step::Settle { host, of: of.unwrap_or(host), cap, back, batch }),
        4 => (host(), host(), amount(), prop::bool::weighted(0.1))
            .prop_map(|(from, to, cumulative, forged)| Step::Present { from, to, cumulative, forged }),
        3 => (host(), host(), amount()).prop_map(|(from, to, amount)| Step::Rebalance { from, to, amount }),
        3 => host().prop_map(|from| Step::Execute { from }),
        6 => (1_u64..5).prop_map(Step::Blocks),
        1 => Just(Step::CloseSession),
        1 => Just(Step::Close),
    ]
}

/// Both chains, with the committee's seats in order.
struct Both {
    real: World,
    model: Chain,
    id: u64,
    /// Index of the host in each seat.
    hosts: Vec<usize>,
    books: Vec<Books>,
}

impl Both {
    fn new(fee_bps: u32, escrow: u128, blocks: u64) -> Self {
        let mut params = common::params();
        (params.lapse_blocks, params.appeal_blocks, params.batch_blocks) = (LAPSE, APPEAL, BATCH);
        let burn = params.burn_bps;
        let mut real = World::with(&[500, 300, 150, 50], params);
        let id = real.open(&Ask {
            escrow,
            fee_bps,
            blocks,
            ..Ask::default()
        });
        let session = real.session(id);
        let weights: Vec<u64> = session.committee.iter().map(|m| m.weight).collect();
        let ledger = Ledger::open(Amount(escrow), fee_bps, burn, &weights).unwrap();
        let mut model = Chain::new(ledger, session.closes_at);
        model.height = real.height();
        let hosts: Vec<usize> = (0..4).map(|seat| real.at_seat(id, seat)).collect();
        let books = hosts.iter().map(|host| Books::new(*host)).collect();
        Self {
            real,
            model,
            id,
            hosts,
            books,
        }
    }

    fn address(&self, seat: usize) -> String {
        self.real.hosts[self.hosts[seat]].address.to_string()
    }

    /// What both say to a step.
    fn take(&mut self, step: &Step) -> (bool, bool) {
        match *step {
            Step::Commit { host, cumulative } => {
                let (world, id) = (&mut self.real, self.id);
                let voucher = world.voucher(id, self.hosts[host], 1, 4_000);
                let receipts = vec![receipt(world, &voucher, tokens_for(4_000))];
                let mut leaf = self.books[host].leaf(id, &receipts);
                // the host lays open far more than it can claim, so only cap, cumulative and limit bound it
                leaf.subroot.sum = Amount(1 << 79);
                leaf.cumulative = Amount(cumulative);
                // the model knows no bound by roots (`tests/judges.rs` tests it), so the root bounds nothing
                leaf.subroot.sum = Amount(1 << 79);
                let real = self.books[host].commit_leaves(world, vec![leaf], &[(id, receipts)]);
                let tx = Tx::Commit {
                    host,
                    sequence: self.model.last_sequence(host) + 1,
                    cumulative,
                    until: u64::MAX,
                };
                (real.is_ok(), self.model.apply(tx))
            }
            Step::Settle {
                host,
                of,
                cap,
                back,
                batch,
            } => {
                // a voucher for `of`, presented for `host`; its height may lie in the future
                let height = (self.model.height + 1).saturating_sub(back);
                let mut voucher = self.real.voucher(self.id, self.hosts[of], 1, cap);
                voucher.height = height.max(self.real.session(self.id).drawn_at);
                let body = Voucher {
                    host: of,
                    nonce: 1,
                    height: voucher.height,
                    ceiling: cap,
                    cap,
                };
                let signed = Key::new(Signer::Session).sign(body);
                let tx = Tx::Settle {
                    host,
                    voucher: signed,
                    sequence: batch,
                };
                let Some(page) = self.books[host].pages.get(batch as usize - 1) else {
                    return (false, self.model.apply(tx));
                };
                let leaf = self.books[host].committed_leaf(page.sequence, 0);
                let msg = ExecuteMsg::Settle {
                    host: self.address(host),
                    signature: self.real.sign_voucher(&voucher),
                    voucher,
                    leaf: leaf.leaf,
                    batch,
                    proof: leaf.proof,
                };
                (self.send(&msg), self.model.apply(tx))
            }
            Step::Present {
                from,
                to,
                cumulative,
                forged,
            } => {
                let release = quern_protocol::Release {
                    session: self.id,
                    from: self.address(from),
                    to: self.address(to),
                    cumulative: Amount(cumulative),
                };
                let signer = if forged { (from + 1) % 4 } else { from };
                let warm = &self.real.hosts[self.hosts[signer]].warm;
                let signature = sign(warm, &release.digest(CHAIN));
                let signed = Key::new(Signer::Host(signer)).sign(Release { from, to, cumulative });
                let msg = ExecuteMsg::PresentRelease { release, signature };
                (self.send(&msg), self.model.apply(Tx::Present(signed)))
            }
            Step::Rebalance { from, to, amount } => {
                let msg = ExecuteMsg::Rebalance {
                    session: self.id,
                    from: self.address(from),
                    to: self.address(to),
                    amount: Amount(amount),
                };
                let tx = Tx::Rebalance { from, to, amount };
                (self.send(&msg), self.model.apply(tx))
            }
            Step::Execute { from } => {
                let msg = ExecuteMsg::ExecuteRebalance {
                    session: self.id,
                    from: self.address(from),
                };
                (self.send(&msg), self.model.apply(Tx::Execute { from }))
            }
            Step::Blocks(count) => {
                let height = self.real.height() + count;
                self.real.until(height);
                self.model.height = height;
                (true, true)
            }
            Step::CloseSession => {
                let msg = ExecuteMsg::CloseSession { session: self.id };
                (self.send(&msg), self.model.apply(Tx::CloseSession))
            }
            Step::Close => {
                let msg = ExecuteMsg::Close { session: self.id };
                (self.send(&msg), self.model.apply(Tx::Close))
            }
        }
    }

    fn send(&mut self, msg: &ExecuteMsg) -> bool {
        let payer = self.real.payer.clone();
        self.real.execute(&payer, msg, &[]).is_ok()
    }

    fn agree(&self) -> Result<(), TestCaseError> {
        let session = self.real.session(self.id);
        prop_assert_eq!(session.closes_at, self.model.closes_at);
        prop_assert_eq!(session.payable_at, self.model.payable_at());
        prop_assert_eq!(session.router_share, self.model.ledger.router_share);
        for (member, seat) in session.committee.iter().zip(&self.model.ledger.seats) {
            prop_assert_eq!((member.limit, member.claimed), (seat.limit, seat.claimed));
        }
        prop_assert_eq!(session.rebalances.len(), self.model.ledger.pending.len());
        prop_assert!(self.model.ledger.holds());
        self.real.reconcile();
        Ok(())
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_contract_does_what_the_model_does(
        fee_bps in 0_u32..=2_000,
        escrow in 1_000_u128..2_000_000,
        blocks in 9_u64..60,
        steps in vec(step(), 1..60),
    ) {
        let mut both = Both::new(fee_bps, escrow, blocks);
        let supply = both.real.supply();
        both.agree()?;
        for step in steps {
            let (real, model) = both.take(&step);
            prop_assert_eq!(real, model, "{:?}", step);
            both.agree()?;
            if both.model.division.is_some() {
                break;
            }
        }
        let payable_at = both.model.payable_at().max(both.model.height);
        both.real.until(payable_at);
        both.model.height = payable_at;
        if both.model.division.is_none() {
            prop_assert_eq!(both.take(&Step::Close), (true, true));
        }
        let division = both.model.division.clone().unwrap();
        let Outcome { paid, router_fee, burned, refund, .. } = both.real.session(both.id).outcome.unwrap();
        let paid: Vec<Amount> = paid.into_iter().map(|(_, amount)| amount).collect();
        prop_assert_eq!(&paid, &division.hosts);
        prop_assert_eq!((router_fee, burned, refund), (division.router, division.burned, division.refund));
        prop_assert_eq!(both.real.supply() + burned.0, supply);
        both.real.reconcile();
        prop_assert_eq!(both.real.balance(&both.real.settlement), 0);
    }
}
