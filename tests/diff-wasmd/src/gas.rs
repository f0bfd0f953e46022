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

/// How much more than the mean of its messages' bounds, in percent, a transaction of several may take: a message may be of
/// most of its gas.
const SEVERAL: u64 = 150;

/// How a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Ended {
    Executed,
    /// A message, by its place, was refused after those before it were executed; or none was looked at.
    Refused(Option<usize>),
}

/// What the report says of a transaction that ended with this text, or was executed.
pub fn described(refusal: Option<&str>, what: &str) -> String {
    let Some(text) = refusal else {
        return format!("executed {what}");
    };
    let (_, rest) = text.split_once("message index: ").unwrap_or_default();
    let place: String = rest.chars().take_while(char::is_ascii_digit).collect();
    format!("refused@{place} {what}")
}

/// Types of a transaction's messages, by their last parts, and how it ended.
fn class(d: &Difference) -> Option<(Vec<&str>, Ended)> {
    let (ended, what) = d.what.split_once(' ')?;
    let (_, rest) = what.split_once(": user ")?;
    let (list, _) = rest.split_once('[')?.1.split_once(']')?;
    let types: Vec<&str> = list.split(", ").map(|name| name.trim_matches('"')).collect();
    let ended = match ended.strip_prefix("refused@") {
        None => Ended::Executed,
        Some(place) => Ended::Refused(place.parse().ok()),
    };
    Some((types, ended))
}

/// The bound of a message's type.
fn bound(name: &str, executed: bool) -> Bound {
    let found = OF_CONTRACTS.iter().find(|(known, _)| *known == name);
    found.map_or(ANY, |(_, bounds)| *bounds)[usize::from(!executed)]
}

/// The bound of a transaction. That of several messages is about the mean of theirs, so that a dear one does not excuse as
/// much for many beside it, and never wider than the widest.
fn bounds(types: &[&str], ended: Ended) -> Bound {
    let all: Vec<Bound> = match ended {
        Ended::Executed => types.iter().map(|name| bound(name, true)).collect(),
        Ended::Refused(None) => vec![ANY[1]],
        Ended::Refused(Some(last)) => {
            let ran = types.iter().enumerate().take(last.saturating_add(1));
            ran.map(|(place, name)| bound(name, place < last)).collect()
        }
    };
    let count = all.len().max(1) as u64;
    let of = |part: fn(&Bound) -> u64| all.iter().map(part);
    let (least, most) = (of(|bound| bound.0), of(|bound| bound.1));
    let (narrowest, widest) = (least.clone().min(), most.clone().max());
    let least = least.sum::<u64>() * 100 / (count * SEVERAL);
    let most = most.sum::<u64>() * SEVERAL / (count * 100);
    (least.max(narrowest.unwrap_or(0)), most.min(widest.unwrap_or(0)))
}

fn percent(d: &Difference) -> Option<u64> {
    let (ours, theirs): (u64, u64) = (d.ours.parse().ok()?, d.theirs.parse().ok()?);
    (ours * 100).checked_div(theirs)
}

/// Whether it is within the bounds of its messages.
pub fn bounded(d: &Difference) -> bool {
    let (Some((types, ended)), Some(part)) = (class(d), percent(d)) else {
        return false;
    };
    let early = |text: &str| text.parse().is_ok_and(|gas: u64| gas < EARLY);
    if ended != Ended::Executed && early(&d.ours) && early(&d.theirs) {
        return true;
    }
    let (least, most) = bounds(&types, ended);
    (least..=most).contains(&part)
}

/// Prints how far the gas of transactions that used any differs, kind by kind.
pub fn report(differences: &[Difference]) {
    let mut kinds: BTreeMap<(bool, String), Vec<u64>> = BTreeMap::new();
    let used = differences.iter().filter(|d| d.kind == Kind::GasUsed);
    for ((types, ended), percent) in used.filter_map(|d| Some((class(d)?, percent(d)?))) {
        let name = match types.as_slice() {
            [one] => (*one).to_owned(),
            _ => "several".to_owned(),
        };
        let executed = ended == Ended::Executed;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn used(refusal: Option<&str>, types: &[&str], ours: u64) -> Difference {
        Difference {
            kind: Kind::GasUsed,
            what: described(
                refusal,
                &format!("a draft in block 7 (None, Direct): user 3 {types:?} fee []"),
            ),
            ours: ours.to_string(),
            theirs: "100000".to_owned(),
        }
    }

    #[test]
    fn a_dear_message_widens_the_bound_by_its_part_of_the_transaction() {
        let dear = "MsgUndelegate";
        assert!(bounded(&used(None, &[dear], 900_000)));
        assert!(bounded(&used(None, &[dear, dear, dear], 900_000)));
        assert!(!bounded(&used(None, &[dear, dear, dear], 960_000)));
        let one_of_four = [dear, "MsgSend", "MsgSend", "MsgSend"];
        assert!(bounded(&used(None, &one_of_four, 450_000)));
        assert!(!bounded(&used(None, &one_of_four, 900_000)));
        assert!(!bounded(&used(None, &["MsgSend", "MsgSend"], 130_000)));
    }

    #[test]
    fn what_comes_behind_the_refused_message_excuses_nothing() {
        let types = ["MsgSend", "MsgSend", "MsgUndelegate"];
        let refused = |place: usize| {
            let text = format!("failed to execute message; message index: {place}: no coins");
            used(Some(&text), &types, 500_000)
        };
        assert!(!bounded(&refused(1)));
        assert!(bounded(&refused(2)));
        assert!(!bounded(&used(Some("unauthorized"), &types, 500_000)));
    }
}
