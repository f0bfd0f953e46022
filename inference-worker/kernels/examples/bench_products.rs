//! Rate of products over weights that no cache holds, beside the bandwidth of reading them.
//! `cargo run -p quern-kernels --example bench_products [-- THREADS]`
use quern_kernels::{Weight, set_threads};
use std::time::Instant;

/// Seconds that this thread has computed, where the system tells.
fn on_cpu() -> Option<f64> {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").ok()?;
    let nanoseconds: f64 = text.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds / 1e9)
}

fn best(single: bool, mut f: impl FnMut()) -> f64 {
    f();
    (0..7)
        .map(|_| {
            let started = (Instant::now(), on_cpu());
            f();
            // One thread is measured by its own clock, which stands still while others use the processor.
            match (started.1, on_cpu()) {
                (Some(before), Some(after)) if single => after - before,
                _ => started.0.elapsed().as_secs_f64(),
            }
        })
        .fold(f64::INFINITY, f64::min)
}

fn main() {
    let threads: usize = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(2);
    set_threads(threads);
    let size = (5760_usize, 1024_usize);
    for (outputs, inputs) in [size, (1024, 2880)] {
        let copies = (400 << 20) / (outputs * inputs * 4);
        let weights: Vec<Weight> = (0..copies)
            .map(|_| Weight::new(&vec![0.01; outputs * inputs], inputs))
            .collect();
        let bytes = (copies * outputs * inputs * 4) as f64;
        for rows in [1, 2, 4, 8, 16, 32, 64, 128, 512] {
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
