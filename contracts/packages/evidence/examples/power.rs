//! Prints the power of the e-process against a cheat beside the figures that the protocol models:
//! `cargo run --example power [runs]` in `contracts/packages/evidence`.

mod model;

use model::{cheated_until_conviction, median_to_conviction, power, Cheat};

fn main() {
    let runs = std::env::args()
        .nth(1)
        .and_then(|text| text.parse().ok())
        .unwrap_or(300);
    println!("2 % cheat, 10,000 requests, 95 % of bad leaves flagged, true null mu_0/3, {runs} runs");
    println!("{:<44} {:>9} {:>9}", "", "measured", "protocol");
    let at = |null| Cheat {
        null,
        ..Cheat::DEFAULT
    };
    for (name, null, adaptive, modelled) in [
        ("5 % flat, mu_0 = 1e-3", 1_000, false, 0.67),
        ("5 % flat, mu_0 = 3e-4", 300, false, 0.91),
        ("adaptive 5 to 25 %, mu_0 = 1e-3", 1_000, true, 0.97),
        ("adaptive 5 to 25 %, mu_0 = 3e-4", 300, true, 1.00),
    ] {
        println!(
            "{name:<44} {:>9.2} {modelled:>9.2}",
            power(&at(null), adaptive, runs, 1)
        );
    }
    for (null, modelled) in [(1_000, 589), (300, 400)] {
        let name = format!("median leaves after 5,000 honest, mu_0 = {null}e-6");
        println!(
            "{name:<44} {:>9} {modelled:>9}",
            median_to_conviction(&at(null), 5_000, 101, 2)
        );
    }
    for fraction in [0.01, 0.005] {
        let cheat = Cheat { fraction, ..at(300) };
        let name = format!("{} % cheat, adaptive, mu_0 = 3e-4", fraction * 100.0);
        println!("{name:<44} {:>9.2} {:>9}", power(&cheat, true, runs, 3), "-");
    }
    println!("cheated leaves of those audited until conviction, after 5,000 honest, mu_0 = 367e-6");
    for fraction in [1.0, 0.1, 0.02, 0.01, 0.005, 0.002, 0.001] {
        let cheat = Cheat { fraction, ..at(367) };
        let leaves = cheated_until_conviction(&cheat, 5_000, 1_000_000, runs.min(100), 4);
        println!(
            "{:<44} {leaves:>9.1} {:>9}",
            format!("{} % cheat", fraction * 100.0),
            "-"
        );
    }
}
