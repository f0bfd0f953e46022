//! The settings of CometBFT 0.38 and what the supervisor makes of a file that has others: CometBFT passes over a name
//! that it does not know without a word.

use toml_edit::DocumentMut;

use crate::config::edit::get;
use crate::exit::{Exit, Failure, Outcome};

/// Every setting of CometBFT 0.38.21 to 0.38.26, by its table; the first table is the file's top.
pub const SETTINGS: [(&str, &str); 10] = [
    (
        "",
        "version proxy_app moniker db_backend db_dir log_level log_format genesis_file \
         priv_validator_key_file priv_validator_state_file priv_validator_laddr node_key_file abci \
         filter_peers event_bus_buffer_capacity home",
    ),
    (
        "rpc",
        "home laddr cors_allowed_origins cors_allowed_methods cors_allowed_headers grpc_laddr \
         grpc_max_open_connections unsafe max_open_connections max_subscription_clients \
         max_subscriptions_per_client experimental_subscription_buffer_size \
         experimental_websocket_write_buffer_size experimental_close_on_slow_client \
         timeout_broadcast_tx_commit max_request_batch_size max_body_bytes max_header_bytes tls_cert_file \
         tls_key_file pprof_laddr",
    ),
    (
        "p2p",
        "home laddr external_address seeds persistent_peers addr_book_file addr_book_strict \
         max_num_inbound_peers max_num_outbound_peers unconditional_peer_ids \
         persistent_peers_max_dial_period flush_throttle_timeout max_packet_msg_payload_size send_rate \
         recv_rate pex seed_mode private_peer_ids allow_duplicate_ip handshake_timeout dial_timeout \
         test_dial_fail test_fuzz test_fuzz_config",
    ),
    (
        "mempool",
        "home type recheck recheck_timeout broadcast wal_dir size max_txs_bytes cache_size \
         keep-invalid-txs-in-cache max_tx_bytes max_batch_bytes experimental_max_gossip_connections_to_persistent_peers \
         experimental_max_gossip_connections_to_non_persistent_peers",
    ),
    (
        "statesync",
        "enable rpc_servers trust_height trust_hash trust_period discovery_time temp_dir \
         chunk_request_timeout chunk_fetchers max_snapshot_chunks",
    ),
    ("blocksync", "version"),
    (
        "consensus",
        "home wal_file timeout_propose timeout_propose_delta timeout_prevote timeout_prevote_delta \
         timeout_precommit timeout_precommit_delta timeout_commit double_sign_check_height \
         skip_timeout_commit create_empty_blocks create_empty_blocks_interval peer_gossip_sleep_duration \
         peer_query_maj23_sleep_duration block_time_tolerance",
    ),
    ("storage", "discard_abci_responses"),
    ("tx_index", "indexer psql-conn"),
    (
        "instrumentation",
        "prometheus prometheus_listen_addr max_open_connections namespace",
    ),
];

/// Settings that `quernd` reads from fixed places, or gives CometBFT itself, so that another value is refused.
pub const FIXED: [(&str, &str, &str); 6] = [
    (
        "abci",
        "socket",
        "the application speaks ABCI over a socket alone",
    ),
    ("genesis_file", "config/genesis.json", IN_HOME),
    (
        "priv_validator_key_file",
        "config/priv_validator_key.json",
        IN_HOME,
    ),
    (
        "priv_validator_state_file",
        "data/priv_validator_state.json",
        IN_HOME,
    ),
    ("node_key_file", "config/node_key.json", IN_HOME),
    ("home", "", "`quernd --home` names the folder of both processes"),
];

const IN_HOME: &str = "quernd reads, checks and backs up this file where `init` makes it: link it from there";

/// Settings with an effect of which a node's operator may not think, with the value that has none.
pub const REMARKABLE: [(&str, &str, &str); 3] = [
    (
        "tx_index.indexer",
        "kv",
        "GetTx, tx_search and searches by events find nothing at this node",
    ),
    (
        "storage.discard_abci_responses",
        "false",
        "block_results, and what explorers and exchanges read there, is gone at this node",
    ),
    (
        "mempool.type",
        "flood",
        "this node takes no transactions from its clients and passes none on",
    ),
];

/// Looks at every setting of `config.toml` and says what nobody will follow.
///
/// # Errors
/// [`Exit::BadFile`] for a value that this node cannot follow.
pub fn notes(document: &DocumentMut, listen: &str) -> Outcome<Vec<String>> {
    FIXED.iter().try_for_each(|(key, ..)| fixed(document, key))?;
    let mut notes = Vec::new();
    for (name, item) in document.iter() {
        match item.as_table_like() {
            None if knows("", name) => {}
            Some(table) if SETTINGS.iter().any(|(known, _)| *known == name) => {
                let names = table.iter().map(|(inner, _)| inner);
                let strange = names.filter(|inner| !knows(name, inner));
                notes.extend(strange.map(|inner| nobody(&format!("{name}.{inner}"))));
            }
            _ => notes.push(nobody(name)),
        }
    }
    let keys = REMARKABLE.iter().map(|(key, ..)| *key).chain(["proxy_app"]);
    notes.extend(keys.filter_map(|key| remark(document, key, listen)));
    Ok(notes)
}

/// The same for one setting, whatever else is in the file.
///
/// # Errors
/// [`Exit::BadFile`] for a value that this node cannot follow.
pub fn note(document: &DocumentMut, key: &str, listen: &str) -> Outcome<Option<String>> {
    fixed(document, key)?;
    let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
    match knows(table, name) {
        true => Ok(remark(document, key, listen)),
        false => Ok(Some(nobody(key))),
    }
}

/// Refuses another value of a setting that has but one.
fn fixed(document: &DocumentMut, key: &str) -> Outcome {
    let Some((_, only, why)) = FIXED.iter().find(|(fixed, ..)| *fixed == key) else {
        return Ok(());
    };
    if text(document, key).is_some_and(|value| value != *only) {
        let text = format!("config.toml: {key} must be {only:?}: {why}");
        return Err(Failure::new(Exit::BadFile, text));
    }
    Ok(())
}

/// What an operator may not think of.
fn remark(document: &DocumentMut, key: &str, listen: &str) -> Option<String> {
    let value = text(document, key)?;
    if key == "proxy_app" {
        let text = "has no effect: `start --listen` names the socket of both processes";
        return (value != listen).then(|| format!("config.toml: proxy_app = {value:?} {text}, {listen}"));
    }
    let (_, usual, what) = REMARKABLE.iter().find(|(known, ..)| *known == key)?;
    (value != *usual).then(|| format!("config.toml: {key} = {value:?}: {what}"))
}

/// Variables of the environment by which CometBFT would take another value for a setting that has but one. It reads
/// `CMT_NAME` and `CMTNAME`; `CMTHOME`, and `TMHOME` of old, are stronger than `--home`.
pub fn variables() -> impl Iterator<Item = String> {
    let names = FIXED.iter().map(|(key, ..)| key.to_uppercase());
    let pairs = names.flat_map(|name| [format!("CMT_{name}"), format!("CMT{name}")]);
    pairs.chain(["TMHOME".to_owned()])
}

/// Whether CometBFT has a setting of this name in a table.
#[must_use]
pub fn knows(table: &str, name: &str) -> bool {
    let within = SETTINGS.iter().find(|(known, _)| *known == table);
    within.is_some_and(|(_, names)| names.split_whitespace().any(|known| known == name))
}

fn nobody(key: &str) -> String {
    format!("config.toml: {key} has no effect: CometBFT 0.38 has no setting of this name")
}

/// A value as text, if the file has the setting.
fn text(document: &DocumentMut, key: &str) -> Option<String> {
    let value = get(document, key).ok()?;
    let text = value.as_str().map(str::to_owned);
    Some(text.unwrap_or_else(|| value.to_string().trim().to_owned()))
}
