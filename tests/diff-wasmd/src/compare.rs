//! What became of a transaction on the two chains.

use std::collections::BTreeMap;
use std::fmt;

use prost_reflect::{DynamicMessage, Value};
use tendermint_proto::v0_38::abci::{Event, EventAttribute, ExecTxResult, ResponseCheckTx, ResponseQuery};

use crate::gas;

/// Where two answers differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Codespace or code.
    Code,
    /// Codespace or code at the mempool.
    AdmissionCode,
    /// Text of an error.
    Log,
    /// Text of an error at the mempool.
    AdmissionLog,
    /// Data of the answer.
    Data,
    /// Events, in order, with their attributes in order.
    Events,
    /// Gas that was wanted.
    GasWanted,
    /// Gas that was used.
    GasUsed,
    /// Answer of a query.
    Query,
    /// Status of a call over gRPC.
    Grpc,
    /// Status of an answer over REST.
    RestStatus,
    /// Headers of an answer over REST.
    RestHeaders,
    /// Text or code of an error over REST.
    RestError,
    /// Answer over REST.
    RestBody,
    /// A page over REST of a list that has entries of each chain's own: the part of its chain's complete list that was asked
    /// for.
    RestPage,
    /// Numbers of accounts over REST: those of the complete lists, which are in the same order.
    RestNumber,
    /// What an answer over REST is made of, where its values are each chain's own.
    RestShape,
}

/// One difference.
#[derive(Clone, Debug)]
pub struct Difference {
    /// Where.
    pub kind: Kind,
    /// What was sent or asked.
    pub what: String,
    /// This chain's.
    pub ours: String,
    /// wasmd's.
    pub theirs: String,
}

impl Difference {
    /// An answer over ABCI as what it says.
    fn readable(&self, text: &str) -> Option<String> {
        let path = self.what.split(' ').next().filter(|_| self.kind == Kind::Query)?;
        Some(shown(&decode(path, text)?))
    }
}

/// A message as `name: value` of what is set.
fn shown(message: &DynamicMessage) -> String {
    let one = |value: &Value| match value {
        Value::Message(message) => format!("{{{}}}", shown(message)),
        Value::Bytes(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        other => format!("{other:?}"),
    };
    let fields = message.fields().map(|(field, value)| match value {
        Value::List(list) => format!(
            "{}: [{}]",
            field.name(),
            list.iter().map(one).collect::<Vec<_>>().join(", ")
        ),
        value => format!("{}: {}", field.name(), one(value)),
    });
    fields.collect::<Vec<_>>().join(", ")
}

/// The answer of a method out of its hexadecimal bytes.
pub fn decode(path: &str, text: &str) -> Option<DynamicMessage> {
    let (service, method) = path.trim_start_matches('/').split_once('/')?;
    let service = quern_proto::pool().get_service_by_name(service)?;
    let method = service.methods().find(|known| known.name() == method)?;
    DynamicMessage::decode(method.output(), hex::decode(text).ok()?.as_slice()).ok()
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let without_stack = |text: &str| {
            let text = text.split("\nstack:").next().unwrap_or_default();
            self.readable(text).unwrap_or_else(|| text.to_owned())
        };
        writeln!(f, "{:?} of {}", self.kind, self.what)?;
        writeln!(f, "    ours:  {}", without_stack(&self.ours))?;
        write!(f, "    wasmd: {}", without_stack(&self.theirs))
    }
}

/// Where the results of a transaction differ.
pub fn results(what: &str, ours: &ExecTxResult, theirs: &ExecTxResult) -> Vec<Difference> {
    let code = |r: &ExecTxResult| format!("{}/{}: {}", r.codespace, r.code, r.log);
    let refusal = (theirs.code != 0).then_some(theirs.log.as_str());
    let mut found = Vec::new();
    let mut differ = |kind, ours: String, theirs: String| {
        if ours != theirs {
            let what = match kind {
                Kind::GasUsed => gas::described(refusal, what),
                _ => what.to_owned(),
            };
            found.push(Difference {
                kind,
                what,
                ours,
                theirs,
            });
        }
    };
    if (ours.code, &ours.codespace) != (theirs.code, &theirs.codespace) {
        differ(Kind::Code, code(ours), code(theirs));
        return found;
    }
    // The text of success is empty or a list of logs, which nobody reads any more.
    if ours.code != 0 {
        differ(Kind::Log, ours.log.clone(), theirs.log.clone());
    }
    differ(Kind::Data, hex::encode(&ours.data), hex::encode(&theirs.data));
    differ(Kind::Events, events(&ours.events), events(&theirs.events));
    differ(
        Kind::GasWanted,
        ours.gas_wanted.to_string(),
        theirs.gas_wanted.to_string(),
    );
    differ(
        Kind::GasUsed,
        ours.gas_used.to_string(),
        theirs.gas_used.to_string(),
    );
    found
}

/// Where the mempools differ. They judge before the block, from the same state.
pub fn admissions(
    what: impl Fn() -> String,
    ours: &ResponseCheckTx,
    theirs: &ResponseCheckTx,
) -> Option<Difference> {
    let text = |r: &ResponseCheckTx| format!("{}/{}: {}", r.codespace, r.code, r.log);
    let kind = if (ours.code, &ours.codespace) != (theirs.code, &theirs.codespace) {
        Kind::AdmissionCode
    } else if ours.code != 0 && ours.log != theirs.log {
        Kind::AdmissionLog
    } else {
        return None;
    };
    Some(Difference {
        kind,
        what: what(),
        ours: text(ours),
        theirs: text(theirs),
    })
}

/// Events as text; CometBFT's index flags are a node's own setting.
pub fn events(events: &[Event]) -> String {
    let one = |event: &Event| {
        // Signatures differ with account numbers.
        let signed = |key: &str| event.r#type == "tx" && key == "signature";
        let one = |key: &str, value: &str| format!("{key}={}", if signed(key) { "..." } else { value });
        let attributes: Vec<_> = event.attributes.iter().map(|a| one(&a.key, &a.value)).collect();
        format!("{}({})", event.r#type, attributes.join(", "))
    };
    events.iter().map(one).collect::<Vec<_>>().join(" ")
}

/// Where the answers to a query differ.
pub fn answers(what: &str, ours: &ResponseQuery, theirs: &ResponseQuery) -> Option<Difference> {
    let text = |r: &ResponseQuery| {
        if r.code == 0 {
            hex::encode(&r.value)
        } else {
            format!("{}/{}: {}", r.codespace, r.code, r.log)
        }
    };
    let (ours, theirs) = (text(ours), text(theirs));
    (ours != theirs).then(|| Difference {
        kind: Kind::Query,
        what: what.to_owned(),
        ours,
        theirs,
    })
}

/// Where blocks differ in what came back from stakes and what became of validators, in any order.
pub fn completions(what: &str, ours: &[Event], theirs: &[Event]) -> Option<Difference> {
    let text = |all: &[Event]| {
        let mut found: Vec<String> = all
            .iter()
            .filter(|event| {
                event.r#type.starts_with("complete_")
                    || ["liveness", "slash"].contains(&event.r#type.as_str())
            })
            .map(|event| events(std::slice::from_ref(event)))
            .collect();
        found.sort();
        found.join(" ")
    };
    told(what, text(ours), text(theirs))
}

/// Where blocks differ in what their ends say, in order.
pub fn endings(what: &str, ours: &[Event], theirs: &[Event]) -> Option<Difference> {
    let text = |all: &[Event]| {
        let at_end = |event: &&Event| {
            let mode = |attribute: &EventAttribute| attribute.key == "mode" && attribute.value == "EndBlock";
            event.attributes.iter().any(mode)
        };
        events(&all.iter().filter(at_end).cloned().collect::<Vec<_>>())
    };
    told(what, text(ours), text(theirs))
}

fn told(what: &str, ours: String, theirs: String) -> Option<Difference> {
    (ours != theirs).then(|| Difference {
        kind: Kind::Events,
        what: what.to_owned(),
        ours,
        theirs,
    })
}

/// How many transactions ended how.
#[derive(Default)]
pub struct Tally(BTreeMap<(String, u32), u64>);

impl Tally {
    /// Counts one.
    pub fn count(&mut self, result: &ExecTxResult) {
        *self.0.entry((result.codespace.clone(), result.code)).or_default() += 1;
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for ((codespace, code), count) in &self.0 {
            let name = if *code == 0 {
                "accepted".to_owned()
            } else {
                format!("{codespace}/{code}")
            };
            writeln!(f, "{count:8}  {name}")?;
        }
        Ok(())
    }
}
