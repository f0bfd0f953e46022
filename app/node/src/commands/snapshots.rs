//! `quernd snapshots`: the state-sync snapshots of a home.

use std::fs::{File, Permissions};
use std::io::{BufReader, BufWriter, ErrorKind, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use quern_core::{App, Options};
use quern_store::statesync::{CHUNK_BYTES, Description, FORMAT, Folder, MOST_CHUNKS, SyncError};
use serde_json::{Value, json};

use crate::exit::{At, Exit, Failure, Outcome};
use crate::home::{APP_LOCK, Home};

/// Commands of `quernd snapshots`.
#[derive(Clone, Debug, clap::Subcommand)]
pub enum SnapshotsCommand {
    /// List the snapshots of this home
    List,
    /// Make a snapshot of the stopped node's state
    Export {
        /// Height of the state; 0 is the latest
        #[arg(long, default_value_t = 0)]
        height: u64,
    },
    /// Fill the empty state of a stopped node with one of its own snapshots
    Restore {
        /// Height of the snapshot
        height: u64,
        /// Format of the snapshot
        #[arg(default_value_t = FORMAT)]
        format: u32,
    },
    /// Write a snapshot into an archive, HEIGHT-FORMAT.tar.gz unless --archive says otherwise
    Dump {
        /// Height of the snapshot
        height: u64,
        /// Format of the snapshot
        #[arg(default_value_t = FORMAT)]
        format: u32,
        /// File to write; one that exists is left alone
        #[arg(long)]
        archive: Option<PathBuf>,
    },
    /// Take the snapshot of an archive into this home
    Load {
        /// File that `dump` wrote
        archive: PathBuf,
    },
    /// Delete a snapshot
    Delete {
        /// Height of the snapshot
        height: u64,
        /// Format of the snapshot
        #[arg(default_value_t = FORMAT)]
        format: u32,
    },
}

/// Runs one of them.
///
/// # Errors
/// If the node runs (but for `list` and `dump`), or a snapshot is missing or broken.
pub fn run(command: &SnapshotsCommand, home: &Home) -> Outcome<Value> {
    home.must_exist()?;
    if let SnapshotsCommand::Export { .. } = command {
        home.must_have_state()?;
    }
    let place = home.snapshots();
    if let SnapshotsCommand::List = command {
        let found = Folder::view(place).list().or_fail()?;
        return Ok(Value::Array(found.iter().map(describe).collect()));
    }
    if let SnapshotsCommand::Dump {
        height,
        format,
        archive,
    } = command
    {
        return dump(&Folder::view(place), *height, *format, archive.clone());
    }
    let _app = home.lock(APP_LOCK, Duration::ZERO)?;
    let open = || App::open(Options::new(home.app_data())).at(Exit::BadFile, home.app_data().display());
    // The folder is made for what is to lie in it, not for what there is not.
    match command {
        SnapshotsCommand::Export { height } => {
            let app = open()?;
            let folder = Folder::open(place).or_fail()?;
            Ok(describe(&app.snapshot(*height, &folder).or_fail()?))
        }
        SnapshotsCommand::Restore { height, format } => {
            // before a state is made for it
            Folder::view(&place).find(*height, *format).or_fail()?;
            let folder = Folder::open(place).or_fail()?;
            let app = open()?;
            if app.last_height() > 0 {
                let text = format!(
                    "{} has a state of height {}: restore into a new home, or remove that folder first. Nothing was changed",
                    home.app_data().display(),
                    app.last_height()
                );
                return Err(Failure::new(Exit::Exists, text));
            }
            app.restore(*height, *format, &folder).or_fail()?;
            Ok(json!({ "height": height, "app_hash": hex::encode_upper(app.last_app_hash()) }))
        }
        SnapshotsCommand::Load { archive } => load(&place, archive),
        SnapshotsCommand::Delete { height, format } => {
            Folder::view(&place).find(*height, *format).or_fail()?;
            Folder::open(place)
                .or_fail()?
                .delete(*height, *format)
                .or_fail()?;
            Ok(json!({ "deleted": height }))
        }
        SnapshotsCommand::List | SnapshotsCommand::Dump { .. } => Ok(Value::Null), // answered above
    }
}

fn describe(found: &Description) -> Value {
    json!({
        "height": found.height,
        "format": found.format,
        "chunks": found.chunks.len(),
        "hash": hex::encode_upper(found.hash()),
    })
}

/// The archive has the folder of the snapshot: its chunks' hashes first, then each chunk.
fn dump(folder: &Folder, height: u64, format: u32, archive: Option<PathBuf>) -> Outcome<Value> {
    let found = folder.find(height, format).or_fail()?;
    let path = archive.unwrap_or_else(|| PathBuf::from(format!("{height}-{format}.tar.gz")));
    let at = |error: std::io::Error| Failure::new(Exit::Failure, format!("{}: {error}", path.display()));
    let exists = || {
        let text = format!("{} exists and was left alone", path.display());
        Failure::new(Exit::Exists, text)
    };
    if path.symlink_metadata().is_ok() {
        return Err(exists());
    }
    // The archive has its name when it is whole: a failure leaves none.
    let place = path.parent().filter(|place| !place.as_os_str().is_empty());
    let place = place.unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new();
    let file = file.permissions(Permissions::from_mode(0o666)).tempfile_in(place);
    let gzip = GzEncoder::new(BufWriter::new(file.map_err(at)?), Compression::default());
    let mut tar = tar::Builder::new(gzip);
    let mut add = |name: String, bytes: &[u8]| -> std::io::Result<()> {
        let mut header = tar::Header::new_gnu();
        header.set_size(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        header.set_mode(0o644);
        tar.append_data(&mut header, format!("{height}/{format}/{name}"), bytes)
    };
    add("metadata".to_owned(), &found.metadata()).map_err(at)?;
    for index in 0..u32::try_from(found.chunks.len()).unwrap_or(u32::MAX) {
        let chunk = folder.chunk(height, format, index).or_fail()?;
        add(index.to_string(), &chunk).map_err(at)?;
    }
    let written = tar.into_inner().and_then(GzEncoder::finish).map_err(at)?;
    let file = written.into_inner().map_err(|error| at(error.into_error()))?;
    file.as_file().sync_all().map_err(at)?;
    file.persist_noclobber(&path)
        .map_err(|error| match error.error.kind() {
            ErrorKind::AlreadyExists => exists(),
            _ => at(error.error),
        })?;
    File::open(place).and_then(|place| place.sync_all()).map_err(at)?;
    Ok(json!({ "archive": path, "height": height, "format": format }))
}

/// Nothing of an archive is believed: names, lengths and hashes are checked as it is unpacked.
fn load(snapshots: &Path, archive: &Path) -> Outcome<Value> {
    unpack(snapshots, archive).map_err(|failure| Failure {
        message: format!("{}: {failure}", archive.display()),
        ..failure
    })
}

fn unpack(snapshots: &Path, archive: &Path) -> Outcome<Value> {
    let at = |error: std::io::Error| Failure::new(Exit::BadFile, error.to_string());
    let file = File::open(archive).map_err(at)?;
    let mut tar = tar::Archive::new(GzDecoder::new(BufReader::new(file)));
    let mut entries = tar.entries().map_err(at)?;
    let broken = || SyncError::Malformed("the archive is not one that `quernd snapshots dump` wrote");
    let mut next = |name: &str, most: usize| -> Result<(String, Vec<u8>), SyncError> {
        // what cannot be read is the archive, not the folder that it goes into
        let entry = entries.next().and_then(Result::ok).ok_or_else(broken)?;
        let path = entry.path().map_err(|_| broken())?.to_string_lossy().into_owned();
        let (place, last) = path.rsplit_once('/').ok_or_else(broken)?;
        let place = place.to_owned();
        if last != name {
            return Err(broken());
        }
        let mut bytes = Vec::new();
        let limit = u64::try_from(most).unwrap_or(u64::MAX);
        let read = entry.take(limit.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|_| broken())?;
        if bytes.len() > most {
            return Err(broken());
        }
        Ok((place, bytes))
    };
    let (place, metadata) = next("metadata", MOST_CHUNKS.saturating_mul(32)).or_fail()?;
    let numbers = place
        .split_once('/')
        .and_then(|(height, format)| Some((height.parse().ok()?, format.parse().ok()?)));
    let (height, format) = numbers.ok_or_else(broken).or_fail()?;
    let (hashes, rest) = metadata.as_chunks::<32>();
    let description = Description {
        height,
        format,
        chunks: hashes.to_vec(),
    };
    let count = u32::try_from(hashes.len()).unwrap_or(u32::MAX);
    Description::read(height, format, count, &description.hash(), &metadata).or_fail()?;
    if !rest.is_empty() {
        return Err(Failure::new(Exit::BadFile, broken().to_string()));
    }
    Folder::open(snapshots)
        .or_fail()?
        .take_in(&description, |index| Ok(next(&index.to_string(), CHUNK_BYTES)?.1))
        .or_fail()?;
    Ok(describe(&description))
}

/// Exit codes of snapshots.
trait OrFail<T> {
    fn or_fail(self) -> Outcome<T>;
}

impl<T> OrFail<T> for Result<T, SyncError> {
    fn or_fail(self) -> Outcome<T> {
        self.map_err(|error| {
            let exit = match error {
                SyncError::Exists(_) => Exit::Exists,
                SyncError::Format(_)
                | SyncError::Description
                | SyncError::Chunk(_)
                | SyncError::Malformed(_)
                | SyncError::AppHash { .. } => Exit::BadFile,
                _ => Exit::Failure,
            };
            Failure::new(exit, error.to_string())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::{dump, load};
    use quern_store::statesync::{Description, FORMAT, Folder};
    use std::fs;

    #[test]
    fn an_archive_is_whole_or_there_is_none() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::open(dir.path().join("snapshots")).unwrap();
        let of = |chunks| Description {
            height: 7,
            format: FORMAT,
            chunks,
        };
        // a description's hash is that of such a chunk
        let chunks = [vec![[1; 32]; 99], vec![[2; 32]; 9]];
        let description = of(chunks.iter().map(|chunk| of(chunk.clone()).hash()).collect());
        let chunk = |index: u32| Ok(chunks[index as usize].concat());
        folder.take_in(&description, chunk).unwrap();
        let out = dir.path().join("out");
        fs::create_dir(&out).unwrap();
        let archive = out.join("a.tar.gz");
        let last = dir.path().join(format!("snapshots/7/{FORMAT}/1"));
        fs::rename(&last, dir.path().join("away")).unwrap();
        assert!(dump(&folder, 7, FORMAT, Some(archive.clone())).is_err());
        assert_eq!(fs::read_dir(&out).unwrap().count(), 0);

        fs::rename(dir.path().join("away"), &last).unwrap();
        dump(&folder, 7, FORMAT, Some(archive.clone())).unwrap();
        assert_eq!(fs::read_dir(&out).unwrap().count(), 1);
        let whole = fs::read(&archive).unwrap();
        let refused = dump(&folder, 7, FORMAT, Some(archive.clone())).unwrap_err();
        assert!(refused.message.contains("was left alone"), "{}", refused.message);
        assert_eq!(fs::read(&archive).unwrap(), whole);
        folder.delete(7, FORMAT).unwrap();
        load(&dir.path().join("snapshots"), &archive).unwrap();
        assert_eq!(folder.list().unwrap(), [description]);
    }
}
