//! Whole histories: honest hosts, a cheat, hostile auditors in the minority, hosts that withhold.

use crate::common;

use common::chain::name;
use common::{Audits, CLEAN, FAILED, UNFETCHABLE};
use proptest::prelude::*;
use quern_audit::Vote;
use quern_interface::audits::LeafInfo;
use quern_interface::bonding::{QueryMsg as AskBonding, Totals as BondTotals};
use quern_interface::settlement::ExecuteMsg as Settlement;
use quern_protocol::{hash_fields, Hash};

const HOSTS: usize = 10;
const PAYERS: [&str; 3] = ["payer", "router", "stranger"];
/// Serves nothing but rubbish.
const CHEAT: usize = 0;
/// A fifth of the weight; what they say follows from nothing.
const HOSTILE: [usize; 2] = [8, 9];

/// What burned so far.
fn burned(audits: &Audits) -> u128 {
    let wrap = audits.world.app.wrap();
    let bonds: BondTotals = wrap
        .query_wasm_smart(&audits.world.bonding, &AskBonding::Totals {})
        .unwrap();
    bonds.burned.0 + audits.world.totals().burned.0
}

fn noise(seed: u64, who: usize, leaf: &LeafInfo, stage: u32) -> Option<Vote> {
    let word = hash_fields(&[&seed.to_be_bytes(), &[who as u8, stage as u8], leaf.id.as_ref()]);
    match word.0[0] % 4 {
        0 => None,
        1 => UNFETCHABLE,
        2 => CLEAN,
        _ => FAILED,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 6, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn honest_hosts_are_never_convicted_a_cheat_is_and_every_coin_is_accounted_for(
        seed: u64,
        rounds in prop::collection::vec((1_usize..7, prop::bool::weighted(0.3)), 4),
    ) {
        let mut audits = Audits::new(HOSTS);
        let (supply, before) = (audits.world.supply(), burned(&audits));
        let mut bad: Vec<Hash> = Vec::new();
        let mut sessions: Vec<(u64, &str)> = Vec::new();
        let mut withheld = [false; HOSTS];
        for (round, (host, withholds)) in rounds.into_iter().enumerate() {
            let mut claims = Vec::new();
            let convicted = audits.record(CHEAT).convictions > 0;
            let servers = if convicted { vec![host] } else { vec![CHEAT, host] };
            let opened: Vec<_> = servers
                .into_iter()
                .map(|server| (server, PAYERS.map(|payer| audits.open(payer, server))))
                .collect();
            audits.fresh();
            for (server, opened) in opened {
                let ids = audits.serve(server, &opened, 200);
                if server == CHEAT {
                    bad.extend(ids);
                }
                sessions.extend(opened.into_iter().zip(PAYERS));
                let page = audits.books[server].pages.last().unwrap();
                for session in opened {
                    let voucher = &page.receipts[&session][0].voucher;
                    claims.push(audits.books[server].claim(&audits.world, voucher));
                }
            }
            for claim in claims {
                audits.world.must(&name("stranger"), &claim);
            }
            let withholding = if withholds { vec![host] } else { vec![] };
            withheld[host] |= withholds;
            audits.play(&withholding, &|who, leaf, stage| {
                if HOSTILE.contains(&who) {
                    noise(seed ^ round as u64, who, leaf, stage)
                } else if bad.contains(&leaf.id) {
                    FAILED
                } else {
                    CLEAN
                }
            });
        }
        prop_assert_eq!(audits.record(CHEAT).convictions, 1);
        for (host, withheld) in withheld.iter().enumerate().skip(1) {
            let record = audits.record(host);
            prop_assert_eq!((record.convictions, record.condemned, record.missing, record.frozen), (0, 0, 0, false));
            // liveness costs whoever withheld, and nobody else
            prop_assert_eq!(record.forfeited.0 > 0, *withheld);
        }
        for (session, payer) in &sessions {
            // some have ended by themselves
            let close = Settlement::CloseSession { session: *session };
            audits.world.execute(&name(payer), &close, &[]).ok();
        }
        let last = sessions.iter().map(|(id, _)| audits.world.session(*id).payable_at).max().unwrap();
        while audits.world.height() < last {
            audits.block();
        }
        for (session, payer) in &sessions {
            audits.world.payer = name(payer);
            audits.world.must(&name("stranger"), &Settlement::Close { session: *session });
            let outcome = audits.world.session(*session).outcome.unwrap();
            let cheat = audits.host(CHEAT);
            let paid = outcome.paid.iter().find(|(host, _)| host == cheat.as_str());
            prop_assert!(paid.is_none_or(|(_, amount)| amount.is_zero()));
            audits.world.reconcile();
        }
        // what is left belongs to sessions that nobody used
        prop_assert_eq!(audits.world.totals().restitution_held.0, 0);
        prop_assert_eq!(supply - audits.world.supply(), burned(&audits) - before);
    }
}
