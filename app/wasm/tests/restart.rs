//! The files of codes: what a restart, a crash or a lost folder does.

use crate::common;

use common::{Chain, account, probe};
use quern_context::{Cx, Mode};
use quern_wasm::{OpenError, Options, Wasm};
use serde_json::json;

fn reopened(chain: &Chain) -> Wasm {
    Wasm::open(Options::new(chain.dir.path())).unwrap()
}

/// All files below a folder.
fn files(folder: &std::path::Path) -> Vec<std::path::PathBuf> {
    let entries = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    entries
        .flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] })
        .collect()
}

#[test]
fn a_restarted_host_finds_its_codes_and_pins_them_again() {
    let (mut chain, contract) = Chain::with_probe();
    let pin = quern_proto::cosmwasm::wasm::v1::MsgPinCodes {
        authority: quern_types::module_address("gov").to_string(),
        code_ids: vec![1],
    };
    chain.deliver(&pin).unwrap();
    let before = chain
        .execute(&account(1), &contract, json!({"echo": {}}))
        .unwrap()
        .gas;
    chain.wasm = reopened(&chain);
    chain.router = common::TestRouter::over(chain.wasm.clone());
    chain.wasm.check_requirements(&chain.cx).unwrap();
    chain.wasm.recover_pins(&chain.cx).unwrap();
    let after = chain
        .execute(&account(1), &contract, json!({"echo": {}}))
        .unwrap()
        .gas;
    assert_eq!(before, after);
}

#[test]
fn a_missing_or_broken_code_is_named_at_the_start() {
    let (chain, _) = Chain::with_probe();
    let folder = chain.dir.path().join("state/wasm");
    let file = std::fs::read_dir(&folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mut bytes = std::fs::read(&file).unwrap();
    bytes.pop();
    std::fs::write(&file, &bytes).unwrap();
    let error = reopened(&chain).check_requirements(&chain.cx).unwrap_err();
    assert!(matches!(error, OpenError::MissingCode { id: 1, .. }));
    std::fs::remove_file(&file).unwrap();
    let text = reopened(&chain)
        .check_requirements(&chain.cx)
        .unwrap_err()
        .to_string();
    assert!(text.contains("sync again"), "{text}");
}

#[test]
fn a_code_lost_while_running_stops_the_node_instead_of_forking_it() {
    let (mut chain, contract) = Chain::with_probe();
    std::fs::remove_dir_all(chain.dir.path().join("state/wasm")).unwrap();
    std::fs::remove_dir_all(chain.dir.path().join("cache")).unwrap();
    chain.wasm = reopened(&chain);
    chain.router = common::TestRouter::over(chain.wasm.clone());
    let error = chain
        .execute(&account(1), &contract, json!({"echo": {}}))
        .unwrap_err();
    assert!(error.is_halt(), "{error:?}");
    chain.cx.mode = Mode::Query;
    let error = chain.ask(&contract, json!({"env": {}})).unwrap_err();
    assert!(!error.is_halt(), "a query never stops the node");
}

#[test]
fn a_torn_compiled_module_is_made_again_from_the_code() {
    let (mut chain, contract) = Chain::with_probe();
    let mut torn = 0;
    for module in files(&chain.dir.path().join("cache/modules")) {
        let len = std::fs::metadata(&module).unwrap().len();
        let file = std::fs::OpenOptions::new().write(true).open(&module).unwrap();
        file.set_len(len / 2).unwrap();
        torn += 1;
    }
    assert_eq!(torn, 1);
    chain.wasm = reopened(&chain);
    chain.router = common::TestRouter::over(chain.wasm.clone());
    chain
        .execute(&account(1), &contract, json!({"echo": {}}))
        .unwrap();
}

#[test]
fn a_half_written_code_that_never_committed_does_no_harm() {
    let mut chain = Chain::new();
    let folder = chain.dir.path().join("state/wasm");
    std::fs::create_dir_all(&folder).unwrap();
    let name = cosmwasm_std::Checksum::generate(&probe()).to_hex();
    std::fs::write(folder.join(name).with_extension("wasm"), &probe()[..1000]).unwrap();
    chain.wasm.check_requirements(&chain.cx).unwrap();
    let code = chain.store(&account(1), probe());
    chain.instantiate(&account(1), code, json!({}));
    chain.wasm.check_requirements(&chain.cx).unwrap();
}

#[test]
fn an_exported_genesis_gives_the_same_chain() {
    let (mut chain, contract) = Chain::with_probe();
    chain
        .execute(
            &account(1),
            &contract,
            json!({"set": {"key": "k", "value": "kept"}}),
        )
        .unwrap();
    let exported = chain.wasm.export_genesis(&chain.cx).unwrap();
    exported.validate().unwrap();
    let text = serde_json::to_string(&exported).unwrap();
    let read: quern_genesis::WasmGenesis = serde_json::from_str(&text).unwrap();
    let mut copy = Chain::with(Options::new, |genesis| *genesis = read);
    assert_eq!(
        copy.ask(&contract, json!({"get": {"key": "k"}})).unwrap(),
        json!("kept")
    );
    assert_eq!(copy.wasm.export_genesis(&copy.cx).unwrap(), exported);
    let next = copy.instantiate(&account(1), 1, json!({}));
    assert_ne!(next, contract, "the counter goes on");
    assert_eq!(next, chain.instantiate(&account(1), 1, json!({})));
}

#[test]
fn a_genesis_whose_counters_lag_or_whose_code_is_another_is_refused() {
    let (chain, _) = Chain::with_probe();
    let exported = chain.wasm.export_genesis(&chain.cx).unwrap();
    let attempt = |change: &dyn Fn(&mut quern_genesis::WasmGenesis)| {
        let mut genesis = exported.clone();
        change(&mut genesis);
        let fresh = Chain::new();
        let branch = quern_store::Branch::new(quern_store::Snapshot::in_memory(0, Default::default()));
        let cx = Cx::new(branch, fresh.cx.block.clone(), Mode::Genesis);
        fresh.wasm.init_genesis(&cx, &genesis)
    };
    assert!(attempt(&|_| {}).is_ok());
    assert!(
        attempt(&|g| g.sequences[0].value = 1).is_err(),
        "the code id is taken"
    );
    assert!(
        attempt(&|g| g.sequences[1].value = 1).is_err(),
        "the address is taken"
    );
    assert!(attempt(&|g| g.codes[0].code_info.code_hash = [0; 32]).is_err());
    assert!(attempt(&|g| g.contracts[0].contract_code_history.clear()).is_err());
}
