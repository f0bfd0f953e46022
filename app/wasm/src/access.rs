//! Who may upload and who may instantiate (wasmd `x/wasm/types/params.go`, `keeper/authz_policy.go`), pure.

use quern_proto::cosmwasm::wasm::v1::{AccessConfig, AccessType, Params};
use quern_types::{AccAddress, Result, errors as sdk};

use crate::{errors, limits};

/// Everybody may.
#[cfg(test)]
fn everybody() -> AccessConfig {
    AccessConfig {
        permission: AccessType::Everybody.into(),
        addresses: vec![],
    }
}

/// The addresses in `of` may.
pub(crate) fn only(of: &[AccAddress]) -> AccessConfig {
    AccessConfig {
        permission: AccessType::AnyOfAddresses.into(),
        addresses: of.iter().map(AccAddress::to_string).collect(),
    }
}

/// The chain's default for instantiating what `creator` uploads.
pub(crate) fn default_for(permission: i32, creator: &AccAddress) -> Result<AccessConfig> {
    match kind(permission)? {
        AccessType::AnyOfAddresses => Ok(only(std::slice::from_ref(creator))),
        other => Ok(AccessConfig {
            permission: other.into(),
            addresses: vec![],
        }),
    }
}

/// Whether `actor` is admitted.
pub(crate) fn allows(config: &AccessConfig, actor: &AccAddress) -> bool {
    match AccessType::try_from(config.permission) {
        Ok(AccessType::Everybody) => true,
        Ok(AccessType::AnyOfAddresses) => config.addresses.contains(&actor.to_string()),
        _ => false,
    }
}

/// Whether `config` admits nobody whom `bound` does not.
pub(crate) fn is_subset(config: &AccessConfig, bound: &AccessConfig) -> bool {
    let Ok(kind) = AccessType::try_from(config.permission) else {
        return false;
    };
    match AccessType::try_from(bound.permission) {
        Ok(AccessType::AnyOfAddresses) => {
            kind == AccessType::Nobody
                || kind == AccessType::AnyOfAddresses
                    && config.addresses.iter().all(|a| bound.addresses.contains(a))
        }
        Ok(bound) => is_subset_kind(kind, bound),
        Err(_) => false,
    }
}

/// The same for kinds of permission alone.
pub(crate) fn is_subset_kind(kind: AccessType, bound: AccessType) -> bool {
    match bound {
        AccessType::Everybody => kind != AccessType::Unspecified,
        AccessType::Nobody => kind == AccessType::Nobody,
        AccessType::AnyOfAddresses => matches!(kind, AccessType::Nobody | AccessType::AnyOfAddresses),
        AccessType::Unspecified => false,
    }
}

/// Name of a permission in events.
pub(crate) fn name(permission: i32) -> &'static str {
    match AccessType::try_from(permission) {
        Ok(AccessType::Nobody) => "Nobody",
        Ok(AccessType::Everybody) => "Everybody",
        Ok(AccessType::AnyOfAddresses) => "AnyOfAddresses",
        _ => "Unspecified",
    }
}

fn kind(permission: i32) -> Result<AccessType> {
    match AccessType::try_from(permission) {
        Ok(AccessType::Unspecified) => Err(errors::EMPTY.wrap("type")),
        Ok(kind) => Ok(kind),
        // wasmd has no name for it
        Err(_) => Err(errors::INVALID.wrap(format!("unknown type: {:?}", name(permission)))),
    }
}

/// Checks a permission from a message.
pub(crate) fn validate(config: &AccessConfig) -> Result<()> {
    match kind(config.permission)? {
        AccessType::AnyOfAddresses => validate_addresses(&config.addresses).map_err(|e| e.wrap("addresses")),
        _ => Ok(()),
    }
}

/// Checks parameters.
pub(crate) fn validate_params(params: &Params) -> Result<()> {
    kind(params.instantiate_default_permission).map_err(|e| e.wrap("instantiate default permission"))?;
    let upload = params.code_upload_access.clone().unwrap_or_default();
    validate(&upload).map_err(|e| e.wrap("upload access"))
}

/// Checks a list of addresses: present, bounded, well-formed, distinct whatever their case.
pub(crate) fn validate_addresses(addresses: &[String]) -> Result<()> {
    if addresses.is_empty() {
        return Err(errors::EMPTY.wrap("addresses"));
    }
    if addresses.len() > limits::ADDRESSES {
        return Err(sdk::INVALID_REQUEST.wrap(format!(
            "total number of addresses is greater than {}",
            limits::ADDRESSES
        )));
    }
    let mut seen = std::collections::BTreeSet::new();
    for address in addresses {
        let parsed = AccAddress::parse(address).map_err(|e| e.wrap(format!("address: {address}")))?;
        if !seen.insert(parsed) {
            return Err(errors::DUPLICATE.wrap("duplicate addresses"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(byte: u8) -> AccAddress {
        AccAddress::from_bytes(vec![byte; 20]).unwrap()
    }

    fn of(kind: AccessType) -> AccessConfig {
        AccessConfig {
            permission: kind.into(),
            addresses: vec![],
        }
    }

    #[test]
    fn a_narrower_permission_is_a_subset_and_a_wider_one_is_not() {
        let (nobody, all) = (of(AccessType::Nobody), everybody());
        let (a, ab) = (only(&[address(1)]), only(&[address(1), address(2)]));
        for (config, bound, expected) in [
            (&nobody, &all, true),
            (&all, &nobody, false),
            (&a, &ab, true),
            (&ab, &a, false),
            (&nobody, &a, true),
            (&all, &a, false),
            (&a, &nobody, false),
            (&a, &all, true),
            (&of(AccessType::Unspecified), &all, false),
        ] {
            assert_eq!(is_subset(config, bound), expected, "{config:?} in {bound:?}");
        }
    }

    #[test]
    fn the_same_address_in_two_cases_is_a_duplicate() {
        let lower = address(1).to_string();
        let error = validate_addresses(&[lower.to_uppercase(), lower]).unwrap_err();
        assert!(error.is(&errors::DUPLICATE));
    }

    #[test]
    fn an_oversized_list_is_refused_before_it_is_read() {
        let error = validate_addresses(&vec![String::from("nonsense"); 51]).unwrap_err();
        assert!(error.is(&sdk::INVALID_REQUEST));
    }

    #[test]
    fn an_unknown_permission_admits_nobody() {
        let odd = AccessConfig {
            permission: 2,
            addresses: vec![],
        };
        assert!(!allows(&odd, &address(1)) && validate(&odd).is_err());
    }
}
