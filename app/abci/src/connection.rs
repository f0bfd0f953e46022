// The clock here feeds metrics and socket time-outs, never state.
#![allow(clippy::disallowed_methods)]

use std::any::Any;
use std::io::{self, Read, Write};
use std::net::Shutdown;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use prost::Message;
use tendermint_abci::Application;
use tendermint_proto::v0_38::abci::request::Value as Call;
use tendermint_proto::v0_38::abci::{CheckTxType, Request, Response};

use crate::dispatch::{dispatch, exception, method};
use crate::frame::take_frame;
use crate::options::Options;
use crate::server::Stop;
use crate::stream::Stream;

/// Bytes asked for by one read.
const READ_WINDOW: usize = 64 * 1024;
/// Pending answers that are written without waiting for `Flush`.
const WRITE_BUFFER: usize = 64 * 1024;
/// Buffers that grew beyond this for one large message are given back.
const KEEP_CAPACITY: usize = 1024 * 1024;
/// Rechecks read before their turn comes, in bytes.
const READ_AHEAD: usize = 16 * 1024 * 1024;
/// How long pending answers wait for a `Flush` when the client sends nothing more.
const FLUSH_AFTER: Duration = Duration::from_millis(2);
/// How long a refused client may take to read the reason before the socket closes.
const LINGER: Duration = Duration::from_millis(500);

/// How serving one connection ended.
pub(crate) enum End {
    /// The client went away or was refused; the server goes on.
    Closed,
    /// The application cannot go on.
    Fatal(Stop),
}

/// Serves one connection until it ends.
pub(crate) fn serve<A: Application>(app: &A, stream: Stream, options: &Options) -> End {
    let mut connection = Connection {
        stream,
        out: Vec::with_capacity(WRITE_BUFFER),
    };
    match connection.run(app, options) {
        Ok(end) => end,
        Err(error) => {
            tracing::debug!(%error, "ABCI connection ended");
            End::Closed
        }
    }
}

struct Connection {
    stream: Stream,
    out: Vec<u8>,
}

impl Connection {
    fn run<A: Application>(&mut self, app: &A, options: &Options) -> io::Result<End> {
        let mut input = BytesMut::with_capacity(READ_WINDOW);
        let mut window = vec![0_u8; READ_WINDOW];
        loop {
            loop {
                let frame = match take_frame(&mut input, options.max_message_bytes) {
                    Ok(Some(frame)) => frame,
                    Ok(None) => break,
                    Err(error) => return self.refuse(&error.to_string()),
                };
                let call = match Request::decode(frame) {
                    Ok(Request { value: Some(call) }) => call,
                    Ok(Request { value: None }) => {
                        return self.refuse("the request carries no call of ABCI 2.0");
                    }
                    Err(error) => return self.refuse(&format!("not an ABCI request: {error}")),
                };
                let again = is_recheck(&call);
                if let Some(stop) = self.answer(app, call, options)? {
                    return Ok(End::Fatal(stop));
                }
                if again {
                    self.read_ahead(&mut input, &mut window)?;
                }
            }
            if input.is_empty() && input.capacity() > KEEP_CAPACITY {
                input = BytesMut::with_capacity(READ_WINDOW);
            }
            // A client that never sends Flush must not wait for ever.
            if !self.out.is_empty() && !self.stream.readable_within(FLUSH_AFTER)? {
                self.flush()?;
            }
            match self.stream.read(&mut window) {
                Ok(0) => return Ok(End::Closed),
                Ok(read) => input.extend_from_slice(window.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }

    /// Takes what CometBFT has sent meanwhile, without waiting. Its socket client sets its flush timer anew every 20
    /// nanoseconds as long as a write of requests is blocked, a core's worth of work. Rechecks come all at once, and are of
    /// transactions that its mempool holds: those may be read before their turn. New ones may not: they would pass its
    /// mempool's bounds.
    fn read_ahead(&mut self, input: &mut BytesMut, window: &mut [u8]) -> io::Result<()> {
        while input.len() < READ_AHEAD && self.stream.readable_within(Duration::ZERO)? {
            match self.stream.read(window) {
                // The end is met again once all requests are answered.
                Ok(0) => break,
                Ok(read) => input.extend_from_slice(window.get(..read).unwrap_or_default()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => break,
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Runs one call and queues its answer; a value means that the server must stop.
    fn answer<A: Application>(&mut self, app: &A, call: Call, options: &Options) -> io::Result<Option<Stop>> {
        let is_flush = matches!(call, Call::Flush(_));
        let name = method(&call);
        let started = options.observer.as_ref().map(|_| Instant::now());
        // The state that a panic may have left half-changed is never used again: the server stops.
        let outcome = catch_unwind(AssertUnwindSafe(|| dispatch(app, call)));
        if let (Some(observer), Some(started)) = (&options.observer, started) {
            observer(name, started.elapsed());
        }
        let stop = match outcome {
            Err(panic) => Some(Stop::Panicked {
                method: name,
                message: panic_text(&*panic),
            }),
            Ok(response) => match options.halted.as_ref().and_then(|halted| halted()) {
                Some(reason) => Some(Stop::Halted { reason }),
                None => {
                    self.queue(&response)?;
                    None
                }
            },
        };
        if let Some(stop) = stop {
            self.queue(&exception(stop.to_string()))?;
            self.flush()?;
            return Ok(Some(stop));
        }
        if is_flush {
            self.flush()?;
        }
        Ok(None)
    }

    fn queue(&mut self, response: &Response) -> io::Result<()> {
        response
            .encode_length_delimited(&mut self.out)
            .map_err(io::Error::other)?;
        if self.out.len() >= WRITE_BUFFER {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.write_all(&self.out)?;
        self.out.clear();
        self.out.shrink_to(KEEP_CAPACITY);
        Ok(())
    }

    /// Tells the client why its connection ends. What it still sends is read and dropped for a
    /// moment: closing a socket with unread bytes would reset it and lose the reason.
    fn refuse(&mut self, reason: &str) -> io::Result<End> {
        tracing::warn!(reason, "closing an ABCI connection");
        self.queue(&exception(reason.to_owned()))?;
        self.flush()?;
        self.stream.shutdown(Shutdown::Write)?;
        self.stream.set_read_timeout(LINGER)?;
        let deadline = Instant::now().checked_add(LINGER);
        let mut sink = [0_u8; 4096];
        while Some(Instant::now()) < deadline && self.stream.read(&mut sink)? > 0 {}
        Ok(End::Closed)
    }
}

/// Whether CometBFT asks again about a transaction that its mempool holds.
fn is_recheck(call: &Call) -> bool {
    matches!(call, Call::CheckTx(request) if request.r#type == CheckTxType::Recheck as i32)
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned())
}
