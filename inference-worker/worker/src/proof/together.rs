//! Commits of several models in one transaction. Transactions of a key go one after the other, a block each, so of many
//! models whose commits are due at the same block the last would come too late.

use crate::paid::send::{Sent, together_or_alone};
use quern_chain_client::{Call, ChainError};
use std::ops::Range;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Mutex as Turn, oneshot};

/// How long the first of several waits for the others, which see the same block.
const GATHER: Duration = Duration::from_millis(50);

/// A commit that is to be sent.
#[derive(Debug)]
struct Waiting {
    call: Call,
    /// Last height at which it is of use.
    last_height: u64,
    tell: oneshot::Sender<Sent>,
}

/// What the sprinters of a host's models share.
#[derive(Debug)]
pub(crate) struct Together {
    models: usize,
    waiting: Mutex<Vec<Waiting>>,
    turn: Turn<()>,
}

impl Together {
    /// For a host with so many models.
    pub(crate) fn of(models: usize) -> Self {
        Self {
            models,
            waiting: Mutex::default(),
            turn: Turn::default(),
        }
    }

    /// Sends a commit with those that come at the same moment, and waits for what becomes of it. `execute` sends calls
    /// that are of use up to a height as one transaction.
    pub(crate) async fn send<F: Future<Output = Sent>>(
        &self,
        call: Call,
        last_height: u64,
        execute: impl Fn(Vec<Call>, u64) -> F,
    ) -> Sent {
        if self.models < 2 {
            return execute(vec![call], last_height).await;
        }
        let (tell, told) = oneshot::channel();
        self.with(|waiting| {
            waiting.push(Waiting {
                call,
                last_height,
                tell,
            });
        });
        tokio::time::sleep(GATHER).await;
        let turn = self.turn.lock().await;
        // Nothing, if another took this one with its own.
        let due = self.with(std::mem::take);
        flush(due, execute).await;
        drop(turn);
        let lost = |_| Err(ChainError::Build("the task that sent it is gone".into()));
        told.await.unwrap_or_else(lost)
    }

    fn with<T>(&self, change: impl FnOnce(&mut Vec<Waiting>) -> T) -> T {
        change(&mut self.waiting.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

async fn flush<F: Future<Output = Sent>>(due: Vec<Waiting>, execute: impl Fn(Vec<Call>, u64) -> F) {
    let calls: Vec<Call> = due.iter().map(|one| one.call.clone()).collect();
    let last_height = |some: Range<usize>| due[some].iter().map(|one| one.last_height).min().unwrap_or(0);
    let sent = together_or_alone(&calls, last_height, execute).await;
    for (one, sent) in due.into_iter().zip(sent) {
        // Who no longer waits asks the chain at the next sprint.
        let _ = one.tell.send(sent);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use quern_chain_client::Outcome;
    use std::sync::Arc;

    /// A chain that refuses whatever comes with the model `bad`.
    #[derive(Default)]
    struct Ledger(Mutex<Vec<(Vec<String>, u64)>>);

    impl Ledger {
        async fn execute(&self, calls: Vec<Call>, last_height: u64) -> Sent {
            let words = calls
                .iter()
                .map(|call| String::from_utf8(call.message.clone()).unwrap());
            let words: Vec<String> = words.collect();
            let refused = words.iter().any(|word| word == "\"bad\"");
            self.0.lock().unwrap().push((words, last_height));
            tokio::time::sleep(Duration::from_millis(20)).await;
            Ok(Some(match refused {
                true => Outcome::Refused {
                    codespace: "wasm".into(),
                    code: 5,
                    log: "not_member".into(),
                },
                false => Outcome::Included {
                    height: 7,
                    hash: String::new(),
                    events: Vec::new(),
                },
            }))
        }
    }

    /// Sends all at once; whether each was included, and the transactions.
    async fn sent(models: usize, commits: &[(&'static str, u64)]) -> (Vec<bool>, Vec<(usize, u64)>) {
        let (together, ledger) = (Arc::new(Together::of(models)), Arc::new(Ledger::default()));
        let tasks = commits.iter().map(|(model, last_height)| {
            let (together, ledger, last_height) = (together.clone(), ledger.clone(), *last_height);
            let call = Call::new("poc", model).unwrap();
            tokio::spawn(async move {
                let execute = |calls, last_height| ledger.execute(calls, last_height);
                together.send(call, last_height, execute).await
            })
        });
        let tasks: Vec<_> = tasks.collect();
        let mut included = Vec::new();
        for task in tasks {
            included.push(matches!(task.await.unwrap(), Ok(Some(Outcome::Included { .. }))));
        }
        let all = ledger.0.lock().unwrap();
        let transactions = all.iter().map(|(calls, last)| (calls.len(), *last)).collect();
        (included, transactions)
    }

    #[tokio::test]
    async fn commits_of_all_models_share_a_block_and_the_earliest_deadline() {
        let (included, transactions) = sent(3, &[("a", 105), ("b", 104), ("c", 105)]).await;
        assert_eq!(included, [true; 3]);
        assert_eq!(transactions, [(3, 104)]);
    }

    #[tokio::test]
    async fn a_model_whose_commit_is_refused_costs_the_others_nothing() {
        let (included, transactions) = sent(3, &[("a", 105), ("bad", 105), ("c", 105)]).await;
        assert_eq!(included, [true, false, true]);
        assert_eq!(transactions, [(3, 105), (1, 105), (1, 105), (1, 105)]);
    }

    #[tokio::test]
    async fn what_comes_while_others_are_on_their_way_goes_next() {
        let (together, ledger) = (Arc::new(Together::of(2)), Arc::new(Ledger::default()));
        let send = |model: &'static str| {
            let (together, ledger) = (together.clone(), ledger.clone());
            tokio::spawn(async move {
                let execute = |calls, last_height| ledger.execute(calls, last_height);
                together.send(Call::new("poc", &model).unwrap(), 9, execute).await
            })
        };
        let first = send("a");
        tokio::time::sleep(GATHER + Duration::from_millis(10)).await;
        let second = send("b");
        for one in [first, second] {
            assert!(matches!(one.await.unwrap(), Ok(Some(Outcome::Included { .. }))));
        }
        assert_eq!(ledger.0.lock().unwrap().len(), 2);
    }

    #[tokio::test]
    async fn one_model_alone_waits_for_nobody() {
        let (included, transactions) = sent(1, &[("a", 105)]).await;
        assert_eq!((included, transactions), (vec![true], vec![(1, 105)]));
    }
}
