//! Several calls in one transaction, as each transaction of a key takes a block.

use quern_chain_client::{Call, ChainError, Outcome};
use std::ops::Range;

/// What became of a transaction; none without a key to sign with.
pub(crate) type Sent = Result<Option<Outcome>, ChainError>;

/// Whether the chain took it.
pub(crate) fn is_yes(sent: &Sent) -> bool {
    matches!(sent, Ok(Some(Outcome::Included { .. })))
}

/// Whether the chain has said no for good.
pub(crate) fn is_no(sent: &Sent) -> bool {
    matches!(sent, Ok(Some(Outcome::Refused { .. } | Outcome::Failed { .. })))
}

/// Sends calls together and, if the chain says no, each alone: one that it refuses takes the others with it. What became
/// of each, in order. `execute` sends calls that are of use up to a height as one transaction; `last_height` tells that
/// height of some of them when they are sent.
pub(crate) async fn together_or_alone<F: Future<Output = Sent>>(
    calls: &[Call],
    last_height: impl Fn(Range<usize>) -> u64,
    execute: impl Fn(Vec<Call>, u64) -> F,
) -> Vec<Sent> {
    if calls.is_empty() {
        return Vec::new();
    }
    let all = 0..calls.len();
    let together = execute(calls.to_vec(), last_height(all)).await;
    if calls.len() == 1 || !is_no(&together) {
        return vec![together; calls.len()];
    }
    tracing::warn!(
        calls = calls.len(),
        outcome = ?together,
        "the chain refused calls that went together; sending them one by one"
    );
    let mut each: Vec<Sent> = Vec::with_capacity(calls.len());
    for (index, call) in calls.iter().enumerate() {
        // A chain that includes nothing would be waited for as often as there are calls.
        let stuck = each.last().filter(|last| !is_yes(last) && !is_no(last));
        let sent = match stuck {
            Some(stuck) => stuck.clone(),
            None => execute(vec![call.clone()], last_height(index..index + 1)).await,
        };
        each.push(sent);
    }
    each
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Mutex;

    fn included() -> Outcome {
        Outcome::Included {
            height: 7,
            hash: String::new(),
            events: Vec::new(),
        }
    }

    fn refused() -> Outcome {
        Outcome::Refused {
            codespace: "wasm".into(),
            code: 5,
            log: "no".into(),
        }
    }

    fn expired() -> Outcome {
        Outcome::Expired { hash: String::new() }
    }

    /// Sends calls to a chain that answers whatever is alone as it is told, and refuses them together if it refuses one;
    /// what became of each, and how many calls each transaction had and up to which height.
    async fn sent(alone: &[Outcome]) -> (Vec<Outcome>, Vec<(usize, u64)>) {
        let calls: Vec<Call> = (0..alone.len())
            .map(|number| Call::new("c", &number).unwrap())
            .collect();
        let transactions = Mutex::new(Vec::new());
        let execute = |some: Vec<Call>, last| {
            transactions.lock().unwrap().push((some.len(), last));
            let outcome = |call: &Call| {
                let index = calls.iter().position(|other| other == call).unwrap();
                alone[index].clone()
            };
            let worst = some.iter().map(outcome).find(|one| *one != included());
            async move { Ok(Some(worst.unwrap_or_else(included))) }
        };
        let last_height = |some: Range<usize>| 100 + some.start as u64;
        let each = together_or_alone(&calls, last_height, execute).await;
        let each = each.into_iter().map(|one| one.unwrap().unwrap()).collect();
        (each, transactions.into_inner().unwrap())
    }

    #[tokio::test]
    async fn what_the_chain_takes_together_is_one_transaction() {
        let (each, transactions) = sent(&[included(), included()]).await;
        assert_eq!(each, [included(), included()]);
        assert_eq!(transactions, [(2, 100)]);
        assert_eq!(sent(&[]).await, (Vec::new(), Vec::new()));
    }

    #[tokio::test]
    async fn one_that_is_refused_costs_the_others_nothing_and_one_alone_is_not_sent_twice() {
        let all = [included(), refused(), included()];
        let (each, transactions) = sent(&all).await;
        assert_eq!(each, all);
        assert_eq!(transactions, [(3, 100), (1, 100), (1, 101), (1, 102)]);
        assert_eq!(sent(&[refused()]).await, (vec![refused()], vec![(1, 100)]));
    }

    #[tokio::test]
    async fn a_chain_that_includes_nothing_is_waited_for_once() {
        let (each, transactions) = sent(&[refused(), expired(), included()]).await;
        assert_eq!(each, [refused(), expired(), expired()]);
        assert_eq!(transactions, [(3, 100), (1, 100), (1, 101)]);
        let (each, transactions) = sent(&[expired(), included()]).await;
        assert_eq!(each, [expired(), expired()]);
        assert_eq!(transactions, [(2, 100)]);
    }
}
