use tendermint_abci::Application;
use tendermint_proto::v0_38::abci::request::Value as Call;
use tendermint_proto::v0_38::abci::response::Value as Answer;
use tendermint_proto::v0_38::abci::{Response, ResponseException};

/// The method's name as ABCI spells it in its specification, in snake case: a metric label.
pub(crate) fn method(call: &Call) -> &'static str {
    match call {
        Call::Echo(_) => "echo",
        Call::Flush(_) => "flush",
        Call::Info(_) => "info",
        Call::InitChain(_) => "init_chain",
        Call::Query(_) => "query",
        Call::CheckTx(_) => "check_tx",
        Call::Commit(_) => "commit",
        Call::ListSnapshots(_) => "list_snapshots",
        Call::OfferSnapshot(_) => "offer_snapshot",
        Call::LoadSnapshotChunk(_) => "load_snapshot_chunk",
        Call::ApplySnapshotChunk(_) => "apply_snapshot_chunk",
        Call::PrepareProposal(_) => "prepare_proposal",
        Call::ProcessProposal(_) => "process_proposal",
        Call::ExtendVote(_) => "extend_vote",
        Call::VerifyVoteExtension(_) => "verify_vote_extension",
        Call::FinalizeBlock(_) => "finalize_block",
    }
}

/// Calls the application's method for this request.
pub(crate) fn dispatch<A: Application>(app: &A, call: Call) -> Response {
    let answer = match call {
        Call::Echo(request) => Answer::Echo(app.echo(request)),
        Call::Flush(_) => Answer::Flush(app.flush()),
        Call::Info(request) => Answer::Info(app.info(request)),
        Call::InitChain(request) => Answer::InitChain(app.init_chain(request)),
        Call::Query(request) => Answer::Query(app.query(request)),
        Call::CheckTx(request) => Answer::CheckTx(app.check_tx(request)),
        Call::Commit(_) => Answer::Commit(app.commit()),
        Call::ListSnapshots(_) => Answer::ListSnapshots(app.list_snapshots()),
        Call::OfferSnapshot(request) => Answer::OfferSnapshot(app.offer_snapshot(request)),
        Call::LoadSnapshotChunk(request) => Answer::LoadSnapshotChunk(app.load_snapshot_chunk(request)),
        Call::ApplySnapshotChunk(request) => Answer::ApplySnapshotChunk(app.apply_snapshot_chunk(request)),
        Call::PrepareProposal(request) => Answer::PrepareProposal(app.prepare_proposal(request)),
        Call::ProcessProposal(request) => Answer::ProcessProposal(app.process_proposal(request)),
        Call::ExtendVote(request) => Answer::ExtendVote(app.extend_vote(request)),
        Call::VerifyVoteExtension(request) => Answer::VerifyVoteExtension(app.verify_vote_extension(request)),
        Call::FinalizeBlock(request) => Answer::FinalizeBlock(app.finalize_block(request)),
    };
    Response { value: Some(answer) }
}

/// The answer that makes CometBFT stop and print `error`.
pub(crate) fn exception(error: String) -> Response {
    Response {
        value: Some(Answer::Exception(ResponseException { error })),
    }
}
