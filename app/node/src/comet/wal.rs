//! CometBFT's write-ahead log of consensus, mended before CometBFT starts.
//!
//! CometBFT stores block H and then writes `EndHeight` H to the log. Killed between the two, it applies the block when it
//! starts again, goes on at H + 1 and never writes the mark. Killed once more in H + 1, it looks for the mark to replay the
//! log from, finds none and goes on without what it proposed and voted there. Its signer rightly refuses to sign anything
//! else, so a lone validator, or a network that lost power as a whole, stays at H + 1 for ever. A node that came to its
//! height by block sync or state sync has no mark before it either.
//!
//! A node takes part in a height once all blocks below are stored and applied, so the mark belongs before the first of its
//! records of that height, and it is written there. What is replayed after it goes through CometBFT's own checks and the
//! signer's, as in any replay.

use std::fs::{self, File};
use std::io::{self, BufReader, ErrorKind, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crc::{CRC_32_ISCSI, Crc};
use prost::Message;
use tendermint_proto::google::protobuf::Timestamp;
use tendermint_proto::v0_38::consensus::message::Sum as Content;
use tendermint_proto::v0_38::consensus::wal_message::Sum;
use tendermint_proto::v0_38::consensus::{EndHeight, MsgInfo, TimedWalMessage, WalMessage};

use crate::config::edit;
use crate::home::Home;

/// Checksum of a record.
static CRC32C: Crc<u32> = Crc::<u32>::new(&CRC_32_ISCSI);
/// Checksum and length before a record.
const HEADER: usize = 8;
/// CometBFT reads no longer record: the largest message and 24 bytes.
const LONGEST: usize = 1_048_576 + 24;
/// The newest files that are read, of 10 MB each and a little more.
const FILES: usize = 4;
/// The new file until it takes the old one's place. CometBFT's own all begin with the log's name.
const TEMPORARY: &str = ".mending";

/// A mark that was missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mended {
    /// Height whose end it marks.
    pub height: i64,
    /// File that it was written to.
    pub file: PathBuf,
    /// Where in the file.
    pub offset: u64,
}

/// Mends the log of a home, and says so in the node's log. A log that cannot be read is left to CometBFT.
///
/// The caller holds [`crate::home::COMET_LOCK`]: no CometBFT writes.
pub fn mend_in(home: &Home) {
    let Some(head) = head(home) else {
        return;
    };
    match mend(&head) {
        Ok(None) => {}
        Ok(Some(mended)) => tracing::warn!(
            height = mended.height,
            file = %mended.file.display(),
            offset = mended.offset,
            "mended CometBFT's write-ahead log: it lacked the end of this height, and the next would not have been replayed"
        ),
        Err(error) => {
            tracing::warn!(file = %head.display(), %error, "CometBFT's write-ahead log was not checked");
        }
    }
}

/// The newest file of the log, as `config.toml` names it.
fn head(home: &Home) -> Option<PathBuf> {
    let config = edit::read(&home.config_toml()).ok()?;
    let name = edit::get(&config, "consensus.wal_file").ok()?.as_str()?;
    (!name.is_empty()).then(|| home.root().join(name))
}

/// Writes the missing mark, if one is missing before the height that the log ends in.
///
/// # Errors
/// If a file cannot be read or written. At any moment each file is the old one or the mended one.
pub fn mend(head: &Path) -> io::Result<Option<Mended>> {
    let (files, all) = files(head)?;
    let mut walk = Walk::new(all);
    for (number, path) in files.iter().enumerate() {
        let whole = walk.read(number, BufReader::new(File::open(path)?))?;
        // In the newest file a broken record is the end, which CometBFT repairs. Elsewhere nobody knows what follows.
        if !whole && number + 1 < files.len() {
            return Ok(None);
        }
    }
    let Some((place, mark, height)) = walk.missing() else {
        return Ok(None);
    };
    let Some(file) = files.into_iter().nth(place.file) else {
        return Ok(None);
    };
    insert(&file, place.offset, &mark)?;
    Ok(Some(Mended {
        height,
        file,
        offset: place.offset,
    }))
}

/// The log's newest files, oldest first, and whether they are all there ever were. CometBFT numbers a full file and begins
/// another; the first has the number 0.
fn files(head: &Path) -> io::Result<(Vec<PathBuf>, bool)> {
    let (Some(folder), Some(name)) = (head.parent(), head.file_name().and_then(|name| name.to_str())) else {
        return Ok((Vec::new(), false));
    };
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok((Vec::new(), false)),
        entries => entries?,
    };
    let mut numbered = Vec::new();
    for entry in entries {
        let entry = entry?;
        let file = entry.file_name();
        let number = file
            .to_str()
            .and_then(|file| file.strip_prefix(name)?.strip_prefix('.'))
            .filter(|digits| digits.len() >= 3 && digits.bytes().all(|digit| digit.is_ascii_digit()))
            .and_then(|digits| digits.parse::<u64>().ok());
        if let Some(number) = number.filter(|_| entry.file_type().is_ok_and(|kind| kind.is_file())) {
            numbered.push((number, entry.path()));
        }
    }
    if fs::symlink_metadata(head).is_ok_and(|head| head.is_file()) {
        numbered.push((u64::MAX, head.to_owned()));
    }
    numbered.sort();
    let older = numbered.len().saturating_sub(FILES);
    let first = numbered.first().map(|(number, _)| *number);
    let all = older == 0 && matches!(first, Some(0 | u64::MAX));
    let newest = numbered.into_iter().skip(older).map(|(_, path)| path).collect();
    Ok((newest, all))
}

/// A place between two records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    file: usize,
    offset: u64,
}

/// What a record says of the height that the node was in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Says {
    /// It stood there.
    Stood(i64),
    /// It said or awaited something there, maybe earlier.
    Acted(i64),
    /// The height's block is stored.
    Ended(i64),
    /// Nothing: a peer may be elsewhere.
    Nothing,
}

/// The height that the log has come to.
#[derive(Clone, Copy, Debug)]
struct At {
    height: i64,
    /// Where its records begin.
    begin: Place,
    time: Option<Timestamp>,
    /// The mark before it is missing.
    lacks_mark: bool,
}

/// A walk over the records.
#[derive(Debug)]
struct Walk {
    /// No record was ever before the first: a height that comes first began here.
    all: bool,
    at: Option<At>,
    /// The last mark.
    ended: Option<i64>,
    /// Behind the last record of the node's own.
    own: Place,
}

impl Walk {
    fn new(all: bool) -> Self {
        Self {
            all,
            at: None,
            ended: None,
            own: Place::default(),
        }
    }

    /// Walks over a file and says whether every byte of it belongs to a record that CometBFT can read.
    fn read(&mut self, file: usize, mut input: impl Read) -> io::Result<bool> {
        let mut place = Place { file, offset: 0 };
        let mut bytes = Vec::new();
        loop {
            match record(&mut input, &mut bytes)? {
                Next::End => return Ok(true),
                Next::Broken => return Ok(false),
                Next::Record { length, message } => {
                    place.offset = place.offset.saturating_add(length);
                    self.take(says(&message), message.time, place);
                }
            }
        }
    }

    fn take(&mut self, says: Says, time: Option<Timestamp>, behind: Place) {
        match says {
            Says::Nothing => return,
            Says::Ended(ended) => self.end(ended),
            Says::Stood(height) => self.stand(height, time, true),
            Says::Acted(height) => self.stand(height, time, false),
        }
        self.own = behind;
    }

    fn end(&mut self, ended: i64) {
        // A file that is empty when CometBFT starts begins with the end of height 0, whatever came before.
        if ended <= 0 {
            return;
        }
        self.ended = Some(ended);
        match &mut self.at {
            Some(at) if ended >= at.height.saturating_sub(1) => at.lacks_mark = false,
            Some(_) => {}
            // What follows is known to begin behind this.
            None => self.all = true,
        }
    }

    fn stand(&mut self, height: i64, time: Option<Timestamp>, certain: bool) {
        let before = self.at.map(|at| at.height);
        let known = match before {
            // What is late says nothing.
            Some(before) if height == before || (height < before && !certain) => return,
            // Blocks were taken back: which records count nobody knows.
            Some(before) => height > before,
            None => self.all,
        };
        self.at = Some(At {
            height,
            // Records of peers between the node's own may belong to either height; in the other they change nothing.
            begin: self.own,
            time,
            lacks_mark: known && height > 1 && self.ended != height.checked_sub(1),
        });
    }

    /// The missing mark: where it belongs, its bytes and its height.
    fn missing(&self) -> Option<(Place, Vec<u8>, i64)> {
        let at = self.at.filter(|at| at.lacks_mark)?;
        let height = at.height.checked_sub(1)?;
        Some((at.begin, mark(height, at.time)?, height))
    }
}

/// What a reader has next.
enum Next {
    End,
    Broken,
    Record {
        length: u64,
        message: Box<TimedWalMessage>,
    },
}

/// Reads a record into `bytes`, which never become more than [`LONGEST`].
fn record(input: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<Next> {
    if take(input, HEADER, bytes)? < HEADER {
        return Ok(if bytes.is_empty() { Next::End } else { Next::Broken });
    }
    let Some((sum, length)) = header(bytes) else {
        return Ok(Next::Broken);
    };
    if take(input, length, bytes)? < length || CRC32C.checksum(bytes) != sum {
        return Ok(Next::Broken);
    }
    let Ok(message) = TimedWalMessage::decode(bytes.as_slice()) else {
        return Ok(Next::Broken);
    };
    let length = u64::try_from(HEADER.saturating_add(length)).map_err(io::Error::other)?;
    Ok(Next::Record {
        length,
        message: Box::new(message),
    })
}

/// Reads up to `count` bytes and says how many there were.
fn take(input: &mut impl Read, count: usize, bytes: &mut Vec<u8>) -> io::Result<usize> {
    bytes.clear();
    input
        .take(u64::try_from(count).map_err(io::Error::other)?)
        .read_to_end(bytes)
}

/// Checksum and length; none for a length that CometBFT refuses.
fn header(bytes: &[u8]) -> Option<(u32, usize)> {
    let (sum, length) = bytes.split_first_chunk::<4>()?;
    let length = u32::from_be_bytes(length.try_into().ok()?);
    let length = usize::try_from(length)
        .ok()
        .filter(|length| (1..=LONGEST).contains(length))?;
    Some((u32::from_be_bytes(*sum), length))
}

fn says(message: &TimedWalMessage) -> Says {
    match message.msg.as_ref().and_then(|message| message.sum.as_ref()) {
        Some(Sum::EventDataRoundState(state)) => Says::Stood(state.height),
        Some(Sum::TimeoutInfo(timeout)) => Says::Acted(timeout.height),
        Some(Sum::MsgInfo(info)) => said(info).map_or(Says::Nothing, Says::Acted),
        Some(Sum::EndHeight(end)) => Says::Ended(end.height),
        None => Says::Nothing,
    }
}

/// The height of the node's own proposal, part or vote.
fn said(info: &MsgInfo) -> Option<i64> {
    if !info.peer_id.is_empty() {
        return None;
    }
    match info.msg.as_ref()?.sum.as_ref()? {
        Content::Proposal(message) => message.proposal.as_ref().map(|proposal| proposal.height),
        Content::BlockPart(part) => Some(part.height),
        Content::Vote(message) => message.vote.as_ref().map(|vote| vote.height),
        _ => None,
    }
}

/// The record that ends a height, as CometBFT writes it.
fn mark(height: i64, time: Option<Timestamp>) -> Option<Vec<u8>> {
    let message = TimedWalMessage {
        // CometBFT writes one always.
        time: Some(time.unwrap_or_default()),
        msg: Some(WalMessage {
            sum: Some(Sum::EndHeight(EndHeight { height })),
        }),
    };
    encode(&message)
}

fn encode(message: &TimedWalMessage) -> Option<Vec<u8>> {
    let bytes = message.encode_to_vec();
    let length = u32::try_from(bytes.len()).ok()?;
    let mut record = CRC32C.checksum(&bytes).to_be_bytes().to_vec();
    record.extend(length.to_be_bytes());
    record.extend(bytes);
    Some(record)
}

/// Puts a record into a file: a kill or a loss of power at any moment leaves the old file or the new one.
fn insert(path: &Path, offset: u64, record: &[u8]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    // The same name each time: what a killed predecessor left is overwritten.
    let temporary = folder.join(TEMPORARY);
    if let Err(error) = copy_with(path, &temporary, offset, record) {
        let _ = fs::remove_file(&temporary);
        return Err(error);
    }
    fs::rename(&temporary, path)?;
    File::open(folder)?.sync_all()
}

fn copy_with(path: &Path, temporary: &Path, offset: u64, record: &[u8]) -> io::Result<()> {
    let mut old = File::open(path)?;
    let mut new = File::create(temporary)?;
    new.set_permissions(old.metadata()?.permissions())?;
    if io::copy(&mut (&mut old).take(offset), &mut new)? != offset {
        return Err(ErrorKind::UnexpectedEof.into());
    }
    new.write_all(record)?;
    old.seek(SeekFrom::Start(offset))?;
    io::copy(&mut old, &mut new)?;
    new.sync_all()
}

#[cfg(test)]
mod tests;
