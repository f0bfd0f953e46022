use super::sprint;
use crate::proof::clock::{Delays, Due, due};
use quern_interface::poc_weights::SprintInfo;

fn days(delays: &Delays, insured: bool) -> Vec<(u64, Due)> {
    let mut days: Vec<(u64, Due)> = (100..=121)
        .map(|height| (height, due(&sprint(1), height, delays, insured)))
        .collect();
    days.dedup_by_key(|(_, due)| *due);
    days
}

#[test]
fn insurance_comes_at_half_time_and_the_last_commit_as_late_as_it_safely_can() {
    let found = days(&Delays::default(), false);
    let wanted = [
        (100, Due::Nothing),
        (110, Due::Insurance),
        (117, Due::Nothing),
        (118, Due::Last),
        (120, Due::Over),
    ];
    assert_eq!(found, wanted);
    let insured = [(100, Due::Nothing), (118, Due::Last), (120, Due::Over)];
    assert_eq!(days(&Delays::default(), true), insured);
}

#[test]
fn a_short_sprint_is_insured_too() {
    let short = |height| {
        due(
            &SprintInfo {
                deadline: 110,
                ..sprint(1)
            },
            height,
            &Delays::default(),
            false,
        )
    };
    assert_eq!(
        [104, 105, 106, 107, 108].map(short),
        [
            Due::Nothing,
            Due::Insurance,
            Due::Insurance,
            Due::Nothing,
            Due::Last
        ]
    );
}

#[test]
fn a_slow_chain_moves_the_last_commit_forward_and_never_before_half_time() {
    let mut delays = Delays::default();
    delays.note(4);
    let last = |delays: &Delays| {
        days(delays, true)
            .iter()
            .find(|(_, due)| *due == Due::Last)
            .unwrap()
            .0
    };
    assert_eq!(last(&delays), 115);
    delays.note(500);
    assert_eq!(last(&delays), 110);
    // What was long ago counts no more.
    (0..8).for_each(|_| delays.note(1));
    assert_eq!(last(&delays), 118);
}
