//! Many tools and schemas, made up from a seed that is printed: whatever a model wants to write, its calls are valid,
//! or the answer says that it was cut.

use super::{TEMPLATES, text};
use crate::http::calls::{Calls, Piece};
use crate::http::params;
use crate::http::prepare::grammar;
use crate::http::reader::place;
use crate::http::tools::Style;
use crate::model::Text;
use quern_engine::output::{Ended, OutputText};
use quern_engine::sampler::{Draw, History, Noise, Position, SamplingParams, sample};
use quern_engine::seed::{Seed, hash_fields};
use quern_inference_api::tools::ToolChoice;
use quern_inference_api::{Endpoint, Request};
use serde_json::{Map, Value, json};

/// Cases of one run.
const CASES: u64 = 240;
/// Longest answer of a case, in tokens.
const LONGEST: u32 = 300;

/// Numbers that follow from a seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        // SplitMix64 (Steele, Lea, Flood, 2014).
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % sides
    }
}

/// A kind of value, which knows its schema and its own without one.
enum Kind {
    Integer(i64, i64),
    Boolean,
    Null,
    Word(u64),
    One(Vec<String>),
    List(Box<Kind>, u64),
    Record(Vec<(String, Kind, bool)>),
    Either(Box<Kind>, Box<Kind>),
}

impl Kind {
    fn roll(dice: &mut Dice, depth: u64) -> Self {
        match dice.roll(if depth == 0 { 5 } else { 8 }) {
            0 => {
                let least = dice.roll(2000) as i64 - 1000;
                Self::Integer(least, least + dice.roll(5000) as i64)
            }
            1 => Self::Boolean,
            2 => Self::Null,
            3 => Self::Word(1 + dice.roll(9)),
            4 => Self::One(
                (0..=dice.roll(4))
                    .map(|n| format!("{} \"{n}\"", ["α", "b/c", "d\\", "e\n"][n as usize % 4]))
                    .collect(),
            ),
            5 => Self::List(Box::new(Self::roll(dice, depth - 1)), dice.roll(4)),
            6 => Self::record(dice, depth - 1),
            _ => Self::Either(Box::new(Self::Null), Box::new(Self::Integer(-3, 3))),
        }
    }

    fn record(dice: &mut Dice, depth: u64) -> Self {
        let count = dice.roll(4);
        let field = |n: u64| {
            let kind = Self::roll(dice, depth);
            (format!("field_{n}"), kind, dice.roll(3) > 0)
        };
        Self::Record((0..count).map(field).collect())
    }

    fn schema(&self) -> Value {
        match self {
            Self::Integer(least, most) => json!({"type": "integer", "minimum": least, "maximum": most}),
            Self::Boolean => json!({"type": "boolean"}),
            Self::Null => json!({"type": "null"}),
            Self::Word(most) => json!({"type": "string", "maxLength": most}),
            Self::One(words) => json!({"enum": words}),
            Self::List(kind, most) => json!({"type": "array", "items": kind.schema(), "maxItems": most}),
            Self::Record(fields) => {
                let properties: Map<String, Value> = fields
                    .iter()
                    .map(|(name, kind, _)| (name.clone(), kind.schema()))
                    .collect();
                let required: Vec<&String> = fields
                    .iter()
                    .filter(|field| field.2)
                    .map(|field| &field.0)
                    .collect();
                json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
            }
            Self::Either(a, b) => json!({"anyOf": [a.schema(), b.schema()]}),
        }
    }

    fn takes(&self, value: &Value) -> bool {
        match self {
            // A schema calls -0 and 1.0 integers too.
            Self::Integer(least, most) => value
                .as_f64()
                .is_some_and(|n| n.fract() == 0.0 && (*least as f64..=*most as f64).contains(&n)),
            Self::Boolean => value.is_boolean(),
            Self::Null => value.is_null(),
            Self::Word(most) => value
                .as_str()
                .is_some_and(|word| word.chars().count() as u64 <= *most),
            Self::One(words) => words.iter().any(|word| value == word),
            Self::List(kind, most) => value.as_array().is_some_and(|items| {
                items.len() as u64 <= *most && items.iter().all(|item| kind.takes(item))
            }),
            Self::Record(fields) => {
                let Some(found) = value.as_object() else {
                    return false;
                };
                let known = |name: &String| fields.iter().any(|field| field.0 == *name);
                let fine = |(name, kind, required): &(String, Kind, bool)| match found.get(name) {
                    Some(value) => kind.takes(value),
                    None => !required,
                };
                found.keys().all(known) && fields.iter().all(fine)
            }
            Self::Either(a, b) => a.takes(value) || b.takes(value),
        }
    }
}

/// What a client is told of an answer.
struct Answer {
    text: String,
    calls: Vec<(String, String)>,
    cut: bool,
}

/// The answer of a model that wants nothing in particular but to begin with `begin` and to end at some time.
fn answer(text: &Text, request: &Request, seed: &Seed, begin: &str) -> Answer {
    let grammar = grammar(text, request).unwrap().unwrap();
    let (mut state, noise) = (grammar.start(), Noise::new(seed));
    let params = SamplingParams {
        bias: [(2, 4.0)].into(),
        ..SamplingParams::default()
    };
    let style = Style::of(text);
    let mut output = OutputText::new([], LONGEST).showing(&style.shown(text));
    let calls = Calls::new(style, place(text, request), seed.0[0].into());
    let mut calls = calls.with_texts(params::texts(&request.tools));
    let mut begin = text.tokenizer.encode(begin, false).unwrap().into_iter();
    let (logits, mut pieces) = (vec![0.0; 2052], Vec::new());
    for t in 0.. {
        let mask = state.mask().unwrap();
        let draw = Draw {
            params: &params,
            noise: &noise,
            at: Position { t, c: 0 },
            history: History::default(),
            tokens: text.tokenizer.tokens(),
            grammar: Some(&mask),
        };
        let drawn = sample(&logits, &draw).unwrap();
        let token = begin.next().filter(|id| mask.contains(*id)).unwrap_or(drawn);
        state.push(token).unwrap();
        let piece = output.push(&text.tokenizer, token).unwrap();
        pieces.extend(calls.push(&piece.text));
        if let Some(ended) = piece.ended {
            pieces.extend(calls.finish());
            return gathered(pieces, ended == Ended::Length);
        }
    }
    unreachable!("an output ends")
}

fn gathered(pieces: Vec<Piece>, cut: bool) -> Answer {
    let mut answer = Answer {
        text: String::new(),
        calls: Vec::new(),
        cut,
    };
    for piece in pieces {
        match piece {
            Piece::Text(text) => answer.text.push_str(&text),
            Piece::Call(call) => {
                if let Some((_, name)) = call.head {
                    answer.calls.push((name, String::new()));
                }
                answer.calls.last_mut().unwrap().1.push_str(&call.arguments);
            }
        }
    }
    answer
}

#[test]
fn every_call_of_many_generated_cases_is_valid_or_its_answer_says_that_it_was_cut() {
    let seed: u64 = std::env::var("CASES_SEED").map_or(5, |seed| seed.parse().unwrap());
    println!("CASES_SEED={seed}");
    let texts: Vec<_> = TEMPLATES
        .iter()
        .flat_map(|(name, template)| [false, true].map(|special| (*name, text(template, special))))
        .collect();
    let (mut whole, mut cut, mut made, mut formed_texts) = (0, 0, 0, 0);
    for case in 0..CASES {
        let mut dice = Dice(seed.wrapping_mul(1_000_003).wrapping_add(case));
        let (style, (_folder, text)) = &texts[case as usize % texts.len()];
        let kinds: Vec<(String, Kind)> = (0..=dice.roll(3))
            .map(|n| (format!("tool-{n}_x"), Kind::record(&mut dice, 2)))
            .collect();
        let tools: Vec<Value> = kinds
            .iter()
            .map(|(name, kind)| {
                let function = json!({"name": name, "parameters": kind.schema(), "strict": true});
                json!({"type": "function", "function": function})
            })
            .collect();
        let choice = match dice.roll(3) {
            0 => json!({"type": "function", "function": {"name": kinds[0].0}}),
            1 if *style != "untaught" => json!("auto"),
            _ => json!("required"),
        };
        let parallel = dice.roll(2) == 0;
        let mut body = json!({
            "model": "m", "messages": [{"role": "user", "content": "x"}], "tools": tools, "tool_choice": choice,
            "parallel_tool_calls": parallel,
        });
        // Of some lists only the last may be called.
        let open = kinds.last().filter(|_| choice.is_string() && dice.roll(3) == 0);
        if let Some((name, _)) = open {
            let named = json!([{"type": "function", "function": {"name": name}}]);
            body["tool_choice"] =
                json!({"type": "allowed_tools", "allowed_tools": {"mode": choice, "tools": named}});
        }
        // Some texts have a format too: whatever the choice, calls are as valid as without.
        let format = (dice.roll(2) == 0).then(|| Kind::record(&mut dice, 1));
        if let Some(format) = &format {
            let schema = json!({"name": "x", "schema": format.schema()});
            body["response_format"] = json!({"type": "json_schema", "json_schema": schema});
        }
        // Half of those begin as a call does.
        let formed = choice == "auto" && format.is_some();
        let called = formed && dice.roll(2) == 0;
        let request = Request::parse(Endpoint::Chat, body.to_string().as_bytes()).unwrap();
        let begin = match (&choice, *style) {
            (_, "tagged") if called => "<tool_call>\n{\"na",
            (_, "named") if called => "[TOOL_CALLS]tool",
            (_, "parameters") if called => "<tool_call>\n<func",
            _ if formed && !called => "{",
            (Value::String(word), "tagged") if word == "auto" => "I see. <tool_call>\n{\"na",
            (Value::String(word), "listed") if word == "auto" => "[TOOL_CALLS][{",
            (Value::String(word), "named") if word == "auto" => "Well. [TOOL_CALLS]tool",
            (Value::String(word), "parameters") if word == "auto" => "I see. <tool_call>\n<func",
            (Value::String(word), "bare") if word == "auto" => "{\"name\": \"",
            _ => "",
        };
        let noise = hash_fields(&[b"cases", &seed.to_be_bytes(), &case.to_be_bytes()]);
        let answer = answer(text, &request, &noise, begin);
        let what = format!(
            "case {case} of seed {seed}, {style}: {body}\n{:?} {:?}",
            answer.text, answer.calls
        );
        let complete = answer.calls.len() - usize::from(answer.cut && !answer.calls.is_empty());
        for (name, arguments) in &answer.calls[..complete] {
            let kind = kinds
                .iter()
                .find(|kind| kind.0 == *name)
                .unwrap_or_else(|| panic!("{what}"));
            let value: Value = serde_json::from_str(arguments).unwrap_or_else(|e| panic!("{e}: {what}"));
            assert!(kind.1.takes(&value), "{what}");
            assert!(open.is_none_or(|open| open.0 == *name), "{what}");
            made += 1;
        }
        if answer.cut {
            cut += 1;
            continue;
        }
        whole += 1;
        if let (true, Some(format)) = (formed && answer.calls.is_empty(), &format) {
            let value: Value = serde_json::from_str(&answer.text).unwrap_or_else(|e| panic!("{e}: {what}"));
            assert!(format.takes(&value), "{what}");
            formed_texts += 1;
        }
        assert!(
            !formed || answer.calls.is_empty() || answer.text.is_empty(),
            "{what}"
        );
        match &request.tools.choice {
            ToolChoice::Auto => assert!(parallel || answer.calls.len() <= 1, "{what}"),
            ToolChoice::Named(name) => {
                assert!(answer.calls.len() == 1 && answer.calls[0].0 == *name, "{what}");
            }
            _ => assert!(
                !answer.calls.is_empty() && (parallel || answer.calls.len() == 1),
                "{what}"
            ),
        }
        assert!(choice == "auto" || answer.text.is_empty(), "{what}");
    }
    println!(
        "{whole} of {CASES} cases whole and valid, {cut} cut and said so, {made} calls and {formed_texts} texts of a format, 0 invalid"
    );
    assert!(
        whole >= 150 && made >= 150 && formed_texts >= 5,
        "{whole} whole, {cut} cut, {made} calls, {formed_texts} texts"
    );
}
