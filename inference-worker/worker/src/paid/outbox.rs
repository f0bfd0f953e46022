//! Brings the chain's state up to the book's: batches, claims, closes. It takes no input: it compares and does what is
//! missing, and may be stopped and started at any point.

use crate::audit::View;
use crate::paid::batch::{self, COMMIT_BLOCKS};
use crate::paid::claims::{self, Claim, Tried};
use crate::paid::record::{PlannedBatch, Record};
use crate::paid::send::{Sent, is_no, is_yes};
use crate::paid::service::Paid;
use quern_chain_client::{Call, ChainError, Outcome};
use quern_interface::settlement::{
    BatchInfo, ExecuteMsg, HostStanding, ModelAmount, QueryMsg, SessionInfo, SessionStatus,
};
use quern_journal::JournalError;
use quern_protocol::{Amount, SessionLeaf};
use std::ops::Range;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Between two looks at this host's batches on the chain until the first one has succeeded, for which paid work waits,
/// and between two words about that in the log.
const LOOK: Duration = Duration::from_secs(1);
const WORD: Duration = Duration::from_secs(15);
/// Blocks that a claim or a close gets to be included.
const CLAIM_BLOCKS: u64 = 6;
/// Blocks between two looks at all sessions.
const REFRESH: u64 = 5;

#[derive(Debug, thiserror::Error)]
enum OutboxError {
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    Journal(#[from] JournalError),
    #[error("{0}")]
    State(&'static str),
}

/// What one run remembers for the next; losing it costs nothing.
#[derive(Debug, Default)]
struct Memory {
    refreshed: u64,
    tried: Tried,
    /// Height of the last batch on chain, once asked.
    committed: Option<u64>,
}

/// Works until the task is dropped.
pub(crate) async fn run(paid: Arc<Paid>) {
    let mut heights = paid.follow.heights();
    let (mut memory, mut said) = (Memory::default(), Instant::now());
    loop {
        tokio::select! {
            () = paid.outbox.notified() => {}
            changed = heights.changed() => if changed.is_err() { return },
            () = tokio::time::sleep(LOOK), if !paid.follow.is_compared() => {}
        }
        if said.elapsed() >= WORD
            && let Some(problem) = waits_for(&paid)
        {
            said = Instant::now();
            tracing::error!(
                problem,
                "no paid request is taken before this host's batches on the chain were compared with its journal: a lost \
                 one would not be noticed"
            );
        }
        if let Err(error) = work(&paid, &mut memory).await {
            tracing::warn!(%error, "the outbox could not finish; it tries again at the next block");
            paid.metrics.outbox_errors.inc();
        }
    }
}

/// Why this host's batches were not compared with its journal yet, if so.
pub(super) fn waits_for(paid: &Paid) -> Option<String> {
    let silent = || "no node has told them yet; see that one answers".into();
    (!paid.follow.is_compared()).then(|| paid.follow.problem().unwrap_or_else(silent))
}

async fn work(paid: &Paid, memory: &mut Memory) -> Result<(), OutboxError> {
    let height = paid.follow.height();
    if height == 0 || paid.follow.key().is_none() {
        return Ok(());
    }
    if memory.refreshed == 0 || height >= memory.refreshed + REFRESH {
        noted(paid, refresh(paid).await)?;
        memory.refreshed = height;
        memory
            .tried
            .retain(|session, _| paid.sessions.known(*session).is_some());
        forget(paid).await;
    }
    let unknown = memory.committed.is_none() || paid.store.book().planned.is_some();
    if !unknown || noted(paid, reconcile(paid, memory).await)? {
        noted(paid, commit(paid, memory, height).await)?;
    }
    noted(paid, claim(paid, memory).await)?;
    noted(paid, close(paid, height).await)?;
    Ok(())
}

/// Whether something succeeded. A disk that is full or fails must not hold up what earns money beside it; without the
/// chain nothing can be done.
fn noted(paid: &Paid, done: Result<(), OutboxError>) -> Result<bool, OutboxError> {
    match done {
        Err(OutboxError::Journal(error)) => {
            tracing::error!(%error, "the journal does not take or give a record; the outbox goes on with the rest");
            paid.metrics.outbox_errors.inc();
            Ok(false)
        }
        done => done.map(|()| true),
    }
}

/// Looks at all sessions and notes those whose money is divided.
async fn refresh(paid: &Paid) -> Result<(), OutboxError> {
    let fell = paid.sessions.refresh().await?;
    let known: Vec<u64> = {
        let mut book = paid.store.book();
        for (session, by) in &fell {
            if let Some(account) = book.accounts.get_mut(session) {
                account.limit_fell(*by);
            }
        }
        book.accounts.keys().copied().collect()
    };
    for session in known {
        let info = match paid.sessions.fetch(session).await {
            Ok(info) => Some(info),
            // it ended while this host was away, so long ago that its record is gone
            Err(error) if error.to_string().contains("session_forgotten") => None,
            Err(error) => return Err(error.into()),
        };
        let ended = |info: &SessionInfo| matches!(info.status, SessionStatus::Closed | SessionStatus::Void);
        if info.as_deref().is_none_or(ended) {
            let outcome = info.and_then(|info| info.outcome.clone());
            tracing::info!(session, ?outcome, "a session is closed");
            let height = paid.follow.height();
            paid.store.append(Record::Closed { session, height }).await?;
            paid.sessions.forget(session);
        }
    }
    Ok(())
}

/// Forgets sessions that audits are over with. It can wait for a disk that takes records again.
async fn forget(paid: &Paid) {
    match paid.store.forget(|height| audits_are_over(paid, height)).await {
        Ok(over) if over.is_empty() => {}
        Ok(over) => {
            tracing::info!(sessions = ?over, "deleted the payloads of sessions that audits are over with");
        }
        Err(error) => {
            tracing::error!(%error, "the payloads of sessions that audits are over with are still here");
            paid.metrics.outbox_errors.inc();
        }
    }
}

/// Whether nothing that was committed up to a height can be drawn any more: the round that is worked on begins later. Rounds
/// that fall behind are waited for; a chain without audits draws nothing.
fn audits_are_over(paid: &Paid, height: u64) -> bool {
    let judged = |view: &View| view.round.start > height;
    paid.config.contracts.audits.is_none() || paid.audits.view().is_some_and(|view| judged(&view))
}

async fn batch_on_chain(paid: &Paid, question: &QueryMsg) -> Result<Option<BatchInfo>, OutboxError> {
    let contract = &paid.config.contracts.settlement;
    let height = paid.follow.height();
    let answer = paid.follow.chain.smart(contract, question).await?;
    // A node that lags would make a committed batch look missing.
    if answer.height != 0 && answer.height < height {
        return Err(OutboxError::State("the node that answered is behind"));
    }
    Ok(answer.value)
}

/// Compares the journal's last batch with the chain's.
async fn reconcile(paid: &Paid, memory: &mut Memory) -> Result<(), OutboxError> {
    let host = paid.config.host.clone();
    let last = batch_on_chain(paid, &QueryMsg::LastBatch { host: host.clone() }).await?;
    let (sequence, committed) = last.map_or((0, 0), |batch| (batch.sequence, batch.height));
    let planned = paid.store.book().planned.clone();
    if let Some((planned, _)) = planned
        && sequence >= planned.sequence
    {
        let number = planned.sequence;
        let found = batch_on_chain(
            paid,
            &QueryMsg::Batch {
                host,
                sequence: number,
            },
        )
        .await?;
        let root = batch::tree(&planned, paid.committer()).and_then(|tree| tree.root());
        if found.is_some_and(|batch| Some(batch.root) == root) {
            paid.store.append(Record::Committed { sequence: number }).await?;
        } else {
            tracing::error!(
                number,
                "another worker committed a batch for this host; stop one of them"
            );
            paid.store.book().planned = None;
        }
    }
    let known = paid.store.book().last.0;
    if sequence > known {
        lost(paid, known, sequence, committed).await?;
    }
    memory.committed = Some(committed);
    paid.follow.set_compared();
    Ok(())
}

/// The chain holds batches that the journal does not know. What is lost with them is named, once, and what is not: claims
/// came with their batches.
async fn lost(paid: &Paid, known: u64, sequence: u64, height: u64) -> Result<(), OutboxError> {
    let question = QueryMsg::HostStanding {
        host: paid.config.host.clone(),
    };
    let contract = &paid.config.contracts.settlement;
    let standing: HostStanding = paid.follow.chain.smart(contract, &question).await?.value;
    let seen = paid.follow.height();
    let drawn = |info: &&Arc<SessionInfo>| (1..=seen).contains(&info.drawn_at);
    let sessions = paid.sessions.all();
    let claimed = |info: &Arc<SessionInfo>| (info.id, paid.view(info).member().map(|own| own.claimed.0));
    tracing::error!(
        first = known + 1,
        last = sequence,
        sessions = ?sessions.iter().filter(drawn).map(claimed).collect::<Vec<_>>(),
        unclaimed = %standing.committed.saturating_sub(standing.claimed),
        "the chain holds batches of this host that the journal does not know. Of these sessions, listed with what is \
         claimed of them, receipts that no batch held are lost, and of all batches at most the amount that is unclaimed; the \
         sessions are not served any more"
    );
    paid.metrics.lost_batches.inc_by(sequence - known);
    let lost = Record::Lost {
        sequence,
        height,
        seen,
    };
    paid.store.append(lost).await?;
    Ok(())
}

/// Commits a batch if one is due, and claims with it what it holds: no moment is left in which a lost journal loses that.
async fn commit(paid: &Paid, memory: &mut Memory, height: u64) -> Result<(), OutboxError> {
    let params = paid
        .follow
        .params()
        .ok_or(OutboxError::State("settlement's parameters are not known yet"))?;
    let planned = paid.store.book().planned.clone().map(|(planned, _)| planned);
    let planned = match planned {
        Some(planned) if height < planned.not_after => planned,
        // It can no longer be included, as the chain has passed its time-out height without it.
        stale => {
            if stale.is_some() {
                paid.store.book().planned = None;
            }
            let urgent = batch::most_urgent(&paid.store.book(), height, |id| paid.sessions.known(id));
            let Some(urgent) = urgent else { return Ok(()) };
            let last = memory.committed.unwrap_or(0);
            let due = height >= last.saturating_add(params.batch_blocks)
                || urgent <= height.saturating_add(2 * COMMIT_BLOCKS);
            if !due {
                return Ok(());
            }
            let Some(planned) = plan(paid, height) else {
                return Ok(());
            };
            paid.store.append(Record::Batch(planned.clone())).await?;
            planned
        }
    };
    let tree = batch::tree(&planned, paid.committer());
    let root = tree
        .and_then(|tree| tree.root())
        .ok_or(OutboxError::State("a planned batch has no root"))?;
    let message = ExecuteMsg::CommitBatch {
        sequence: planned.sequence,
        root,
        sessions: planned.leaves.len() as u32,
        models: by_model(paid, &planned),
    };
    let claims = claims::due(paid, &memory.tried, Some(&planned));
    let mut calls = vec![Call::new(&paid.config.contracts.settlement, &message)?];
    calls.extend(claims.iter().map(|claim| claim.call.clone()));
    let last_height = |some: Range<usize>| match some.start {
        0 => planned.not_after,
        _ => soon(paid),
    };
    let mut sent = paid.execute_each(&calls, last_height).await.into_iter();
    match known(sent.next().unwrap_or(Ok(None)))? {
        Outcome::Included { height, .. } => {
            let claimed = !claims.is_empty();
            note_claims(paid, memory, claims, sent);
            let (sequence, sum) = (planned.sequence, root.sum);
            tracing::info!(sequence, height, sessions = planned.leaves.len(), %sum, "committed a batch");
            paid.store.append(Record::Committed { sequence }).await?;
            paid.metrics.batches.inc();
            memory.committed = Some(height);
            if claimed {
                refresh(paid).await?;
            }
            Ok(())
        }
        // The next run compares with the chain and finds out.
        outcome => {
            tracing::warn!(?outcome, "a batch was not committed");
            Ok(())
        }
    }
}

/// A batch's sums by model, which prices follow.
pub(super) fn by_model(paid: &Paid, batch: &PlannedBatch) -> Vec<ModelAmount> {
    let book = paid.store.book();
    let model = |leaf: &SessionLeaf| {
        let known = || Some(paid.sessions.known(leaf.session)?.model.clone());
        // Of a session that is not known any more, its receipts tell.
        let served = || {
            let receipts = &book.find(leaf.session)?.receipts;
            let hash = receipts.values().next()?.signed.receipt.model_hash;
            let own = paid.follow.models.iter().find(|own| own.hash == hash)?;
            Some(own.id.clone())
        };
        let any = || paid.follow.models.first().map(|own| own.id.clone());
        known().or_else(served).or_else(any).unwrap_or_default()
    };
    batch::by_model(batch, model)
}

fn plan(paid: &Paid, height: u64) -> Option<PlannedBatch> {
    let mut book = paid.store.book();
    let sequence = book.last.0 + 1;
    let known = |id| paid.sessions.known(id);
    let (planned, lapsed) = batch::plan(&mut book, paid.committer(), sequence, height, known);
    for (session, nonce) in lapsed {
        tracing::error!(
            session,
            nonce,
            "a receipt's time is over before it could be committed: it is lost"
        );
        paid.metrics.lapsed.inc();
    }
    planned
}

/// What became of a transaction that there was a key for.
fn known(sent: Sent) -> Result<Outcome, OutboxError> {
    sent?.ok_or(OutboxError::State("the registry's warm key is not here"))
}

/// Last height for a claim or a close, which can be sent again at any time: a stuck one must not hold up a batch.
fn soon(paid: &Paid) -> u64 {
    paid.follow.height().saturating_add(CLAIM_BLOCKS)
}

/// Notes what became of claims: none that the chain took or refused is sent again as it is.
fn note_claims(paid: &Paid, memory: &mut Memory, claims: Vec<Claim>, sent: impl IntoIterator<Item = Sent>) {
    for (Claim { session, worth, .. }, sent) in claims.into_iter().zip(sent) {
        if is_yes(&sent) {
            tracing::info!(session, %worth, "claimed");
            paid.metrics.claims.inc();
        } else {
            tracing::warn!(session, outcome = ?sent, "a claim failed");
        }
        if is_yes(&sent) || is_no(&sent) {
            memory.tried.insert(session, worth);
        }
    }
}

/// Claims what is committed and could not be claimed with its batch: of sessions that end whatever it is, of those that go
/// on what is worth its fee.
async fn claim(paid: &Paid, memory: &mut Memory) -> Result<(), OutboxError> {
    let claims = claims::due(paid, &memory.tried, None);
    if claims.is_empty() {
        return Ok(());
    }
    let calls: Vec<Call> = claims.iter().map(|claim| claim.call.clone()).collect();
    let sent = paid.execute_each(&calls, |_| soon(paid)).await;
    note_claims(paid, memory, claims, sent);
    refresh(paid).await
}

/// Closes sessions that are due and owe this host something. The hosts of a committee wait their turn, as one close is
/// enough.
async fn close(paid: &Paid, height: u64) -> Result<(), OutboxError> {
    let due = paid.sessions.all().into_iter().find(|info| {
        let place = info
            .committee
            .iter()
            .position(|member| member.host == paid.config.host);
        let turn = place.map(|place| info.payable_at.saturating_add(2 * place as u64));
        let owed = paid
            .view(info)
            .member()
            .is_some_and(|member| member.claimed > Amount::ZERO);
        owed && info.status != SessionStatus::Closed && turn.is_some_and(|turn| height >= turn)
    });
    let Some(info) = due else { return Ok(()) };
    let session = info.id;
    let call = Call::new(&paid.config.contracts.settlement, &ExecuteMsg::Close { session })?;
    let outcome = known(paid.execute(&[call], soon(paid)).await)?;
    if !matches!(outcome, Outcome::Included { .. }) {
        tracing::info!(
            session,
            ?outcome,
            "a session was not closed here; another may have been faster"
        );
    }
    paid.sessions.forget(session);
    refresh(paid).await
}
