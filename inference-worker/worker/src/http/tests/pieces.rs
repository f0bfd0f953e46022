//! Text in pieces of any size.

use crate::http::calls::{Calls, Piece, Place};
use crate::http::tools::Style;
use proptest::prelude::*;
use quern_inference_api::response::ToolCall;

/// Text, and names and arguments of calls.
type Read = (String, Vec<(String, String)>);

fn gather(pieces: Vec<Piece>) -> Read {
    let (mut text, mut calls) = (String::new(), Vec::<(String, String)>::new());
    for piece in pieces {
        match piece {
            Piece::Text(more) => text.push_str(&more),
            Piece::Call(ToolCall {
                index,
                head,
                arguments,
            }) => {
                if let Some((id, name)) = head {
                    assert!(!id.is_empty());
                    assert_eq!(index, calls.len());
                    calls.push((name, String::new()));
                }
                assert_eq!(index + 1, calls.len());
                calls.last_mut().unwrap().1.push_str(&arguments);
            }
        }
    }
    (text, calls)
}

fn read(style: Style, place: Place, pieces: &[&str]) -> Read {
    let texts = [("find".to_owned(), ["q".to_owned()].into())].into();
    let mut calls = Calls::new(style, place, 7).with_texts(texts);
    let mut all: Vec<Piece> = pieces.iter().flat_map(|piece| calls.push(piece)).collect();
    all.extend(calls.finish());
    gather(all)
}

/// A style, where calls may be, an answer, and what a client shall see of it: text and calls.
type Case = (Style, Place, &'static str, &'static str, Calling);
/// Names and arguments.
type Calling = Vec<(&'static str, &'static str)>;

/// Answers, and what a client shall see of them.
fn answers() -> Vec<Case> {
    let nasty = r#"{"q": "a \"}\\ </tool_call> ] {", "n": [{"x": []}, "é🙂"]}"#;
    let tagged = concat!(
        "Let me look.\n\n<tool_call>\n{\"name\": \"find\", \"arguments\": ",
        r#"{"q": "a \"}\\ </tool_call> ] {", "n": [{"x": []}, "é🙂"]}"#,
        "}\n</tool_call>\n<tool_call>\n{\"name\": \"b\", \"arguments\": {}}\n</tool_call>"
    );
    let listed = concat!(
        "[TOOL_CALLS][{\"name\": \"find\", \"arguments\": ",
        r#"{"q": "a \"}\\ </tool_call> ] {", "n": [{"x": []}, "é🙂"]}"#,
        "}, {\"name\": \"b\", \"arguments\": {}}]"
    );
    vec![
        (
            Style::Tagged,
            Place::Among,
            tagged,
            "Let me look.",
            vec![("find", nasty), ("b", "{}")],
        ),
        (
            Style::Tagged,
            Place::Among,
            "No <tool_cal needed, <b>\n ",
            "No <tool_cal needed, <b>\n ",
            vec![],
        ),
        (Style::Tagged, Place::Among, "", "", vec![]),
        (
            Style::Tagged,
            Place::All,
            "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a",
            "",
            vec![("f", "{\"a")],
        ),
        (
            Style::Tagged,
            Place::All,
            "<tool_call>\n{\"name\": \"f",
            "",
            vec![],
        ),
        (
            Style::Listed,
            Place::All,
            listed,
            "",
            vec![("find", nasty), ("b", "{}")],
        ),
        (Style::Listed, Place::Among, "Well. [TOOL", "Well. [TOOL", vec![]),
        (
            Style::Bare,
            Place::Among,
            "{\"name\": \"f\", \"parameters\": {\"a\": 1}}; {\"name\": \"g\", \"parameters\": {}}",
            "",
            vec![("f", "{\"a\": 1}"), ("g", "{}")],
        ),
        (
            Style::Bare,
            Place::Among,
            "{\"names\": 3}",
            "{\"names\": 3}",
            vec![],
        ),
        (Style::Bare, Place::Among, " {\"na", " {\"na", vec![]),
        (
            Style::Named,
            Place::Among,
            concat!(
                "Well. [TOOL_CALLS]find[ARGS]",
                r#"{"q": "a \"}\\ </tool_call> ] {", "n": [{"x": []}, "é🙂"]}"#,
                "[TOOL_CALLS]b[ARGS]{}"
            ),
            "Well.",
            vec![("find", nasty), ("b", "{}")],
        ),
        (Style::Named, Place::All, "[TOOL_CALLS]f[AR", "", vec![]),
        (
            Style::Parameters,
            Place::Among,
            concat!(
                "Let me look.\n<tool_call>\n<function=find>\n<parameter=q>\na \"\n</param>\\ </tool_call>é🙂\n\n</parameter>\n",
                "<parameter=n>\n[{\"x\": \"\\n\"}]\n</parameter>\n</function>\n</tool_call>\n",
                "<tool_call>\n<function=b>\n</function>\n</tool_call>"
            ),
            "Let me look.",
            vec![
                (
                    "find",
                    r#"{"q": "a \"\n</param>\\ </tool_call>é🙂\n", "n": [{"x": "\n"}]}"#,
                ),
                ("b", "{}"),
            ],
        ),
        (
            Style::Parameters,
            Place::All,
            "<tool_call>\n<function=find>\n<parameter=q>\nab\n</parame",
            "",
            vec![("find", r#"{"q": "ab"#)],
        ),
        (
            Style::Untaught,
            Place::All,
            "{\"name\": \"f\", \"arguments\": {\"a\":\n 1}}",
            "",
            vec![("f", "{\"a\":\n 1}")],
        ),
        (
            Style::Bare,
            instead(&["{\"name\": \"f\", \"parameters\": "]),
            "{\"name\": \"f\", \"parameters\": {\"a\": 1}}; {\"name\": \"g\", \"parameters\": {}}",
            "",
            vec![("f", "{\"a\": 1}"), ("g", "{}")],
        ),
        // A record of the format that begins as a call does.
        (
            Style::Bare,
            instead(&["{\"name\": \"f\", \"parameters\": "]),
            "{\"name\": \"Ann\", \"age\": 3}",
            "{\"name\": \"Ann\", \"age\": 3}",
            vec![],
        ),
        (
            Style::Bare,
            instead(&["{\"name\": \"f\", \"parameters\": "]),
            "{\"name\": \"f\", \"pa",
            "{\"name\": \"f\", \"pa",
            vec![],
        ),
        (
            Style::Tagged,
            instead(&["<tool_call>"]),
            "<tool_call>\n{\"name\": \"f\", \"arguments\": {\"a\": 1}}\n</tool_call>",
            "",
            vec![("f", "{\"a\": 1}")],
        ),
        (
            Style::Tagged,
            instead(&["<tool_call>"]),
            "{\"x\": \"<tool_call>\"}",
            "{\"x\": \"<tool_call>\"}",
            vec![],
        ),
    ]
}

fn instead(heads: &[&str]) -> Place {
    Place::Instead(heads.iter().map(|head| (*head).to_owned()).collect())
}

proptest! {
    #[test]
    fn an_answer_reads_the_same_however_it_is_cut(cuts in prop::collection::vec(0_usize..260, 0..40)) {
        for (style, place, answer, text, calls) in answers() {
            let mut cuts: Vec<usize> = cuts.iter().map(|at| answer.floor_char_boundary(*at)).collect();
            cuts.extend([0, answer.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&str> = cuts.windows(2).map(|pair| &answer[pair[0]..pair[1]]).collect();
            let found = read(style, place, &pieces);
            let calls: Vec<(String, String)> =
                calls.iter().map(|(name, arguments)| ((*name).to_owned(), (*arguments).to_owned())).collect();
            prop_assert_eq!(found, (text.to_owned(), calls));
        }
    }
}

#[test]
fn arguments_stream_as_they_come_and_text_is_not_held_back_for_long() {
    let mut calls = Calls::new(Style::Tagged, Place::Among, 1);
    assert_eq!(calls.push("Hello wor"), [Piece::Text("Hello wor".into())]);
    assert_eq!(calls.push("ld <tool"), [Piece::Text("ld".into())]);
    assert_eq!(calls.push("s>"), [Piece::Text(" <tools>".into())]);
    assert!(calls.push("<tool_call>\n{\"name\": \"f\", \"argum").is_empty());
    let head = calls.push("ents\": {\"a");
    assert!(
        matches!(&head[..], [Piece::Call(a), Piece::Call(b)] if a.head.is_some() && b.arguments == "{\"a")
    );
    assert!(matches!(&calls.push("\": 1")[..], [Piece::Call(call)] if call.arguments == "\": 1"));
}

#[test]
fn ids_differ_and_those_of_lists_have_nine_letters_and_digits() {
    let ids = |style: Style, answer: &str| -> Vec<String> {
        let pieces = Calls::new(style, Place::All, u64::MAX - 1).push(answer);
        let id = |piece| match piece {
            Piece::Call(ToolCall {
                head: Some((id, _)), ..
            }) => Some(id),
            _ => None,
        };
        pieces.into_iter().filter_map(id).collect()
    };
    for (style, _, answer, _, _) in answers()
        .into_iter()
        .filter(|(_, _, _, _, calls)| calls.len() == 2)
    {
        let ids = ids(style, answer.trim_start_matches("Let me look."));
        assert!(
            style == Style::Bare || ids.len() == 2 && ids[0] != ids[1],
            "{ids:?}"
        );
        let short = ids
            .iter()
            .all(|id| id.len() == 9 && id.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_eq!(
            short,
            matches!(style, Style::Listed | Style::Named) && !ids.is_empty() || ids.is_empty()
        );
    }
}
