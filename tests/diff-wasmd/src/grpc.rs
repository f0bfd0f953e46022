//! The same calls to both nodes over gRPC, and where their statuses differ: code and text. What they answer where they do
//! is compared over REST and ABCI.

use std::net::SocketAddr;

use base64::{Engine, engine::general_purpose::STANDARD};
use bytes::Bytes;
use prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind as Type, MethodDescriptor, Value};
use quern_api::{Entry, RawCodec};
use quern_proto::cosmos::base::query::v1beta1::PageRequest;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::compare::{Difference, Kind};
use crate::rest::Known;

/// A call: its path, its request, the height in its metadata, and what it is.
struct Call {
    path: String,
    request: Vec<u8>,
    height: Option<String>,
    about: String,
}

/// Both nodes.
pub struct Sides {
    runtime: tokio::runtime::Runtime,
    ours: Channel,
    theirs: Channel,
}

impl Sides {
    /// The nodes at these addresses.
    pub fn new(ours: SocketAddr, theirs: SocketAddr) -> Self {
        let runtime = tokio::runtime::Runtime::new().expect("threads");
        let channel = |address: SocketAddr| {
            let _inside = runtime.enter();
            let endpoint = Channel::from_shared(format!("http://{address}")).expect("an address");
            endpoint.connect_lazy()
        };
        let (ours, theirs) = (channel(ours), channel(theirs));
        Self {
            runtime,
            ours,
            theirs,
        }
    }

    /// Calls every method of these services. Returns how often, and what differs.
    pub fn compare(&self, entries: &[Entry], services: &[&str], known: &Known) -> (usize, Vec<Difference>) {
        let (mut asked, mut found) = (0, Vec::new());
        let named = |entry: &&Entry| services.contains(&entry.service.as_str());
        let mut calls: Vec<Call> = entries
            .iter()
            .filter(named)
            .flat_map(|entry| calls(entry, known))
            .collect();
        calls.extend(unknown());
        for call in calls {
            asked += 1;
            let (ours, theirs) = (self.ask(&self.ours, &call), self.ask(&self.theirs, &call));
            if ours != theirs {
                found.push(Difference {
                    kind: Kind::Grpc,
                    what: format!("{} {}", call.path, call.about),
                    ours,
                    theirs,
                });
            }
        }
        (asked, found)
    }

    /// Code and text of a call's end.
    fn ask(&self, channel: &Channel, call: &Call) -> String {
        let answer = self.runtime.block_on(async {
            let mut client = tonic::client::Grpc::new(channel.clone());
            client
                .ready()
                .await
                .map_err(|e| Status::unavailable(e.to_string()))?;
            let mut request = Request::new(Bytes::from(call.request.clone()));
            if let Some(height) = &call.height {
                let height = height.parse().map_err(|_| Status::internal("no metadata"))?;
                request.metadata_mut().insert("x-cosmos-block-height", height);
            }
            let path = PathAndQuery::try_from(call.path.as_str()).expect("a path");
            client.unary(request, path, RawCodec).await
        });
        match answer {
            Ok(_) => format!("{:?}", Code::Ok),
            Err(status) => format!("{:?}: {}", status.code(), status.message()),
        }
    }
}

/// Methods and services that nobody has.
fn unknown() -> Vec<Call> {
    [
        "/cosmos.bank.v1beta1.Query/NoSuch",
        "/no.such.Query/Method",
        "/grpc.reflection.v1alpha.ServerReflection/NoSuch",
        "/cosmos.bank.v1beta1.Msg/Send",
        "/cosmos.bank.v1beta1.Query/Params/More",
        "/store/bank/key",
        "/nosuch",
        "/cosmos.bank.v1beta1.Query/",
    ]
    .into_iter()
    .map(|path| Call {
        path: path.into(),
        request: vec![],
        height: None,
        about: "which nobody has".into(),
    })
    .collect()
}

/// All calls of a method: with what is known, with one thing wrong at a time, by pages, at heights.
fn calls(entry: &Entry, known: &Known) -> Vec<Call> {
    let service = quern_proto::pool().get_service_by_name(&entry.service);
    let Some(method) =
        service.and_then(|service| service.methods().find(|method| method.name() == entry.method))
    else {
        return Vec::new();
    };
    if method.is_server_streaming() || method.is_client_streaming() {
        return Vec::new();
    }
    let call = |request: Vec<u8>, about: String| Call {
        path: format!("/{}/{}", entry.service, entry.method),
        request,
        height: None,
        about,
    };
    let good = request(&method, &entry.service, known);
    let mut calls = vec![
        call(vec![], "with nothing".into()),
        call(vec![0x0a, 0x7f], "with what does not decode".into()),
        call(good.encode_to_vec(), "with what is known".into()),
    ];
    for field in method.input().fields() {
        for text in known.values(&entry.service, field.name()) {
            let Some(value) = value(&field, &text) else {
                continue;
            };
            let mut changed = good.clone();
            changed.set_field(&field, value);
            calls.push(call(changed.encode_to_vec(), format!("{}={text}", field.name())));
        }
    }
    if let Some(field) = method.input().get_field_by_name("pagination") {
        for page in pages() {
            let mut paged = good.clone();
            let message = field.kind().as_message().cloned().expect("a message");
            let bytes = page.encode_to_vec();
            let value = DynamicMessage::decode(message, bytes.as_slice()).expect("a page");
            paged.set_field(&field, Value::Message(value));
            calls.push(call(paged.encode_to_vec(), format!("{page:?}")));
        }
    }
    for height in [known.height.to_string(), (known.height + 1_000).to_string()]
        .into_iter()
        .chain(["0", "-1", "abc", "9223372036854775807", "18446744073709551615"].map(str::to_owned))
    {
        let mut at = call(good.encode_to_vec(), format!("at height {height}"));
        at.height = Some(height);
        calls.push(at);
    }
    calls
}

/// A request of what is known.
fn request(method: &MethodDescriptor, service: &str, known: &Known) -> DynamicMessage {
    let mut request = DynamicMessage::new(method.input());
    for field in method.input().fields() {
        let first = known.values(service, field.name()).into_iter().next();
        if let Some(value) = first.and_then(|text| value(&field, &text)) {
            request.set_field(&field, value);
        }
    }
    request
}

/// A field's value out of its text; `None` where the wire has none.
fn value(field: &FieldDescriptor, text: &str) -> Option<Value> {
    let one = match field.kind() {
        Type::String => Value::String(text.to_owned()),
        Type::Bytes => Value::Bytes(STANDARD.decode(text).ok()?.into()),
        Type::Bool => Value::Bool(text.parse().ok()?),
        Type::Uint64 => Value::U64(text.parse().ok()?),
        Type::Int64 => Value::I64(text.parse().ok()?),
        Type::Uint32 => Value::U32(text.parse().ok()?),
        Type::Int32 => Value::I32(text.parse().ok()?),
        Type::Enum(kind) => {
            let named = kind.get_value_by_name(text).map(|value| value.number());
            Value::EnumNumber(named.or_else(|| text.parse().ok())?)
        }
        _ => return None,
    };
    Some(if field.is_list() {
        Value::List(vec![one])
    } else {
        one
    })
}

/// Pages, right and wrong.
fn pages() -> Vec<PageRequest> {
    let page = |key: &[u8], offset, limit, count_total, reverse| PageRequest {
        key: key.to_vec(),
        offset,
        limit,
        count_total,
        reverse,
    };
    vec![
        page(b"", 0, 1, false, false),
        page(b"", 1, 2, true, false),
        page(b"", 0, 3, false, true),
        page(b"", 1_000_000, 0, false, false),
        page(b"", 0, u64::MAX, false, false),
        page(b"", u64::MAX, u64::MAX, true, false),
        page(b"key", 0, 1, false, false),
        page(b"key", 1, 1, false, false),
        page(&[0xff; 40], 0, 1, false, true),
    ]
}
