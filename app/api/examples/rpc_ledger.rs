//! Writes `docs/spec/rpc-ledger.md`, or with `--check` says whether it is up to date.
//!
//! The verdicts come from a fresh application, asked for every method once.
#![allow(clippy::print_stderr, reason = "a program for the terminal")]

use std::fmt::Write;
use std::fs;
use std::path::Path;

use anyhow::{Context, bail};
use quern_api::{Entry, Messages, Verdict, entries};
use quern_context::AnyMsg;
use quern_core::{App, Msg, Options};

const FILE: &str = "docs/spec/rpc-ledger.md";

const HEAD: &str = "# RPC ledger

Every RPC of the modules that the chain speaks. Written by `cargo run -p quern-api --example rpc_ledger` from the
protocol's descriptors and a fresh application; `make check` compares it.

- **served**: a query is answered by gRPC, gRPC-web, ABCI and, where a route stands, REST; a message is executed.
- **empty by design**: answered with nothing, always; who asks for one of them is told that it is not there.
- **refused**: for good, for the reason given.
- **not yet**: gRPC code 12, REST 501; a message is refused with `sdk/2`.

Routes outside this list answer 501 too, as grpc-gateway does.
";

fn main() -> anyhow::Result<()> {
    let check = std::env::args().nth(1).as_deref() == Some("--check");
    let data = tempfile::tempdir()?;
    let app = App::open(Options::new(data.path()))?;
    let source = move |path: &str, data: &[u8], height: u64| app.query(path, data, height, false);
    let executes = |type_url: &str| {
        let message = AnyMsg {
            type_url: type_url.to_owned(),
            value: Vec::new(),
        };
        Msg::decode(&message).is_ok()
    };
    let text = page(&entries(&source, &Messages::new(executes)))?;
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(FILE);
    if !check {
        return fs::write(&file, text).with_context(|| FILE.to_owned());
    }
    if fs::read_to_string(&file).unwrap_or_default() != text {
        bail!("{FILE} is out of date: run `cargo run -p quern-api --example rpc_ledger`");
    }
    eprintln!("{FILE} is up to date");
    Ok(())
}

fn page(entries: &[Entry]) -> anyhow::Result<String> {
    let mut text = HEAD.to_owned();
    let count = |wanted: fn(&Verdict) -> bool| entries.iter().filter(|entry| wanted(&entry.verdict)).count();
    writeln!(
        text,
        "\n{} served, {} empty by design, {} refused, {} not yet.",
        count(|verdict| matches!(verdict, Verdict::Served)),
        count(|verdict| matches!(verdict, Verdict::Empty)),
        count(|verdict| matches!(verdict, Verdict::Refused(_))),
        count(|verdict| matches!(verdict, Verdict::NotYet)),
    )?;
    let mut service = "";
    for entry in entries {
        if entry.service != service {
            service = &entry.service;
            writeln!(
                text,
                "\n## {service}\n\n| Method | Verdict | REST |\n|---|---|---|"
            )?;
        }
        let routes: Vec<String> = entry.routes.iter().map(|route| format!("`{route}`")).collect();
        writeln!(
            text,
            "| {} | {} | {} |",
            entry.method,
            entry.verdict,
            routes.join("<br>")
        )?;
    }
    Ok(text)
}
