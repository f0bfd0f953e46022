//! A release after `quernd`'s, for the tests of upgrades and as the worked example of `docs/operator/upgrades.md`: it
//! carries the upgrade `v2`, which changes a parameter and a contract, and it answers a query that the one before refuses.
#![allow(clippy::disallowed_methods, reason = "a test holds it in its block")]

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use prost::Message;
use quern_context::Cx;
use quern_core::{Handlers, Release, Upgrade};
use quern_proto::cosmos::{
    auth::v1beta1::{
        MsgUpdateParams, MsgUpdateParamsResponse, Params, QueryParamsRequest, QueryParamsResponse,
    },
    base::query::v1beta1::PageRequest,
};
use quern_proto::cosmwasm::wasm::v1::{
    MsgMigrateContract, MsgMigrateContractResponse, MsgPinCodes, MsgPinCodesResponse, QueryCodesRequest,
    QueryCodesResponse,
};
use quern_types::{Result, errors, module_address};

fn release() -> Release {
    Release {
        handlers: Handlers::default().with("v2", held),
        versions: vec![("auth", 6)],
        answer: Some(answer),
    }
}

/// Memos may be twice as long, and `pricing` runs other code.
fn v2(upgrade: &Upgrade<'_>) -> Result<()> {
    let authority = module_address("gov").to_string();

    let found: QueryParamsResponse =
        upgrade.query("/cosmos.auth.v1beta1.Query/Params", &QueryParamsRequest {})?;
    let longer = |params| Params {
        max_memo_characters: 512,
        ..params
    };
    let _: MsgUpdateParamsResponse = upgrade.execute(&MsgUpdateParams {
        authority: authority.clone(),
        params: found.params.map(longer),
    })?;

    let Some(pricing) = quern_system::address(upgrade.cx, "pricing")? else {
        return Ok(());
    };
    let code_id = stored(upgrade, &checksum("probe.wasm"))?;
    let _: MsgPinCodesResponse = upgrade.execute(&MsgPinCodes {
        authority: authority.clone(),
        code_ids: vec![code_id],
    })?;
    let _: MsgMigrateContractResponse = upgrade.execute(&MsgMigrateContract {
        sender: authority,
        contract: pricing.to_string(),
        code_id,
        msg: br#"{"note":"v2"}"#.to_vec(),
    })?;
    Ok(())
}

/// The code of this checksum, which a transaction has stored before the upgrade.
fn stored(upgrade: &Upgrade<'_>, checksum: &[u8]) -> Result<u64> {
    let mut pagination = None;
    loop {
        let request = QueryCodesRequest { pagination };
        let found: QueryCodesResponse = upgrade.query("/cosmwasm.wasm.v1.Query/Codes", &request)?;
        if let Some(code) = found.code_infos.iter().find(|code| code.data_hash == checksum) {
            return Ok(code.code_id);
        }
        let key = found.pagination.map(|page| page.next_key).unwrap_or_default();
        if key.is_empty() {
            return Err(errors::NOT_FOUND.wrap("the new code of pricing was not stored"));
        }
        pagination = Some(PageRequest {
            key,
            ..PageRequest::default()
        });
    }
}

/// What the canonical compiler makes of a contract: the test's probe stands for new code of `pricing`.
fn checksum(artifact: &str) -> Vec<u8> {
    let list = include_str!("../../../contracts/artifacts.sha256");
    let line = list.lines().find(|line| line.ends_with(artifact));
    let word = line.and_then(|line| line.split(' ').next()).unwrap_or_default();
    hex::decode(word).unwrap_or_default()
}

/// The query of this release.
fn answer(_: &Cx, path: &str, _: &[u8]) -> Option<Result<Vec<u8>>> {
    (path == "/quern.next.v1.Query/Release").then(|| Ok("v2".to_owned().encode_to_vec()))
}

/// The upgrade, and then the test's pause: as long as the file that this variable names is there, the block is not done.
fn held(upgrade: &Upgrade<'_>) -> Result<()> {
    v2(upgrade)?;
    if let Some(file) = std::env::var_os("QUERND_NEXT_HOLD").map(PathBuf::from) {
        while file.exists() {
            let _ = std::fs::write(file.with_extension("reached"), "");
            std::thread::sleep(Duration::from_millis(20));
        }
    }
    Ok(())
}

fn main() -> ExitCode {
    quern_node::program(release())
}
