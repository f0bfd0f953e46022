//! Every command that the books show is one that `quernd` has, with arguments that it takes.

use std::fs;
use std::path::{Path, PathBuf};

use clap::{Parser, error::ErrorKind};
use quern_node::cli::Cli;

/// Every page of the book, and the repository's own.
fn pages() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = vec![root.join("README.md")];
    let mut folders = vec![root.join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|end| end == "md") {
                found.push(path);
            }
        }
    }
    let read = |path: PathBuf| (path.display().to_string(), fs::read_to_string(&path).unwrap());
    found.into_iter().map(read).collect()
}

const ADDRESS: &str = "quern1avgyh77ycn997ja45q5q8ss8y9mr424j69swf4";

/// The words of a shell command up to its end, with something of the right form for what it leaves open.
fn words(command: &str) -> Vec<String> {
    let (mut words, mut word, mut open) = (Vec::new(), String::new(), false);
    let command = command
        .replace("\\\n", " ")
        .replace("<address>", ADDRESS)
        .replace("<host>", ADDRESS);
    let mut letters = command.chars().peekable();
    let mut quote = None;
    while let Some(letter) = letters.next() {
        match (letter, quote) {
            ('$', _) if letters.peek() == Some(&'(') => {
                let mut depth = 0;
                for inner in letters.by_ref() {
                    depth += i32::from(inner == '(') - i32::from(inner == ')');
                    if depth == 0 {
                        break;
                    }
                }
                word.push('$');
                open = true;
            }
            (letter, Some(with)) if letter == with => quote = None,
            (letter, Some(_)) => word.push(letter),
            ('"' | '\'', None) => (quote, open) = (Some(letter), true),
            ('\n' | '|' | ';' | '>' | '<' | ')' | '#', None) => break,
            (' ', None) => {
                if open || !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
                open = false;
            }
            (letter, None) => word.push(letter),
        }
    }
    if open || !word.is_empty() {
        words.push(word);
    }
    let mut before = String::new();
    for word in &mut words {
        let shown = word.clone();
        let counts =
            ["-a", "-s", "--account-number", "--sequence", "--timeout-height"].contains(&before.as_str());
        if (counts && !word.starts_with('-')) || ["HEIGHT", "H", "N", "K"].contains(&word.as_str()) {
            *word = "7".to_owned();
        } else if word.ends_with("qrn") && word.contains('$') {
            *word = "1qrn".to_owned();
        } else if word == "KEY"
            || word.starts_with('@')
            || ["--consensus-key", "--beacon-anchor"].contains(&before.as_str())
        {
            // Ed25519 keys have 32 bytes, secp256k1 keys a sign besides
            let signed = ["--warm-key", "--session-key"].contains(&before.as_str());
            *word = format!("{}{}", if signed { "02" } else { "" }, "ab".repeat(32));
        } else if word.contains('$') || word.starts_with("quern1") || word == "ADDRESS" {
            *word = ADDRESS.to_owned();
        }
        before = shown;
    }
    words
}

/// What is wrong with the commands that begin in this text.
fn wrong(text: &str, whole: bool) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices("quernd ") {
        if text[..at].ends_with(|letter: char| letter.is_alphanumeric() || "-./=_".contains(letter)) {
            continue;
        }
        let words = words(&text[at..]);
        // a name alone is no command
        if words.len() < 2 || words.contains(&"...".to_owned()) {
            continue;
        }
        let Err(error) = Cli::try_parse_from(&words) else {
            continue;
        };
        let partial = matches!(
            error.kind(),
            ErrorKind::MissingRequiredArgument
                | ErrorKind::MissingSubcommand
                | ErrorKind::DisplayHelp
                | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
        );
        if whole || !partial {
            found.push(format!(
                "{}: {}",
                words.join(" "),
                error.to_string().lines().next().unwrap_or_default()
            ));
        }
    }
    found
}

#[test]
fn every_command_in_the_books_is_one_that_quernd_takes() {
    let (mut found, mut shown) = (Vec::new(), 0);
    let pages = pages();
    for (page, text) in &pages {
        for (nth, block) in text.split("```").enumerate() {
            // blocks hold whole commands, prose names them in part
            let pieces: Vec<&str> = match nth % 2 {
                1 => vec![block],
                _ => block.split('`').skip(1).step_by(2).collect(),
            };
            for piece in pieces {
                shown += piece.matches("quernd ").count();
                found.extend(
                    wrong(piece, nth % 2 == 1)
                        .into_iter()
                        .map(|wrong| format!("{page}: {wrong}")),
                );
            }
        }
    }
    assert!(pages.len() > 40 && shown > 150, "{} {shown}", pages.len());
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_worked_example_of_an_upgrade_is_the_one_that_the_tests_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let page = fs::read_to_string(root.join("../../docs/operator/upgrades.md")).unwrap();
    let code = fs::read_to_string(root.join("examples/quernd-next.rs")).unwrap();
    let shown = page
        .split("```rust\n")
        .nth(1)
        .unwrap()
        .split("```")
        .next()
        .unwrap();
    assert!(
        shown.contains("fn release()") && shown.contains("fn v2("),
        "{shown}"
    );
    assert!(code.contains(shown), "{shown}");
}

#[test]
fn a_command_that_does_not_exist_is_noticed() {
    assert_eq!(
        wrong(
            "x=$(quernd keys shov hot -a)\nquernd tx bank send a \\\n    b 5nqrn --fee 1\n",
            true
        )
        .len(),
        2
    );
    assert_eq!(
        wrong("quernd keys show \"$(quernd keys list)\" -a | cat", true),
        [] as [String; 0]
    );
    assert_eq!(wrong("quernd tx sign", false), [] as [String; 0]);
    assert_eq!(wrong("quernd tx sing", false).len(), 1);
}
