//! Gas: records are laid out otherwise, so amounts differ; by how much is bounded, type of message by type of message, so
//! that what becomes much dearer, or free, fails the run.

use std::collections::BTreeMap;

use crate::compare::{Difference, Kind};

/// Least and most of wasmd's gas, in percent, that a transaction takes here.
type Bound = (u64, u64);

/// Of what was executed, and of what was refused.
const ANY: [Bound; 2] = [(60, 120), (20, 140)];

/// Those of messages that act on contracts of this chain, where wasmd's modules keep records of their own: executed, then
/// refused, as such a message may be refused after several questions to contracts. Each is what runs of 3,000 transactions
/// take, and half as much more. A proposal pays for its text before its deposit is refused.
const OF_CONTRACTS: [(&str, [Bound; 2]); 10] = [
    ("MsgBeginRedelegate", [(120, 660), (20, 950)]),
    ("MsgCancelUnbondingDelegation", [(70, 450), (20, 330)]),
    ("MsgCreateValidator", [(100, 240), (20, 200)]),
    ("MsgDelegate", [(50, 380), (20, 1_200)]),
    ("MsgEditValidator", [(70, 340), (20, 200)]),
    ("MsgSubmitProposal", [(60, 140), (20, 1_500)]),
    ("MsgUndelegate", [(120, 950), (20, 850)]),
    ("MsgUnjail", [(80, 330), (20, 260)]),
    ("MsgWithdrawDelegatorReward", [(70, 380), (20, 850)]),
    ("MsgWithdrawValidatorCommission", [(80, 380), (20, 220)]),
];
/// Gas that a transaction takes at most before its signatures are looked at: the one chain pays for its bytes before it is read
/// whole, the other after that.
const EARLY: u64 = 20_000;

/// What the report says of a transaction that was executed or not.
pub fn described(executed: bool, what: &str) -> String {
    format!("{} {what}", if executed { "executed" } else { "refused" })
}

/// Types of a transaction's messages, by their last parts, and whether it was executed.
fn class(d: &Difference) -> Option<(Vec<&str>, bool)> {
    let (ended, what) = d.what.split_once(' ')?;
    let (_, rest) = what.split_once(": user ")?;
    let (list, _) = rest.split_once('[')?.1.split_once(']')?;
    let mut types: Vec<&str> = list.split(", ").map(|name| name.trim_matches('"')).collect();
    types.sort_unstable();
    types.dedup();
    Some((types, ended == "executed"))
}

/// The bound of a message's type.
fn bound(name: &str, executed: bool) -> Bound {
    let found = OF_CONTRACTS.iter().find(|(known, _)| *known == name);
    found.map_or(ANY, |(_, bounds)| *bounds)[usize::from(!executed)]
}

fn percent(d: &Difference) -> Option<u64> {
    let (ours, theirs): (u64, u64) = (d.ours.parse().ok()?, d.theirs.parse().ok()?);
    (ours * 100).checked_div(theirs)
}

/// Whether it is within the bounds of its messages.
pub fn bounded(d: &Difference) -> bool {
    let (Some((types, executed)), Some(part)) = (class(d), percent(d)) else {
        return false;
    };
    let early = |text: &str| text.parse().is_ok_and(|gas: u64| gas < EARLY);
    if !executed && early(&d.ours) && early(&d.theirs) {
        return true;
    }
    let bounds = || types.iter().map(|name| bound(name, executed));
    let least = bounds().map(|(least, _)| least).min();
    let most = bounds().map(|(_, most)| most).max();
    least
        .zip(most)
        .is_some_and(|(least, most)| (least..=most).contains(&part))
}

/// Prints how far the gas of transactions that used any differs, kind by kind.
pub fn report(differences: &[Difference]) {
    let mut kinds: BTreeMap<(bool, String), Vec<u64>> = BTreeMap::new();
    let used = differences.iter().filter(|d| d.kind == Kind::GasUsed);
    for ((types, executed), percent) in used.filter_map(|d| Some((class(d)?, percent(d)?))) {
        let name = match types.as_slice() {
            [one] => (*one).to_owned(),
            _ => "several".to_owned(),
        };
        kinds.entry((executed, name)).or_default().push(percent);
    }
    println!("gas where it differs, in percent of wasmd's: least, median, most");
    for ((executed, name), mut all) in kinds {
        all.sort_unstable();
        let how = if executed { "" } else { ", refused" };
        println!(
            "{:8}  {:5} {:5} {:5}  {name}{how}",
            all.len(),
            all[0],
            all[all.len() / 2],
            all[all.len() - 1]
        );
    }
    println!();
}
