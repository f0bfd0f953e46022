//! Time of attention over pages, in one layer: `cargo run -p quern-kernels --example bench_attention`. One thread, by
//! its own clock, which stands still while others use the processor.

use quern_kernels::{Geometry, PAGE, Sequence, attend};

/// Microseconds that this thread has computed.
fn on_cpu() -> f64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanoseconds: Option<f64> = text.split_whitespace().next().and_then(|n| n.parse().ok());
    nanoseconds.unwrap_or(0.0) / 1e3
}

fn main() {
    let geometry = Geometry {
        heads: 16,
        kv_heads: 8,
        head_dim: 64,
        scale: 0.125,
        window: None,
        softcap: None,
    };
    for length in [256_usize, 2048] {
        for rows in [1_usize, 8, 64] {
            let pages: Vec<u32> = (0..(length / PAGE) as u32).rev().collect();
            let mut pool = vec![0.01; pages.len() * geometry.page()];
            let qkv = vec![0.1; rows * geometry.row()];
            let mut out = vec![0.0; rows * 16 * 64];
            let sequence = Sequence {
                pages: &pages,
                at: length - rows,
                rows,
            };
            let repeats = 2_000 / (rows * length / 256).max(1);
            let mut best = f64::INFINITY;
            for _ in 0..3 {
                let started = on_cpu();
                for _ in 0..repeats.max(5) {
                    attend(&geometry, &mut pool, &[sequence], &qkv, &mut out);
                }
                best = best.min((on_cpu() - started) / repeats.max(5) as f64);
            }
            println!("{rows:3} rows over {length} positions: {best:.0} us");
        }
    }
}
