//! The `quernd` program.

use std::process::ExitCode;

use quern_core::Release;

/// Blocks are made of short-lived values: the system's allocator took an eighth of the application's time.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The upgrades whose state changes this release carries: none has been made yet. A release for an upgrade names it here, as
/// `docs/operator/upgrades.md` shows.
fn release() -> Release {
    Release::default()
}

fn main() -> ExitCode {
    quern_node::program(release())
}
