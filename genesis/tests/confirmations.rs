//! What part of a host's time confirmations take by the parameters that ship: prints the rows of ADR 15 and compares
//! them with the page: `cargo test --workspace --test confirmations -- --nocapture`.
#![allow(
    clippy::unwrap_used,
    clippy::float_arithmetic,
    reason = "a test stops at a surprise; averages are fractions"
)]

use std::collections::BTreeMap;

use quern_genesis::profile::ProfileName;

/// What an epoch brings on average.
struct Epoch {
    blocks: f64,
    /// Blocks of the window.
    window: f64,
    /// Confirmations that begin.
    confirmations: f64,
    /// Blocks in them.
    confirming: f64,
    /// Chance that none begins.
    none: f64,
}

/// Follows the chance that no sprint runs from block to block, as `poc-weights` begins them at a block's end: none
/// while one runs, nor so late that it would reach into the window.
fn epoch(name: ProfileName) -> Epoch {
    let profile = name.profile();
    let (params, blocks) = (profile.poc_weights, profile.epoch_blocks);
    let sprint = params.sprint_blocks;
    let window = sprint * u64::from(params.window_sprints);
    let chance = 1.0 / whole(u64::from(params.confirm_every));
    let mut last = (0.0, 1.0);
    let mut free = BTreeMap::from([(1, 1.0)]);
    // the first epochs only lead to the one in the long run: a sprint may begin in one and end in the next
    for number in 0..4 {
        let due = number * blocks + params.window_start;
        let (mut confirmations, mut none) = (0.0, 1.0);
        for height in number * blocks + 1..=(number + 1) * blocks {
            let here = free.remove(&height).unwrap_or(0.0);
            let mut add = |at: u64, part: f64| *free.entry(at).or_insert(0.0) += part;
            if height == due {
                assert!((here - 1.0_f64).abs() < 1e-9, "nothing delays a window");
                add(due + window, here);
            } else if height < due && height + sprint > due {
                add(height + 1, here);
            } else if height < due || height >= due + window {
                confirmations += here * chance;
                none *= 1.0 - chance;
                add(height + sprint, here * chance);
                add(height + 1, here * (1.0 - chance));
            }
        }
        last = (confirmations, none);
    }
    let (confirmations, none) = last;
    Epoch {
        blocks: whole(blocks),
        window: whole(window),
        confirmations,
        confirming: confirmations * whole(sprint),
        none,
    }
}

fn whole(number: u64) -> f64 {
    f64::from(u32::try_from(number).unwrap())
}

#[test]
fn confirmations_take_the_part_of_a_hosts_time_that_the_decision_names() {
    let both = [epoch(ProfileName::Standard), epoch(ProfileName::Localnet)];
    let row = |name: &str, of: &dyn Fn(&Epoch) -> String| {
        let [standard, localnet] = both.each_ref().map(of);
        format!("| {name} | {standard} | {localnet} |")
    };
    let part = |value: f64| format!("{:.2} %", 100.0 * value);
    let rows = [
        row("blocks of an epoch", &|e| format!("{:.0}", e.blocks)),
        row("part of them in the window", &|e| part(e.window / e.blocks)),
        row("confirmations of an epoch, on average", &|e| {
            format!("{:.2}", e.confirmations)
        }),
        row("part of the blocks in confirmations", &|e| {
            part(e.confirming / e.blocks)
        }),
        row("epochs without a confirmation", &|e| part(e.none)),
        row("most that the rule gives back", &|e| {
            part(e.confirming / e.blocks / 2.0)
        }),
    ];
    println!("{}", rows.join("\n"));
    let page = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/adr/0015-served-work-waives-no-confirmations.md"
    );
    let page = std::fs::read_to_string(page).unwrap();
    for row in rows {
        assert!(page.contains(&row), "the page does not say\n{row}");
    }
}
