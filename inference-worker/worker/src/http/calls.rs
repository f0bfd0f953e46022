//! Calls of tools in text that arrives in pieces.

use crate::http::tools::Style;
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
        }
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
                if !arguments.is_empty() {
                    pieces.push(Piece::Call(ToolCall {
                        index: self.count - 1,
                        head: None,
                        arguments,
                    }));
                }
                if end.is_some() {
                    self.at = At::Behind;
                }
                end.is_some()
            }
            At::Behind => match self.style {
                Style::Tagged => {
                    let close = self.style.close().unwrap_or_default();
                    let Some(at) = self.held.find(close) else {
                        return false;
                    };
                    self.held.drain(..at + close.len());
                    self.at = At::Text;
                    true
                }
                // Another one in the list, or behind a separator.
                Style::Listed | Style::Bare | Style::Untaught => {
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
        let most = mark.len().saturating_sub(1).min(self.held.len());
        let begun = (1..=most)
            .rev()
            .find(|&n| mark.is_char_boundary(n) && self.held.as_bytes().ends_with(&mark.as_bytes()[..n]));
        let sure = self.held.len() - begun.unwrap_or(0);
        let sure = self.held.get(..sure).map_or(0, |text| text.trim_end().len());
        let rest = self.held.split_off(sure);
        let text = std::mem::replace(&mut self.held, rest);
        pieces.extend((!text.is_empty()).then_some(Piece::Text(text)));
        false
    }

    fn head(&mut self, pieces: &mut Vec<Piece>) -> bool {
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
        pieces.push(Piece::Call(ToolCall {
            index: self.count,
            head: Some((self.id(), name)),
            arguments: String::new(),
        }));
        self.count += 1;
        self.at = At::Arguments(Scan::default());
        true
    }

    /// An id that no other call of this answer has, and hardly any of another's. Templates of the listed style take
    /// nine letters and digits and nothing else.
    fn id(&self) -> String {
        let number = self.number.wrapping_add(self.count as u64);
        match self.style {
            Style::Listed => {
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
