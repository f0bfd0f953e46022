//! Which receipt covers an offset in everything that this host ever committed. Pure.

use crate::paid::book::Book;
use crate::paid::record::PlannedBatch;
use quern_audit::{Range, Sampling, Walk, draw_count};
use quern_interface::settlement::BatchPlace;
use quern_protocol::{Amount, Hash};

/// Where a receipt lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) session: u64,
    pub(crate) nonce: u64,
    /// Its part of everything that was committed.
    pub(crate) range: Range,
}

/// The receipt that covers `offset`. `last` is the place of a batch at or after it: sums are counted back from there.
/// None if the journal does not hold the batch or its receipts any more.
pub(crate) fn covering(book: &Book, last: &BatchPlace, offset: Amount) -> Option<Place> {
    let (planned, start) = batch(book, last, offset)?;
    let mut at = start;
    for (leaf, nonces) in planned.leaves.iter().zip(&planned.nonces) {
        let (session, account) = (leaf.session, book.find(leaf.session)?);
        for nonce in nonces {
            let capture = account.receipts.get(nonce)?.signed.receipt.capture;
            let end = at.checked_add(capture)?;
            if offset < end {
                let (nonce, range) = (*nonce, Range { start: at, end });
                return Some(Place {
                    session,
                    nonce,
                    range,
                });
            }
            at = end;
        }
    }
    None
}

/// The batch that covers `offset`, and where it begins.
fn batch<'a>(book: &'a Book, last: &BatchPlace, offset: Amount) -> Option<(&'a PlannedBatch, Amount)> {
    let (mut sequence, mut end) = (last.batch.sequence, last.committed);
    if offset >= end {
        return None;
    }
    loop {
        let planned = book.batches.get(&sequence)?;
        let sum = Amount::sum(planned.leaves.iter().map(|leaf| leaf.subroot.sum))?;
        let start = end.checked_sub(sum)?;
        if offset >= start {
            return Some((planned, start));
        }
        end = start;
        sequence = sequence.checked_sub(1)?;
    }
}

/// Where the receipts of a session in a batch, of which one that covers `offset` cannot be shown, are at the latest over: where
/// the next one begins that the journal still holds, or the next session. None if the journal holds nothing of the batch.
pub(crate) fn end_of_loss(book: &Book, last: &BatchPlace, offset: Amount) -> Option<Amount> {
    let (planned, mut start) = batch(book, last, offset)?;
    for (leaf, nonces) in planned.leaves.iter().zip(&planned.nonces) {
        let end = start.checked_add(leaf.subroot.sum)?;
        if offset >= end {
            start = end;
            continue;
        }
        let receipts = book.find(leaf.session).map(|account| &account.receipts);
        let capture = |nonce: &u64| Some(receipts?.get(nonce)?.signed.receipt.capture);
        // Known places from the front, then from the back, as far as nothing is missing between.
        let mut at = start;
        for capture in nonces.iter().map_while(capture) {
            at = at.checked_add(capture)?;
            if offset < at {
                return Some(at);
            }
        }
        let mut least = end;
        for capture in nonces.iter().rev().map_while(capture) {
            match least.checked_sub(capture) {
                Some(before) if before > offset => least = before,
                _ => break,
            }
        }
        return Some(least);
    }
    None
}

/// What fixes the draw among a host's receipts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Terms {
    /// Seed of the draw.
    pub(crate) seed: Hash,
    /// Sum of everything that was committed before the round.
    pub(crate) base: Amount,
    /// First leaves that are asked for in turn.
    pub(crate) walk: u64,
    /// Rate of the rest in basis points.
    pub(crate) bps: u32,
    /// What a leaf captures on average.
    pub(crate) mean: Amount,
    /// Most leaves that the rest draws.
    pub(crate) most: u32,
}

/// Everything that the round asks for, in order, as far as the journal holds it: the draw is the contract's, which
/// learns the leaves' places only as they are revealed.
pub(crate) fn course(book: &Book, last: &BatchPlace, terms: &Terms) -> Option<Vec<Place>> {
    let total = last.committed.checked_sub(terms.base)?;
    let place = |offset: Amount| covering(book, last, terms.base.checked_add(offset)?);
    let range = |place: &Place| {
        let start = place.range.start.checked_sub(terms.base)?;
        let end = place.range.end.checked_sub(terms.base)?;
        Some(Range { start, end })
    };
    let mut course = Vec::new();
    let mut walk = Walk::new(total, terms.walk);
    while let Some(offset) = walk.pending() {
        let found = place(offset)?;
        walk.reveal(range(&found)?).ok()?;
        course.push(found);
    }
    let rest = total.checked_sub(walk.end())?;
    let draws = draw_count(rest, terms.mean, terms.bps, terms.most).ok()?;
    let mut sampling = Sampling::new(terms.seed, walk.end(), total, draws, Vec::new()).ok()?;
    while let Some(drawn) = sampling.pending() {
        let found = place(drawn.offset)?;
        sampling.reveal(range(&found)?).ok()?;
        course.push(found);
    }
    Some(course)
}
