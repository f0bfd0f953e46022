//! The same REST requests to both nodes, and where their answers differ: status, headers that clients read, text of an
//! error, JSON to the byte.

mod cases;
mod client;
mod excuses;
mod lists;
mod live;
mod posts;
mod shape;
mod values;

use std::net::SocketAddr;
use std::sync::Arc;

use quern_api::{Api, Entry, Limits, Messages, Options, RestOptions, Verdict};
use quern_context::AnyMsg;
use quern_core::{App, Msg};
use serde_json::Value;

use crate::compare::{Difference, Kind};
use cases::Case;
use client::{Answer, ask};
pub use excuses::{RULES, same_words};
use lists::Lists;
pub use live::compare as compare_live;
pub use posts::Samples;
pub use values::Known;

/// Services whose answers are compared value by value: both chains have the same state of them.
pub const SAME: [&str; 11] = [
    "cosmos.auth.v1beta1.Query",
    "cosmos.authz.v1beta1.Query",
    "cosmos.bank.v1beta1.Query",
    "cosmos.consensus.v1.Query",
    "cosmos.evidence.v1beta1.Query",
    "cosmos.feegrant.v1beta1.Query",
    "cosmos.gov.v1.Query",
    "cosmos.gov.v1beta1.Query",
    "cosmos.params.v1beta1.Query",
    "cosmos.upgrade.v1beta1.Query",
    "cosmwasm.wasm.v1.Query",
];

/// Pages of a list that are turned at most.
const PAGES: usize = 3;

/// REST of both nodes.
pub struct Sides {
    ours: SocketAddr,
    theirs: SocketAddr,
    /// This chain's gRPC.
    pub grpc: SocketAddr,
    /// Every RPC.
    pub entries: Vec<Entry>,
    /// Requests sent to each.
    pub asked: usize,
    differences: Vec<Difference>,
    lists: Lists,
}

impl Sides {
    /// Serves this chain's REST, beside wasmd's.
    pub fn new(app: &App, theirs: SocketAddr) -> Self {
        let source = app.clone();
        let source = move |path: &str, data: &[u8], height: u64| source.query(path, data, height, false);
        let source = Arc::new(source);
        let entries = quern_api::entries(&*source, &Messages::new(executes));
        let options = Options {
            // CometBFT is asked by neither here.
            rpc: "http://127.0.0.1:1".into(),
            limits: Limits::for_cores(4),
            messages: Messages::new(executes),
        };
        let (ours, grpc) = serve(Api::new(source, options).expect("an address"));
        Self {
            ours,
            theirs,
            grpc,
            entries,
            asked: 0,
            differences: Vec::new(),
            lists: Lists::new([ours, theirs]),
        }
    }

    /// Asks all methods of these services alone. Returns what differs.
    pub fn compare_services(mut self, services: &[&str], known: &Known) -> (usize, Vec<Difference>) {
        self.ask(services, known);
        (self.asked, self.differences)
    }

    fn ask(&mut self, services: &[&str], known: &Known) {
        let served = |entry: &&Entry| !matches!(entry.verdict, Verdict::Refused(_) | Verdict::NotYet);
        let named = |entry: &&Entry| services.contains(&entry.service.as_str());
        let entries = self.entries.clone();
        for entry in entries.iter().filter(served).filter(named) {
            for case in cases::of(entry, known) {
                self.pages(case);
            }
        }
    }

    /// Asks everything. Returns what differs.
    pub fn compare(mut self, known: &Known, samples: &Samples) -> (usize, Vec<Difference>) {
        self.ask(&SAME, known);
        for case in cases::unknown() {
            self.send(&case);
        }
        for case in posts::cases(samples) {
            self.send(&case);
        }
        for case in posts::encodings(self.theirs, samples) {
            self.send(&case);
        }
        (self.asked, self.differences)
    }

    /// Sends a case; where it asks for a list one by one, asks each side for its own next pages too.
    fn pages(&mut self, case: Case) {
        let mut both = [case.clone(), case.clone()];
        for _ in 0..PAGES {
            let [ours, theirs] = self.send_both(&both);
            let (Some(ours), Some(theirs)) = (next(&ours), next(&theirs)) else {
                return;
            };
            if !case.target.ends_with("pagination.limit=1") {
                return;
            }
            for (side, key) in both.iter_mut().zip([ours, theirs]) {
                let key = key.replace('+', "%2B").replace('/', "%2F").replace('=', "%3D");
                side.target = format!("{}&pagination.key={key}", case.target);
            }
        }
    }

    fn send(&mut self, case: &Case) {
        self.send_both(&[case.clone(), case.clone()]);
    }

    fn send_both(&mut self, both: &[Case; 2]) -> [Answer; 2] {
        let ours = ask(self.ours, &both[0]).unwrap_or_else(|e| panic!("ours: {}: {e}", both[0].what()));
        let theirs = ask(self.theirs, &both[1]).unwrap_or_else(|e| panic!("wasmd: {}: {e}", both[1].what()));
        self.asked += 1;
        if let Some(found) = Self::difference(&both[0], &ours, &theirs) {
            self.differences.extend(self.lists.judge(&both[0], found));
        }
        [ours, theirs]
    }

    /// The first thing in which answers differ.
    fn difference(case: &Case, ours: &Answer, theirs: &Answer) -> Option<Difference> {
        let (kind, ours, theirs) = if ours.status != theirs.status {
            (Kind::RestStatus, ours.to_string(), theirs.to_string())
        } else if ours.body != theirs.body {
            let kind = if ours.status == 200 {
                Kind::RestBody
            } else {
                Kind::RestError
            };
            (kind, ours.to_string(), theirs.to_string())
        } else if ours.headers != theirs.headers {
            let headers = |answer: &Answer| format!("{} {:?}", answer.status, answer.headers);
            (Kind::RestHeaders, headers(ours), headers(theirs))
        } else {
            return None;
        };
        Some(Difference {
            kind,
            what: case.what(),
            ours,
            theirs,
        })
    }
}

fn next(answer: &Answer) -> Option<String> {
    let json: Value = serde_json::from_slice(&answer.body).ok()?;
    json.pointer("/pagination/next_key")?.as_str().map(str::to_owned)
}

/// Whether the chain executes messages of this type. An empty message of any type decodes.
fn executes(type_url: &str) -> bool {
    let message = AnyMsg {
        type_url: type_url.to_owned(),
        value: Vec::new(),
    };
    Msg::decode(&message).is_ok()
}

/// Serves REST and gRPC on ports of their own until the program ends.
fn serve(api: Api) -> (SocketAddr, SocketAddr) {
    let (sender, receiver) = std::sync::mpsc::channel();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Runtime::new().expect("threads");
        runtime.block_on(async {
            let bind = || async {
                tokio::net::TcpListener::bind("127.0.0.1:0")
                    .await
                    .expect("a port")
            };
            let (rest, grpc) = (bind().await, bind().await);
            let at = |listener: &tokio::net::TcpListener| listener.local_addr().expect("an address");
            sender.send((at(&rest), at(&grpc))).expect("a listener");
            let rest = api.serve_rest(rest, RestOptions::default(), std::future::pending());
            let grpc = api.serve_grpc(grpc, std::future::pending());
            let (rest, grpc) = tokio::join!(rest, grpc);
            rest.and(grpc).expect("loopback");
        });
    });
    receiver.recv().expect("an address")
}
