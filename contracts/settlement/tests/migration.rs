//! Whose records this version takes over.

use settlement::contract::migrate;

#[test]
fn neither_an_older_minor_version_nor_a_newer_one_nor_another_contract_is_taken_over() {
    quern_testing::takes_over_only_records_that_it_reads(
        "quern-settlement",
        env!("CARGO_PKG_VERSION"),
        migrate,
    );
}
