//! What the tests of every contract check alike.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

use std::fmt::Display;

use cosmwasm_std::testing::{mock_dependencies, mock_env};
use cosmwasm_std::{DepsMut, Empty, Env, Response};

/// A contract's entry point for migrations.
pub type Migrate<E> = fn(DepsMut, Env, Empty) -> Result<Response, E>;

/// Checks that a contract of this name and version takes over its own records and no others: of no other minor
/// version, as the records of each were others, of none that is newer and of no other contract.
pub fn takes_over_only_records_that_it_reads<E: Display>(name: &str, version: &str, migrate: Migrate<E>) {
    // the version that is stored then
    let from = |name: &str, version: &str| -> Result<String, String> {
        let mut deps = mock_dependencies();
        cw2::set_contract_version(&mut deps.storage, name, version).unwrap();
        migrate(deps.as_mut(), mock_env(), Empty {}).map_err(|error| error.to_string())?;
        Ok(cw2::get_contract_version(&deps.storage).unwrap().version)
    };
    assert_eq!(from(name, version).unwrap(), version);
    let numbers: Vec<u32> = version.split('.').map(|part| part.parse().unwrap()).collect();
    let [major, minor, patch] = numbers[..] else {
        panic!("{version} has no three numbers")
    };
    let mut refused = vec![
        format!("{major}.{}.0", minor + 1),
        format!("{major}.{minor}.{}", patch + 1),
        format!("{}.{minor}.{patch}", major + 1),
        String::new(),
        "one".into(),
    ];
    refused.extend((0..minor).map(|older| format!("{major}.{older}.9")));
    for version in &refused {
        let error = from(name, version).unwrap_err();
        assert!(error.starts_with("bad_migration:"), "{version}: {error}");
    }
    let error = from("another-contract", version).unwrap_err();
    assert!(error.starts_with("bad_migration:"), "{error}");
}
