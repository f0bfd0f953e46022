//! The keyring keeps keys, whatever it is given.

#![allow(clippy::unwrap_used, reason = "a test stops at a surprise")]

use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use clap::Parser;
use quern_wallet::{Failure, KeysCommand, SigningKey};

#[derive(Parser)]
struct Cli {
    #[command(flatten)]
    keys: KeysCommand,
}

/// A home and two password files.
struct Home(tempfile::TempDir);

impl Home {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        fs::write(home.path().join("password"), "correct horse\nnot this line\n").unwrap();
        fs::write(home.path().join("wrong"), "battery staple\n").unwrap();
        fs::write(home.path().join("short"), "1234567\n").unwrap();
        Self(home)
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn run_with(&self, password: &str, args: &str) -> Result<String, Failure> {
        let file = self.path().join(password);
        let words = args.split_whitespace().map(str::to_owned);
        let all = std::iter::once("keys".to_owned())
            .chain(words)
            .chain(["--password-file".to_owned(), file.display().to_string()]);
        Cli::try_parse_from(all).unwrap().keys.run(self.path())
    }

    fn run(&self, args: &str) -> Result<String, Failure> {
        self.run_with("password", args)
    }

    fn key_file(&self, name: &str) -> PathBuf {
        self.path().join("keyring").join(format!("{name}.json"))
    }
}

/// The failure's text; it must be about a key, so that scripts can tell.
fn refused(result: Result<String, Failure>) -> String {
    let failure = result.unwrap_err();
    assert_eq!(failure.exit_code(), 5, "{failure}");
    failure.to_string()
}

#[test]
fn a_key_is_stored_for_its_owner_alone_and_nothing_of_it_is_in_clear() {
    let home = Home::new();
    let shown = home.run("add alice -o json").unwrap();
    let shown: serde_json::Value = serde_json::from_str(&shown).unwrap();
    let words = shown["mnemonic"].as_str().unwrap();
    assert_eq!(words.split(' ').count(), 24);
    let key = SigningKey::from_mnemonic(words, quern_wallet::DEFAULT_PATH).unwrap();
    assert_eq!(shown["address"], key.address().to_string());

    let file = home.key_file("alice");
    assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(
        fs::metadata(file.parent().unwrap()).unwrap().permissions().mode() & 0o777,
        0o700
    );
    let text = fs::read_to_string(&file).unwrap();
    assert!(!text.contains(words.split(' ').next().unwrap()) && !text.contains(&hex::encode(key.to_bytes())));
    assert_eq!(home.run("show alice -a").unwrap(), key.address().to_string());
    assert_eq!(
        home.run("export alice --unarmored-hex --unsafe").unwrap(),
        hex::encode(key.to_bytes())
    );
    assert_eq!(
        fs::read_dir(file.parent().unwrap()).unwrap().count(),
        1,
        "no temporary file is left"
    );
}

#[test]
fn a_wrong_password_and_a_short_one_are_refused() {
    let home = Home::new();
    home.run("add alice").unwrap();
    let text = refused(home.run_with("wrong", "export alice --unarmored-hex --unsafe"));
    assert!(
        text.contains("alice") && text.contains("invalid account password"),
        "{text}"
    );
    assert!(refused(home.run_with("short", "add bob")).contains("8 characters"));
    assert!(!home.key_file("bob").exists());
}

#[test]
fn damage_of_any_kind_is_noticed_and_the_file_named() {
    let home = Home::new();
    home.run("add alice").unwrap();
    home.run("add bob").unwrap();
    let file = home.key_file("alice");
    let good = fs::read_to_string(&file).unwrap();
    let bob = fs::read_to_string(home.key_file("bob")).unwrap();
    let field = |text: &str, name: &str| {
        let value: serde_json::Value = serde_json::from_str(text).unwrap();
        value[name].as_str().unwrap().to_owned()
    };
    let unreadable = [
        String::new(),
        good[..good.len() / 2].to_owned(),
        good.replace("\"version\": 1", "\"version\": 2"),
        good.replace("\"version\"", "\"surprise\": 1, \"version\""),
        good.replace(&field(&good, "address"), &field(&bob, "address")),
    ];
    for text in unreadable {
        assert_ne!(text, good);
        fs::write(&file, &text).unwrap();
        for command in ["show alice", "list", "export alice", "add carol"] {
            let said = refused(home.run(command));
            assert!(said.contains("alice.json"), "{command}: {said}");
        }
        assert_eq!(
            fs::read_to_string(&file).unwrap(),
            text,
            "a damaged file is left for the owner to repair"
        );
    }
    let value: serde_json::Value = serde_json::from_str(&good).unwrap();
    let ciphertext = value["secret"]["ciphertext"].as_str().unwrap();
    let flipped = format!(
        "{}{}",
        if ciphertext.starts_with('0') { "1" } else { "0" },
        &ciphertext[1..]
    );
    let locked = [
        good.replace(ciphertext, &flipped),
        good.replace("\"memory_kib\": 65536", "\"memory_kib\": 4294967295"),
        good.replace("\"iterations\": 3", "\"iterations\": 4294967295"),
        good.replace("argon2id", "rot13"),
        // Bob's public parts over Alice's secret.
        good.replace(&field(&good, "address"), &field(&bob, "address"))
            .replace(&field(&good, "public_key"), &field(&bob, "public_key")),
    ];
    fs::remove_file(home.key_file("bob")).unwrap();
    for text in locked {
        assert_ne!(text, good);
        fs::write(&file, &text).unwrap();
        refused(home.run("export alice --unarmored-hex --unsafe"));
    }
    fs::write(&file, &good).unwrap();
    home.run("export alice --unarmored-hex --unsafe").unwrap();
}

#[test]
fn no_command_overwrites_a_key() {
    let home = Home::new();
    home.run("add alice").unwrap();
    home.run("add bob").unwrap();
    let before = (
        fs::read(home.key_file("alice")).unwrap(),
        fs::read(home.key_file("bob")).unwrap(),
    );
    let export = home.path().join("export.json");
    fs::write(&export, home.run("export alice").unwrap()).unwrap();
    refused(home.run("add alice"));
    refused(home.run("rename alice bob"));
    refused(home.run(&format!("import bob {}", export.display())));
    refused(home.run(&format!("import again {}", export.display())));
    assert_eq!(
        before,
        (
            fs::read(home.key_file("alice")).unwrap(),
            fs::read(home.key_file("bob")).unwrap()
        )
    );
    home.run("rename alice anna").unwrap();
    assert_eq!(fs::read(home.key_file("anna")).unwrap(), before.0);
    assert!(!home.key_file("alice").exists());
}

#[test]
fn an_exported_key_comes_back_only_with_its_password() {
    let home = Home::new();
    home.run("add alice").unwrap();
    let address = home.run("show alice -a").unwrap();
    let export = home.path().join("export.json");
    fs::write(&export, home.run("export alice").unwrap()).unwrap();
    home.run("delete alice -y").unwrap();
    assert!(refused(home.run("show alice")).contains("key not found"));
    let import = format!("import alice {}", export.display());
    refused(home.run_with("wrong", &import));
    assert!(!home.key_file("alice").exists());
    home.run(&import).unwrap();
    assert_eq!(home.run("show alice -a").unwrap(), address);
    assert_eq!(home.run(&format!("show {address} -a")).unwrap(), address);
}

#[test]
fn names_that_leave_the_folder_are_refused() {
    let home = Home::new();
    for name in ["../evil", "a/b", ".hidden", "x".repeat(65).as_str(), "s p"] {
        let args = ["keys", "show", name].map(str::to_owned);
        let failure = Cli::try_parse_from(args)
            .unwrap()
            .keys
            .run(home.path())
            .unwrap_err();
        assert_eq!(failure.exit_code(), 2, "{name}");
    }
}

#[test]
fn addresses_convert_both_ways() {
    let home = Home::new();
    let parsed = home
        .run("parse f1829676db577682e944fc3493d451b67ff3e29f -o json")
        .unwrap();
    let parsed: serde_json::Value = serde_json::from_str(&parsed).unwrap();
    let back = home
        .run(&format!("parse {} -o json", parsed["account"].as_str().unwrap()))
        .unwrap();
    assert_eq!(serde_json::from_str::<serde_json::Value>(&back).unwrap(), parsed);
    assert!(parsed["validator"].as_str().unwrap().starts_with("quernvaloper1"));
    assert!(
        home.run("parse cosmos17xpfvakm2amg962yls6f84z3kell8c5lserqta")
            .is_err()
    );
}
