//! The words of a template's source, as far as it takes to find literals and what is asked of them.

use std::collections::BTreeSet;
use std::ops::Range;

/// A word, number, literal or sign within `{{ }}` or `{% %}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Token(Range<usize>);

impl Token {
    pub(super) fn text<'a>(&self, source: &'a str) -> &'a str {
        source.get(self.0.clone()).unwrap_or_default()
    }

    /// What a literal text says.
    pub(super) fn literal(&self, source: &str) -> Option<String> {
        let text = self.text(source);
        let quote = text.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let text = text.strip_prefix(quote)?.strip_suffix(quote)?;
        let (mut out, mut letters) = (String::new(), text.chars());
        while let Some(c) = letters.next() {
            match c {
                '\\' => match letters.next()? {
                    'n' => out.push('\n'),
                    't' => out.push('\t'),
                    'r' => out.push('\r'),
                    // Others hardly stand beside signs, and what is not read is not seen through.
                    'u' | 'x' | 'b' | 'f' => return None,
                    c => out.push(c),
                },
                c => out.push(c),
            }
        }
        Some(out)
    }
}

/// A text as a literal.
pub(super) fn quoted(text: &str) -> String {
    let escaped = text
        .replace('\\', "\\\\")
        .replace('\'', "\\'")
        .replace('\n', "\\n");
    format!("'{escaped}'")
}

/// A change of the source.
#[derive(Debug)]
pub(super) struct Edit(Range<usize>, String);

impl Edit {
    pub(super) fn replace(token: &Token, text: &str) -> Self {
        Self(token.0.clone(), text.to_owned())
    }

    pub(super) fn before(token: &Token, text: &str) -> Self {
        Self(token.0.start..token.0.start, text.to_owned())
    }

    pub(super) fn after(token: &Token, text: &str) -> Self {
        Self(token.0.end..token.0.end, text.to_owned())
    }
}

/// The source with changes, of which none overlap.
pub(super) fn edited(source: &str, mut edits: Vec<Edit>) -> String {
    edits.sort_by_key(|edit| (edit.0.start, edit.0.end));
    let (mut out, mut from) = (String::new(), 0);
    for Edit(range, text) in edits {
        out.push_str(source.get(from..range.start).unwrap_or_default());
        out.push_str(&text);
        from = range.end;
    }
    out.push_str(source.get(from..).unwrap_or_default());
    out
}

/// The tokens of each `{{ }}` and `{% %}`. Comments and raw text have none.
pub(super) fn blocks(source: &str) -> Vec<Vec<Token>> {
    let (mut blocks, mut at) = (Vec::new(), 0);
    let find = |from: usize, text: &str| Some(from + source.get(from..)?.find(text)?);
    while let Some(start) = find(at, "{") {
        let sign = source
            .get(start..)
            .and_then(|rest| rest.get(..2))
            .unwrap_or_default();
        match sign {
            "{#" => at = find(start, "#}").map_or(source.len(), |end| end + 2),
            "{{" | "{%" => {
                let (tokens, end) = block(source, start + 2, if sign == "{{" { "}}" } else { "%}" });
                let raw = sign == "{%" && tokens.len() == 1;
                at = match tokens.first().filter(|_| raw).map(|token| token.text(source)) {
                    Some("raw") => find(end, "endraw").unwrap_or(source.len()),
                    _ => end,
                };
                blocks.push(tokens);
            }
            _ => at = start + 1,
        }
    }
    blocks
}

/// The tokens up to the end of a block, and where that is.
fn block(source: &str, mut at: usize, close: &str) -> (Vec<Token>, usize) {
    let (mut tokens, mut depth) = (Vec::new(), 0_usize);
    while let Some(rest) = source.get(at..).filter(|rest| !rest.is_empty()) {
        let bare = rest.strip_prefix(['-', '+']).unwrap_or(rest);
        if depth == 0 && bare.starts_with(close) {
            return (tokens, at + (rest.len() - bare.len()) + close.len());
        }
        let Some(c) = rest.chars().next() else { break };
        let width = match c {
            '"' | '\'' => literal(rest, c),
            c if c.is_alphanumeric() || c == '_' => rest
                .find(|c: char| !c.is_alphanumeric() && c != '_')
                .unwrap_or(rest.len()),
            _ if ["==", "!=", "<=", ">=", "//", "**"]
                .iter()
                .any(|two| rest.starts_with(two)) =>
            {
                2
            }
            c => c.len_utf8(),
        };
        match c {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if !(c.is_whitespace() || c == '-' && tokens.is_empty()) {
            tokens.push(Token(at..at + width));
        }
        at += width;
    }
    (tokens, source.len())
}

/// The width of a literal.
fn literal(text: &str, quote: char) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if escaped {
            escaped = false;
        } else if c == '\\' {
            escaped = true;
        } else if c == quote {
            return at + c.len_utf8();
        }
    }
    text.len()
}

/// The last token of what stands right of `in`, from this one on.
pub(super) fn operand<'a>(source: &str, block: &'a [Token], from: usize) -> Option<&'a Token> {
    let (mut depth, mut last) = (0_usize, None);
    for token in block.get(from..)? {
        let text = token.text(source);
        match text {
            "(" | "[" | "{" => depth += 1,
            ")" | "]" | "}" if depth == 0 => break,
            ")" | "]" | "}" => depth -= 1,
            "and" | "or" | "not" | "if" | "else" | "in" | "is" | "==" | "!=" | "<" | ">" | "<=" | ">="
            | "," | ":" | "="
                if depth == 0 =>
            {
                break;
            }
            _ => {}
        }
        last = Some(token);
    }
    last
}

/// Names that a template looks up and texts that it compares: whole words, in small letters.
pub(super) fn words(source: &str) -> BTreeSet<String> {
    let mut words = BTreeSet::new();
    for block in blocks(source) {
        let mut before = "";
        for token in &block {
            let text = token.text(source);
            let name = Some(text).filter(|_| before == ".").map(str::to_owned);
            words.extend(
                name.or_else(|| token.literal(source))
                    .map(|word| word.to_lowercase()),
            );
            before = text;
        }
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_found_in_blocks_and_nowhere_else() {
        let source = "a {# {{ b.no }} #}{%- if x.one == 'two' -%}{{ {'k': {'v': y[\"Three\"]}} }}\
                      {% raw %}{{ z.no }}{% endraw %}{{- '}}' ~ s.four }} 'no'";
        let expected = ["k", "v", "one", "two", "three", "four", "}}"];
        assert_eq!(words(source), expected.map(str::to_owned).into());
    }
}
