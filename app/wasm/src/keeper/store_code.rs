//! Storing codes.

use std::{
    io::Read,
    panic::{AssertUnwindSafe, catch_unwind},
};

use cosmwasm_std::Checksum;
use flate2::bufread::GzDecoder;
use quern_context::Cx;
use quern_proto::cosmwasm::wasm::v1::{AccessConfig, CodeInfo};
use quern_types::{AccAddress, Error, Event, Result, errors as sdk};

use super::{Authority, Wasm, call, code_store};
use crate::{access, errors, gas, keys, limits, state};

/// Checks, compiles and stores a code; returns its id and checksum.
pub(crate) fn store(
    wasm: &Wasm,
    cx: &Cx,
    creator: &AccAddress,
    code: &[u8],
    permission: Option<AccessConfig>,
) -> Result<(u64, Checksum)> {
    let params = state::params(cx)?;
    let default = access::default_for(params.instantiate_default_permission, creator)?;
    let permission = permission.unwrap_or_else(|| default.clone());
    let upload = state::params(cx)?.code_upload_access.unwrap_or_default();
    if !Authority::of(cx, creator).may_store(&upload, &default, creator, &permission) {
        return Err(sdk::UNAUTHORIZED.wrap("can not create code"));
    }
    let unpacked = if is_gzip(code) {
        cx.gas
            .consume(gas::uncompress(code.len()), "Uncompress gzip bytecode")?;
        Some(unpack(code, limits::WASM_BYTES)?)
    } else {
        None
    };
    let code = unpacked.as_deref().unwrap_or(code);
    call::consume_runtime_gas(&cx.gas, gas::compile(code.len()))?;
    let keep = code_store::keeps_codes(cx);
    let checksum = wasm.compile(code, true, keep)?;
    let id = state::take_sequence(cx, &keys::code_sequence())?;
    let info = CodeInfo {
        code_hash: checksum.as_slice().to_vec(),
        creator: creator.to_string(),
        instantiate_config: Some(permission),
    };
    state::set_code(cx, id, &info)?;
    // wasmd 0.61 means to add what the code requires, and drops it.
    let event = Event::new("store_code")
        .with("code_checksum", checksum.to_hex())
        .with("code_id", id);
    cx.emit(event);
    Ok((id, checksum))
}

impl Wasm {
    /// Checks and compiles a code, keeping it on disk if `keep`. A code that is there already and intact
    /// is left alone, since rewriting it could tear it.
    pub(crate) fn compile(&self, code: &[u8], check: bool, keep: bool) -> Result<Checksum> {
        let persist = keep && self.vm().load_wasm(&Checksum::generate(code)).is_err();
        let compiled = catch_unwind(AssertUnwindSafe(|| self.vm().store_code(code, check, persist)));
        let checksum = match compiled {
            Ok(Ok(checksum)) => checksum,
            Ok(Err(cosmwasm_vm::VmError::CacheErr { msg, .. })) => {
                return Err(Error::halt(format!("cannot store a contract's code: {msg}")));
            }
            Ok(Err(error)) => {
                return Err(errors::CREATE_FAILED.wrap(format!("Error calling the VM: {error}")));
            }
            Err(_) => return Err(errors::CREATE_FAILED.wrap("caught panic")),
        };
        if persist {
            self.codes().make_durable(&checksum)?;
        }
        Ok(checksum)
    }
}

/// Whether bytes begin as gzip does.
pub(crate) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(b"\x1f\x8b\x08")
}

/// Unpacks the first member of a gzip file, at most `limit` bytes.
pub(crate) fn unpack(packed: &[u8], limit: usize) -> Result<Vec<u8>> {
    let fail = |why: String| errors::CREATE_FAILED.wrap(format!("uncompress wasm archive: {why}"));
    let too_long = || fail(format!("max {limit} bytes: exceeds limit"));
    if packed.len() > limit {
        return Err(too_long());
    }
    let mut out = Vec::new();
    let most = u64::try_from(limit).unwrap_or(u64::MAX);
    GzDecoder::new(packed)
        .take(most.saturating_add(1))
        .read_to_end(&mut out)
        .map_err(|_| fail("broken gzip".into()))?;
    // wasmd's reader fails as soon as the limit is reached, not passed.
    if out.len() >= limit {
        return Err(too_long());
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    fn pack(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_bomb_is_stopped_at_the_limit() {
        let bomb = pack(&vec![0; 50 << 20]);
        assert!(bomb.len() < 100_000 && is_gzip(&bomb));
        assert!(
            unpack(&bomb, limits::WASM_BYTES)
                .unwrap_err()
                .is(&errors::CREATE_FAILED)
        );
        assert!(unpack(&pack(&[1; 100]), 100).is_err());
        assert_eq!(unpack(&pack(&[1; 99]), 100).unwrap(), [1; 99]);
    }

    #[test]
    fn broken_gzip_is_refused() {
        let mut packed = pack(b"some code");
        let at = packed.len() - 6; // within the checksum
        packed[at] ^= 1;
        assert!(unpack(&packed, 1000).is_err());
        assert!(unpack(&packed[..10], 1000).is_err());
    }
}
