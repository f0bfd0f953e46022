//! One setting, judged by itself: a file with two mistakes can be mended one after the other.

use toml_edit::{DocumentMut, Value};

use crate::config::app::AppConfig;
use crate::config::comet_keys::{self, FIXED};
use crate::config::edit::{self, get, parse_like, put, unknown};
use crate::config::foreign;
use crate::exit::{At, Exit, Failure, Outcome};
use crate::home::ABCI_SOCKET;

/// Reads a command-line text as a value of a setting of `app.toml`, which the file need not have yet.
///
/// # Errors
/// [`Exit::BadFile`] for an unknown setting, [`Exit::Usage`] for a value of another type.
pub fn read_app(document: &DocumentMut, key: &str, text: &str) -> Outcome<Value> {
    let defaults = AppConfig::defaults()?;
    // the type that it shall have, not the one that is in the way
    let like = get(&defaults, key).or_else(|_| get(document, key))?;
    parse_like(like, text)
}

/// Says what an operator should know about a setting of `app.toml`.
///
/// # Errors
/// [`Exit::Usage`] for a value that the node would not start with.
pub fn app(document: &DocumentMut, key: &str) -> Outcome<Option<String>> {
    let value = get(document, key)?;
    let keys = AppConfig::keys()?;
    if !keys.iter().any(|known| known == key) {
        return foreign::note(key, value).map_err(usage);
    }
    alone(key, value)
        .map_err(|error| edit::at_line("", None, error.message()))
        .at(Exit::Usage, key)?;
    // beside the others, as far as these can be read
    let mut sound = DocumentMut::new();
    for key in &keys {
        if let Some(value) = get(document, key).ok().filter(|value| alone(key, value).is_ok()) {
            put(&mut sound, key, value.clone())?;
        }
    }
    let config: AppConfig = toml_edit::de::from_str(&sound.to_string())
        .map_err(|error| edit::at_line("", None, error.message()))
        .at(Exit::Usage, key)?;
    let mut faults = config.faults().into_iter();
    match faults.find(|(about, _)| about.iter().any(|known| known == key)) {
        Some((_, text)) => Err(Failure::new(Exit::Usage, text)),
        None => Ok(None),
    }
}

/// The file of one setting.
fn alone(key: &str, value: &Value) -> Result<AppConfig, toml_edit::de::Error> {
    let mut document = DocumentMut::new();
    match put(&mut document, key, value.clone()) {
        Ok(()) => toml_edit::de::from_str(&document.to_string()),
        Err(failure) => Err(serde::de::Error::custom(failure)),
    }
}

/// Reads a command-line text as a value of a setting of `config.toml`. CometBFT takes text for a number and the other way
/// around, so that a setting which the file does not have yet gets the type that its value looks like.
///
/// # Errors
/// [`Exit::BadFile`] for an unknown setting, [`Exit::Usage`] for a value of another type.
pub fn read_comet(document: &DocumentMut, key: &str, text: &str) -> Outcome<Value> {
    let (table, name) = key.rsplit_once('.').unwrap_or(("", key));
    match get(document, key) {
        _ if FIXED.iter().any(|(fixed, ..)| *fixed == key) => Ok(Value::from(text)),
        Ok(like) => parse_like(like, text),
        Err(_) if comet_keys::knows(table, name) => Ok(match text.parse() {
            Ok(value @ (Value::Boolean(_) | Value::Integer(_) | Value::Array(_))) => value,
            _ => Value::from(text),
        }),
        Err(_) => Err(unknown(key)),
    }
}

/// Says what an operator should know about a setting of `config.toml`.
///
/// # Errors
/// [`Exit::Usage`] for a value that the node would not start with.
pub fn comet(document: &DocumentMut, key: &str) -> Outcome<Option<String>> {
    comet_keys::note(document, key, ABCI_SOCKET).map_err(usage)
}

fn usage(failure: Failure) -> Failure {
    Failure::new(Exit::Usage, failure.message)
}

#[cfg(test)]
mod tests {
    use super::{app, comet, read_app, read_comet};
    use crate::config::edit::put;
    use toml_edit::DocumentMut;

    fn set_app(file: &str, key: &str, text: &str) -> Result<Option<String>, String> {
        let mut document: DocumentMut = file.parse().unwrap();
        let value = read_app(&document, key, text).map_err(|failure| failure.message)?;
        put(&mut document, key, value).unwrap();
        app(&document, key).map_err(|failure| failure.message)
    }

    fn set_comet(file: &str, key: &str, text: &str) -> Result<Option<String>, String> {
        let mut document: DocumentMut = file.parse().unwrap();
        let value = read_comet(&document, key, text).map_err(|failure| failure.message)?;
        put(&mut document, key, value).unwrap();
        comet(&document, key).map_err(|failure| failure.message)
    }

    #[test]
    fn mistakes_are_mended_one_by_one() {
        let file = "halt-height = \"soon\"\nno-such = 1\nhalt-time = true\n\
                    [mempool]\nmax-txs = 5000\n[telemetry]\naddress = \"0.0.0.0:9090\"\n";
        for (key, text) in [
            ("halt-height", "7"),
            ("halt-time", "7"),
            ("mempool.max-txs", "-1"),
            ("telemetry.address", "127.0.0.1:9090"),
            ("pruning", "everything"),
            ("api.enable", "true"),
        ] {
            assert_eq!(set_app(file, key, text), Ok(None), "{key}");
        }
        for (key, text) in [
            ("halt-height", "soon"),
            ("mempool.max-txs", "4000"),
            ("telemetry.address", "0.0.0.0:1"),
            ("pruning", "sometimes"),
            ("pruning", "custom"),
            ("minimum-gas-prices", "-1nqrn"),
            ("minimum-gas-prices", "cheap"),
            ("no-such", "2"),
            ("nor-such", "1"),
            ("api.rpc-read-timeout", "0"),
        ] {
            assert!(set_app(file, key, text).is_err(), "{key}");
        }
    }

    #[test]
    fn settings_that_bound_each_other_are_judged_together() {
        let custom = "pruning = \"custom\"\npruning-keep-recent = 100\n";
        assert!(set_app(custom, "pruning-keep-recent", "1").is_err());
        assert_eq!(set_app(custom, "pruning-keep-recent", "2"), Ok(None));
        assert_eq!(set_app(custom, "halt-height", "2"), Ok(None));
        assert_eq!(
            set_app("pruning-keep-recent = \"100\"", "pruning", "custom"),
            Ok(None)
        );
    }

    #[test]
    fn nothing_is_said_about_a_setting_but_the_one_that_is_set() {
        let file = "iavl-cache-size = 7\npruning-interval = \"10\"\n";
        assert_eq!(set_app(file, "pruning", "nothing"), Ok(None));
        let said = set_app(file, "pruning-interval", "20").unwrap().unwrap();
        assert!(said.contains("pruning-interval = 20 has no effect"), "{said}");
    }

    #[test]
    fn what_cometbft_must_not_be_told_is_refused_and_what_it_lacks_is_inserted() {
        let file = "abci = 5\nhome = \"/else\"\nmoniker = \"a\"\n[rpc]\nunsafe = false\n";
        assert!(set_comet(file, "abci", "grpc").is_err());
        assert_eq!(set_comet(file, "abci", "socket"), Ok(None));
        assert_eq!(set_comet(file, "home", ""), Ok(None));
        assert!(set_comet(file, "genesis_file", "other.json").is_err());
        assert_eq!(set_comet(file, "rpc.laddr", "tcp://127.0.0.1:1"), Ok(None));
        assert_eq!(set_comet(file, "p2p.max_num_inbound_peers", "7"), Ok(None));
        assert!(set_comet(file, "rpc.unsafe", "perhaps").is_err());
        assert!(set_comet(file, "rpc.ladr", "tcp://127.0.0.1:1").is_err());
        let said = set_comet(file, "tx_index.indexer", "null").unwrap().unwrap();
        assert!(said.contains("tx_index.indexer"), "{said}");
        assert!(
            set_comet(file, "proxy_app", "tcp://127.0.0.1:1")
                .unwrap()
                .is_some()
        );
    }
}
