//! `quernd state`: every row of the state, to compare two nodes with.

use std::io::{self, BufWriter, StdoutLock, Write, stdout};
use std::time::Duration;

use quern_store::{Config, MultiStore, Order, Pruning};

use crate::exit::{At, Exit, Outcome};
use crate::home::{APP_LOCK, Home};
use crate::output::Format;

/// Arguments of `quernd state`.
#[derive(Clone, Debug, clap::Args)]
pub struct StateArgs {
    /// State after this block; 0 is the latest
    #[arg(long, default_value_t = 0)]
    pub height: u64,
}

/// Prints the rows of a stopped node's state by rising key, one a line: key and value in hexadecimal, or an object
/// of both in one array.
///
/// # Errors
/// If the node runs, or does not keep the height.
pub fn state(args: &StateArgs, format: Format, home: &Home) -> Outcome {
    home.must_have_state()?;
    let _app = home.lock(APP_LOCK, Duration::ZERO)?;
    let path = home.state();
    let config = Config {
        path: path.clone(),
        pruning: Pruning::Nothing,
        verify: false,
    };
    let store = MultiStore::open(config).at(Exit::BadFile, path.display())?;
    let height = match (args.height, store.latest()) {
        (0, Some(latest)) => latest.version,
        (height, _) => height,
    };
    let snapshot = store.snapshot_at(height).at(Exit::Failure, "the state")?;
    let mut out = Rows::new(format);
    for row in snapshot.range(None, None, Order::Ascending) {
        let (key, value) = row.at(Exit::Failure, "the state")?;
        // A reader that went away early got what it wanted.
        if out.row(&hex::encode(&key), &hex::encode(&value)).is_err() {
            return Ok(());
        }
    }
    let _ = out.end();
    Ok(())
}

/// Rows on their way out: a state may be larger than memory.
struct Rows {
    out: BufWriter<StdoutLock<'static>>,
    format: Format,
    /// What separates the next row from what is there.
    before: &'static str,
}

impl Rows {
    fn new(format: Format) -> Self {
        let before = match format {
            Format::Text => "",
            Format::Json => "[\n",
        };
        let out = BufWriter::new(stdout().lock());
        Self { out, format, before }
    }

    fn row(&mut self, key: &str, value: &str) -> io::Result<()> {
        let before = self.before;
        match self.format {
            Format::Text => writeln!(self.out, "{key} {value}"),
            // hexadecimal needs no escapes
            Format::Json => {
                self.before = ",\n";
                write!(self.out, "{before}{{\"key\":\"{key}\",\"value\":\"{value}\"}}")
            }
        }
    }

    fn end(mut self) -> io::Result<()> {
        match (self.format, self.before) {
            (Format::Text, _) => {}
            (Format::Json, ",\n") => self.out.write_all(b"\n]\n")?,
            (Format::Json, _) => self.out.write_all(b"[]\n")?,
        }
        self.out.flush()
    }
}
