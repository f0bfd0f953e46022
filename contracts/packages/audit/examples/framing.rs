//! Prints how likely hostile auditors condemn an honest leaf: `cargo run --example framing`.
//!
//! A leaf is framed if its auditor, 4 of 7 seats and 13 of 21 seats are hostile. Seats are drawn by weight
//! one by one, so each count is binomial in the hostile part of the weight that may audit the host.

mod chance;

use chance::{binomial_tail, framed, hypergeometric_tail};
use quern_audit::Profile;

fn main() {
    let profile = Profile::DEFAULT;
    println!(
        "hostile part of the eligible weight, three stages (independent), review alone (any dependence)"
    );
    for hostile in [0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45] {
        let review = binomial_tail(profile.review, hostile);
        println!(
            "{hostile:>6.2} {:>12.2e} {review:>12.2e}",
            framed(&profile, hostile)
        );
    }
    println!("\nhostile part of the whole weight that keeps 9e-5, by the part that is excluded as dependent");
    for excluded in [0.0, 0.05, 0.1, 0.2, 0.3] {
        println!("{excluded:>6.2} {:>12.3}", 0.3 * (1.0 - excluded));
    }
    println!("\nseats for distinct hosts instead: 13 of 21 hostile, with 30 % of the weight split over ever more hosts");
    println!("beside 20 honest ones (hosts drawn alike, hypergeometric)");
    for hostile in [9, 15, 30, 60] {
        println!(
            "{hostile:>6} {:>12.2e}",
            hypergeometric_tail(profile.review, hostile, 20)
        );
    }
}
