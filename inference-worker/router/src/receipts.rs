//! Receipts and evidence, durable: what a key's owner may ask for, and what proves a host's fault.

use crate::ledger::Place;
use anyhow::Context;
use quern_inference_api::paid::{SignedReceipt, SignedRefusal, SignedVoucher};
use quern_journal::{Journal, Options};
use quern_protocol::{Amount, Miss, Voucher, Witness};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// How long a list waits for records that are on their way to disk.
const PATIENCE: Duration = Duration::from_secs(3);

/// A receipt as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Kept {
    /// Digest of the receipt, in hexadecimal.
    pub(crate) id: String,
    /// Request.
    pub(crate) place: Place,
    /// Holder of the API key.
    pub(crate) key: String,
    /// Receipt.
    pub(crate) signed: SignedReceipt,
    /// What is wrong with it, if it is evidence.
    pub(crate) fault: Option<String>,
    /// Salt of the request, which proves more about the receipt than it says.
    pub(crate) salt: quern_protocol::Bytes<16>,
    /// Hash of the request without salt, with evidence only: it proves a wrong seed where the client chose its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) content: Option<quern_protocol::Hash>,
}

/// A host's signed word that it did not serve a request, with the voucher that it had for it: what counts for its
/// completion record.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Refused {
    /// Holder of the API key.
    pub(crate) key: String,
    /// Its word.
    pub(crate) refusal: SignedRefusal,
    /// What the host would have been paid by.
    pub(crate) voucher: SignedVoucher,
}

impl Refused {
    /// As the chain takes it.
    fn miss(self) -> Miss {
        let Self { refusal, voucher, .. } = self;
        let SignedRefusal { refusal, signature } = refusal;
        Miss {
            voucher: voucher.voucher,
            voucher_signature: voucher.signature,
            height: refusal.height,
            reason: Some(refusal.reason),
            signed: vec![Witness {
                host: refusal.host,
                signature,
            }],
        }
    }
}

/// A voucher that a host left without answer, as two others of its committee witnessed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct TimedOut {
    /// Holder of the API key.
    pub(crate) key: String,
    /// As the chain takes it.
    pub(crate) miss: Miss,
}

/// What became of refusals and time-outs of a session: their records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Noted {
    pub(crate) session: u64,
    /// On chain.
    pub(crate) sent: Vec<u64>,
    /// Of no use there.
    pub(crate) dropped: Vec<u64>,
}

/// A record of the journal.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
enum Record {
    Receipt(Box<Kept>),
    Refusal(Box<Refused>),
    TimeOut(Box<TimedOut>),
    Noted(Noted),
}

/// Some of a holder's receipts and refusals, in the order in which they came.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Page {
    pub(crate) receipts: Vec<Kept>,
    pub(crate) refusals: Vec<Refused>,
    pub(crate) time_outs: Vec<TimedOut>,
    /// Where the next page begins; none if there are no more now.
    pub(crate) next: Option<u64>,
}

/// What a refusal or a time-out weighs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Brief {
    pub(crate) host: String,
    pub(crate) nonce: u64,
    pub(crate) ceiling: Amount,
    /// A refusal, not a time-out.
    pub(crate) refused: bool,
}

impl Brief {
    fn of(voucher: &Voucher, refused: bool) -> Self {
        Self {
            host: voucher.host.clone(),
            nonce: voucher.nonce,
            ceiling: voucher.ceiling,
            refused,
        }
    }
}

/// Refusals and time-outs of a session.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Misses {
    /// Not on chain, by record.
    pub(crate) open: BTreeMap<u64, Brief>,
    /// On chain.
    pub(crate) sent: Vec<Brief>,
}

impl Misses {
    fn note(&mut self, noted: &Noted) {
        let sent = noted.sent.iter().filter_map(|number| self.open.remove(number));
        self.sent.extend(sent);
        for number in &noted.dropped {
            self.open.remove(number);
        }
    }
}

#[derive(Debug, Default)]
struct Index {
    by_id: HashMap<String, u64>,
    /// Who holds the record.
    holders: BTreeMap<u64, String>,
    by_request: HashMap<(u64, u64), String>,
    /// First record of each session.
    first: BTreeMap<u64, u64>,
    /// Records that are evidence.
    faults: BTreeSet<u64>,
    /// By session.
    misses: BTreeMap<u64, Misses>,
    /// On their way to disk. A client asks for a receipt as soon as it knows its id.
    coming: Vec<Kept>,
    /// Records that are on their way to disk, in the order in which they left, and how many did.
    leaving: BTreeSet<u64>,
    left: u64,
}

impl Index {
    fn add(&mut self, number: u64, record: &Record) {
        match record {
            Record::Receipt(kept) => self.add_receipt(number, kept),
            Record::Refusal(refused) => {
                let brief = Brief::of(&refused.voucher.voucher, true);
                self.add_miss(number, &refused.key, refused.refusal.refusal.session, brief);
            }
            Record::TimeOut(timed_out) => {
                let voucher = &timed_out.miss.voucher;
                let brief = Brief::of(voucher, false);
                self.add_miss(number, &timed_out.key, voucher.session, brief);
            }
            Record::Noted(noted) => {
                if let Some(misses) = self.misses.get_mut(&noted.session) {
                    misses.note(noted);
                }
            }
        }
    }

    fn add_miss(&mut self, number: u64, key: &str, session: u64, brief: Brief) {
        self.holders.insert(number, key.to_owned());
        self.first.entry(session).or_insert(number);
        self.misses.entry(session).or_default().open.insert(number, brief);
    }

    fn add_receipt(&mut self, number: u64, kept: &Kept) {
        self.by_id.insert(kept.id.clone(), number);
        self.holders.insert(number, kept.key.clone());
        let request = (kept.place.session, kept.place.nonce);
        // A good receipt comes before evidence.
        if kept.fault.is_none() || !self.by_request.contains_key(&request) {
            self.by_request.insert(request, kept.id.clone());
        }
        self.first.entry(kept.place.session).or_insert(number);
        if kept.fault.is_some() {
            self.faults.insert(number);
        }
    }
}

/// All receipts that are kept.
#[derive(Clone, Debug)]
pub(crate) struct Receipts {
    journal: Arc<Journal>,
    index: Arc<Mutex<Index>>,
    /// Tells that a record arrived on disk, or never will.
    arrived: Arc<Notify>,
}

impl Receipts {
    pub(crate) fn open(folder: &Path) -> anyhow::Result<Self> {
        let mut index = Index::default();
        let opened = Journal::open(
            folder,
            Options::default(),
            |record| match serde_json::from_slice::<Record>(&record.payload) {
                Ok(read) => index.add(record.number, &read),
                Err(error) => tracing::warn!(record = record.number, %error, "a receipt cannot be read"),
            },
        )
        .with_context(|| format!("cannot open the receipts in {}", folder.display()))?;
        Ok(Self {
            journal: Arc::new(opened.journal),
            index: Arc::new(Mutex::new(index)),
            arrived: Arc::default(),
        })
    }

    /// Makes a receipt durable, in the background.
    pub(crate) fn keep(&self, kept: Kept) {
        self.keep_record(Record::Receipt(Box::new(kept)));
    }

    /// Makes a refusal durable, in the background.
    pub(crate) fn keep_refusal(&self, refused: Refused) {
        self.keep_record(Record::Refusal(Box::new(refused)));
    }

    /// Makes a witnessed time-out durable, in the background.
    pub(crate) fn keep_time_out(&self, timed_out: TimedOut) {
        self.keep_record(Record::TimeOut(Box::new(timed_out)));
    }

    /// Makes durable what became of misses. Before it is, they are as open as after a crash.
    pub(crate) async fn note(&self, noted: Noted) {
        let record = Record::Noted(noted);
        let Ok(payload) = serde_json::to_vec(&record) else {
            return;
        };
        match self.journal.append(payload).await {
            Ok(number) => self.index().add(number, &record),
            Err(error) => tracing::error!(%error, "it could not be kept which misses are on chain"),
        }
    }

    fn index(&self) -> MutexGuard<'_, Index> {
        self.index.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sessions with refusals or time-outs that are not on chain, and how many.
    pub(crate) fn open_misses(&self) -> Vec<(u64, usize)> {
        let index = self.index();
        let sessions = index.misses.iter().map(|(id, misses)| (*id, misses.open.len()));
        sessions.filter(|(_, open)| *open > 0).collect()
    }

    /// Refusals and time-outs of a session.
    pub(crate) fn misses(&self, session: u64) -> Misses {
        self.index().misses.get(&session).cloned().unwrap_or_default()
    }

    /// Time-outs of a host in a session, on chain or not.
    pub(crate) fn time_outs(&self, session: u64, host: &str) -> usize {
        let index = self.index();
        let Some(misses) = index.misses.get(&session) else {
            return 0;
        };
        let all = misses.open.values().chain(&misses.sent);
        all.filter(|one| one.host == host && !one.refused).count()
    }

    /// A refusal or time-out as the chain takes it.
    pub(crate) fn miss(&self, number: u64) -> Option<Miss> {
        match serde_json::from_slice(&self.journal.read(number).ok()?).ok()? {
            Record::Refusal(refused) => Some(refused.miss()),
            Record::TimeOut(timed_out) => Some(timed_out.miss),
            Record::Receipt(_) | Record::Noted(_) => None,
        }
    }

    fn keep_record(&self, record: Record) {
        let Ok(payload) = serde_json::to_vec(&record) else {
            return;
        };
        let leaves = {
            let mut index = self.index();
            if let Record::Receipt(kept) = &record {
                index.coming.push((**kept).clone());
            }
            index.left += 1;
            let leaves = index.left;
            index.leaving.insert(leaves);
            leaves
        };
        let receipts = self.clone();
        tokio::spawn(async move {
            let kept = receipts.journal.append(payload).await;
            let mut index = receipts.index();
            if let Record::Receipt(kept) = &record {
                index.coming.retain(|coming| coming.id != kept.id);
            }
            match kept {
                Ok(number) => index.add(number, &record),
                Err(error) => tracing::error!(%error, ?record, "a receipt or refusal could not be kept"),
            }
            index.leaving.remove(&leaves);
            drop(index);
            receipts.arrived.notify_waiters();
        });
    }

    /// Waits until all that was kept before is on disk, and so in lists, or the disk takes too long.
    pub(crate) async fn settle(&self) {
        let last = self.index().left;
        let settled = async {
            loop {
                let arrived = self.arrived.notified();
                if self.index().leaving.first().is_none_or(|first| *first > last) {
                    return;
                }
                arrived.await;
            }
        };
        let _ = tokio::time::timeout(PATIENCE, settled).await;
    }

    /// A receipt by its id or by `SESSION-NONCE`, durable or on its way there.
    pub(crate) fn find(&self, id: &str) -> Option<Kept> {
        let number = {
            let index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
            let request = id
                .split_once('-')
                .and_then(|(session, nonce)| Some((session.parse().ok()?, nonce.parse().ok()?)));
            let kept = match request {
                Some(request) => index.by_request.get(&request).map(String::as_str),
                None => Some(id),
            };
            let Some(number) = kept.and_then(|id| index.by_id.get(id)) else {
                let named = |kept: &&Kept| match request {
                    Some(request) => (kept.place.session, kept.place.nonce) == request,
                    None => kept.id == id,
                };
                return index.coming.iter().find(named).cloned();
            };
            *number
        };
        serde_json::from_slice(&self.journal.read(number).ok()?).ok()
    }

    /// Evidence from record `from` on, at most `limit`, with the records' numbers.
    pub(crate) fn faults(&self, from: u64, limit: usize) -> Vec<(u64, Kept)> {
        let numbers: Vec<u64> = {
            let index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
            index.faults.range(from..).take(limit).copied().collect()
        };
        let read = |number| serde_json::from_slice(&self.journal.read(number).ok()?).ok();
        numbers
            .into_iter()
            .filter_map(|number| Some((number, read(number)?)))
            .collect()
    }

    /// Receipts and refusals of a key's holder from record `from` on, evidence included; at most `limit`.
    pub(crate) fn list(&self, holder: &str, from: u64, limit: usize) -> Page {
        let mut numbers: Vec<u64> = {
            let index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
            let own = index.holders.range(from..).filter(|(_, key)| *key == holder);
            own.map(|(number, _)| *number).take(limit + 1).collect()
        };
        let next = if numbers.len() > limit {
            numbers.pop()
        } else {
            None
        };
        let mut page = Page {
            receipts: Vec::new(),
            refusals: Vec::new(),
            time_outs: Vec::new(),
            next,
        };
        for number in numbers {
            let record = self.journal.read(number).ok();
            match record.and_then(|record| serde_json::from_slice(&record).ok()) {
                Some(Record::Receipt(kept)) => page.receipts.push(*kept),
                Some(Record::Refusal(refused)) => page.refusals.push(*refused),
                Some(Record::TimeOut(timed_out)) => page.time_outs.push(*timed_out),
                Some(Record::Noted(_)) | None => {}
            }
        }
        page
    }

    /// Deletes what belongs to sessions before `oldest` only.
    pub(crate) async fn forget_before(&self, oldest: u64) {
        let keep_from = {
            let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
            let later = index.first.split_off(&oldest);
            index.misses = index.misses.split_off(&oldest);
            let gone = std::mem::replace(&mut index.first, later);
            let keep_from = index.first.values().min().copied();
            if gone.is_empty() {
                None
            } else {
                let last = index.holders.keys().next_back().copied();
                keep_from.or(last.map(|number| number + 1))
            }
        };
        if let Some(number) = keep_from {
            if let Err(error) = self.journal.discard_before(number).await {
                tracing::warn!(%error, "old receipts could not be deleted");
            }
            let first = self.journal.first();
            let mut index = self.index.lock().unwrap_or_else(PoisonError::into_inner);
            index.by_id.retain(|_, number| *number >= first);
            index.holders = index.holders.split_off(&first);
            index.faults = index.faults.split_off(&first);
            let Index {
                by_id, by_request, ..
            } = &mut *index;
            by_request.retain(|_, id| by_id.contains_key(id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quern_protocol::{Bytes, Receipt};

    fn kept(number: u64, holder: &str) -> Kept {
        let receipt: Receipt = serde_json::from_value(serde_json::json!({
            "voucher": {
                "session": 1, "host": "h", "nonce": number, "height": 1, "ceiling": "1", "cap": "1",
                "salt_commitment": Bytes([0; 32]),
            },
            "voucher_signature": Bytes([0; 64]), "request_hash": Bytes([0; 32]), "output_hash": Bytes([0; 32]),
            "model_hash": Bytes([0; 32]), "client_seed": null, "seed_commitment": Bytes([0; 32]), "temperature": 0,
            "usage": {"prompt": 1, "cached": 0, "completion": 1}, "finish": "stop", "price": "1",
            "first_token_ms": 0, "duration_ms": 0, "capture": "1",
        }))
        .unwrap();
        Kept {
            id: format!("{number:064}"),
            place: Place {
                session: 1,
                nonce: number,
                host: "h".into(),
            },
            key: holder.into(),
            signed: SignedReceipt {
                receipt,
                signature: Bytes([0; 64]),
            },
            fault: None,
            salt: Bytes([0; 16]),
            content: None,
        }
    }

    #[tokio::test]
    async fn a_holder_reads_all_of_its_own_receipts_page_by_page_also_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let receipts = Receipts::open(folder.path()).unwrap();
        for number in 0..7 {
            let holder = if number % 2 == 0 { "ann" } else { "ben" };
            let payload = serde_json::to_vec(&kept(number, holder)).unwrap();
            receipts.journal.append(payload).await.unwrap();
        }
        drop(receipts);
        let receipts = Receipts::open(folder.path()).unwrap();
        let (mut from, mut found) = (Some(0), Vec::new());
        while let Some(start) = from {
            let page = receipts.list("ann", start, 2);
            assert!(page.receipts.len() <= 2);
            found.extend(page.receipts.iter().map(|kept| kept.place.nonce));
            from = page.next;
        }
        assert_eq!(found, [0, 2, 4, 6]);
        assert_eq!(receipts.list("eve", 0, 2).receipts, []);
    }

    #[tokio::test]
    async fn a_list_holds_all_that_was_kept_before_it_was_asked_for() {
        let folder = tempfile::tempdir().unwrap();
        let receipts = Receipts::open(folder.path()).unwrap();
        receipts.settle().await;
        for number in 1..=65 {
            receipts.keep(kept(number, "ann"));
        }
        // Nothing has run yet that could have written them.
        assert_eq!(receipts.list("ann", 0, 100).receipts, []);
        receipts.settle().await;
        assert_eq!(receipts.list("ann", 0, 100).receipts.len(), 65);
    }

    #[tokio::test]
    async fn a_receipt_is_found_before_it_is_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let receipts = Receipts::open(folder.path()).unwrap();
        let one = kept(7, "ann");
        receipts.keep(one.clone());
        // Nothing has run yet that could have written it.
        for id in [one.id.as_str(), "1-7"] {
            assert_eq!(receipts.find(id), Some(one.clone()), "{id}");
        }
        assert_eq!(receipts.find("1-8"), None);
        while receipts.list("ann", 0, 1).receipts.is_empty() {
            tokio::task::yield_now().await;
        }
        assert_eq!(receipts.find("1-7"), Some(one));
        assert_eq!(receipts.index().coming, []);
    }
}
