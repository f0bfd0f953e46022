//! Up to which price a bond covers what a cheat gains, by the parameters that ship: prints the rows of ADR 16 and compares
//! them with the page: `cargo test --workspace --test bonds -- --nocapture`.
#![allow(
    clippy::unwrap_used,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    reason = "a test stops at a surprise; coins of a table are fractions"
)]

use quern_genesis::profile::ProfileName;

/// Bad leaves that audits look at before a conviction, at most on average: `quern-evidence`'s tests hold it.
const LOOKED_AT: u128 = 212;
/// How many gains a bond covers.
const GAINS: u128 = 20;
/// Highest launch price of a shipped model, in nqrn a token.
const LAUNCH_PRICE: u128 = 10;

struct Row {
    round: u128,
    draws: u128,
    appeal: u128,
    busy: u128,
    price: u128,
    quiet: u128,
    entry: u128,
}

fn row(name: ProfileName) -> Row {
    let profile = name.profile();
    let seconds = |blocks: u64| u128::from(blocks) * u128::from(profile.pricing.block_ms) / 1_000;
    let (round, appeal) = (
        seconds(profile.audits.round_blocks),
        seconds(profile.settlement.appeal_blocks),
    );
    let draws = u128::from(profile.audits.max_draws);
    // rounded against the bond
    let busy = (GAINS * LOOKED_AT * round).div_ceil(draws);
    let share = u128::from(profile.audits.rates.base_bps);
    Row {
        round,
        draws,
        appeal,
        busy,
        price: profile.registry.bond_per_capacity.0 / (busy + appeal),
        quiet: GAINS * LOOKED_AT * profile.audits.mean_capture.0 * 10_000 / share,
        entry: profile.registry.entry_fee.0,
    }
}

#[test]
fn a_bond_covers_twenty_gains_and_a_window_far_above_the_launch_price() {
    let both = [row(ProfileName::Standard), row(ProfileName::Localnet)];
    for row in &both {
        assert!(row.price >= 10 * LAUNCH_PRICE, "{}", row.price);
        assert!(row.quiet < row.entry, "{} {}", row.quiet, row.entry);
    }
    let line = |name: &str, of: &dyn Fn(&Row) -> String| {
        let [standard, localnet] = both.each_ref().map(of);
        format!("| {name} | {standard} | {localnet} |")
    };
    let qrn = |nqrn: u128| format!("{:.3}", nqrn as f64 / 1e9);
    let rows = [
        line("seconds of a round", &|r| r.round.to_string()),
        line("draws of a round at most", &|r| r.draws.to_string()),
        line("appeal, in seconds of revenue", &|r| r.appeal.to_string()),
        line("20 gains of a busy host, in seconds of revenue", &|r| {
            r.busy.to_string()
        }),
        line("price up to which the bond covers both, nqrn a token", &|r| {
            r.price.to_string()
        }),
        line("20 gains of a quiet host, QRN", &|r| qrn(r.quiet)),
        line("entry fee, QRN", &|r| qrn(r.entry)),
    ];
    println!("{}", rows.join("\n"));
    let page = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../docs/adr/0016-bonds-beside-gains.md"
    );
    let page = std::fs::read_to_string(page).unwrap();
    for row in rows {
        assert!(page.contains(&row), "the page does not say\n{row}");
    }
}
