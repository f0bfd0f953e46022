//! Every command and flag of this program that the books show is one that its parser takes. `quern-router` has the same
//! test, by the same file.

use crate::Cli;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};
use std::fs;
use std::path::{Path, PathBuf};

/// Every page of the book, and those beside the code and the packaged model.
fn pages() -> Vec<(String, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let beside = [
        "README.md",
        "inference-worker/README.md",
        "models/quern-small/README.md",
    ];
    let mut found: Vec<PathBuf> = beside.map(|page| root.join(page)).into();
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

/// The words of a shell command up to its end.
fn words(command: &str) -> Vec<String> {
    let command = command.replace("\\\n", " ");
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    for letter in command.chars() {
        match (letter, quote) {
            (letter, Some(with)) if letter == with => quote = None,
            (letter, Some(_)) => word.get_or_insert_default().push(letter),
            ('"' | '\'', None) => {
                word.get_or_insert_default();
                quote = Some(letter);
            }
            ('\n' | '|' | ';' | '>' | '<' | '&' | '#' | ')', None) => break,
            (letter, None) if letter.is_whitespace() => words.extend(word.take()),
            (letter, None) => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    // What is left open, as SECONDS or DIR.
    let is_open = |word: &String| word.bytes().all(|byte| byte.is_ascii_uppercase());
    let told = |word: String| if is_open(&word) { "7".to_owned() } else { word };
    words.into_iter().map(told).collect()
}

/// The commands of a program in a text, also those that cargo runs.
fn commands(program: &str, text: &str) -> Vec<Vec<String>> {
    let mut found = Vec::new();
    for (at, _) in text.match_indices(program) {
        let (before, after) = (&text[..at], &text[at + program.len()..]);
        if !after.starts_with(' ')
            || before.ends_with(|letter: char| letter.is_alphanumeric() || "-._".contains(letter))
        {
            continue;
        }
        let after = match (before.ends_with("-p "), after.strip_prefix(" -- ")) {
            (_, Some(own)) => own,
            (true, None) => continue,
            (false, None) => after,
        };
        let mut all = vec![program.to_owned()];
        all.extend(words(after));
        // A name alone is no command.
        if all.len() > 1 && !all.contains(&"...".to_owned()) {
            found.push(all);
        }
    }
    found
}

/// What is wrong with a command, of which prose may name a part.
fn wrong(command: &[String], whole: bool) -> Option<String> {
    let error = Cli::try_parse_from(command).err()?;
    let partial = matches!(
        error.kind(),
        ErrorKind::MissingRequiredArgument
            | ErrorKind::MissingSubcommand
            | ErrorKind::DisplayHelp
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    );
    let why = || error.to_string().lines().next().unwrap_or_default().to_owned();
    (whole || !partial).then(|| format!("{}: {}", command.join(" "), why()))
}

/// Flags of tables that are headed by a subcommand's name, with that name.
fn flags(text: &str) -> Vec<(String, String)> {
    let (mut found, mut of) = (Vec::new(), None);
    for line in text.lines() {
        if !line.starts_with('|') {
            of = None;
        } else if let Some(rest) = line.strip_prefix("| flag of `") {
            of = rest.split('`').next();
        } else if let (Some(of), Some(cell)) = (of, line.split('|').nth(1)) {
            let words = cell.split(['`', ' ', ',']);
            let named = words.filter_map(|word| word.strip_prefix("--"));
            let named = named.filter(|flag| !flag.starts_with('-'));
            found.extend(named.map(|flag| (of.to_owned(), flag.to_owned())));
        }
    }
    found
}

fn has(subcommand: &str, flag: &str) -> bool {
    let program = Cli::command();
    let arguments = program
        .find_subcommand(subcommand)
        .map(clap::Command::get_arguments);
    arguments
        .into_iter()
        .flatten()
        .any(|own| own.get_long() == Some(flag))
}

#[test]
fn every_command_in_the_books_is_one_that_the_program_takes() {
    let program = Cli::command().get_name().to_owned();
    let (mut found, mut shown, mut listed) = (Vec::new(), 0, 0);
    for (page, text) in &pages() {
        for (nth, block) in text.split("```").enumerate() {
            // Blocks hold whole commands, prose names them in part.
            let pieces: Vec<&str> = match nth % 2 {
                1 => vec![block],
                _ => block.split('`').skip(1).step_by(2).collect(),
            };
            for command in pieces.into_iter().flat_map(|piece| commands(&program, piece)) {
                shown += 1;
                found.extend(wrong(&command, nth % 2 == 1).map(|wrong| format!("{page}: {wrong}")));
            }
        }
        for (subcommand, flag) in flags(text).into_iter().filter(|_| program == "quern-worker") {
            listed += 1;
            if !has(&subcommand, &flag) {
                found.push(format!("{page}: {subcommand} has no --{flag}"));
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
    let least = if program == "quern-worker" {
        (15, 15)
    } else {
        (5, 0)
    };
    assert!(shown >= least.0 && listed >= least.1, "{shown} {listed}");
}

#[test]
fn a_command_or_flag_that_does_not_exist_is_noticed() {
    let program = Cli::command().get_name().to_owned();
    let text = format!(
        "./target/debug/{program} serv --x > y\ncargo run -p {program} -- serve --no-such \\\n  'a b'\n"
    );
    let all = commands(&program, &text);
    assert_eq!(all[1][1..], ["serve", "--no-such", "a b"]);
    assert!(all.len() == 2 && all.iter().all(|command| wrong(command, false).is_some()));
    assert_eq!(
        commands(&program, &format!("cargo build -p {program} -p other")),
        [[""; 0]; 0]
    );
    assert_eq!(
        commands(&program, &format!("x{program} serve {program}")),
        [[""; 0]; 0]
    );
    let part = commands(&program, &format!("{program} serve"));
    assert_eq!(
        (wrong(&part[0], false), wrong(&part[0], true).is_some()),
        (None, true)
    );
    let table = "| flag of `serve` | meaning |\n| --- | --- |\n| `--grace N`, `--no-such` | x |\n\n| `--other` | y |\n";
    let found: Vec<bool> = flags(table).iter().map(|(of, flag)| has(of, flag)).collect();
    assert_eq!(found, [true, false]);
}
