//! Shared by the application's integration tests.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

pub mod shipped;
pub mod signing;
pub mod system;

use std::path::Path;

use quern_core::{App, Options};
use tendermint_proto::v0_38::abci::Event;

/// Opens the application in a folder, with defaults.
pub fn open(dir: &Path) -> App {
    App::open(Options::new(dir)).unwrap()
}

/// An event's attributes as `key=value`.
pub fn attribute_list(event: &Event) -> Vec<String> {
    event
        .attributes
        .iter()
        .map(|a| format!("{}={}", a.key, a.value))
        .collect()
}
