//! The tables of settings in `docs/operator/running.md` are what the node does with wasmd's files.

use std::collections::BTreeMap;

use toml_edit::DocumentMut;

use super::app::AppConfig;
use super::comet_keys::{self, FIXED, REMARKABLE};
use super::foreign::{FOREIGN, Fate};

const PAGE: &str = include_str!("../../../../docs/operator/running.md");
const APP: &str = include_str!("../../tests/vectors/wasmd_app.toml");
const COMET: &str = include_str!("../../tests/vectors/wasmd_config.toml");

/// The rows of a section's table: the settings that the first column names, and the second column.
fn rows(section: &str) -> BTreeMap<String, String> {
    let start = PAGE.find(&format!("## {section}\n")).unwrap();
    let rest = &PAGE[start + 3..];
    let text = &rest[..rest.find("\n## ").unwrap_or(rest.len())];
    let mut found = BTreeMap::new();
    for line in text.lines().filter(|line| line.starts_with("| `")) {
        let mut cells = line.trim_matches('|').split(" | ");
        let (names, what) = (cells.next().unwrap(), cells.next().unwrap());
        for name in names.split('`').skip(1).step_by(2) {
            let double = found.insert(name.to_owned(), what.trim().to_owned());
            assert!(double.is_none(), "{name} stands twice in the table");
        }
    }
    found
}

/// Dotted names of a document's settings.
fn leaves(text: &str) -> Vec<String> {
    fn walk(path: &str, table: &dyn toml_edit::TableLike, found: &mut Vec<String>) {
        for (name, item) in table.iter() {
            let key = [path, name].join(".").trim_start_matches('.').to_owned();
            match item.as_table_like() {
                Some(inner) => walk(&key, inner, found),
                None => found.push(key),
            }
        }
    }
    let document: DocumentMut = text.parse().unwrap();
    let mut found = Vec::new();
    walk("", document.as_table(), &mut found);
    found
}

#[test]
fn every_setting_of_app_toml_has_a_row_that_says_what_becomes_of_it() {
    let rows = rows("Settings of `app.toml`");
    let ours = AppConfig::keys().unwrap();
    for key in leaves(APP) {
        assert!(rows.contains_key(&key), "wasmd's {key} has no row");
    }
    for key in &ours {
        assert_eq!(rows[key], "honoured", "{key}");
    }
    for foreign in FOREIGN {
        let expected = match foreign.fate {
            Fate::Idle => "no effect",
            Fate::Refused => "refused",
        };
        assert!(rows[foreign.key].starts_with(expected), "{}", foreign.key);
        assert!(!ours.contains(&foreign.key.to_owned()), "{}", foreign.key);
    }
    assert_eq!(rows.len(), ours.len() + FOREIGN.len(), "a row names no setting");
}

#[test]
fn wasmds_own_files_are_read_and_each_line_without_effect_is_said() {
    let read = AppConfig::parse(APP).unwrap();
    assert_eq!(read.minimum_gas_prices, "0stake");
    assert_eq!(read.grpc.address.port(), 9090);
    let notes = AppConfig::notes(APP).unwrap();
    let said = ["inter-block-cache", "iavl-cache-size", "wasm.query_gas_limit"];
    assert_eq!(notes.len(), said.len(), "{notes:#?}");
    for (note, key) in notes.iter().zip(said) {
        assert!(note.contains(key), "{note}");
    }
    let document: DocumentMut = COMET.parse().unwrap();
    let notes = comet_keys::notes(&document, "tcp://127.0.0.1:26658").unwrap();
    assert_eq!(notes, [] as [String; 0]);
    for key in leaves(COMET) {
        let (table, name) = key.split_once('.').unwrap_or(("", &key));
        assert!(comet_keys::knows(table, name), "{key}");
    }
}

#[test]
fn a_value_that_asks_for_something_is_said_or_refused_by_name() {
    for foreign in FOREIGN {
        let (table, name) = foreign.key.rsplit_once('.').unwrap_or(("", foreign.key));
        let table = if table.is_empty() {
            String::new()
        } else {
            format!("[{table}]\n")
        };
        let asks = AppConfig::notes(&format!("{table}{name} = 7777"));
        match foreign.fate {
            Fate::Idle => {
                let notes = asks.unwrap();
                assert!(notes.len() == 1 && notes[0].contains(foreign.key), "{notes:?}");
                assert!(notes[0].contains("has no effect: "), "{notes:?}");
            }
            Fate::Refused => {
                let refused = asks.unwrap_err().message;
                assert!(
                    refused.contains(foreign.key) && refused.contains("line "),
                    "{refused}"
                );
            }
        }
    }
}

#[test]
fn what_cometbft_would_pass_over_and_what_quernd_cannot_follow_is_said() {
    let said = |text: &str| {
        let document: DocumentMut = text.parse().unwrap();
        comet_keys::notes(&document, "unix://data/app.sock")
    };
    for (text, key) in [
        ("fast_sync = true", "fast_sync"),
        ("[p2p]\nupnp = true", "p2p.upnp"),
        ("[fastsync]\nversion = \"v0\"", "fastsync"),
        ("proxy_app = \"tcp://127.0.0.1:1\"", "proxy_app"),
        ("[tx_index]\nindexer = \"null\"", "tx_index.indexer"),
        (
            "[storage]\ndiscard_abci_responses = true",
            "storage.discard_abci_responses",
        ),
        ("[mempool]\ntype = \"nop\"", "mempool.type"),
    ] {
        let notes = said(text).unwrap();
        assert!(
            notes.len() == 1 && notes[0].contains(&format!("config.toml: {key} ")),
            "{notes:?}"
        );
    }
    let rows = rows("Settings of `config.toml`");
    for (key, only, _) in FIXED {
        let refused = said(&format!("{key} = \"other\"")).unwrap_err();
        assert!(refused.message.contains(key), "{}", refused.message);
        assert!(rows[key].starts_with("refused"), "{key}");
        assert!(said(&format!("{key} = {only:?}")).unwrap().is_empty());
    }
    for (key, ..) in REMARKABLE {
        assert_eq!(rows[key], "honoured, and logged", "{key}");
    }
    assert!(rows["proxy_app"].starts_with("no effect"));
    assert_eq!(rows.len(), FIXED.len() + REMARKABLE.len() + 1);
}
