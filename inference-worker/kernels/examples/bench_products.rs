//! Rate of products over weights that no cache holds, beside the bandwidth of reading them.
//! `cargo run -p quern-kernels --example bench_products [-- THREADS [bf16]]`
use quern_kernels::{Weight, set_threads};
use std::time::Instant;

/// Seconds that this thread has computed, where the system tells.
fn on_cpu() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = text.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}

fn best(single: bool, mut f: impl FnMut()) -> f64 {
    let started = Instant::now();
    f();
    // The system tells what a thread has computed in steps of milliseconds.
    let times = (0.3 / started.elapsed().as_secs_f64()).ceil();
    (0..5)
        .map(|_| {
            let started = (Instant::now(), on_cpu());
            for _ in 0..times as usize {
                f();
            }
            // One thread is measured by its own clock, which stands still while others use the processor.
            let seconds = match (started.1, on_cpu()) {
                (Some(before), Some(after)) if single => after - before,
                _ => started.0.elapsed().as_secs_f64(),
            };
            seconds / times
        })
        .fold(f64::INFINITY, f64::min)
}

fn main() {
    let threads: usize = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(2);
    set_threads(threads);
    // Numbers as a model has them, of which a bfloat16 has the upper halves.
    let mask = if std::env::args().nth(2).is_some() {
        0xffff_0000
    } else {
        u32::MAX
    };
    let mut state = 1_u32;
    let mut next = || {
        let mut sum = 0.0;
        for _ in 0..12 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            sum += (state >> 8) as f32 / (1 << 24) as f32;
        }
        f32::from_bits((0.02 * (sum - 6.0)).to_bits() & mask)
    };
    let size = (5760_usize, 1024_usize);
    for (outputs, inputs) in [size, (1024, 2880)] {
        let copies = (400 << 20) / (outputs * inputs * 4);
        let numbers: Vec<f32> = (0..outputs * inputs).map(|_| next()).collect();
        let weights: Vec<Weight> = (0..copies).map(|_| Weight::new(&numbers, inputs)).collect();
        println!("{} bytes for {}", weights[0].bytes(), outputs * inputs);
        let bytes = (copies * outputs * inputs * 4) as f64;
        for rows in [1, 2, 4, 8, 12, 16, 24, 32, 64, 128, 512] {
            let x = vec![0.5; rows * inputs];
            let mut out = vec![0.0; rows * outputs];
            let take = if rows > 32 { copies.min(4) } else { copies };
            let seconds = best(threads == 1, || {
                for weight in weights.iter().take(take) {
                    weight.apply(&x, None, &mut out, false);
                }
            });
            let bytes = bytes * take as f64 / copies as f64;
            println!(
                "{outputs} x {inputs}, {rows:3} rows: {:6.1} GB/s {:6.1} GFLOP/s",
                bytes / seconds / 1e9,
                bytes / 2.0 * rows as f64 / seconds / 1e9
            );
        }
    }
}
