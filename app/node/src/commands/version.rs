//! `quernd version`.

use serde_json::{Value, json};

/// Version and, with `long`, what it is compatible with.
#[must_use]
pub fn version(long: bool) -> Value {
    if !long {
        return Value::String(env!("CARGO_PKG_VERSION").to_owned());
    }
    json!({
        "name": "quern",
        "server_name": "quernd",
        "version": env!("CARGO_PKG_VERSION"),
        "cosmos_sdk_version": "v0.53.6",
        "wire_profile": "wasmd v0.61.14",
        "cometbft": format!(">={} <0.39", crate::comet::MIN_VERSION),
        "target": format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
    })
}
