//! Prints how likely hostile auditors condemn an honest leaf, or have its payload found missing: `cargo run
//! --example framing`. Both ways, accusation and unfetchable, go through auditor, 4 of 7 seats and 13 of 21. Seats
//! are drawn by weight one by one, so each count is binomial in the hostile part of the weight that may audit the
//! host.

mod chance;

use chance::{binomial_tail, checked_as_missing, framed, framed_as_missing, hypergeometric_tail};
use quern_audit::Profile;

fn main() {
    let profile = Profile::DEFAULT;
    println!(
        "hostile part of the eligible weight, host that serves everybody: condemned or missing (independent"
    );
    println!("stages), review alone (any dependence)");
    for hostile in [0.1, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45] {
        let review = binomial_tail(profile.review, hostile);
        let framed = framed(&profile, hostile, 0.0);
        println!("| {hostile:.2} | {framed:.1e} | {review:.1e} |");
    }
    println!("\npart of the honest weight that an honest host fails to serve, at 30 % hostile: condemned, missing, missing");
    println!("where its auditor is checked");
    for unserved in [0.0, 0.01, 0.05, 0.1, 0.2, 0.5] {
        let condemned = framed(&profile, 0.3, unserved);
        let missing = framed_as_missing(&profile, 0.3, unserved);
        let checked = checked_as_missing(&profile, 0.3, unserved);
        println!("| {unserved:.2} | {condemned:.1e} | {missing:.1e} | {checked:.1e} |");
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
