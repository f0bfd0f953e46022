//! A chain with users and a contract, transactions of theirs that are signed anew, and what no refusal may be.

use prost::Message;
use quern_core::App;
use quern_proto::cosmos::tx::v1beta1::{SignDoc, TxRaw};
use quern_testkit::{CHAIN_ID, Chain, TxBuilder, User, bank_send};

use super::{
    contract::{instantiate, instantiated, store, stored},
    shipped::{World, world},
};

/// A number from the environment.
pub fn setting(name: &str, otherwise: u64) -> u64 {
    let text = std::env::var(name).ok();
    text.map_or(otherwise, |text| text.parse().unwrap())
}

/// A chain with so many users, and a contract.
pub fn populated(count: usize) -> (World, Vec<User>, String) {
    let mut w = world(&["100000000000nqrn", "100000000000nqrn"]);
    w.chain.empty_blocks(1);
    let users: Vec<User> = (0..count).map(|n| User::new(&format!("mutant {n}"))).collect();
    let host = w.hosts[0].clone();
    let mut tx = w.chain.tx(&host).gas(20_000_000);
    let each = format!("{}nqrn", 400_000_000_000 / count);
    for user in &users {
        tx = tx.message(bank_send(&host, user, &each));
    }
    let send = |chain: &mut Chain<App>, tx: TxBuilder| {
        let result = chain.block([tx.sign(&host)]).tx_results.remove(0);
        assert_eq!(result.code, 0, "{}", result.log);
        result
    };
    send(&mut w.chain, tx);
    let tx = w.chain.tx(&host).gas(30_000_000).message(store(&host, "probe"));
    let code = stored(&send(&mut w.chain, tx));
    let tx = w
        .chain
        .tx(&host)
        .gas(5_000_000)
        .message(instantiate(&host, code, "{}"));
    let contract = instantiated(&send(&mut w.chain, tx));
    (w, users, contract)
}

/// Signs what was changed, so that the signature is not what is wrong.
pub fn sign(raw: &mut TxRaw, user: &User, account_number: u64) {
    let document = SignDoc {
        body_bytes: raw.body_bytes.clone(),
        auth_info_bytes: raw.auth_info_bytes.clone(),
        chain_id: CHAIN_ID.into(),
        account_number,
    };
    raw.signatures = vec![user.sign(&document.encode_to_vec())];
}

/// Bytes as they are shown.
pub fn hex(bytes: &[u8]) -> String {
    let all: String = bytes
        .iter()
        .take(4_000)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    format!("{} bytes {all}", bytes.len())
}

/// A refusal has a code of the chain's, and none that a panic leaves.
pub fn sane(codespace: &str, code: u32, log: &str, what: &str) {
    assert_eq!(
        codespace.is_empty(),
        code == 0,
        "{codespace}/{code} {log}: {what}"
    );
    // As in the SDK, which panics on an address of a granter that is none.
    let meant = [
        "decoding bech32 failed",
        "empty address string",
        "hrp does not match bech32 prefix",
    ];
    let meant = meant.iter().any(|said| log.contains(said));
    assert!(code != 111_222 || meant, "a panic: {log}: {what}");
    let internal = log.ends_with("internal error");
    assert!(!internal, "{codespace}/{code} {log}: {what}");
}
