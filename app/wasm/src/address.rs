//! Addresses of contracts (wasmd `x/wasm/keeper/addresses.go`), pure.

use quern_types::{AccAddress, Result};

use crate::keys::STORE;

/// Address of the `instance`-th contract of the chain, made from code `code_id`.
///
/// # Errors
/// None in practice: a digest is a valid address.
pub fn classic(code_id: u64, instance: u64) -> Result<AccAddress> {
    Ok(quern_types::contract_address(code_id, instance))
}

/// Address of instantiate2. `msg` is empty unless the creator fixed the message.
///
/// # Errors
/// As [`classic`].
pub fn predictable(checksum: &[u8], creator: &AccAddress, salt: &[u8], msg: &[u8]) -> Result<AccAddress> {
    let mut id = Vec::new();
    for part in [checksum, creator.as_bytes(), salt, msg] {
        id.extend(u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
        id.extend(part);
    }
    Ok(quern_types::module_sub_address(STORE, &id))
}

/// Name of a contract's IBC port.
pub(crate) fn ibc_port(contract: &AccAddress) -> String {
    format!("wasm.{contract}")
}

/// Name of a contract's port of IBC version 2: without the chain's prefix.
pub(crate) fn ibc2_port(contract: &AccAddress) -> String {
    let text = contract.to_string();
    let bare = text.strip_prefix(quern_types::BECH32_ACCOUNT).unwrap_or(&text);
    format!("wasm2{bare}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bech32: &str) -> Vec<u8> {
        bech32::decode(bech32).unwrap().1
    }

    #[test]
    fn classic_addresses_match_wasmds_vectors() {
        for (code, instance, expected) in [
            (
                0,
                0,
                "purple1w0w8sasnut0jx0vvsnvlc8nayq0q2ej8xgrpwgel05tn6wy4r57qfplul7",
            ),
            (
                0,
                1,
                "purple156r47kpk4va938pmtpuee4fh77847gqcw2dmpl2nnpwztwfgz04s5cr8hj",
            ),
            (
                1,
                0,
                "purple1mzdhwvvh22wrt07w59wxyd58822qavwkx5lcej7aqfkpqqlhaqfs5efvjk",
            ),
            (
                1,
                1,
                "purple14hj2tavq8fpesdwxxcu44rty3hh90vhujrvcmstl4zr3txmfvw9smc2vxm",
            ),
        ] {
            assert_eq!(classic(code, instance).unwrap().as_bytes(), decoded(expected));
        }
    }

    #[test]
    fn predictable_addresses_match_cosmjs_vectors() {
        let checksum =
            hex::decode("13a1fc994cc6d1c81b746ee0c0ff6f90043875e0bf1d9be6b7d779fc978dc2a5").unwrap();
        let creator = hex::decode("9999999999aaaaaaaaaabbbbbbbbbbcccccccccc").unwrap();
        let creator = AccAddress::from_bytes(creator).unwrap();
        let long_salt = "aabbccddeeffffeeddbbccddaa66551155aaaabbcc787878789900aabbccddeeffffeeddbbccddaa66551155aaaabbcc787878789900aabbbbcc221100acadae";
        for (salt, msg, expected) in [
            (
                "61",
                "",
                "5e865d3e45ad3e961f77fd77d46543417ced44d924dc3e079b5415ff6775f847",
            ),
            (
                "61",
                "{}",
                "0995499608947a5281e2c7ebd71bdb26a1ad981946dad57f6c4d3ee35de77835",
            ),
            (
                "61",
                r#"{"some":123,"structure":{"nested":["ok",true]}}"#,
                "83326e554723b15bac664ceabc8a5887e27003abe9fbd992af8c7bcea4745167",
            ),
            (
                long_salt,
                "",
                "9384c6248c0bb171e306fd7da0993ec1e20eba006452a3a9e078883eb3594564",
            ),
        ] {
            let salt = hex::decode(salt).unwrap();
            let address = predictable(&checksum, &creator, &salt, msg.as_bytes()).unwrap();
            assert_eq!(hex::encode(address.as_bytes()), expected);
        }
    }
}
