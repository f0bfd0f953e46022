//! An application behind an ABCI socket.

use std::io::{BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use prost::Message;
use tendermint_abci::Application;
use tendermint_proto::v0_38::abci::{
    Request, RequestCheckTx, RequestCommit, RequestFinalizeBlock, RequestFlush, RequestInfo,
    RequestInitChain, RequestQuery, Response, ResponseCheckTx, ResponseCommit, ResponseFinalizeBlock,
    ResponseInfo, ResponseInitChain, ResponseQuery, request::Value as Ask, response::Value as Answer,
};

/// One connection to an application; its calls follow one another.
#[derive(Clone)]
pub struct Remote(Arc<Mutex<BufReader<TcpStream>>>);

impl Remote {
    /// Connects, and gives up after `patience`.
    pub fn connect(address: SocketAddr, patience: Duration) -> std::io::Result<Self> {
        let mut left = patience;
        loop {
            match TcpStream::connect(address) {
                Ok(stream) => {
                    stream.set_nodelay(true)?;
                    return Ok(Self(Arc::new(Mutex::new(BufReader::with_capacity(
                        1 << 20,
                        stream,
                    )))));
                }
                Err(error) if left.is_zero() => return Err(error),
                Err(_) => {
                    let pause = Duration::from_millis(100).min(left);
                    std::thread::sleep(pause);
                    left -= pause;
                }
            }
        }
    }

    /// Sends requests together and awaits their answers, in order.
    pub fn ask_all(&self, asks: Vec<Ask>) -> Vec<Answer> {
        let mut stream = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = asks.len();
        let mut out = Vec::new();
        for ask in asks.into_iter().chain([Ask::Flush(RequestFlush {})]) {
            let request = Request { value: Some(ask) };
            request.encode_length_delimited(&mut out).expect("memory");
        }
        stream.get_mut().write_all(&out).expect("the application reads");
        let mut answers: Vec<Answer> = (0..=count).map(|_| read(&mut *stream)).collect();
        let flush = answers.pop();
        assert!(matches!(flush, Some(Answer::Flush(_))), "{flush:?}");
        answers
    }

    fn ask(&self, ask: Ask) -> Answer {
        self.ask_all(vec![ask]).remove(0)
    }
}

fn read(stream: &mut impl Read) -> Answer {
    let mut length = 0_u64;
    for shift in (0..64).step_by(7) {
        let mut byte = [0];
        stream.read_exact(&mut byte).expect("the application answers");
        length |= u64::from(byte[0] & 0x7f) << shift;
        if byte[0] < 0x80 {
            break;
        }
    }
    let mut bytes = vec![0; usize::try_from(length).expect("a length")];
    stream.read_exact(&mut bytes).expect("a whole answer");
    for path in LOGS {
        readable(&mut bytes, path);
    }
    let answer = Response::decode(bytes.as_slice()).expect("an answer of ABCI 2.0");
    match answer.value.expect("an answer") {
        Answer::Exception(e) => panic!("the application failed: {}", e.error),
        value => value,
    }
}

/// Logs in the answers to a block and to the mempool: field numbers from the outside in.
const LOGS: [&[u64]; 2] = [&[21, 2, 3], &[9, 3]];

/// Go writes texts that are no UTF-8; whatever byte does not fit becomes a question mark.
fn readable(bytes: &mut [u8], path: &[u64]) {
    let [field, path @ ..] = path else {
        while let Err(error) = std::str::from_utf8(bytes) {
            bytes[error.valid_up_to()] = b'?';
        }
        return;
    };
    let mut rest = bytes;
    while let Some((key, after)) = varint(rest) {
        let (length, skip) = match key & 7 {
            0 => (0, varint(&rest[after..]).map_or(0, |(_, read)| read)),
            1 => (0, 8),
            2 => varint(&rest[after..]).expect("a length"),
            _ => (0, 4),
        };
        let (_, from) = rest.split_at_mut(after + skip);
        let (inside, next) = from.split_at_mut(usize::try_from(length).expect("a length"));
        if key == *field << 3 | 2 {
            readable(inside, path);
        }
        rest = next;
    }
}

fn varint(bytes: &[u8]) -> Option<(u64, usize)> {
    let mut value = 0;
    for (index, byte) in bytes.iter().enumerate().take(10) {
        value |= u64::from(byte & 0x7f) << (7 * index);
        if *byte < 0x80 {
            return Some((value, index + 1));
        }
    }
    None
}

macro_rules! forward {
    ($self:ident, $kind:ident, $request:expr) => {
        match $self.ask(Ask::$kind($request)) {
            Answer::$kind(answer) => answer,
            other => panic!("not the answer to this request: {other:?}"),
        }
    };
}

impl Application for Remote {
    fn info(&self, request: RequestInfo) -> ResponseInfo {
        forward!(self, Info, request)
    }

    fn init_chain(&self, request: RequestInitChain) -> ResponseInitChain {
        forward!(self, InitChain, request)
    }

    fn query(&self, request: RequestQuery) -> ResponseQuery {
        forward!(self, Query, request)
    }

    fn check_tx(&self, request: RequestCheckTx) -> ResponseCheckTx {
        forward!(self, CheckTx, request)
    }

    fn finalize_block(&self, request: RequestFinalizeBlock) -> ResponseFinalizeBlock {
        forward!(self, FinalizeBlock, request)
    }

    fn commit(&self) -> ResponseCommit {
        forward!(self, Commit, RequestCommit {})
    }
}
