//! Queries over ABCI: gRPC routes, store reads with proofs, simulation.

mod historical;
mod node;
mod params;
mod simulate;
mod status;
mod store;

use std::sync::Arc;

use quern_context::{Cx, GasMeter, Mode};
use quern_store::{Branch, Snapshot, SnapshotError};
use quern_types::{Error, Result, errors};
use tendermint_proto::v0_38::{abci::ResponseQuery, crypto::ProofOps};

use crate::{App, app::Shared, block::header, guard::guarded};

/// What a query found.
#[derive(Default)]
pub(crate) struct Found {
    pub key: Vec<u8>,
    pub value: Vec<u8>,
    pub proof_ops: Option<ProofOps>,
}

impl From<Vec<u8>> for Found {
    fn from(value: Vec<u8>) -> Self {
        Self {
            value,
            ..Self::default()
        }
    }
}

impl App {
    /// Answers a query from committed state, without waiting for consensus. Height 0 is the latest.
    pub fn query(&self, path: &str, data: &[u8], height: u64, prove: bool) -> ResponseQuery {
        let latest = self.last_height();
        let height = if height == 0 { latest } else { height };
        let found = guarded(|| self.shared.route(path, data, height, prove));
        let height = i64::try_from(height).unwrap_or(i64::MAX);
        match found {
            Ok(found) => ResponseQuery {
                key: found.key.into(),
                value: found.value.into(),
                proof_ops: found.proof_ops,
                height,
                ..Default::default()
            },
            Err(error) => ResponseQuery {
                code: error.code(),
                codespace: error.codespace().to_owned(),
                log: error.to_string(),
                height,
                ..Default::default()
            },
        }
    }
}

impl Shared {
    /// The SDK's order: exact gRPC route, application, store, else unknown.
    fn route(&self, path: &str, data: &[u8], height: u64, prove: bool) -> Result<Found> {
        match path {
            "/cosmos.tx.v1beta1.Service/BroadcastTx" => {
                return Err(errors::INVALID_REQUEST.wrap("can't route a broadcast tx message"));
            }
            "/cosmos.tx.v1beta1.Service/Simulate" => return simulate::grpc(self, data).map(Found::from),
            "/app/simulate" => return simulate::json(self, data).map(Found::from),
            "/app/version" => return Ok(env!("CARGO_PKG_VERSION").as_bytes().to_vec().into()),
            // CometBFT asks so with `filter_peers`; nobody is shut out, as by an SDK application without filters
            _ if ["/p2p/filter/addr/", "/p2p/filter/id/"]
                .iter()
                .any(|known| path.starts_with(known)) =>
            {
                return Ok(Found::default());
            }
            _ => {}
        }
        if let Some((store, operation)) = store::parse(path) {
            return store::read(self, store, operation, data, height, prove);
        }
        if path.starts_with('/') && path.matches('/').count() == 2 && path.contains('.') {
            return self.grpc(path, data, height).map(Found::from);
        }
        Err(errors::UNKNOWN_REQUEST.wrap("unknown query path"))
    }

    fn grpc(&self, path: &str, data: &[u8], height: u64) -> Result<Vec<u8>> {
        let cx = self.query_cx(height)?;
        let answer = node::answer(self, &cx, path, data)
            .or_else(|| historical::answer(self, &cx, path, data))
            .or_else(|| params::reply(path, data))
            .or_else(|| self.router.answer(&cx, path, data))
            .or_else(|| self.options.release.answer?(&cx, path, data));
        match answer {
            Some(answer) => answer.map_err(|error| status::grpc_error(&error)),
            None => Err(errors::UNKNOWN_REQUEST.wrap("unknown query path")),
        }
    }

    /// A throwaway context on the state at `height`, with the node's gas limit for queries.
    fn query_cx(&self, height: u64) -> Result<Cx> {
        let snapshot = self.snapshot(height)?;
        let block = header::read(&snapshot)?
            .map(|header| header.facts())
            .unwrap_or_default();
        let gas = self
            .options
            .query_gas_limit
            .map_or_else(GasMeter::infinite, GasMeter::limited);
        Ok(Cx::new(Branch::new(snapshot), Arc::new(block), Mode::Query).with_gas(gas))
    }

    /// As [`Shared::query_cx`], without a gas limit.
    pub(crate) fn export_cx(&self, height: u64) -> Result<Cx> {
        let height = if height == 0 {
            self.store.latest().map_or(0, |info| info.version)
        } else {
            height
        };
        Ok(self.query_cx(height)?.with_gas(GasMeter::infinite()))
    }

    fn snapshot(&self, height: u64) -> Result<Snapshot> {
        if height == 0 {
            return Ok(self.store.snapshot()); // before the first block
        }
        self.store.snapshot_at(height).map_err(|error| match error {
            SnapshotError::Future { .. } => errors::INVALID_HEIGHT
                .wrap("cannot query with height in the future; please provide a valid height"),
            SnapshotError::Pruned { .. } | SnapshotError::NotFound(_) => {
                errors::NOT_FOUND.wrap(format!("failed to load state at height {height}; {error}"))
            }
            SnapshotError::Store(error) => Error::halt(error),
        })
    }
}
