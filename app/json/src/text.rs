//! Strings as Go's encoder writes them.

/// Appends a JSON string. `<`, `>`, `&` and the two line separators are escaped, so that the text is safe
/// inside a web page.
pub fn quote(out: &mut String, text: &str) {
    out.push('"');
    escape(out, text, true);
    out.push('"');
}

fn escape(out: &mut String, text: &str, quoting: bool) {
    for character in text.chars() {
        match character {
            '"' if quoting => out.push_str("\\\""),
            '\\' if quoting => out.push_str("\\\\"),
            '\n' if quoting => out.push_str("\\n"),
            '\r' if quoting => out.push_str("\\r"),
            '\t' if quoting => out.push_str("\\t"),
            '\u{8}' if quoting => out.push_str("\\b"),
            '\u{c}' if quoting => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => unicode(out, character),
            other if quoting && other < ' ' => unicode(out, other),
            other => out.push(other),
        }
    }
}

fn unicode(out: &mut String, character: char) {
    let escaped = format!("\\u{:04x}", u32::from(character));
    out.push_str(&escaped);
}

/// Appends JSON without the blanks between its parts; everything else stays as it is written.
pub(super) fn compact(out: &mut String, json: &str) {
    let (mut inside, mut escaped) = (false, false);
    let mut piece = [0; 4];
    for character in json.chars() {
        if !inside && matches!(character, ' ' | '\t' | '\n' | '\r') {
            continue;
        }
        match character {
            '"' if !escaped => inside = !inside,
            _ => {}
        }
        escaped = inside && character == '\\' && !escaped;
        escape(out, character.encode_utf8(&mut piece), false);
    }
}

#[cfg(test)]
mod tests {
    use super::{compact, quote};

    #[test]
    fn text_is_escaped_as_go_escapes_it() {
        let mut out = String::new();
        quote(&mut out, "a\"\\\n\t\u{1}<b>&\u{2028}é");
        assert_eq!(out, r#""a\"\\\n\t\u0001\u003cb\u003e\u0026\u2028é""#);
    }

    #[test]
    fn json_inside_keeps_its_numbers_and_order_and_loses_its_blanks() {
        let mut out = String::new();
        compact(&mut out, "{ \"b\" : 1e400, \"a\\\" x\": [1, 2] , \"c\":\"<\"}");
        assert_eq!(out, r#"{"b":1e400,"a\" x":[1,2],"c":"\u003c"}"#);
    }
}
