//! `app.toml`: the application's settings, under the names that Cosmos operators know.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::str::FromStr;

use quern_core::GasPrices;
use serde::{Deserialize, Serialize};
use toml_edit::DocumentMut;

use crate::config::{edit, foreign};
use crate::exit::{At, Exit, Failure, Outcome};

/// Settings of the application.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct AppConfig {
    /// Least gas prices that this node's mempool accepts, such as `0.01nqrn`; any one denom suffices.
    pub minimum_gas_prices: String,
    /// `default`, `nothing`, `everything` or `custom`.
    pub pruning: Pruning,
    /// States kept with `custom`.
    #[serde(deserialize_with = "number")]
    pub pruning_keep_recent: u64,
    /// First block that is not executed; 0 for none.
    #[serde(deserialize_with = "number")]
    pub halt_height: u64,
    /// Unix time in seconds from which blocks are not executed; 0 for none.
    #[serde(deserialize_with = "number")]
    pub halt_time: u64,
    /// Blocks that CometBFT keeps at least; 0 keeps all.
    #[serde(deserialize_with = "number")]
    pub min_retain_blocks: u64,
    /// Attributes of events that CometBFT indexes, as `TYPE.KEY`; none for all of them.
    pub index_events: Vec<String>,
    /// Most gas that one query may use; 0 leaves the application's own limit.
    #[serde(deserialize_with = "number")]
    pub query_gas_limit: u64,
    /// Most requests a second of one address to REST and gRPC; 0 for no bound.
    #[serde(deserialize_with = "number")]
    pub query_rate_limit: u32,
    /// Requests that an address may make at once after a pause; 0 for those of a second.
    #[serde(deserialize_with = "number")]
    pub query_rate_burst: u32,
    /// Snapshots for nodes that join late.
    pub state_sync: StateSync,
    /// REST server.
    pub api: Api,
    /// gRPC server.
    pub grpc: Grpc,
    /// gRPC-web on the REST server's port.
    pub grpc_web: GrpcWeb,
    /// Prometheus endpoint of the application.
    pub telemetry: Telemetry,
}

/// Which past states stay readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub enum Pruning {
    /// The last 362,880 states, as in the Cosmos SDK.
    Default,
    /// Every state: an archive node.
    Nothing,
    /// Only the last two states.
    Everything,
    /// `pruning-keep-recent` states.
    Custom,
}

/// State-sync snapshots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct StateSync {
    /// Heights from one snapshot to the next; 0 makes none.
    #[serde(deserialize_with = "number")]
    pub snapshot_interval: u64,
    /// Snapshots that are kept; 0 keeps all.
    #[serde(deserialize_with = "number")]
    pub snapshot_keep_recent: u32,
}

/// Numbers that the Cosmos SDK's files hold as text.
fn number<'a, T, D>(from: D) -> Result<T, D::Error>
where
    T: Deserialize<'a> + FromStr,
    D: serde::Deserializer<'a>,
{
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Either<T> {
        Number(T),
        Text(String),
    }
    match Either::deserialize(from)? {
        Either::Number(number) => Ok(number),
        Either::Text(text) => text
            .parse()
            .map_err(|_| serde::de::Error::custom(format!("{text:?} is not a number"))),
    }
}

/// The REST server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Api {
    /// Whether it runs.
    pub enable: bool,
    /// Whether the OpenAPI document and its page are served.
    pub swagger: bool,
    /// `tcp://IP:port` or `IP:port`.
    #[serde(with = "address")]
    pub address: SocketAddr,
    /// Most connections at a time.
    #[serde(deserialize_with = "number")]
    pub max_open_connections: usize,
    /// Seconds that a request may take to arrive, and that an idle connection stays open.
    #[serde(deserialize_with = "number")]
    pub rpc_read_timeout: u64,
    /// Longest request body in bytes.
    #[serde(deserialize_with = "number")]
    pub rpc_max_body_bytes: usize,
    /// Whether browsers may call from any page.
    pub enabled_unsafe_cors: bool,
}

/// gRPC-web.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct GrpcWeb {
    /// Whether it is served.
    pub enable: bool,
}

/// Addresses as operators write them for the REST server.
mod address {
    use std::net::SocketAddr;

    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub(super) fn serialize<S: Serializer>(address: &SocketAddr, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(&format_args!("tcp://{address}"))
    }

    pub(super) fn deserialize<'a, D: Deserializer<'a>>(from: D) -> Result<SocketAddr, D::Error> {
        let text = String::deserialize(from)?;
        let plain = text
            .strip_prefix("tcp://")
            .unwrap_or(&text)
            .replace("localhost", "127.0.0.1");
        plain
            .parse()
            .map_err(|_| D::Error::custom(format!("{text:?} is not tcp://IP:port")))
    }
}

/// The gRPC server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Grpc {
    /// Whether it runs.
    pub enable: bool,
    /// `IP:port`.
    #[serde(deserialize_with = "address::deserialize")]
    pub address: SocketAddr,
}

/// Prometheus metrics at `/metrics`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, rename_all = "kebab-case")]
pub struct Telemetry {
    /// Whether it runs.
    pub enabled: bool,
    /// `IP:port`.
    #[serde(deserialize_with = "address::deserialize")]
    pub address: SocketAddr,
}

const LOOPBACK: std::net::Ipv4Addr = std::net::Ipv4Addr::LOCALHOST;

impl Default for Api {
    fn default() -> Self {
        Self {
            enable: false,
            swagger: true,
            address: SocketAddr::from((LOOPBACK, 1317)),
            max_open_connections: 1_000,
            rpc_read_timeout: 10,
            rpc_max_body_bytes: 2_000_000,
            enabled_unsafe_cors: false,
        }
    }
}

impl Default for StateSync {
    fn default() -> Self {
        Self {
            snapshot_interval: 0,
            snapshot_keep_recent: 2,
        }
    }
}

impl Default for GrpcWeb {
    fn default() -> Self {
        Self { enable: true }
    }
}

impl Default for Grpc {
    fn default() -> Self {
        Self {
            enable: true,
            address: SocketAddr::from((LOOPBACK, 9090)),
        }
    }
}

impl Default for Telemetry {
    fn default() -> Self {
        Self {
            enabled: true,
            address: SocketAddr::from((LOOPBACK, 26661)),
        }
    }
}

impl Default for AppConfig {
    fn default() -> Self {
        Self {
            minimum_gas_prices: String::new(),
            pruning: Pruning::Default,
            pruning_keep_recent: 0,
            halt_height: 0,
            halt_time: 0,
            min_retain_blocks: 0,
            index_events: Vec::new(),
            query_gas_limit: 0,
            query_rate_limit: 0,
            query_rate_burst: 0,
            state_sync: StateSync::default(),
            api: Api::default(),
            grpc: Grpc::default(),
            grpc_web: GrpcWeb::default(),
            telemetry: Telemetry::default(),
        }
    }
}

impl AppConfig {
    /// Reads and checks the file.
    ///
    /// # Errors
    /// [`Exit::BadFile`] with the line of the first mistake.
    pub fn load(path: &Path) -> Outcome<Self> {
        let text = fs::read_to_string(path).at(Exit::BadFile, path.display())?;
        Self::parse(&text).at(Exit::BadFile, path.display())
    }

    /// Reads and checks the file's text.
    ///
    /// # Errors
    /// As [`AppConfig::load`].
    pub fn parse(text: &str) -> Outcome<Self> {
        Self::notes(text)?;
        let config: Self = toml_edit::de::from_str(text)
            .map_err(|error| edit::at_line(text, error.span(), error.message()))
            .at(Exit::BadFile, "not valid")?;
        config.validate()?;
        Ok(config)
    }

    /// One line about each setting of the text that has no effect.
    ///
    /// # Errors
    /// [`Exit::BadFile`] with its line for a setting that nobody knows or that this node cannot follow.
    pub fn notes(text: &str) -> Outcome<Vec<String>> {
        foreign::notes(text, &Self::keys()?)
    }

    /// Dotted names of all settings that have an effect.
    ///
    /// # Errors
    /// None: the defaults always have a form.
    pub fn keys() -> Outcome<Vec<String>> {
        let defaults = Self::defaults()?;
        let mut keys = Vec::new();
        for (name, item) in defaults.iter() {
            match item.as_table_like() {
                Some(table) => keys.extend(table.iter().map(|(inner, _)| format!("{name}.{inner}"))),
                None => keys.push(name.to_owned()),
            }
        }
        Ok(keys)
    }

    /// All settings that have an effect, as they are where a file does not say otherwise.
    ///
    /// # Errors
    /// None: the defaults always have a form.
    pub fn defaults() -> Outcome<DocumentMut> {
        toml_edit::ser::to_document(&Self::default()).at(Exit::Failure, "app.toml")
    }

    /// States to keep behind the latest; `None` keeps all.
    #[must_use]
    pub const fn keep_recent(&self) -> Option<u64> {
        match self.pruning {
            Pruning::Default => Some(362_880),
            Pruning::Nothing => None,
            Pruning::Everything => Some(2),
            Pruning::Custom => Some(self.pruning_keep_recent),
        }
    }

    fn validate(&self) -> Outcome {
        match self.faults().into_iter().next() {
            Some((_, text)) => Err(Failure::new(Exit::BadFile, text)),
            None => Ok(()),
        }
    }

    /// What is wrong with the values, each with the names of the settings that it is about.
    #[must_use]
    pub fn faults(&self) -> Vec<(Vec<String>, String)> {
        let mut faults = Vec::new();
        let mut fault = |keys: &[&str], text: String| {
            faults.push((keys.iter().map(|key| (*key).to_owned()).collect(), text));
        };
        if self.pruning == Pruning::Custom && self.pruning_keep_recent < 2 {
            let text = "pruning = \"custom\" needs pruning-keep-recent of at least 2";
            fault(&["pruning", "pruning-keep-recent"], text.to_owned());
        }
        if let Err(error) = self.minimum_gas_prices.parse::<GasPrices>() {
            let text = format!(
                "minimum-gas-prices: {:?}: {error}; write for example 0.01nqrn",
                self.minimum_gas_prices
            );
            fault(&["minimum-gas-prices"], text);
        }
        let split = |event: &String| {
            event
                .split_once('.')
                .map(|(kind, key)| !kind.is_empty() && !key.is_empty())
        };
        if let Some(bad) = self.index_events.iter().find(|event| split(event) != Some(true)) {
            let text = format!("index-events: {bad:?} is not TYPE.KEY, such as transfer.recipient");
            fault(&["index-events"], text);
        }
        for (name, value) in [
            ("max-open-connections", self.api.max_open_connections),
            ("rpc-max-body-bytes", self.api.rpc_max_body_bytes),
        ] {
            if value == 0 || value > 1 << 28 {
                let text = format!("[api] {name} must be from 1 to {}", 1 << 28);
                fault(&[&format!("api.{name}")], text);
            }
        }
        for (name, value) in [
            ("query-rate-limit", self.query_rate_limit),
            ("query-rate-burst", self.query_rate_burst),
        ] {
            if value > 1_000_000 {
                fault(&[name], format!("{name} must be from 0 to 1000000"));
            }
        }
        if !(1..=3_600).contains(&self.api.rpc_read_timeout) {
            let text = "[api] rpc-read-timeout must be from 1 to 3600 seconds";
            fault(&["api.rpc-read-timeout"], text.to_owned());
        }
        let telemetry = self.telemetry.address;
        if !telemetry.ip().is_loopback() {
            let text = format!(
                "[telemetry] address {telemetry} is not a loopback address: let Prometheus read /metrics of [api], or put a \
                 proxy with access rules in front of 127.0.0.1"
            );
            fault(&["telemetry.address"], text);
        }
        faults
    }
}

/// The file as `init` writes it.
pub const TEMPLATE: &str = r#"# Settings of the Quern application. CometBFT's are in config.toml.

# Least gas prices that this node's mempool accepts, for example "0.01nqrn".
# A transaction that pays less in every listed denom is refused with code sdk/13.
minimum-gas-prices = "0nqrn"

# Which past states stay readable by height:
#   default     the last 362880
#   nothing     all (archive node)
#   everything  the last 2
#   custom      as many as pruning-keep-recent says
pruning = "default"
pruning-keep-recent = 0

# Stop before the block of this height, or of this Unix time in seconds, with exit code 16; 0 for never.
halt-height = 0
halt-time = 0

# Blocks that CometBFT keeps at least. It keeps more while evidence may refer to them or a snapshot needs them;
# 0 keeps all.
min-retain-blocks = 0

# Attributes of events that CometBFT indexes for searches, such as ["transfer.recipient", "message.action"]; [] for all.
index-events = []

# Most gas that one query may use, contracts included; 0 stands for 50000000.
query-gas-limit = 0

# Most requests a second of one address to REST, gRPC-web and gRPC together; 0 for no bound. More are refused with 429, or
# gRPC's code 8, and retry-after. Behind a proxy all callers have the proxy's address: bound them there.
query-rate-limit = 0
# Requests that an address may make at once after a pause; 0 for as many as in a second.
query-rate-burst = 0

[state-sync]
# Make a snapshot of the state every so many blocks, for nodes that join by state sync; 0 makes none.
snapshot-interval = 0
# Snapshots that are kept, at least 2 so that a node that joins can finish; 0 keeps all.
snapshot-keep-recent = 2

[api]
# REST: every query and transaction route of Cosmos clients. Loopback only: put a proxy in front to publish it.
enable = false
# An OpenAPI document at /openapi.json and a page at /swagger.
swagger = true
address = "tcp://127.0.0.1:1317"
# Further connections wait.
max-open-connections = 1000
# Seconds that a request may take to arrive, and that an idle connection stays open.
rpc-read-timeout = 10
# Longest request body. A contract of 800 KiB needs 1.1 MB in base64.
rpc-max-body-bytes = 2000000
# Let pages of any origin call from a browser.
enabled-unsafe-cors = false

[grpc]
# Queries, transactions and reflection over gRPC. Loopback only: put a proxy in front to publish it.
enable = true
address = "127.0.0.1:9090"

[grpc-web]
# gRPC for browsers, on the port of [api].
enable = true

[telemetry]
# Prometheus metrics of the application at http://ADDRESS/metrics.
enabled = true
address = "127.0.0.1:26661"
"#;

#[cfg(test)]
mod tests {
    use super::{AppConfig, TEMPLATE};

    #[test]
    fn the_file_that_init_writes_holds_the_defaults() {
        let mut written: AppConfig = toml_edit::de::from_str(TEMPLATE).unwrap();
        assert_eq!(written.minimum_gas_prices, "0nqrn");
        written.minimum_gas_prices.clear();
        assert_eq!(written, AppConfig::default());
        written.validate().unwrap();
    }

    #[test]
    fn a_misspelt_setting_is_refused_by_name() {
        for (text, said) in [
            (
                "\nminimum-gas-price = \"1nqrn\"",
                "line 2: no setting named minimum-gas-price",
            ),
            ("[api]\nenabled = true", "line 2: no setting named api.enabled"),
            ("[rosetta]\nenable = false", "line 1: no setting named rosetta"),
            ("index-events = [\"transfer\"]", "is not TYPE.KEY"),
        ] {
            let error = AppConfig::parse(text).unwrap_err();
            assert!(error.message.contains(said), "{}", error.message);
        }
    }

    #[test]
    fn clients_are_served_where_the_operator_says_and_metrics_on_loopback_alone() {
        let text = "[api]\naddress = \"tcp://0.0.0.0:1317\"\n[grpc]\naddress = \"[::]:9090\"";
        let config = AppConfig::parse(text).unwrap();
        assert_eq!(config.api.address.to_string(), "0.0.0.0:1317");
        assert_eq!(config.grpc.address.to_string(), "[::]:9090");
        let config = AppConfig::parse("[telemetry]\naddress = \"0.0.0.0:26661\"");
        assert!(config.unwrap_err().message.contains("loopback"));
        assert!(AppConfig::default().api.address.ip().is_loopback());
        assert!(AppConfig::default().grpc.address.ip().is_loopback());
    }

    #[test]
    fn the_rest_address_is_read_with_and_without_its_scheme() {
        for text in ["tcp://localhost:1400", "127.0.0.1:1400", "tcp://127.0.0.1:1400"] {
            let config = AppConfig::parse(&format!("[api]\naddress = \"{text}\"")).unwrap();
            assert_eq!(config.api.address.port(), 1400);
        }
        assert!(AppConfig::parse("[api]\naddress = \"http://127.0.0.1:1\"").is_err());
        assert!(AppConfig::parse("[api]\nmax-open-connections = 0").is_err());
    }
}
