//! What a host's record of an epoch is worth.

use quern_interface::poc_weights::{SprintInfo, SprintKind};
use quern_interface::registry::Standing;
use quern_weights::{believed, quality, reading, Samples};

use crate::state::Record;

/// A record's readings in the epoch: window, then confirmations. Work of another generation than the present
/// one is void. Declared maintenance excuses confirmations that it meets, nothing in the window.
pub fn samples(
    record: &Record,
    generation: u32,
    sprints: &[SprintInfo],
    standing: &Standing,
) -> [Samples; 2] {
    let mut samples = [Samples::default(); 2];
    let [window, confirmations] = &mut samples;
    for sprint in sprints {
        let committed = record.work.iter().find(|(of, _)| *of == sprint.sprint);
        let work = committed.filter(|_| record.generation == generation);
        let work = work.map_or(0, |(_, work)| *work);
        let blocks = sprint.deadline.saturating_sub(sprint.start);
        match sprint.kind {
            SprintKind::Window => window.add(work, blocks),
            SprintKind::Confirmation if excused(standing, sprint) => {}
            SprintKind::Confirmation => confirmations.add(work, blocks),
        }
    }
    samples
}

fn excused(standing: &Standing, sprint: &SprintInfo) -> bool {
    let meets = |(from, to): &(u64, u64)| *from <= sprint.deadline && sprint.start < *to;
    standing.maintenance.iter().any(meets)
}

/// Proven work in 1,000 blocks, and what verdicts leave of it.
pub fn worth(record: &Record, [window, confirmations]: &[Samples; 2]) -> (u64, u64) {
    let proven = reading(window, confirmations);
    let (clean, failed) = record
        .judged
        .iter()
        .fold((0_u64, 0_u64), |(clean, failed), (_, good, bad)| {
            (
                clean.saturating_add(u64::from(*good)),
                failed.saturating_add(u64::from(*bad)),
            )
        });
    (proven, believed(proven, quality(clean, failed)))
}
