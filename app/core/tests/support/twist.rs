//! Messages that still decode, with something in them that nobody would send: by their descriptors, so that they reach the
//! modules.

use prost::Message;
use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, ReflectMessage, Value};
use quern_proto::{
    Any,
    cosmos::{authz::v1beta1::MsgExec, gov::v1::MsgSubmitProposal},
};
use quern_testkit::{any, coins};
use rand::Rng;
use rand::rngs::StdRng;

/// What is put where it does not belong.
pub struct Odd<'a> {
    /// Whoever signs.
    pub signer: String,
    /// Accounts, validators, contracts, modules, and what is none of them.
    pub addresses: &'a [String],
    /// Every message.
    pub messages: &'a [Any],
}

/// Numbers as texts, at the edges of what they are read into.
const NUMBERS: [&str; 16] = [
    "0",
    "1",
    "-1",
    "2",
    "00",
    "1.000000000000000000",
    "0.000000000000000001",
    "-0.5",
    "9223372036854775807",
    "9223372036854775808",
    "18446744073709551615",
    "18446744073709551616",
    "340282366920938463463374607431768211455",
    "340282366920938463463374607431768211456",
    "115792089237316195423570985008687907853269984665640564039457584007913129639935",
    "999999999999999999999999999999999999999999999999999999999999999999999999999999999999",
];
/// Other texts.
const TEXTS: [&str; 10] = [
    "",
    " ",
    "nqrn",
    "uatom",
    "factory/x/y",
    "/cosmos.bank.v1beta1.MsgSend",
    "/cosmos.authz.v1beta1.MsgExec",
    "/no.such.Type",
    "\u{202e}\u{0301}\u{1f600}",
    "{\"a\":[[[[1]]]]}",
];
/// JSON for contracts.
const JSONS: [&str; 7] = [
    "{}",
    "null",
    "[]",
    "{\"echo\":{}}",
    "{\"echo\":{},\"get\":{\"key\":\"\"}}",
    "1e400",
    "{\"set\":[[\"\",\"\"]]}",
];
/// How often an element stands in a list.
const COUNTS: [usize; 5] = [2, 3, 20, 200, 1_000];
/// Longest list of messages within messages, in bytes: copies within copies would else grow without bound.
const LONGEST: usize = 20_000;

/// Changes something, one to three times.
pub fn twist(rng: &mut StdRng, message: &mut DynamicMessage, odd: &Odd<'_>) {
    for _ in 0..rng.gen_range(1..=3) {
        once(rng, message, odd);
    }
}

fn once(rng: &mut StdRng, message: &mut DynamicMessage, odd: &Odd<'_>) {
    let kind = message.descriptor();
    if kind.full_name() == "google.protobuf.Any" {
        let inside = nested(rng, odd, 0);
        *message = DynamicMessage::decode(kind, inside.encode_to_vec().as_slice()).unwrap();
        return;
    }
    let fields: Vec<FieldDescriptor> = kind.fields().filter(|field| !field.is_map()).collect();
    if fields.is_empty() {
        return;
    }
    let field = &fields[rng.gen_range(0..fields.len())];
    if rng.gen_ratio(1, 12) {
        message.clear_field(field);
        return;
    }
    let mut value = message.get_field(field).into_owned();
    match &mut value {
        Value::List(list) => listed(rng, field, list, odd),
        value => single(rng, field, value, odd),
    }
    message.set_field(field, value);
}

fn listed(rng: &mut StdRng, field: &FieldDescriptor, list: &mut Vec<Value>, odd: &Odd<'_>) {
    if list.is_empty() || rng.gen_ratio(1, 4) {
        list.push(Value::default_value(&field.kind()));
    }
    let at = rng.gen_range(0..list.len());
    match rng.gen_range(0..4) {
        0 => {
            let copy = list[at].clone();
            let count = COUNTS[rng.gen_range(0..COUNTS.len())];
            list.extend(std::iter::repeat_n(copy, count - 1));
        }
        1 => list.reverse(),
        _ => single(rng, field, &mut list[at], odd),
    }
}

fn single(rng: &mut StdRng, field: &FieldDescriptor, value: &mut Value, odd: &Odd<'_>) {
    let edge = |rng: &mut StdRng| {
        let edges = [
            0,
            1,
            2,
            63,
            64,
            127,
            1 << 31,
            (1 << 31) - 1,
            1 << 32,
            1 << 62,
            (1 << 63) - 1,
            1 << 63,
            u64::MAX,
        ];
        edges[rng.gen_range(0..edges.len())]
    };
    match value {
        Value::Message(inner) => once(rng, inner, odd),
        Value::String(text) => *text = another(rng, text, odd),
        Value::Bool(value) => *value = !*value,
        Value::EnumNumber(number) => {
            *number = [-1, 0, 1, 2, 3, 4, 5, 100, i32::MAX, i32::MIN][rng.gen_range(0..10)]
        }
        Value::I32(value) => *value = edge(rng) as i32,
        Value::I64(value) => *value = edge(rng) as i64,
        Value::U32(value) => *value = edge(rng) as u32,
        Value::U64(value) => *value = edge(rng),
        Value::Bytes(bytes) => {
            let json = matches!(field.name(), "msg" | "query_data");
            *bytes = match rng.gen_range(0..4) {
                0..=2 if json => JSONS[rng.gen_range(0..JSONS.len())].as_bytes().to_vec().into(),
                0 => vec![0xff; COUNTS[rng.gen_range(0..COUNTS.len())]].into(),
                1 => Vec::new().into(),
                _ => vec![7; 32].into(),
            };
        }
        _ => {}
    }
    // an empty message is filled by what its fields may hold
    if let (Kind::Message(_), Value::Message(inner)) = (field.kind(), value)
        && rng.gen_ratio(1, 3)
    {
        once(rng, inner, odd);
    }
}

fn another(rng: &mut StdRng, text: &str, odd: &Odd<'_>) -> String {
    let address = text.starts_with("quern");
    let number = text.starts_with(|first: char| first.is_ascii_digit());
    match rng.gen_range(0..10) {
        0..=6 if address => odd.addresses[rng.gen_range(0..odd.addresses.len())].clone(),
        7 if address => text.to_uppercase(),
        0..=8 if number => NUMBERS[rng.gen_range(0..NUMBERS.len())].to_owned(),
        9 => "x".repeat(COUNTS[rng.gen_range(0..COUNTS.len())] * 3),
        _ => TEXTS[rng.gen_range(0..TEXTS.len())].to_owned(),
    }
}

/// A message, or what carries messages, within one another.
fn nested(rng: &mut StdRng, odd: &Odd<'_>, depth: u32) -> Any {
    let inside = |rng: &mut StdRng| {
        let count = [0, 1, 1, 2, 30][rng.gen_range(0..5)];
        let first = nested(rng, odd, depth + 1);
        let most = LONGEST / first.encoded_len().max(1);
        vec![first; count.min(most.max(1))]
    };
    match rng.gen_range(0..4) {
        0 if depth < 12 => any(&MsgExec {
            grantee: odd.signer.clone(),
            msgs: inside(rng),
        }),
        1 if depth < 2 => any(&MsgSubmitProposal {
            messages: inside(rng),
            initial_deposit: coins("5nqrn"),
            proposer: odd.signer.clone(),
            metadata: "m".into(),
            title: "t".into(),
            summary: "s".into(),
            expedited: rng.gen_bool(0.5),
        }),
        2 => Any {
            type_url: TEXTS[rng.gen_range(5..8)].into(),
            value: vec![],
        },
        _ => odd.messages[rng.gen_range(0..odd.messages.len())].clone(),
    }
}
