//! Calls of tools in text that arrives in pieces.

use crate::http::params::{END, Texts};
use crate::http::tools::{ARGS, Style};
use quern_inference_api::response::ToolCall;

/// A piece of an answer.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Piece {
    Text(String),
    Call(ToolCall),
}

/// Where calls may be in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// It is calls and nothing else.
    All,
    /// Among text.
    Among,
    /// It is calls and nothing else if it begins with one of these, and else a text of some format.
    Instead(Vec<String>),
}

/// Where the text stands.
#[derive(Debug, PartialEq, Eq)]
enum At {
    /// At the beginning of calls or of a text.
    First(Vec<String>),
    /// In text in which a call may be announced.
    Text,
    /// In text in which none may be any more.
    Plain,
    /// Before a call's arguments.
    Head,
    /// In a call's arguments.
    Arguments(Scan),
    /// Before an argument of its own, or the end of all.
    Argument { first: bool },
    /// In the value of one, which may be a text.
    Value { text: bool },
    /// Behind a call.
    Behind,
}

/// Finds the end of a JSON object.
#[derive(Debug, Default, PartialEq, Eq)]
struct Scan {
    depth: usize,
    quoted: bool,
    escaped: bool,
}

impl Scan {
    /// Takes a byte; whether it is the object's last one.
    fn ends(&mut self, byte: u8) -> bool {
        if self.escaped {
            self.escaped = false;
        } else if self.quoted {
            self.escaped = byte == b'\\';
            self.quoted = byte != b'"';
        } else {
            match byte {
                b'"' => self.quoted = true,
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    return self.depth == 0;
                }
                _ => {}
            }
        }
        false
    }
}

/// Divides an answer into text and calls.
#[derive(Debug)]
pub(super) struct Calls {
    style: Style,
    at: At,
    held: String,
    count: usize,
    /// Makes the calls' ids.
    number: u64,
    /// Arguments that are written as texts, and the tool that is called.
    texts: Texts,
    tool: String,
}

impl Calls {
    /// Reads an answer with calls in such a place. `number` is a random one.
    pub(super) fn new(style: Style, place: Place, number: u64) -> Self {
        let at = match (style.mark(), place) {
            (_, Place::Instead(heads)) => At::First(heads),
            (None, Place::All) => At::Head,
            _ => At::Text,
        };
        Self {
            style,
            at,
            held: String::new(),
            count: 0,
            number,
            texts: Texts::new(),
            tool: String::new(),
        }
    }

    /// The same where some arguments are texts.
    pub(super) fn with_texts(mut self, texts: Texts) -> Self {
        self.texts = texts;
        self
    }

    /// Whether there was a call.
    pub(super) fn any(&self) -> bool {
        self.count > 0
    }

    /// Takes more of the answer.
    pub(super) fn push(&mut self, text: &str) -> Vec<Piece> {
        self.held.push_str(text);
        let mut pieces = Vec::new();
        while self.step(&mut pieces) {}
        pieces
    }

    /// What is still text when the answer ends.
    pub(super) fn finish(&mut self) -> Vec<Piece> {
        let rest = std::mem::take(&mut self.held);
        match self.at {
            At::First(_) | At::Text | At::Plain
                if !(rest.is_empty() || self.any() && rest.trim().is_empty()) =>
            {
                vec![Piece::Text(rest)]
            }
            _ => Vec::new(),
        }
    }

    /// Goes one part further; false if that needs more text.
    fn step(&mut self, pieces: &mut Vec<Piece>) -> bool {
        match &mut self.at {
            At::First(heads) => {
                let calls = heads.iter().any(|head| self.held.starts_with(head));
                if !calls && heads.iter().any(|head| head.starts_with(&self.held)) {
                    return false;
                }
                self.at = match self.style.mark() {
                    _ if !calls => At::Plain,
                    None => At::Head,
                    Some(_) => At::Text,
                };
                true
            }
            At::Text => self.text(pieces),
            At::Plain => {
                let text = std::mem::take(&mut self.held);
                pieces.extend((!text.is_empty()).then_some(Piece::Text(text)));
                false
            }
            At::Head => self.head(pieces),
            At::Arguments(scan) => {
                let end = self.held.bytes().position(|byte| scan.ends(byte));
                let rest = end.map(|end| self.held.split_off(end + 1));
                let arguments = std::mem::replace(&mut self.held, rest.unwrap_or_default());
                self.arguments(pieces, arguments);
                if end.is_some() {
                    self.at = At::Behind;
                }
                end.is_some()
            }
            At::Argument { first } => {
                let first = *first;
                self.argument(first, pieces)
            }
            At::Value { text } => {
                let text = *text;
                self.value(text, pieces)
            }
            At::Behind => match self.style {
                Style::Named => {
                    self.at = At::Text;
                    true
                }
                Style::Tagged | Style::Parameters => {
                    let close = self.style.close().unwrap_or_default();
                    let Some(at) = self.held.find(close) else {
                        return false;
                    };
                    self.held.drain(..at + close.len());
                    self.at = At::Text;
                    true
                }
                // Another one in the list, or behind a separator.
                Style::Listed | Style::Bare | Style::Untaught | Style::Unknown => {
                    let Some(at) = self.held.find('{') else {
                        return false;
                    };
                    self.held.drain(..at);
                    self.at = At::Head;
                    true
                }
            },
        }
    }

    fn text(&mut self, pieces: &mut Vec<Piece>) -> bool {
        let Some(mark) = self.style.mark() else {
            // Calls are the whole answer or none of it.
            let start = self.held.trim_start();
            let squeezed: String = start.chars().filter(|c| !c.is_whitespace()).take(8).collect();
            if squeezed.starts_with("{\"name\"") {
                self.at = At::Head;
                return true;
            }
            if "{\"name\"".starts_with(&squeezed) {
                return false;
            }
            self.at = At::Plain;
            return true;
        };
        if let Some(at) = self.held.find(mark) {
            let rest = self.held.split_off(at + mark.len());
            let text = std::mem::replace(&mut self.held, rest);
            let text = text.trim_end_matches(mark).trim_end();
            if !(text.is_empty() || self.any() && text.trim().is_empty()) {
                pieces.push(Piece::Text(text.to_owned()));
            }
            self.at = At::Head;
            return true;
        }
        // What may begin the mark waits, and blanks before it.
        let sure = self.held.len() - begun(&self.held, mark);
        let sure = self.held.get(..sure).map_or(0, |text| text.trim_end().len());
        let rest = self.held.split_off(sure);
        let text = std::mem::replace(&mut self.held, rest);
        pieces.extend((!text.is_empty()).then_some(Piece::Text(text)));
        false
    }

    fn head(&mut self, pieces: &mut Vec<Piece>) -> bool {
        let (open, close, at) = match self.style {
            Style::Named => ("", ARGS, At::Arguments(Scan::default())),
            Style::Parameters => ("<function=", ">\n", At::Argument { first: true }),
            _ => return self.object(pieces),
        };
        let Some(start) = self.held.find(open).map(|start| start + open.len()) else {
            return false;
        };
        let rest = self.held.get(start..).unwrap_or_default();
        let Some((name, rest)) = rest.split_once(close) else {
            return false;
        };
        let (name, rest) = (name.trim().to_owned(), rest.to_owned());
        self.held = rest;
        self.begin(name, pieces);
        self.at = at;
        true
    }

    /// The name or the end that stands before a value.
    fn argument(&mut self, first: bool, pieces: &mut Vec<Piece>) -> bool {
        let (open, end) = ("<parameter=", "</function>");
        let held = self.held.trim_start();
        if let Some(rest) = held.strip_prefix(end) {
            self.held = rest.to_owned();
            self.arguments(pieces, if first { "{}" } else { "}" }.to_owned());
            self.at = At::Behind;
            return true;
        }
        let Some((name, rest)) = held.strip_prefix(open).and_then(|held| held.split_once(">\n")) else {
            return false;
        };
        let text = self
            .texts
            .get(&self.tool)
            .is_some_and(|texts| texts.contains(name));
        let before = if first { "{" } else { ", " };
        let quote = if text { "\"" } else { "" };
        let arguments = format!("{before}{}: {quote}", serde_json::Value::from(name));
        self.held = rest.to_owned();
        self.arguments(pieces, arguments);
        self.at = At::Value { text };
        true
    }

    fn value(&mut self, text: bool, pieces: &mut Vec<Piece>) -> bool {
        let end = self.held.find(END);
        let sure = end.unwrap_or_else(|| self.held.len() - begun(&self.held, END));
        let rest = self.held.split_off(sure);
        let mut value = std::mem::replace(&mut self.held, rest);
        if text {
            let quoted = serde_json::Value::from(value).to_string();
            value = quoted.get(1..quoted.len() - 1).unwrap_or_default().to_owned();
        }
        if end.is_some() {
            self.held.drain(..END.len());
            self.at = At::Argument { first: false };
            value.push_str(if text { "\"" } else { "" });
        }
        self.arguments(pieces, value);
        end.is_some()
    }

    /// More of the arguments of the last call.
    fn arguments(&self, pieces: &mut Vec<Piece>, arguments: String) {
        if !arguments.is_empty() {
            pieces.push(Piece::Call(ToolCall {
                index: self.count.saturating_sub(1),
                head: None,
                arguments,
            }));
        }
    }

    fn begin(&mut self, name: String, pieces: &mut Vec<Piece>) {
        self.tool.clone_from(&name);
        pieces.push(Piece::Call(ToolCall {
            index: self.count,
            head: Some((self.id(), name)),
            arguments: String::new(),
        }));
        self.count += 1;
    }

    /// The head of a call that is an object.
    fn object(&mut self, pieces: &mut Vec<Piece>) -> bool {
        let before = format!("\", \"{}\": ", self.style.arguments());
        let open = "{\"name\": \"";
        let (Some(start), Some(end)) = (self.held.find(open), self.held.find(&before)) else {
            return false;
        };
        let name = self
            .held
            .get(start + open.len()..end)
            .unwrap_or_default()
            .to_owned();
        self.held.drain(..end + before.len());
        self.begin(name, pieces);
        self.at = At::Arguments(Scan::default());
        true
    }

    /// An id that no other call of this answer has, and hardly any of another's. Mistral's templates take
    /// nine letters and digits and nothing else.
    fn id(&self) -> String {
        let number = self.number.wrapping_add(self.count as u64);
        match self.style {
            Style::Listed | Style::Named => {
                let digit = |place: u32| {
                    let digit = number / 36u64.pow(place) % 36;
                    char::from_digit(digit as u32, 36).unwrap_or('0')
                };
                (0..9).map(digit).collect()
            }
            _ => format!("call_{number:016x}{:04x}", self.count),
        }
    }
}

/// How much of a mark's beginning a text ends with.
fn begun(text: &str, mark: &str) -> usize {
    let most = mark.len().saturating_sub(1).min(text.len());
    let begins = |n: &usize| mark.is_char_boundary(*n) && text.as_bytes().ends_with(&mark.as_bytes()[..*n]);
    (1..=most).rev().find(begins).unwrap_or(0)
}
