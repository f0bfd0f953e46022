//! `SHA256SUMS` of a model folder.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    reason = "a test stops at a surprise"
)]

use quern_engine::manifest::{MANIFEST, check};

/// SHA-256 of the text "abc", from FIPS 180-2.
const ABC: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

#[test]
fn a_changed_file_is_named_and_a_whole_folder_passes() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    assert!(check(folder.path()).is_ok());
    write("config.json", "abc");
    write(MANIFEST, &format!("{ABC}  config.json\n"));
    assert!(check(folder.path()).is_ok());
    write("config.json", "other");
    let error = check(folder.path()).unwrap_err().to_string();
    assert!(error.contains("config.json") && error.contains(ABC), "{error}");
    write(MANIFEST, &format!("{ABC}  model.safetensors\n"));
    assert!(
        check(folder.path())
            .unwrap_err()
            .to_string()
            .contains("model.safetensors")
    );
}

#[test]
fn a_file_in_a_folder_below_is_named_and_none_elsewhere() {
    let outer = tempfile::tempdir().unwrap();
    let folder = outer.path().join("model");
    std::fs::create_dir_all(folder.join("1_Pooling")).unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.join(name), text).unwrap();
    std::fs::write(outer.path().join("config.json"), "abc").unwrap();
    write("config.json", "abc");
    write("1_Pooling/config.json", "abc");
    write(
        MANIFEST,
        &format!("{ABC}  config.json\n{ABC}  1_Pooling/config.json\n"),
    );
    assert!(check(&folder).is_ok());
    write("1_Pooling/config.json", "other");
    let error = check(&folder).unwrap_err().to_string();
    assert!(
        error.contains("1_Pooling/config.json") && error.contains(ABC),
        "{error}"
    );
    let absolute = outer.path().join("config.json");
    let elsewhere = [
        "../config.json",
        "1_Pooling/../../config.json",
        "1_Pooling/../config.json",
        "./config.json",
        "1_Pooling//config.json",
        "1_Pooling/",
        "/config.json",
        "C:config.json",
        "1_Pooling\\config.json",
        "",
        absolute.to_str().unwrap(),
    ];
    for name in elsewhere {
        write(MANIFEST, &format!("{ABC}  {name}\n"));
        let error = check(&folder).unwrap_err().to_string();
        assert!(error.contains("not a path within"), "{name:?}: {error}");
    }
}
