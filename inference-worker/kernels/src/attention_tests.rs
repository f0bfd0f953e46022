//! Attention against its definition in f64, and against itself in other company, pieces and pages.

use super::*;
use proptest::prelude::*;

fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 22) as f32 - 2.0
    };
    (0..count).map(|_| next()).collect()
}

/// One sequence alone, in pieces, its pages scattered as given.
fn alone(level: Level, g: &Geometry, qkv: &[f32], cuts: &[usize], pages: &[u32]) -> Vec<f32> {
    let count = pages.iter().max().unwrap() + 1;
    let mut pool = vec![0.0; count as usize * g.page()];
    let (mut at, mut out) = (0, Vec::new());
    for cut in cuts.iter().copied().chain([qkv.len() / g.row()]) {
        let rows = cut.max(at) - at;
        let mut piece = vec![0.0; rows * g.heads * g.head_dim];
        let sequence = Sequence { pages, at, rows };
        attend_at(
            level,
            g,
            &mut pool,
            &[sequence],
            &qkv[at * g.row()..(at + rows) * g.row()],
            &mut piece,
        );
        out.extend(piece);
        at += rows;
    }
    out
}

fn exact(g: &Geometry, qkv: &[f32], row: usize, head: usize) -> Vec<f64> {
    let d = g.head_dim;
    let vector = |row: usize, head: usize| &qkv[row * g.row() + head * d..][..d];
    let from = g.window.map_or(0, |window| (row + 1).saturating_sub(window));
    let kv = head % g.kv_heads;
    let scores: Vec<f64> = (from..=row)
        .map(|at| {
            let key = vector(at, g.heads + kv);
            let dot: f64 = vector(row, head)
                .iter()
                .zip(key)
                .map(|(a, b)| f64::from(*a) * f64::from(*b))
                .sum();
            let score = dot * f64::from(g.scale);
            g.softcap
                .map_or(score, |cap| f64::from(cap) * (score / f64::from(cap)).tanh())
        })
        .collect();
    let most = scores.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    let total: f64 = scores.iter().map(|s| (s - most).exp()).sum();
    (0..d)
        .map(|i| {
            let weigh = |(at, s): (usize, &f64)| {
                (s - most).exp() / total * f64::from(vector(at, g.heads + g.kv_heads + kv)[i])
            };
            (from..).zip(&scores).map(weigh).sum()
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_row_has_the_same_bits_in_any_piece_batch_page_and_with_every_instruction_set(
        kv_heads in 1_usize..3, group in 1_usize..5, head_dim in 1_usize..40, rows in 1_usize..120,
        cut in 0_usize..120, other in 1_usize..70, window in proptest::option::of(1_usize..80),
        softcap in proptest::option::of(1.0_f32..30.0), seed: u32,
    ) {
        let g = Geometry { heads: kv_heads * group, kv_heads, head_dim, scale: 0.3, window, softcap };
        let qkv = numbers(rows * g.row(), seed);
        let pages: Vec<u32> = (0..rows.div_ceil(PAGE) as u32).collect();
        let whole = alone(Level::best(), &g, &qkv, &[], &pages);
        for level in Level::all() {
            prop_assert_eq!(&alone(level, &g, &qkv, &[], &pages), &whole);
        }
        let scattered: Vec<u32> = pages.iter().rev().map(|page| 2 * page + 1).collect();
        let singles: Vec<usize> = (1..rows).collect();
        prop_assert_eq!(&alone(Level::best(), &g, &qkv, &[cut.min(rows)], &scattered), &whole);
        prop_assert_eq!(&alone(Level::best(), &g, &qkv, &singles, &scattered), &whole);

        // Beside another sequence, in one step.
        let neighbour = numbers(other * g.row(), !seed);
        let own: Vec<u32> = (0..other.div_ceil(PAGE) as u32).map(|page| page + 10).collect();
        let mut pool = vec![0.0; 20 * g.page()];
        let mut out = vec![0.0; (rows + other) * g.heads * head_dim];
        let both = [
            Sequence { pages: &own, at: 0, rows: other },
            Sequence { pages: &pages, at: 0, rows },
        ];
        attend(&g, &mut pool, &both, &[neighbour, qkv.clone()].concat(), &mut out);
        prop_assert_eq!(&out[other * g.heads * head_dim..], &whole[..]);

        for row in [0, rows / 2, rows - 1] {
            for head in 0..g.heads {
                let found = &whole[(row * g.heads + head) * head_dim..][..head_dim];
                for (found, exact) in found.iter().zip(exact(&g, &qkv, row, head)) {
                    prop_assert!((f64::from(*found) - exact).abs() < 2e-5, "{} {}", found, exact);
                }
            }
        }
    }
}
