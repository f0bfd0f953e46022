//! What a client's grammar in Lark may use. The compiler's parser recurses on some of it without a limit, and reads
//! blocks of other languages in it that would go round their own checks.

use super::MAX_LARK_BYTES;

/// Most groups around a symbol.
const MAX_GROUPS: usize = 24;
/// Directives that are let through; the others change options, or bring in what is checked elsewhere or not at all.
const DIRECTIVES: [&str; 2] = ["ignore", "import"];

/// Checks a text before anything parses it.
pub(super) fn check(text: &str) -> Result<(), String> {
    if text.len() > MAX_LARK_BYTES {
        return Err(format!("a grammar has at most {MAX_LARK_BYTES} bytes"));
    }
    let mut open = 0usize;
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let after = &rest[first.len_utf8()..];
        rest = match first {
            '"' => literal(after, '"').ok_or("a string has no end")?,
            // Longest match: two slashes begin a comment, as an expression is never empty.
            '/' if after.starts_with('/') => line_end(after),
            '/' => literal(after, '/').ok_or("an expression has no end")?,
            '#' => line_end(after),
            '<' => {
                let end = after.find(|c: char| c == '<' || c == '>' || c.is_whitespace());
                let end = end.filter(|end| *end > 0 && after[*end..].starts_with('>'));
                &after[end.ok_or("'<' begins the name of a special token, as in <|name|>")? + 1..]
            }
            '%' => {
                let end = after
                    .find(|c: char| !c.is_ascii_alphanumeric())
                    .unwrap_or(after.len());
                if !DIRECTIVES.contains(&&after[..end]) {
                    return Err("of all directives a grammar may use %ignore and %import only".into());
                }
                &after[end..]
            }
            ':' if after.starts_with(':') => return Err("rules with parameters are not taken".into()),
            '{' if !blank_or_comment(after).starts_with(|c: char| c.is_ascii_digit() || c == ',') => {
                return Err("braces may hold numbers of repetitions only, as in {2,5}".into());
            }
            '(' | '[' | '{' => {
                open += 1;
                if open > MAX_GROUPS {
                    return Err(format!(
                        "its groups are nested more than {MAX_GROUPS} levels deep"
                    ));
                }
                after
            }
            ')' | ']' | '}' => {
                open = open.saturating_sub(1);
                after
            }
            _ => after,
        };
    }
    Ok(())
}

/// What follows a literal that ends with `mark`.
fn literal(text: &str, mark: char) -> Option<&str> {
    let mut escaped = false;
    for (at, c) in text.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            c if c == mark => return Some(&text[at + mark.len_utf8()..]),
            _ => {}
        }
    }
    None
}

fn line_end(text: &str) -> &str {
    &text[text.find('\n').unwrap_or(text.len())..]
}

/// What follows blanks and comments.
fn blank_or_comment(mut text: &str) -> &str {
    loop {
        text = text.trim_start_matches([' ', '\t']);
        if !text.starts_with('#') && !text.starts_with("//") {
            return text;
        }
        text = line_end(text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_within_strings_expressions_comments_and_special_tokens_are_text() {
        for fine in [
            r#"start: "{" ("a" | "%if") "::" /[({%]+\/{x/ {2,5} <|{{|>"#,
            "// a{b{\n# ((((\nstart: \"a\"~1..3 [\"b\"] // %json {}\n%ignore / +/\n%import common.INT",
            "start: \"a\" { 3 } | \"a\"{,4}",
        ] {
            assert_eq!(check(fine), Ok(()), "{fine}");
        }
    }

    #[test]
    fn what_the_compiler_does_not_bound_or_reads_unchecked_is_refused() {
        let deep = format!("start: {}\"a\"{}", "(".repeat(25), ")".repeat(25));
        for bad in [
            deep.as_str(),
            "start: a{a{a{",
            "start: a { b",
            "start: a{ // 3\n b}",
            "start: \"a\" %if not(true)",
            "start: %json {\"type\": \"object\"}",
            "start: %regex {\"substring_chars\": \"abc\"}",
            "start: %lark { start: \"a\" }",
            "%llguidance {\"no_forcing\": true}\nstart: \"a\"",
            "start: a::0\na::_: \"x\"",
            "start: \"a",
            "start: < \"a",
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
        assert!(check(&" ".repeat(MAX_LARK_BYTES + 1)).is_err());
    }
}
