//! Addresses as contracts see them (wasmd `x/wasm/keeper/api.go`).

use cosmwasm_vm::{BackendApi, BackendError, BackendResult, GasInfo};
use quern_types::AccAddress;

use crate::gas;

/// Bech32 with this chain's prefix. Error texts reach contracts: they are wasmd's, and none is borrowed from a
/// library that could change it.
#[derive(Clone, Copy)]
pub(crate) struct Api;

fn parse(human: &str) -> Result<AccAddress, BackendError> {
    AccAddress::parse(human).map_err(|e| BackendError::user_err(e.to_string()))
}

fn cost(sdk: u64) -> GasInfo {
    GasInfo::with_cost(gas::to_vm(sdk))
}

impl BackendApi for Api {
    fn addr_validate(&self, input: &str) -> BackendResult<()> {
        match parse(input) {
            Err(error) => (Err(error), cost(gas::CANONICALIZE)),
            Ok(address) => {
                let normal = address.to_string() == input;
                let result = normal
                    .then_some(())
                    .ok_or_else(|| BackendError::user_err("address not normalized"));
                (result, cost(gas::CANONICALIZE + gas::HUMANIZE))
            }
        }
    }

    fn addr_canonicalize(&self, human: &str) -> BackendResult<Vec<u8>> {
        let result = parse(human).map(|a| a.as_bytes().to_vec());
        (result, cost(gas::CANONICALIZE))
    }

    fn addr_humanize(&self, canonical: &[u8]) -> BackendResult<String> {
        let result = AccAddress::from_bytes(canonical)
            .map(|a| a.to_string())
            .map_err(|e| BackendError::user_err(e.to_string()));
        (result, cost(gas::HUMANIZE))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_normal_form_of_an_address_is_valid() {
        let address = AccAddress::from_bytes(vec![3; 32]).unwrap().to_string();
        let mixed = address.replacen("quern1", "Quern1", 1);
        let foreign = "cosmos17xpfvakm2amg962yls6f84z3kell8c5lserqta";
        for (input, valid, sdk_gas) in [
            (address.as_str(), true, 9),
            (&address.to_uppercase(), false, 9),
            (&mixed, false, 4),
            (foreign, false, 4),
            ("", false, 4),
        ] {
            let (result, gas) = Api.addr_validate(input);
            assert_eq!(result.is_ok(), valid, "{input}");
            assert_eq!(gas.cost, sdk_gas * 140_000, "{input}");
        }
    }

    #[test]
    fn contracts_read_why_an_address_is_none_as_on_wasmd() {
        for (input, text) in [
            ("", "empty address string is not allowed"),
            (
                "quern1notanaddress",
                "decoding bech32 failed: invalid character not part of charset: 111",
            ),
            (
                "cosmos17xpfvakm2amg962yls6f84z3kell8c5lserqta",
                "invalid Bech32 prefix; expected quern, got cosmos",
            ),
        ] {
            let error = Api.addr_validate(input).0.unwrap_err();
            assert_eq!(error.to_string(), BackendError::user_err(text).to_string());
        }
    }

    #[test]
    fn addresses_round_trip_and_empty_ones_do_not_exist() {
        let (human, gas) = Api.addr_humanize(&[3; 20]);
        assert_eq!(gas.cost, 700_000);
        let (canonical, gas) = Api.addr_canonicalize(&human.unwrap());
        assert_eq!((canonical.unwrap(), gas.cost), (vec![3; 20], 560_000));
        assert!(Api.addr_humanize(&[]).0.is_err());
    }
}
