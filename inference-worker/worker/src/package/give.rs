//! Giving a model's files to other hosts.
//!
//! The files are no secret, but sending them takes the line that answers need: only registered hosts get them, each one
//! at a time and few at once, and whoever reads slowly is cut off.

use crate::package::manifest::Manifest;
use crate::paid::Paid;
use axum::body::{Body, Bytes};
use axum::extract::{ConnectInfo, Path, RawQuery, Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use futures_core::Stream;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use quern_inference_api::ApiError;
use quern_transport::{self as transport, Peer};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

pub(crate) const MANIFEST_PATH: &str = "/v1/model/manifest";
pub(crate) const FILES_PATH: &str = "/v1/model/files";
/// Header that says which host asks.
pub(crate) const HOST_HEADER: &str = "x-quern-host";

/// Files that are sent at once; beyond them comes 429.
const TRANSFERS: usize = 4;
/// For a host's last transfer to end, which it may have read to its end before this side has noticed.
const TURN: Duration = Duration::from_secs(1);
/// Seconds after which to ask again.
const RETRY: u32 = 10;
const CHUNK: usize = 256 * 1024;
/// For a reader to take one chunk: whoever takes less than 51 KiB/s is cut off.
const PATIENCE: Duration = Duration::from_secs(5);

/// The files of a model that is served.
#[derive(Debug)]
pub(crate) struct Files {
    pub(crate) model: String,
    pub(crate) folder: PathBuf,
    pub(crate) manifest: Manifest,
}

/// The files of all models that are served, not none.
#[derive(Debug)]
pub(crate) struct Package {
    models: Vec<Files>,
    transfers: Arc<Semaphore>,
    /// Of each host that has a transfer: one permit.
    lines: Mutex<BTreeMap<String, Arc<Semaphore>>>,
}

/// The registered host that asks.
#[derive(Clone, Debug)]
pub(super) struct Asking(pub(super) String);

/// What a transfer holds.
type Turn = (Option<OwnedSemaphorePermit>, OwnedSemaphorePermit);

impl Package {
    pub(crate) fn new(models: Vec<Files>) -> Arc<Self> {
        let transfers = Arc::new(Semaphore::new(TRANSFERS));
        Arc::new(Self {
            models,
            transfers,
            lines: Mutex::default(),
        })
    }

    /// The model that is asked for, by `model=ID`; the first one if none is named, as older releases ask.
    fn files(&self, query: Option<&str>) -> Result<&Files, ApiError> {
        let parts = query.unwrap_or_default().split('&');
        let wanted = parts.filter_map(|part| part.strip_prefix("model=")).next();
        let found = match wanted {
            Some(model) => self.models.iter().find(|files| files.model == model),
            None => self.models.first(),
        };
        found.ok_or_else(|| ApiError::no_model(wanted.unwrap_or_default()))
    }

    /// A host's own line, on which one transfer goes.
    fn line(&self, host: &str) -> Arc<Semaphore> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.retain(|_, line| Arc::strong_count(line) > 1);
        let line = lines.entry(host.to_owned());
        line.or_insert_with(|| Arc::new(Semaphore::new(1))).clone()
    }

    /// Leave to begin a transfer; none if the host has one, or too many others have.
    async fn turn(&self, asking: Option<&Asking>) -> Option<Turn> {
        let own = match asking {
            Some(Asking(host)) => {
                let free = tokio::time::timeout(TURN, self.line(host).acquire_owned());
                Some(free.await.ok()?.ok()?)
            }
            None => None,
        };
        Some((own, self.transfers.clone().try_acquire_owned().ok()?))
    }
}

/// Routes for registered hosts.
pub(crate) fn routes(package: Arc<Package>, paid: Arc<Paid>) -> Router {
    open_routes(package).layer(from_fn_with_state(paid, only_hosts))
}

/// The same for everybody.
pub(super) fn open_routes(package: Arc<Package>) -> Router {
    Router::new()
        .route(MANIFEST_PATH, get(manifest))
        .route(&format!("{FILES_PATH}/{{name}}"), get(file))
        .with_state(package)
}

async fn only_hosts(
    State(paid): State<Arc<Paid>>,
    ConnectInfo(peer): ConnectInfo<Peer>,
    Extension(turn): Extension<transport::Turn>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let host = request
        .headers()
        .get(HOST_HEADER)
        .and_then(|value| value.to_str().ok());
    let denied = || {
        let mut error = ApiError::body(format!(
            "Model files are given to registered hosts: register first, and name the host in {HOST_HEADER}."
        ));
        error.status = StatusCode::FORBIDDEN;
        error
    };
    let host = host.ok_or_else(denied)?.to_owned();
    let place = paid.audits.place(&paid, &host).await;
    if place.map_err(|_| denied())?.transport_key != peer.key {
        return Err(denied());
    }
    turn.begin();
    request.extensions_mut().insert(Asking(host));
    Ok(next.run(request).await)
}

async fn manifest(
    State(package): State<Arc<Package>>,
    RawQuery(query): RawQuery,
) -> Result<Json<Manifest>, ApiError> {
    Ok(Json(package.files(query.as_deref())?.manifest.clone()))
}

/// A file, or its rest after a range of the form `bytes=N-`.
async fn file(
    State(package): State<Arc<Package>>,
    asking: Option<Extension<Asking>>,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let files = package.files(query.as_deref())?;
    let missing = || ApiError {
        status: StatusCode::NOT_FOUND,
        ..ApiError::body(format!("The model has no file {name:?}; see {MANIFEST_PATH}."))
    };
    let known = files
        .manifest
        .files
        .iter()
        .find(|file| file.name == name)
        .ok_or_else(missing)?;
    let start = first_byte(&headers).filter(|start| *start <= known.size);
    let start = start.ok_or_else(|| ApiError {
        status: StatusCode::RANGE_NOT_SATISFIABLE,
        ..ApiError::body(format!(
            "A range must be of the form bytes=N-, with N at most {}.",
            known.size
        ))
    })?;
    let turn = package.turn(asking.as_deref()).await;
    let turn = turn.ok_or_else(|| ApiError::busy(RETRY))?;
    let path = files.folder.join(&known.name);
    let opened = tokio::task::spawn_blocking(move || {
        let mut file = File::open(path)?;
        file.seek(SeekFrom::Start(start))?;
        Ok::<_, io::Error>(file)
    });
    let gone = || ApiError::unavailable("The file cannot be read any more.");
    let file = opened.await.map_err(|_| gone())?.map_err(|_| gone())?;
    let (sender, chunks) = mpsc::channel(1);
    tokio::spawn(send(file, sender, turn));
    let status = if start == 0 {
        StatusCode::OK
    } else {
        StatusCode::PARTIAL_CONTENT
    };
    let mut response = (status, Body::from_stream(Chunks(chunks))).into_response();
    let own = response.headers_mut();
    own.insert(header::CONTENT_LENGTH, HeaderValue::from(known.size - start));
    own.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    if start > 0
        && let Ok(range) = format!("bytes {start}-{}/{}", known.size.saturating_sub(1), known.size).parse()
    {
        own.insert(header::CONTENT_RANGE, range);
    }
    Ok(response)
}

/// Where a transfer begins: none for a range that is not served.
fn first_byte(headers: &HeaderMap) -> Option<u64> {
    let Some(range) = headers.get(header::RANGE) else {
        return Some(0);
    };
    range
        .to_str()
        .ok()?
        .strip_prefix("bytes=")?
        .strip_suffix('-')?
        .parse()
        .ok()
}

/// Sends a file until it ends, cannot be read, or nobody takes it.
async fn send(mut file: File, sender: mpsc::Sender<io::Result<Bytes>>, _turn: Turn) {
    loop {
        let read = tokio::task::spawn_blocking(move || {
            let mut chunk = Vec::with_capacity(CHUNK);
            let read = file.by_ref().take(CHUNK as u64).read_to_end(&mut chunk);
            (file, read.map(|_| chunk))
        });
        let Ok((same, chunk)) = read.await else { return };
        file = same;
        let last = match &chunk {
            Ok(chunk) if chunk.is_empty() => return,
            Ok(_) => false,
            Err(_) => true,
        };
        let sent = tokio::time::timeout(PATIENCE, sender.send(chunk.map(Bytes::from))).await;
        if last || !matches!(sent, Ok(Ok(()))) {
            return;
        }
    }
}

/// What is sent, as a body reads it.
struct Chunks(mpsc::Receiver<io::Result<Bytes>>);

impl Stream for Chunks {
    type Item = io::Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.0.poll_recv(context)
    }
}
