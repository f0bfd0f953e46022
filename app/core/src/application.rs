//! The seam to CometBFT: `tendermint_abci::Application`.
//!
//! A halt is recorded in [`App::halted`]; whoever drives the application must look there after each
//! call and, if it is set, discard the answer and stop.

use quern_context::Mode;
use quern_types::Result;
use tendermint_abci::Application;
use tendermint_proto::v0_38::abci as pb;

use crate::{App, app::Shared, block::check_result, execute::Depth};

impl Application for App {
    fn info(&self, _request: pb::RequestInfo) -> pb::ResponseInfo {
        pb::ResponseInfo {
            data: "quern".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            app_version: self.shared.app_version(),
            last_block_height: i64::try_from(self.last_height()).unwrap_or(i64::MAX),
            last_block_app_hash: self.last_app_hash().into(),
        }
    }

    fn init_chain(&self, request: pb::RequestInitChain) -> pb::ResponseInitChain {
        self.or_halt(|shared| shared.init_chain(request))
    }

    fn query(&self, request: pb::RequestQuery) -> pb::ResponseQuery {
        // Contracts may run for seconds: queries that come by CometBFT's RPC share one core among them all,
        // whatever the number of connections. Those of gRPC and REST have bounds of their own.
        let _turn = self.shared.abci_query.lock();
        let height = u64::try_from(request.height).unwrap_or(0);
        Self::query(self, &request.path, &request.data, height, request.prove)
    }

    fn check_tx(&self, request: pb::RequestCheckTx) -> pb::ResponseCheckTx {
        let mode = if request.r#type == pb::CheckTxType::Recheck as i32 {
            Mode::Recheck
        } else {
            Mode::Check
        };
        self.or_halt(|shared| {
            let check = shared.check.lock();
            let outcome = shared
                .executor(check.max_gas)
                .run(&check.cx(mode), &request.tx, Depth::Ante)?;
            Ok(check_result(outcome))
        })
    }

    fn prepare_proposal(&self, request: pb::RequestPrepareProposal) -> pb::ResponsePrepareProposal {
        self.or_halt(|shared| {
            Ok(pb::ResponsePrepareProposal {
                txs: shared.prepare_proposal(&request)?,
            })
        })
    }

    fn process_proposal(&self, request: pb::RequestProcessProposal) -> pb::ResponseProcessProposal {
        use pb::response_process_proposal::ProposalStatus::{Accept, Reject};
        self.or_halt(|shared| {
            let status = if shared.process_proposal(&request)? {
                Accept
            } else {
                Reject
            };
            Ok(pb::ResponseProcessProposal {
                status: status as i32,
            })
        })
    }

    fn finalize_block(&self, request: pb::RequestFinalizeBlock) -> pb::ResponseFinalizeBlock {
        self.or_halt(|shared| shared.finalize_block(&request))
    }

    fn commit(&self) -> pb::ResponseCommit {
        self.or_halt(Shared::commit)
    }

    fn list_snapshots(&self) -> pb::ResponseListSnapshots {
        pb::ResponseListSnapshots {
            snapshots: self.shared.sync.list(),
        }
    }

    fn offer_snapshot(&self, request: pb::RequestOfferSnapshot) -> pb::ResponseOfferSnapshot {
        self.shared.offer_snapshot(&request)
    }

    fn load_snapshot_chunk(&self, request: pb::RequestLoadSnapshotChunk) -> pb::ResponseLoadSnapshotChunk {
        pb::ResponseLoadSnapshotChunk {
            chunk: self.shared.sync.load(&request).into(),
        }
    }

    fn apply_snapshot_chunk(&self, request: pb::RequestApplySnapshotChunk) -> pb::ResponseApplySnapshotChunk {
        self.or_halt(|shared| shared.apply_snapshot_chunk(&request))
    }
}

impl App {
    fn or_halt<T: Default>(&self, work: impl FnOnce(&Shared) -> Result<T>) -> T {
        work(&self.shared).unwrap_or_else(|halt| {
            self.shared.halt(&halt);
            T::default()
        })
    }
}
