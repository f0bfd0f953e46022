//! Whose records this version takes over.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

use cosmwasm_std::testing::{mock_dependencies, mock_env};
use cosmwasm_std::Empty;
use poc_weights::contract::migrate;

/// Migrates from a contract of this name and version; the version that is stored then.
fn from(name: &str, version: &str) -> Result<String, String> {
    let mut deps = mock_dependencies();
    cw2::set_contract_version(&mut deps.storage, name, version).unwrap();
    migrate(deps.as_mut(), mock_env(), Empty {}).map_err(|error| error.to_string())?;
    Ok(cw2::get_contract_version(&deps.storage).unwrap().version)
}

#[test]
fn neither_an_older_minor_version_nor_a_newer_one_nor_another_contract_is_taken_over() {
    let ours = env!("CARGO_PKG_VERSION");
    assert_eq!(from("quern-poc-weights", ours).unwrap(), ours);
    let numbers: Vec<u32> = ours.split('.').map(|part| part.parse().unwrap()).collect();
    let (major, minor, patch) = (numbers[0], numbers[1], numbers[2]);
    let mut refused = vec![
        format!("{major}.{}.0", minor + 1),
        format!("{major}.{minor}.{}", patch + 1),
        format!("{}.{minor}.{patch}", major + 1),
        String::new(),
        "one".into(),
    ];
    // down to the first: records of each were others
    refused.extend((0..minor).map(|older| format!("{major}.{older}.9")));
    for version in &refused {
        let error = from("quern-poc-weights", version).unwrap_err();
        assert!(error.starts_with("bad_migration:"), "{version}: {error}");
    }
    assert!(from("quern-settlement", ours)
        .unwrap_err()
        .starts_with("bad_migration:"));
}
