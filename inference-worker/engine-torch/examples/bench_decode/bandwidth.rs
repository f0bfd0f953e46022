//! How fast memory is read, by loops that do little else.

use crate::watch::Watch;
use memmap2::MmapMut;

/// Bytes that a loop takes at once from one place.
const LINE: usize = 128;
/// Bytes of one measurement at least: the time that a thread has computed is told in steps of milliseconds.
const LEAST: usize = 3 << 30;
/// From how many places a thread reads in turn: the first is a plain loop.
const PLACES: [usize; 4] = [1, 2, 4, 8];

/// Memory to read, in large pages of the system where it has them, as the engine's weights lie.
#[derive(Debug)]
pub(crate) struct Memory(MmapMut);

impl Memory {
    pub(crate) fn new(bytes: usize) -> std::io::Result<Self> {
        let mut map = MmapMut::map_anon(bytes.max(LINE))?;
        // Advice that the system does not take costs time and nothing else.
        #[cfg(target_os = "linux")]
        let _ = map.advise(memmap2::Advice::HugePage);
        map.fill(1);
        Ok(Self(map))
    }

    /// Bytes a second of reading all of it on several threads, or on this one: by a plain loop, and by the fastest.
    pub(crate) fn rates(&self, threads: usize, cpu: bool) -> (f64, f64) {
        let times = LEAST.div_ceil(self.0.len());
        let rates = PLACES.map(|places| {
            let watch = Watch::start(cpu);
            for _ in 0..times {
                self.pass(threads, places);
            }
            (times * self.0.len()) as f64 / watch.seconds()
        });
        (rates[0], rates.into_iter().fold(0.0, f64::max))
    }

    fn pass(&self, threads: usize, places: usize) {
        if threads == 1 {
            return read(&self.0, places);
        }
        std::thread::scope(|scope| {
            for part in self.0.chunks(self.0.len().div_ceil(threads)) {
                scope.spawn(move || read(part, places));
            }
        });
    }
}

fn read(bytes: &[u8], places: usize) {
    let length = bytes.len() / places;
    let parts: Vec<&[u8]> = bytes.chunks_exact(length.max(1)).collect();
    let mut sums = [0_u64; LINE / 8];
    for at in (0..length).step_by(LINE) {
        for part in &parts {
            // A last piece is left out where it is no whole line.
            let Some(line) = part.get(at..at + LINE) else {
                continue;
            };
            for (sum, number) in sums.iter_mut().zip(line.as_chunks::<8>().0) {
                *sum ^= u64::from_ne_bytes(*number);
            }
        }
    }
    std::hint::black_box(sums);
}
