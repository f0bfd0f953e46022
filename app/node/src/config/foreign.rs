//! Settings of `app.toml` that nodes of the Cosmos SDK 0.53 and wasmd 0.61 know and this one does not need. An operator
//! may bring such a file along: none of its lines is dropped in silence.

use std::ops::Range;

use toml_edit::{Document, TableLike, Value};

use crate::config::edit::{self, unknown};
use crate::exit::{At, Exit, Failure, Outcome};

/// What becomes of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// It is read, and `start` logs that it has no effect.
    Idle,
    /// A value that asks for something is refused.
    Refused,
}

/// A setting without a counterpart.
#[derive(Clone, Copy, Debug)]
pub struct Foreign {
    /// Dotted name.
    pub key: &'static str,
    /// What becomes of it.
    pub fate: Fate,
    /// Values that ask for nothing: nobody needs to be told.
    quiet: &'static [&'static str],
    /// Why, and what to do instead.
    why: &'static str,
}

const fn idle(key: &'static str, quiet: &'static [&'static str], why: &'static str) -> Foreign {
    Foreign {
        key,
        fate: Fate::Idle,
        quiet,
        why,
    }
}

const fn refused(key: &'static str, quiet: &'static [&'static str], why: &'static str) -> Foreign {
    Foreign {
        key,
        fate: Fate::Refused,
        quiet,
        why,
    }
}

const NO_TREE: &str = "the state lies in a database of its own kind, which keeps its own cache";
const NO_PLUGIN: &str =
    "there are no plugins: read blocks and their events from CometBFT's `block_results` or its WebSocket";
const SCRAPED: &str = "Prometheus reads the metrics and gives them names, labels and age by its own settings";
const NO_SINK: &str = "metrics are served to Prometheus only: use an exporter from there";

/// All of them.
pub const FOREIGN: [Foreign; 26] = [
    idle("inter-block-cache", &["false"], NO_TREE),
    idle("iavl-cache-size", &["0"], NO_TREE),
    idle("iavl-disable-fastnode", &["false"], NO_TREE),
    idle("app-db-backend", &[""], NO_TREE),
    idle("telemetry.service-name", &[""], SCRAPED),
    idle("telemetry.enable-hostname", &["false"], SCRAPED),
    idle("telemetry.enable-hostname-label", &["false"], SCRAPED),
    idle("telemetry.enable-service-label", &["false"], SCRAPED),
    idle("telemetry.prometheus-retention-time", &["0"], SCRAPED),
    idle("telemetry.global-labels", &["[]"], SCRAPED),
    refused("telemetry.metrics-sink", &["", "mem"], NO_SINK),
    idle("telemetry.statsd-addr", &[""], NO_SINK),
    idle("telemetry.datadog-hostname", &[""], NO_SINK),
    idle(
        "api.rpc-write-timeout",
        &["0"],
        "the proxy in front cuts off who reads nothing",
    ),
    idle(
        "grpc.max-recv-msg-size",
        &["10485760"],
        "requests of up to 10485760 bytes are taken",
    ),
    idle(
        "grpc.max-send-msg-size",
        &["2147483647"],
        "answers are as long as the query's gas allows",
    ),
    idle(
        "grpc.skip-check-header",
        &["false"],
        "the height that a caller asks for is always read",
    ),
    refused(
        "grpc.historical-grpc-address-block-range",
        &["{}", ""],
        "requests are not passed on to other nodes: let a proxy look at `x-cosmos-block-height`",
    ),
    refused("streaming.abci.keys", &["[]"], NO_PLUGIN),
    refused("streaming.abci.plugin", &[""], NO_PLUGIN),
    idle("streaming.abci.stop-node-on-err", &["true"], NO_PLUGIN),
    refused(
        "mempool.max-txs",
        &["-1"],
        "the application keeps no mempool beside CometBFT's: write -1, and bound that one by `[mempool] size` in \
         config.toml",
    ),
    idle(
        "wasm.query_gas_limit",
        &[],
        "query-gas-limit bounds the queries of contracts, too",
    ),
    idle(
        "wasm.simulation_gas_limit",
        &[""],
        "query-gas-limit bounds simulated transactions, too",
    ),
    idle(
        "wasm.memory_cache_size",
        &["100"],
        "compiled contracts take up to 100 MiB of memory",
    ),
    idle(
        "pruning-interval",
        &["0"],
        "each block forgets a bounded amount of the states that are not kept",
    ),
];

impl Foreign {
    /// What is to be said about it with this value: nothing if that asks for nothing, and an error if it is refused.
    fn note(&self, value: Option<&Value>) -> Result<Option<String>, String> {
        let value = plain(value);
        let shown = format!("{} = {value}", self.key);
        match self.fate {
            _ if self.quiet.contains(&value.as_str()) => Ok(None),
            Fate::Idle => Ok(Some(format!("app.toml: {shown} has no effect: {}", self.why))),
            Fate::Refused => Err(format!("{shown}: {}", self.why)),
        }
    }
}

/// The same for one setting by its name.
///
/// # Errors
/// [`Exit::BadFile`] for a setting that nobody knows or a value that is refused.
pub fn note(key: &str, value: &Value) -> Outcome<Option<String>> {
    let foreign = FOREIGN.iter().find(|foreign| foreign.key == key);
    let foreign = foreign.ok_or_else(|| unknown(key))?;
    foreign
        .note(Some(value))
        .map_err(|text| Failure::new(Exit::BadFile, text))
}

/// Looks at every setting of a file: what has no effect is said, in one line each.
///
/// # Errors
/// [`Exit::BadFile`] with its line for a setting that nobody knows, or one that asks for what this node does not do.
pub fn notes(text: &str, known: &[String]) -> Outcome<Vec<String>> {
    let document = Document::parse(text)
        .map_err(|error| edit::at_line(text, error.span(), error.message()))
        .at(Exit::BadFile, "not valid")?;
    let mut walk = Walk {
        text,
        known,
        notes: Vec::new(),
    };
    walk.table("", document.as_table())?;
    Ok(walk.notes)
}

struct Walk<'a> {
    text: &'a str,
    known: &'a [String],
    notes: Vec<String>,
}

impl Walk<'_> {
    fn table(&mut self, path: &str, table: &dyn TableLike) -> Outcome {
        for (name, item) in table.iter() {
            let key = if path.is_empty() {
                name.to_owned()
            } else {
                format!("{path}.{name}")
            };
            if self.known.contains(&key) {
                continue;
            }
            let line = self.line(table.key(name).and_then(toml_edit::Key::span));
            let bad = |text: String| Failure::new(Exit::BadFile, format!("line {line}: {text}"));
            let foreign = FOREIGN.iter().find(|foreign| foreign.key == key);
            match (foreign, item.as_table_like()) {
                (None, Some(inner)) if self.has(&key) => self.table(&key, inner)?,
                (None, _) => return Err(bad(format!("no setting named {key}"))),
                (Some(foreign), _) => self.notes.extend(foreign.note(item.as_value()).map_err(bad)?),
            }
        }
        Ok(())
    }

    /// Whether there are settings in a table of this name.
    fn has(&self, table: &str) -> bool {
        let within = |key: &str| key.strip_prefix(table).is_some_and(|rest| rest.starts_with('.'));
        self.known.iter().any(|key| within(key)) || FOREIGN.iter().any(|foreign| within(foreign.key))
    }

    fn line(&self, span: Option<Range<usize>>) -> usize {
        let before = span
            .and_then(|span| self.text.get(..span.start))
            .unwrap_or_default();
        before.matches('\n').count().saturating_add(1)
    }
}

/// A value as text, without quotes; of what has members only whether it has any.
fn plain(value: Option<&Value>) -> String {
    match value {
        Some(Value::String(text)) => text.value().clone(),
        Some(Value::Integer(number)) => number.value().to_string(),
        Some(Value::Boolean(flag)) => flag.value().to_string(),
        Some(Value::Array(list)) if list.is_empty() => "[]".to_owned(),
        Some(Value::Array(_)) => "[...]".to_owned(),
        _ => "...".to_owned(),
    }
}
