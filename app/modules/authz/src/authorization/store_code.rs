//! `cosmwasm.wasm.v1.StoreCodeAuthorization`: uploads of some codes (wasmd `x/wasm/types/authz.go`).

use std::{collections::BTreeSet, io::Read};

use flate2::bufread::GzDecoder;
use quern_context::{AnyMsg, Cx};
use quern_proto::cosmwasm::wasm::v1::{AccessConfig, AccessType, CodeGrant, MsgStoreCode};
use quern_types::{AccAddress, Result, errors};
use sha2::{Digest, Sha256};

use super::{Verdict, decode};
use crate::error::{WASM_DUPLICATE, WASM_EMPTY, WASM_INVALID};

/// Matches every code.
const WILDCARD: &[u8] = b"*";
/// Longest code, unpacked (`MaxWasmSize`).
const MAX_CODE: usize = 800 * 1024;

pub(super) fn validate(grants: &[CodeGrant]) -> Result<()> {
    let mut seen = BTreeSet::new();
    match grants {
        [] => Err(WASM_EMPTY.wrap("grants")),
        [one] => validate_one(one).map_err(|e| e.wrap("position 0")),
        many => {
            for (i, grant) in many.iter().enumerate() {
                if grant.code_hash == WILDCARD {
                    let text = "cannot have multiple grants when wildcard grant is one of them";
                    return Err(errors::INVALID_REQUEST.wrap(text));
                }
                validate_one(grant).map_err(|e| e.wrap(format!("position {i}")))?;
                if !seen.insert(grant.code_hash.to_ascii_lowercase()) {
                    return Err(
                        errors::INVALID_REQUEST.wrap("cannot have multiple grants with same code hash")
                    );
                }
            }
            Ok(())
        }
    }
}

fn validate_one(grant: &CodeGrant) -> Result<()> {
    if grant.code_hash.is_empty() {
        return Err(WASM_EMPTY.wrap("code hash"));
    }
    grant
        .instantiate_permission
        .as_ref()
        .map_or(Ok(()), validate_access)
}

fn validate_access(config: &AccessConfig) -> Result<()> {
    match AccessType::try_from(config.permission) {
        Ok(AccessType::Unspecified) => Err(WASM_EMPTY.wrap("type")),
        Ok(AccessType::AnyOfAddresses) => {
            if config.addresses.is_empty() {
                return Err(WASM_EMPTY.wrap("addresses").wrap("addresses"));
            }
            let mut seen = BTreeSet::new();
            for text in &config.addresses {
                let address = AccAddress::from_bech32(text)
                    .map_err(|e| e.wrap(format!("address: {text}")).wrap("addresses"))?;
                if !seen.insert(address) {
                    return Err(WASM_DUPLICATE.wrap("duplicate addresses").wrap("addresses"));
                }
            }
            Ok(())
        }
        Ok(_) => Ok(()),
        Err(_) => Err(WASM_INVALID.wrap(format!("unknown type: {}", config.permission))),
    }
}

pub(super) fn accept(cx: &Cx, grants: &[CodeGrant], msg: &AnyMsg) -> Result<Verdict> {
    if msg.type_url != "/cosmwasm.wasm.v1.MsgStoreCode" {
        return Err(errors::INVALID_REQUEST.wrap("unknown msg type"));
    }
    let store: MsgStoreCode = decode(&msg.value)?;
    let mut code = store.wasm_byte_code;
    if code.starts_with(b"\x1f\x8b\x08") {
        // 0.15 gas a byte
        let len = u64::try_from(code.len()).unwrap_or(u64::MAX);
        cx.gas
            .consume(len.saturating_mul(15) / 100, "Uncompress gzip bytecode")?;
        code = unpack(&code).ok_or_else(|| errors::INVALID_REQUEST.wrap("uncompress wasm archive"))?;
    }
    if !code.starts_with(b"\0asm") {
        return Err(errors::INVALID_REQUEST.wrap("checksum"));
    }
    let checksum = Sha256::digest(&code);
    let permission = store.instantiate_permission.as_ref();
    let granted = grants.iter().any(|grant| {
        let this = grant.code_hash == WILDCARD || grant.code_hash.eq_ignore_ascii_case(&checksum);
        let within = |bound: &AccessConfig| permission.is_some_and(|asked| is_subset(asked, bound));
        this && grant.instantiate_permission.as_ref().is_none_or(within)
    });
    Ok(if granted { Verdict::Accept } else { Verdict::Refuse })
}

fn unpack(packed: &[u8]) -> Option<Vec<u8>> {
    if packed.len() > MAX_CODE {
        return None;
    }
    let mut out = Vec::new();
    let most = u64::try_from(MAX_CODE).unwrap_or(u64::MAX);
    GzDecoder::new(packed).take(most).read_to_end(&mut out).ok()?;
    (out.len() < MAX_CODE).then_some(out)
}

/// Whether `asked` admits nobody whom `bound` does not.
fn is_subset(asked: &AccessConfig, bound: &AccessConfig) -> bool {
    use AccessType::{AnyOfAddresses, Everybody, Nobody, Unspecified};
    let (Ok(asked_type), Ok(bound_type)) = (
        AccessType::try_from(asked.permission),
        AccessType::try_from(bound.permission),
    ) else {
        return false;
    };
    match bound_type {
        Everybody => asked_type != Unspecified,
        Nobody => asked_type == Nobody,
        AnyOfAddresses => {
            asked_type == Nobody
                || asked_type == AnyOfAddresses && asked.addresses.iter().all(|a| bound.addresses.contains(a))
        }
        Unspecified => false,
    }
}
