//! `quern-worker fetch-model`: brings a model's files here, from another host or a local folder.
//!
//! Nothing is believed: the manifest must hash to what the chain holds, each file to what the manifest says. A file is
//! written under another name until it is whole, and a download that broke off goes on where it was, at any host.

use crate::package::give::{FILES_PATH, HOST_HEADER, MANIFEST_PATH};
use crate::package::manifest::{Manifest, ModelFile, hash_file, hash_part};
use crate::paid::config::ChainConfig;
use anyhow::{Context, bail};
use axum::body::{Bytes, HttpBody};
use http::{Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use quern_chain_client::Chain;
use quern_interface::registry::{GroupMember, HostInfo, LaunchPackage, QueryMsg as Registry};
use quern_protocol::Hash;
use quern_transport::{Client, TransportKey};
use sha2::{Digest, Sha256};
use std::error::Error as StdError;
use std::fs::{File, OpenOptions};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Hosts of a group on one page of the registry's answer.
const PAGE: u32 = 50;
/// Largest manifest.
const MOST_MANIFEST: usize = 4 << 20;
/// For a host to answer, and to send [`LEAST`] more bytes.
const PATIENCE: Duration = Duration::from_secs(30);
const LEAST: u64 = 64 << 10;
/// Times that a host is asked again which says that it is busy.
const RETRIES: u32 = 6;
/// For a busy host that does not say how long.
const BUSY: Duration = Duration::from_secs(10);
/// The longest that is waited for a busy host.
const MOST_BUSY: u64 = 60;
/// Bytes between two words about the progress.
const PROGRESS: u64 = 256 << 20;

/// Bring a model's files here, from hosts that serve it or from a local folder, verified against the chain.
#[derive(Debug, clap::Args)]
pub struct FetchModel {
    /// The worker's chain configuration, as for `serve`.
    #[arg(long, value_name = "FILE")]
    chain: PathBuf,
    /// Id of the model on chain.
    #[arg(long)]
    model_id: String,
    /// Folder to write; made if it is missing. What is there and whole is kept.
    #[arg(long, value_name = "DIR")]
    to: PathBuf,
    /// Copy from this folder, not from other hosts.
    #[arg(long, value_name = "DIR")]
    from: Option<PathBuf>,
}

impl FetchModel {
    /// Fetches, verifies and says what it did.
    ///
    /// # Errors
    /// When the chain does not know the model, or nobody gives all of its files.
    pub fn run(self) -> anyhow::Result<()> {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()?;
        runtime.block_on(self.fetch())
    }

    async fn fetch(self) -> anyhow::Result<()> {
        let config = ChainConfig::load(&self.chain)?;
        let chain = Chain::new(&config.chain_id, &config.nodes)?;
        let registry = &config.contracts.registry;
        let question = Registry::Model {
            model: self.model_id.clone(),
        };
        let package = chain.smart::<LaunchPackage>(registry, &question).await;
        let package = package.with_context(|| format!("the registry has no model {:?}", self.model_id))?;
        let hash = package.value.hash;
        eprintln!("model {:?} has hash {hash} on chain", self.model_id);
        let mut place = Place::new(&self.to, &self.model_id, hash)?;
        match &self.from {
            Some(folder) => place.copy(folder)?,
            None => {
                let client = Client::new(TransportKey::load_or_create(&config.transport_key)?);
                let sources = sources(&chain, registry, &self.model_id, &config.host).await?;
                place.download(&client, &config.host, &sources).await?;
            }
        }
        place.finish()?;
        println!("{}", self.to.display());
        Ok(())
    }
}

/// A host that serves the model.
#[derive(Clone, Debug)]
pub(super) struct Source {
    pub(super) host: String,
    pub(super) endpoint: String,
    pub(super) transport_key: [u8; 32],
}

/// Hosts of the model's group, without this one; whom to ask first differs from host to host.
async fn sources(chain: &Chain, registry: &str, model: &str, own: &str) -> anyhow::Result<Vec<Source>> {
    let (mut hosts, mut start_after) = (Vec::new(), None);
    loop {
        let question = Registry::Group {
            model: model.to_owned(),
            start_after: start_after.take(),
            limit: Some(PAGE),
        };
        let page = chain.smart::<Vec<GroupMember>>(registry, &question).await?.value;
        start_after = page.last().map(|member| member.host.clone());
        hosts.extend(page.into_iter().map(|member| member.host));
        if start_after.is_none() {
            break;
        }
    }
    hosts.retain(|host| host != own);
    let first = hosts.partition_point(|host| host.as_str() < own);
    hosts.rotate_left(first);
    let mut sources = Vec::new();
    for host in hosts {
        let question = Registry::Host { host: host.clone() };
        let info = chain.smart::<HostInfo>(registry, &question).await?.value;
        sources.push(Source {
            host,
            endpoint: info.endpoint.trim_end_matches('/').to_owned(),
            transport_key: info.transport_key.0,
        });
    }
    if sources.is_empty() {
        bail!("no other host serves {model:?}; get its files elsewhere and name their folder with --from");
    }
    Ok(sources)
}

/// The folder that is filled.
pub(super) struct Place {
    folder: PathBuf,
    hash: Hash,
    /// Id under which hosts are asked for it: they may serve others beside it.
    model: String,
    began: Instant,
    /// For a host to send [`LEAST`] more bytes.
    patience: Duration,
}

impl Place {
    pub(super) fn new(folder: &Path, model: &str, hash: Hash) -> anyhow::Result<Self> {
        std::fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(Self {
            folder: folder.to_owned(),
            hash,
            model: model.to_owned(),
            began: Instant::now(),
            patience: PATIENCE,
        })
    }

    /// One that waits for slow hosts no longer than this.
    #[cfg(test)]
    pub(super) fn hasty(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// Copies from a folder.
    pub(super) fn copy(&mut self, from: &Path) -> anyhow::Result<()> {
        let manifest = Manifest::of(from)?;
        manifest
            .check(&self.hash)
            .with_context(|| format!("{} holds other files than the chain's model", from.display()))?;
        for file in &manifest.files {
            if self.is_here(file)? {
                continue;
            }
            let part = self.part(file);
            let copied = std::fs::copy(from.join(&file.name), &part);
            copied.with_context(|| self.cannot_write(&part))?;
            self.keep(file)?;
        }
        Ok(())
    }

    /// Downloads from the first host that gives the files, and what it does not give from the next ones.
    pub(super) async fn download(
        &mut self,
        client: &Client,
        own: &str,
        sources: &[Source],
    ) -> anyhow::Result<()> {
        let mut reasons = Vec::new();
        for source in sources {
            match self.download_from(client, own, source).await {
                Ok(()) => return Ok(()),
                // Another host cannot help with this machine's disk.
                Err(error) if error.downcast_ref::<OwnDisk>().is_some() => return Err(error),
                Err(error) => {
                    eprintln!("host {}: {error:#}", source.host);
                    reasons.push(format!("{}: {error:#}", source.host));
                }
            }
        }
        bail!(
            "no host gave all files; what came is kept, so that another try goes on from there. {}",
            reasons.join("; ")
        )
    }

    async fn download_from(&mut self, client: &Client, own: &str, source: &Source) -> anyhow::Result<()> {
        let path = format!("{MANIFEST_PATH}?model={}", self.model);
        let answer = get(client, own, source, &path, 0).await?;
        if answer.status() != StatusCode::OK {
            bail!("it answers {}", answer.status());
        }
        let body = Limited::new(answer.into_body(), MOST_MANIFEST).collect();
        let body = tokio::time::timeout(PATIENCE, body)
            .await
            .context("it takes too long")?;
        let body = body.map_err(|error| anyhow::anyhow!("its manifest cannot be read: {error}"))?;
        let manifest: Manifest =
            serde_json::from_slice(&body.to_bytes()).context("its manifest cannot be read")?;
        manifest.check(&self.hash)?;
        eprintln!(
            "host {} has {} bytes in {} files",
            source.host,
            manifest.size(),
            manifest.files.len()
        );
        let mut missing = Vec::new();
        for file in &manifest.files {
            if !self.is_here(file)? {
                missing.push(file);
            }
        }
        self.check_room(&missing)?;
        for file in missing {
            let mut done = self.download_file(client, own, source, file).await;
            let other =
                |error: &anyhow::Error| error.downcast_ref::<OtherHash>().is_some_and(|it| it.resumed);
            if done.as_ref().is_err_and(other) {
                eprintln!(
                    "{}: what was here of it was wrong; it comes again from its first byte",
                    file.name
                );
                done = self.download_file(client, own, source, file).await;
            }
            // A disk that is full should not stay so.
            if done
                .as_ref()
                .is_err_and(|error| error.downcast_ref::<OwnDisk>().is_some())
            {
                let _ = std::fs::remove_file(self.part(file));
            }
            done?;
        }
        Ok(())
    }

    /// Sizes are the host's word, which no hash covers: whoever names more than fits is not asked for it.
    fn check_room(&self, missing: &[&ModelFile]) -> anyhow::Result<()> {
        let more = |file: &&ModelFile| {
            let kept = std::fs::metadata(self.part(file)).map_or(0, |found| found.len());
            file.size.saturating_sub(kept)
        };
        let wanted = missing.iter().map(more).fold(0, u64::saturating_add);
        let disk = rustix::fs::statvfs(&self.folder).map_err(io::Error::from);
        let disk = disk.with_context(|| format!("cannot tell the room in {}", self.folder.display()))?;
        let free = disk.f_bavail.saturating_mul(disk.f_frsize);
        if wanted > free {
            bail!(
                "{wanted} bytes are still to come by its manifest, but {} has room for {free}: if the model is that \
                 large, make room or name another folder",
                self.folder.display()
            );
        }
        Ok(())
    }

    async fn download_file(
        &self,
        client: &Client,
        own: &str,
        source: &Source,
        file: &ModelFile,
    ) -> anyhow::Result<()> {
        let part = self.part(file);
        let mut hasher = Sha256::new();
        // Sizes are the host's word, but the hash is not: too long a part is of no use.
        let kept = std::fs::metadata(&part).map_or(0, |found| found.len());
        let start = if kept <= file.size { kept } else { 0 };
        hash_part(&part, start, &mut hasher).or_else(|error| match error.kind() {
            io::ErrorKind::NotFound => Ok(0),
            _ => Err(error),
        })?;
        let path = format!("{FILES_PATH}/{}?model={}", file.name, self.model);
        let answer = get(client, own, source, &path, start).await?;
        let expected = if start == 0 {
            StatusCode::OK
        } else {
            StatusCode::PARTIAL_CONTENT
        };
        if answer.status() != expected {
            bail!("it answers {} for {}", answer.status(), file.name);
        }
        let mut output = open_at(&part, start)
            .map_err(OwnDisk)
            .with_context(|| self.cannot_write(&part))?;
        let (mut body, mut length) = (answer.into_body(), start);
        let due = || tokio::time::Instant::now() + self.patience;
        let (mut until, mut noted) = (due(), start);
        loop {
            let frame = tokio::time::timeout_at(until, body.frame()).await;
            let Some(frame) = frame.context("it sends too slowly")? else {
                break;
            };
            let frame = frame.with_context(|| format!("{} broke off", file.name))?;
            let Ok(data) = frame.into_data() else { continue };
            length += data.len() as u64;
            if length > file.size {
                bail!("it sends more than the {} bytes of {}", file.size, file.name);
            }
            if length - noted >= LEAST {
                (until, noted) = (due(), length);
            }
            hasher.update(&data);
            output
                .write_all(&data)
                .map_err(OwnDisk)
                .with_context(|| self.cannot_write(&part))?;
            if length / PROGRESS > (length - data.len() as u64) / PROGRESS {
                eprintln!("{}: {length} of {} bytes", file.name, file.size);
            }
        }
        if length < file.size {
            bail!("{} broke off after {length} of {} bytes", file.name, file.size);
        }
        if Hash::new(hasher.finalize().into()) != file.sha256 {
            // Whoever sent the wrong piece, none of it can be told apart.
            std::fs::remove_file(&part).map_err(OwnDisk)?;
            return Err(OtherHash {
                name: file.name.clone(),
                resumed: start > 0,
            }
            .into());
        }
        drop(output);
        self.keep(file)
    }

    /// Whether a file is here already, whole.
    fn is_here(&self, file: &ModelFile) -> anyhow::Result<bool> {
        match hash_file(&self.folder.join(&file.name)) {
            Ok((_, hash)) => Ok(hash == file.sha256),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error).with_context(|| format!("cannot read {}", file.name)),
        }
    }

    /// Gives a whole file its name, on the disk before the name is.
    fn keep(&self, file: &ModelFile) -> anyhow::Result<()> {
        let (part, path) = (self.part(file), self.folder.join(&file.name));
        let renamed = File::open(&part)
            .and_then(|part| part.sync_all())
            .and_then(|()| std::fs::rename(&part, &path));
        renamed
            .map_err(OwnDisk)
            .with_context(|| self.cannot_write(&path))?;
        eprintln!("{} ({} bytes)", file.name, file.size);
        Ok(())
    }

    fn part(&self, file: &ModelFile) -> PathBuf {
        self.folder.join(format!(".{}.part", file.name))
    }

    fn cannot_write(&self, path: &Path) -> String {
        format!(
            "cannot write {}: is the disk full, or the folder another's?",
            path.display()
        )
    }

    /// Checks the folder as a worker will when it loads the model.
    pub(super) fn finish(&self) -> anyhow::Result<()> {
        File::open(&self.folder).and_then(|folder| folder.sync_all())?;
        let found = Manifest::of(&self.folder)?;
        if found.hash() != self.hash {
            bail!(
                "{} holds more files than the model, or others: {}; remove what is not the model's",
                self.folder.display(),
                found
                    .files
                    .iter()
                    .map(|file| file.name.as_str())
                    .collect::<Vec<_>>()
                    .join(", "),
            );
        }
        // What an earlier try left of files that are whole now.
        for file in &found.files {
            match std::fs::remove_file(self.part(file)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    eprintln!("{} cannot be removed: {error}", self.part(file).display());
                }
                _ => {}
            }
        }
        eprintln!("verified in {:.1} s", self.began.elapsed().as_secs_f64());
        Ok(())
    }
}

/// This machine's disk is at fault, not the other host.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
struct OwnDisk(#[from] io::Error);

/// A whole file is not the chain's.
#[derive(Debug, thiserror::Error)]
#[error("what came as {name} has another hash; it is thrown away")]
struct OtherHash {
    name: String,
    /// Its beginning was here already, perhaps from another host.
    resumed: bool,
}

/// A file to write on from a position; what lay behind it is dropped.
fn open_at(path: &Path, position: u64) -> io::Result<File> {
    let mut file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)?;
    file.set_len(position)?;
    file.seek(SeekFrom::Start(position))?;
    Ok(file)
}

/// Asks a host for a path, from a byte on; one that is busy a few times.
async fn get(
    client: &Client,
    own: &str,
    source: &Source,
    path: &str,
    start: u64,
) -> anyhow::Result<
    http::Response<impl HttpBody<Data = Bytes, Error: StdError + Send + Sync + 'static> + Unpin + use<>>,
> {
    let mut tries = 0;
    loop {
        let mut request = Request::get(format!("{}{path}", source.endpoint)).header(HOST_HEADER, own);
        if start > 0 {
            request = request.header(header::RANGE, format!("bytes={start}-"));
        }
        let call = client.request(source.transport_key, request.body(Full::default())?);
        let answer = tokio::time::timeout(PATIENCE, call).await;
        let answer = answer.context("it does not answer")??;
        if answer.status() != StatusCode::TOO_MANY_REQUESTS || tries == RETRIES {
            return Ok(answer);
        }
        tries += 1;
        tokio::time::sleep(busy_for(answer.headers())).await;
    }
}

/// How long a busy host wants to be left alone.
fn busy_for(headers: &http::HeaderMap) -> Duration {
    let seconds = headers.get(header::RETRY_AFTER);
    let seconds = seconds.and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    seconds.map_or(BUSY, |seconds| Duration::from_secs(seconds.min(MOST_BUSY)))
}
