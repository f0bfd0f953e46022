//! Whose records this version takes over.

use rewards::contract::migrate;

#[test]
fn neither_an_older_minor_version_nor_a_newer_one_nor_another_contract_is_taken_over() {
    quern_testing::takes_over_only_records_that_it_reads("quern-rewards", env!("CARGO_PKG_VERSION"), migrate);
}
