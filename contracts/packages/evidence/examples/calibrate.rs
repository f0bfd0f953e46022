//! Prints the null that a held-out split supports:
//! `cargo run --features calibration --example calibrate FAILURES LEAVES`.

use quern_evidence::calibration::{clopper_pearson_upper, leaves_needed, null_from_held_out};

/// Probability that the panels condemn an honest leaf at 30 % hostile weight: 9.21e-5, rounded up
/// (`quern-audit`'s example `framing`).
const FRAMING: f64 = 9.3e-5;

fn main() {
    let mut numbers = std::env::args().skip(1).map(|text| text.parse::<u64>());
    if let (Some(Ok(failures)), Some(Ok(leaves))) = (numbers.next(), numbers.next()) {
        println!(
            "upper bound at 1 - 1e-6: {:.3e}",
            clopper_pearson_upper(failures, leaves, 1e-6)
        );
        println!(
            "null: {} millionths",
            null_from_held_out(failures, leaves, FRAMING)
        );
        return;
    }
    println!("usage: calibrate FAILURES LEAVES. Without a failure a null takes so many held-out leaves:");
    println!("{:>8} {:>16} {:>16}", "null", "without framing", "with framing");
    for null in [3e-3, 1e-3, 3e-4, 2e-4] {
        let [plain, framed] = [0.0, FRAMING].map(|framing| leaves_needed(null, framing).unwrap_or(0));
        println!("{null:>8} {plain:>16} {framed:>16}");
    }
}
