//! Changes of single values that keep a file's comments and order.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use toml_edit::{DocumentMut, Item, Table, TableLike, Value};

use crate::exit::{At, Exit, Failure, Outcome};

/// Reads a TOML file for editing.
///
/// # Errors
/// [`Exit::BadFile`] if it cannot be read or parsed.
pub fn read(path: &Path) -> Outcome<DocumentMut> {
    let text = fs::read_to_string(path).at(Exit::BadFile, path.display())?;
    text.parse::<DocumentMut>()
        .map_err(|error| at_line(&text, error.span(), error.message()))
        .at(Exit::BadFile, path.display())
}

/// What is wrong with a text, in one line.
#[must_use]
pub fn at_line(text: &str, place: Option<std::ops::Range<usize>>, message: &str) -> String {
    let message = message.trim().replace('\n', ", ");
    match place.and_then(|place| text.get(..place.start)) {
        Some(before) => format!(
            "line {}: {message}",
            before.matches('\n').count().saturating_add(1)
        ),
        None => message,
    }
}

/// Replaces the file in one step, so that a crash leaves the old or the new one.
///
/// # Errors
/// If the disk refuses; the old file is untouched then.
pub fn write(path: &Path, contents: &[u8], mode: u32) -> Outcome {
    let folder = path.parent().unwrap_or(Path::new("."));
    let save = || -> std::io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(contents)?;
        file.as_file().set_permissions(fs::Permissions::from_mode(mode))?;
        file.as_file().sync_all()?;
        file.persist(path)?;
        fs::File::open(folder)?.sync_all()
    };
    save().at(Exit::Failure, path.display())
}

/// The value at a dotted key such as `rpc.laddr`.
///
/// # Errors
/// [`Exit::BadFile`] if there is none.
pub fn get<'a>(document: &'a DocumentMut, key: &str) -> Outcome<&'a Value> {
    let mut item: &Item = document.as_item();
    for part in key.split('.') {
        item = item.get(part).ok_or_else(|| unknown(key))?;
    }
    item.as_value().ok_or_else(|| unknown(key))
}

/// Sets an existing key to a value of the type it has.
///
/// # Errors
/// [`Exit::BadFile`] for a key that the file does not have, [`Exit::Usage`] for a value of another type.
pub fn set(document: &mut DocumentMut, key: &str, value: Value) -> Outcome {
    let old = get(document, key)?;
    if std::mem::discriminant(old) != std::mem::discriminant(&value) {
        let text = format!("{key} is a {}, not a {}", old.type_name(), value.type_name());
        return Err(Failure::new(Exit::Usage, text));
    }
    put(document, key, value)
}

/// Sets a key to a value, whatever it had before; a key or table that is missing is inserted.
///
/// # Errors
/// [`Exit::BadFile`] where the file has a value in place of a table, or a table in place of the value.
pub fn put(document: &mut DocumentMut, key: &str, value: Value) -> Outcome {
    let (tables, name) = key.rsplit_once('.').map_or((None, key), |(t, n)| (Some(t), n));
    let mut table: &mut dyn TableLike = document.as_table_mut();
    for part in tables.into_iter().flat_map(|tables| tables.split('.')) {
        let inner = table.entry(part).or_insert_with(|| Item::Table(Table::new()));
        table = inner.as_table_like_mut().ok_or_else(|| unknown(key))?;
    }
    if let Some(item) = table.get_mut(name) {
        let old = item.as_value_mut().ok_or_else(|| unknown(key))?;
        let decor = old.decor().clone();
        *old = value;
        *old.decor_mut() = decor;
    } else {
        table.insert(name, Item::Value(value));
    }
    Ok(())
}

/// Reads a command-line text as a value of the type that `like` has.
///
/// # Errors
/// [`Exit::Usage`] if it is none.
pub fn parse_like(like: &Value, text: &str) -> Outcome<Value> {
    if like.is_str() {
        return Ok(Value::from(text));
    }
    let value = text.parse::<Value>().ok();
    let same = value.filter(|value| std::mem::discriminant(value) == std::mem::discriminant(like));
    same.ok_or_else(|| Failure::new(Exit::Usage, format!("{text:?} is not a {}", like.type_name())))
}

/// What a key is that is nowhere.
#[must_use]
pub fn unknown(key: &str) -> Failure {
    Failure::new(Exit::BadFile, format!("no setting named {key}"))
}

#[cfg(test)]
mod tests {
    use super::{get, parse_like, put, set};
    use toml_edit::{DocumentMut, Value};

    const FILE: &str = "# who\nmoniker = \"a\" # name\n[rpc]\nport = 1\n";

    #[test]
    fn a_change_keeps_every_comment() {
        let mut document: DocumentMut = FILE.parse().unwrap();
        set(&mut document, "moniker", Value::from("b")).unwrap();
        set(&mut document, "rpc.port", Value::from(2)).unwrap();
        assert_eq!(
            document.to_string(),
            FILE.replace("\"a\"", "\"b\"").replace("= 1", "= 2")
        );
    }

    #[test]
    fn an_unknown_key_or_another_type_changes_nothing() {
        let mut document: DocumentMut = FILE.parse().unwrap();
        assert!(set(&mut document, "rpc.prot", Value::from(2)).is_err());
        assert!(set(&mut document, "rpc.port", Value::from("2")).is_err());
        assert_eq!(document.to_string(), FILE);
        let port = get(&document, "rpc.port").unwrap();
        assert!(parse_like(port, "many").is_err());
        assert!(parse_like(port, "true").is_err());
        assert_eq!(parse_like(port, "7").unwrap().as_integer(), Some(7));
    }

    #[test]
    fn what_is_missing_is_put_where_it_belongs() {
        let mut document: DocumentMut = FILE.parse().unwrap();
        put(&mut document, "fast", Value::from(true)).unwrap();
        put(&mut document, "rpc.port", Value::from("2")).unwrap();
        put(&mut document, "rpc.unsafe", Value::from(false)).unwrap();
        put(&mut document, "p2p.pex", Value::from(true)).unwrap();
        assert!(put(&mut document, "moniker.first", Value::from(1)).is_err());
        assert!(put(&mut document, "rpc", Value::from(1)).is_err());
        assert_eq!(
            document.to_string(),
            "# who\nmoniker = \"a\" # name\nfast = true\n[rpc]\nport = \"2\"\nunsafe = false\n\n[p2p]\npex = true\n"
        );
    }
}
