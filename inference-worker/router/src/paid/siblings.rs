//! Answers to one request that are paid for side by side: where some are, the others wait for what they lack, as what is paid
//! for would not be shown.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;

/// How long is waited.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Before the first try that nothing is known to speak for; twice as long before each further one.
    pub(super) first: Duration,
    /// Longest pause between such tries.
    pub(super) most: Duration,
    /// With no answer under way: longest time from the last one's end.
    pub(super) patience: Duration,
}

/// How an answer went.
pub(super) enum Begun<T> {
    /// It ended, well or not.
    Ended(T),
    /// Nothing was done of it, and that may pass.
    Refused(T),
}

/// What the answers know of each other.
#[derive(Debug)]
pub(super) struct Siblings {
    pace: Pace,
    /// At a host, or looking for one.
    running: AtomicUsize,
    /// At a host.
    placed: AtomicUsize,
    answered: AtomicUsize,
    waiting: AtomicUsize,
    /// When one ended.
    last: Mutex<Instant>,
    /// As many tries as something speaks for.
    room: Semaphore,
    /// Calls for another try that found nobody waiting.
    missed: AtomicUsize,
    /// The next pause, for the waiting one whose turn it is.
    turn: tokio::sync::Mutex<Duration>,
    /// Whether none is to begin any more.
    closed: AtomicBool,
}

/// Counts for as long as it lives.
#[derive(Debug)]
pub(super) struct Counted<'a>(&'a AtomicUsize);

impl<'a> Counted<'a> {
    fn new(count: &'a AtomicUsize) -> Self {
        count.fetch_add(1, Ordering::SeqCst);
        Self(count)
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Siblings {
    pub(super) fn new(pace: Pace) -> Self {
        let none = || AtomicUsize::new(0);
        Self {
            pace,
            running: none(),
            placed: none(),
            answered: none(),
            waiting: none(),
            last: Mutex::new(Instant::now()),
            room: Semaphore::new(0),
            missed: none(),
            turn: tokio::sync::Mutex::new(pace.first),
            closed: AtomicBool::new(false),
        }
    }

    /// Lets none begin any more: those that wait give up, and those that are under way go on.
    pub(super) fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.room.close();
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    /// Begins an answer, again and again while it is refused and others are under way or were answered.
    pub(super) async fn answer<T, F: Future<Output = Begun<T>>>(&self, begin: impl Fn() -> F) -> T {
        let mut seen = self.missed.load(Ordering::SeqCst);
        let mut answer = self.run(begin()).await;
        loop {
            let refused = match answer {
                Begun::Ended(answer) => return answer,
                Begun::Refused(answer) => answer,
            };
            if !self.wait(seen).await {
                return refused;
            }
            drop(refused);
            seen = self.missed.load(Ordering::SeqCst);
            let mut again = std::pin::pin!(self.run(begin()));
            answer = match tokio::time::timeout(self.pace.first, &mut again).await {
                Ok(answer) => answer,
                Err(_) => {
                    // Who has no room says so at once, so there may be some for another one.
                    self.try_another();
                    again.await
                }
            };
        }
    }

    async fn run<T>(&self, answer: impl Future<Output = Begun<T>>) -> Begun<T> {
        let running = Counted::new(&self.running);
        let answer = answer.await;
        drop(running);
        if matches!(answer, Begun::Ended(_)) {
            self.answered.fetch_add(1, Ordering::SeqCst);
            *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
            self.try_another();
        }
        answer
    }

    /// For as long as it lives, an answer is at a host.
    pub(super) fn place(&self) -> Counted<'_> {
        Counted::new(&self.placed)
    }

    /// Whether an answer is at a host.
    pub(super) fn has_placed(&self) -> bool {
        self.placed.load(Ordering::SeqCst) > 0
    }

    /// One more of those that wait may try.
    fn try_another(&self) {
        if self.room.available_permits() < self.waiting.load(Ordering::SeqCst) {
            self.room.add_permits(1);
        } else {
            self.missed.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Whether there is nothing to wait for: none is under way, and none was answered, or not for long; or none is to begin.
    fn is_over(&self) -> bool {
        let last = || *self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let alone = self.running.load(Ordering::SeqCst) == 0
            && (self.answered.load(Ordering::SeqCst) == 0 || last().elapsed() >= self.pace.patience);
        alone || self.is_closed()
    }

    /// Waits until another try may go better than one that began when so many calls were missed; false if there is nothing to
    /// wait for.
    async fn wait(&self, seen: usize) -> bool {
        let _waiting = Counted::new(&self.waiting);
        if self.is_over() {
            return false;
        }
        // What one that tried could not hear.
        if self.missed.load(Ordering::SeqCst) != seen {
            return true;
        }
        let mut pause = self.turn.lock().await;
        if self.is_over() {
            return false;
        }
        tokio::select! {
            permit = self.room.acquire() => {
                if let Ok(permit) = permit {
                    permit.forget();
                }
                *pause = self.pace.first;
            }
            () = tokio::time::sleep(jittered(*pause)) => *pause = pause.saturating_mul(2).min(self.pace.most),
        }
        !self.is_closed()
    }
}

/// From half of it to one and a half times it, so that many that wait do not come together.
fn jittered(pause: Duration) -> Duration {
    let random = getrandom::u32().unwrap_or(u32::MAX / 2) >> 16;
    (pause / 2).saturating_add(pause.saturating_mul(random) / (1 << 16))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;

    /// A second of theirs.
    const SECOND: Duration = Duration::from_millis(10);
    const PACE: Pace = Pace {
        first: SECOND,
        most: Duration::from_millis(300),
        patience: Duration::from_millis(3_000),
    };

    /// A host with so many places.
    struct Host {
        places: AtomicUsize,
        asked: AtomicUsize,
    }

    impl Host {
        fn new(places: usize) -> Self {
            let (places, asked) = (AtomicUsize::new(places), AtomicUsize::new(0));
            Self { places, asked }
        }

        async fn serve(&self, seconds: u32) -> Begun<bool> {
            self.asked.fetch_add(1, Ordering::SeqCst);
            // It refuses at once, so that no stall of the machine looks like a place that was found.
            let took = |places: usize| places.checked_sub(1);
            if self
                .places
                .fetch_update(Ordering::SeqCst, Ordering::SeqCst, took)
                .is_err()
            {
                return Begun::Refused(false);
            }
            tokio::time::sleep(SECOND * seconds).await;
            self.places.fetch_add(1, Ordering::SeqCst);
            Begun::Ended(true)
        }
    }

    async fn all(host: &Arc<Host>, seconds: impl Fn(usize) -> u32, count: usize) -> Vec<bool> {
        let siblings = Arc::new(Siblings::new(PACE));
        let mut tasks = Vec::new();
        for index in 0..count {
            let (siblings, host, seconds) = (siblings.clone(), host.clone(), seconds(index));
            tasks.push(tokio::spawn(async move {
                siblings.answer(|| host.serve(seconds)).await
            }));
        }
        let mut answers = Vec::new();
        for task in tasks {
            answers.push(task.await.unwrap());
        }
        answers
    }

    /// Most that so many answers may ask in a time in which each waits for the last one's place.
    fn seldom(answers: u32, time: Duration) -> usize {
        // Each ends once and is seen to have found a place once, after which the pause doubles up to the longest.
        let (doublings, calls) = (
            (PACE.most.as_millis() / SECOND.as_millis()).ilog2() + 1,
            2 * answers,
        );
        let steady = time.as_millis() / (PACE.most / 2).as_millis();
        (answers + calls + (calls + 1) * doublings) as usize + steady as usize
    }

    #[tokio::test]
    async fn answers_wait_for_places_for_as_long_as_others_run_and_ask_seldom() {
        // Three rounds of 90 seconds.
        let host = Arc::new(Host::new(6));
        let began = Instant::now();
        assert_eq!(all(&host, |_| 90, 16).await, [true; 16]);
        let asked = host.asked.load(Ordering::SeqCst);
        assert!(asked <= seldom(16, began.elapsed()), "{asked}");
        // One long answer, and no place for any other until it is over.
        let host = Arc::new(Host::new(1));
        let began = Instant::now();
        let answers = all(&host, |index| if index == 0 { 300 } else { 1 }, 16).await;
        assert_eq!(answers, [true; 16]);
        let asked = host.asked.load(Ordering::SeqCst);
        assert!(asked <= seldom(16, began.elapsed()), "{asked}");
    }

    #[tokio::test]
    async fn where_none_is_to_begin_any_more_those_that_wait_give_up_and_those_under_way_end() {
        let hour = Duration::from_secs(3_600);
        let siblings = Arc::new(Siblings::new(Pace {
            first: hour,
            most: hour,
            patience: hour,
        }));
        let host = Arc::new(Host::new(1));
        let begin = || {
            let (siblings, host) = (siblings.clone(), host.clone());
            tokio::spawn(async move { siblings.answer(|| host.serve(20)).await })
        };
        let first = begin();
        until(|| host.asked.load(Ordering::SeqCst) == 1).await;
        let others: Vec<_> = (0..3).map(|_| begin()).collect();
        until(|| siblings.waiting.load(Ordering::SeqCst) == 3).await;
        siblings.close();
        for other in others {
            assert!(!other.await.unwrap());
        }
        assert!(first.await.unwrap());
        assert_eq!(host.asked.load(Ordering::SeqCst), 4);
    }

    async fn until(done: impl Fn() -> bool) {
        while !done() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    }

    #[tokio::test]
    async fn an_end_is_heard_by_one_that_is_refused_meanwhile() {
        let hour = Duration::from_secs(3_600);
        let siblings = Arc::new(Siblings::new(Pace {
            first: hour,
            most: hour,
            patience: hour,
        }));
        let (ends, ended) = tokio::sync::oneshot::channel::<()>();
        let long = siblings.clone();
        let long = tokio::spawn(async move {
            let ended = Mutex::new(Some(ended));
            let serve = || async {
                let ended = ended.lock().unwrap().take().unwrap();
                ended.await.unwrap();
                Begun::Ended(())
            };
            long.answer(serve).await;
        });
        let (asks, mut asked) = tokio::sync::mpsc::unbounded_channel();
        let refusals = Arc::new(Semaphore::new(0));
        let (other, refused) = (siblings.clone(), refusals.clone());
        let other = tokio::spawn(async move {
            let tries = AtomicUsize::new(0);
            let serve = || async {
                asks.send(()).unwrap();
                if tries.fetch_add(1, Ordering::SeqCst) > 0 {
                    return Begun::Ended(true);
                }
                refused.acquire().await.unwrap().forget();
                Begun::Refused(false)
            };
            other.answer(serve).await
        });
        asked.recv().await.unwrap();
        ends.send(()).unwrap();
        long.await.unwrap();
        // The place is free before the refusal comes.
        refusals.add_permits(1);
        let answer = tokio::time::timeout(Duration::from_secs(60), other).await;
        assert!(answer.expect("it sleeps though the place is free").unwrap());
    }

    #[tokio::test]
    async fn a_place_that_others_left_is_found_before_the_own_long_answer_ends() {
        let host = Arc::new(Host::new(1));
        let leaves = host.clone();
        tokio::spawn(async move {
            tokio::time::sleep(SECOND * 20).await;
            leaves.places.fetch_add(15, Ordering::SeqCst);
        });
        let began = Instant::now();
        let answers = all(&host, |_| 250, 16).await;
        assert_eq!(answers, [true; 16]);
        // Not one after the other.
        assert!(began.elapsed() < SECOND * 2_000, "{:?}", began.elapsed());
    }

    #[tokio::test]
    async fn what_none_has_a_place_for_is_over_at_once_and_what_lacks_one_for_long_in_the_end() {
        let host = Arc::new(Host::new(0));
        let began = Instant::now();
        let one = Siblings::new(PACE);
        assert!(!one.answer(|| host.serve(1)).await);
        assert!(began.elapsed() < PACE.patience);
        // Its place is another's from then on.
        let places = Host::new(1);
        assert!(one.answer(|| places.serve(1)).await);
        assert!(!one.answer(|| host.serve(1)).await);
        assert!(began.elapsed() >= PACE.patience);
        let asked = host.asked.load(Ordering::SeqCst);
        assert!(asked <= 1 + seldom(1, began.elapsed()), "{asked}");
    }
}
