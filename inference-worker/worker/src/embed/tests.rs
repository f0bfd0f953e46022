use super::*;
use std::sync::Mutex;

/// A vector is a sequence's first id and its length.
#[derive(Default)]
struct Counting {
    pieces: Arc<Mutex<Vec<usize>>>,
    pause: Duration,
}

impl Embed for Counting {
    fn embed(&mut self, batch: &[Vec<u32>]) -> Result<Vec<Vec<f32>>, EngineError> {
        std::thread::sleep(self.pause);
        self.pieces.lock().unwrap().push(batch.len());
        Ok(batch
            .iter()
            .map(|ids| vec![ids[0] as f32, ids.len() as f32])
            .collect())
    }
}

fn serve(depth: usize, pause: Duration) -> (Queue, Arc<Mutex<Vec<usize>>>) {
    let (queue, serving) = Queue::new(depth);
    let pieces = Arc::default();
    let mut encoder = Counting {
        pieces: Arc::clone(&pieces),
        pause,
    };
    std::thread::spawn(move || serving.run(&mut encoder));
    (queue, pieces)
}

#[test]
fn vectors_come_in_the_order_of_the_inputs_whatever_pieces_they_were_computed_in() {
    let (queue, pieces) = serve(4, Duration::ZERO);
    let batch: Vec<Vec<u32>> = (0..40).map(|id| vec![id; 200]).collect();
    let vectors = queue.submit(batch).unwrap().blocking_recv().unwrap().unwrap();
    let firsts: Vec<f32> = vectors.iter().map(|vector| vector[0]).collect();
    assert_eq!(firsts, (0..40).map(|id| id as f32).collect::<Vec<_>>());
    assert_eq!(*pieces.lock().unwrap(), [10, 10, 10, 10]);
}

#[test]
fn a_short_request_waits_for_a_piece_of_a_long_one_and_not_for_all_of_it() {
    let (queue, pieces) = serve(4, Duration::from_millis(20));
    let long = queue.submit(vec![vec![1; 2000]; 50]).unwrap();
    std::thread::sleep(Duration::from_millis(50));
    queue
        .submit(vec![vec![2]])
        .unwrap()
        .blocking_recv()
        .unwrap()
        .unwrap();
    assert!(pieces.lock().unwrap().len() < 10);
    assert_eq!(long.blocking_recv().unwrap().unwrap().len(), 50);
}

#[test]
fn what_is_too_much_is_refused_at_once_and_room_comes_back() {
    let (queue, _) = serve(2, Duration::from_millis(100));
    let first = queue.submit(vec![vec![1]]).unwrap();
    let second = queue.submit(vec![vec![1]]).unwrap();
    assert_eq!(queue.submit(vec![vec![1]]).err(), Some(Refused::Busy));
    first.blocking_recv().unwrap().unwrap();
    second.blocking_recv().unwrap().unwrap();
    while queue.requests() > 0 {
        std::thread::yield_now();
    }
    let (queue, _) = serve(100, Duration::from_millis(100));
    let half = vec![vec![1; MAX_WAITING / 2]];
    let _held = queue.submit(half.clone()).unwrap();
    assert_eq!(
        queue.submit(vec![vec![1; MAX_WAITING / 2 + 1]]).err(),
        Some(Refused::Busy)
    );
    assert!(queue.submit(half).is_ok());
}

#[test]
fn a_request_whose_client_left_ends_before_its_next_piece() {
    let (queue, pieces) = serve(4, Duration::from_millis(20));
    drop(queue.submit(vec![vec![1; 2000]; 300]).unwrap());
    while queue.requests() > 0 {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(pieces.lock().unwrap().len() <= 3);
}
