//! Attention over keys and values that lie in pages.
//!
//! A query goes through its pages in order, each for itself, with a running maximum and sum: nothing depends on how
//! many rows a step has, where a prompt was cut, or which pages of the pool hold a sequence. Nothing is copied.
//!
//! Query heads are in the order (group, key head). A page of one key head holds keys with positions side by side,
//! [head_dim, PAGE], then values [PAGE, head_dim], dimensions padded with zeros to a multiple of [`CHUNK`].

use crate::exp::{exp, exps, tanh};
use crate::lanes::{LANES, Lanes, Level, Portable};
use crate::threads::{self, Place};

/// Positions of a page.
pub const PAGE: usize = 32;
/// Dimensions of values that are summed at once.
const CHUNK: usize = 2 * LANES;
/// Queries that share one reading of a page.
const QUERIES: usize = 8;
/// Rows of one task.
const ROWS: usize = 16;
/// Multiplications below which waking another thread costs more than it saves.
const SMALL: usize = 1 << 17;

/// The attention of one layer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Geometry {
    /// Query heads, a multiple of the key heads.
    pub heads: usize,
    /// Key and value heads.
    pub kv_heads: usize,
    /// Length of a head's vectors.
    pub head_dim: usize,
    /// Factor of the scores.
    pub scale: f32,
    /// Positions that a query sees, its own among them; all before it if none.
    pub window: Option<usize>,
    /// Scores s become `cap * tanh(s / cap)`.
    pub softcap: Option<f32>,
}

/// Rows of a step that belong to one sequence, consecutive positions of it.
#[derive(Clone, Copy, Debug)]
pub struct Sequence<'a> {
    /// Places in the pool of the pages that hold its keys and values, its rows of this step among them.
    pub pages: &'a [u32],
    /// Position of the first row.
    pub at: usize,
    /// How many rows.
    pub rows: usize,
}

impl Geometry {
    fn padded(&self) -> usize {
        self.head_dim.next_multiple_of(CHUNK)
    }

    /// Numbers in a page of one key head.
    fn part(&self) -> usize {
        2 * PAGE * self.padded()
    }

    /// Numbers in a page.
    pub fn page(&self) -> usize {
        self.kv_heads * self.part()
    }

    /// Numbers in a row of queries, keys and values, as [`attend`] takes them.
    pub fn row(&self) -> usize {
        (self.heads + 2 * self.kv_heads) * self.head_dim
    }

    /// Puts the keys and values of a sequence's rows into their pages.
    fn write(&self, pool: &mut [f32], sequence: &Sequence<'_>, qkv: &[f32]) {
        let (d, padded) = (self.head_dim, self.padded());
        for (index, row) in qkv.chunks_exact(self.row()).enumerate() {
            let position = sequence.at + index;
            let page = sequence.pages[position / PAGE] as usize * self.page();
            let (keys, values) = row[self.heads * d..].split_at(self.kv_heads * d);
            for head in 0..self.kv_heads {
                let part = &mut pool[page + head * self.part()..][..self.part()];
                let (k, v) = part.split_at_mut(PAGE * padded);
                for (k, key) in k.chunks_exact_mut(PAGE).zip(&keys[head * d..(head + 1) * d]) {
                    k[position % PAGE] = *key;
                }
                v[position % PAGE * padded..][..d].copy_from_slice(&values[head * d..(head + 1) * d]);
            }
        }
    }
}

/// Caches the keys and values of a step's rows and attends with their queries.
///
/// `qkv` holds the rows of all sequences, one after the other: queries, keys and values, rotated. `out` gets rows of
/// `heads * head_dim`. A page that is new to its sequence must be all zero.
///
/// # Panics
/// When lengths do not fit each other, or a sequence lacks a page.
pub fn attend(
    geometry: &Geometry,
    pool: &mut [f32],
    sequences: &[Sequence<'_>],
    qkv: &[f32],
    out: &mut [f32],
) {
    attend_at(Level::best(), geometry, pool, sequences, qkv, out);
}

fn attend_at(
    level: Level,
    geometry: &Geometry,
    pool: &mut [f32],
    sequences: &[Sequence<'_>],
    qkv: &[f32],
    out: &mut [f32],
) {
    let rows: usize = sequences.iter().map(|sequence| sequence.rows).sum();
    assert_eq!(
        qkv.len(),
        rows * geometry.row(),
        "length of queries, keys and values"
    );
    assert_eq!(
        out.len(),
        rows * geometry.heads * geometry.head_dim,
        "length of the output"
    );
    let pages = pool.len() / geometry.page().max(1);
    let (mut tasks, mut first, mut work) = (Vec::new(), 0, 0);
    for sequence in sequences {
        let end = sequence.at + sequence.rows;
        assert!(sequence.pages.len() * PAGE >= end, "a sequence lacks pages");
        assert!(
            sequence.pages.iter().all(|page| (*page as usize) < pages),
            "a page outside the pool"
        );
        geometry.write(
            pool,
            sequence,
            &qkv[first * geometry.row()..][..sequence.rows * geometry.row()],
        );
        for from in (0..sequence.rows).step_by(ROWS) {
            let to = sequence.rows.min(from + ROWS);
            tasks.extend((0..geometry.kv_heads).map(|head| (sequence, first, head, from, to)));
        }
        first += sequence.rows;
        work += sequence.rows * end * geometry.heads * geometry.head_dim;
    }
    let place = Place(out.as_mut_ptr());
    let pool = &*pool;
    let run = |index: usize| {
        let (sequence, first, head, from, to) = tasks[index];
        let task = Task {
            geometry,
            pool,
            sequence,
            first,
            qkv,
            head,
            out: place,
        };
        // SAFETY: `Level` names only what was detected; each task writes rows and heads of its own.
        #[expect(unsafe_code, reason = "vectors")]
        match level {
            #[cfg(target_arch = "x86_64")]
            Level::Avx512 => unsafe { avx512(&task, from, to) },
            #[cfg(target_arch = "x86_64")]
            Level::Avx2 => unsafe { avx2(&task, from, to) },
            Level::Baseline => unsafe { task.rows::<Portable>(from, to) },
        }
    };
    if work <= SMALL {
        (0..tasks.len()).for_each(run);
    } else {
        threads::each(tasks.len(), run);
    }
}

struct Task<'a> {
    geometry: &'a Geometry,
    pool: &'a [f32],
    sequence: &'a Sequence<'a>,
    /// The sequence's first row in `qkv`.
    first: usize,
    qkv: &'a [f32],
    head: usize,
    out: Place,
}

#[expect(unsafe_code, reason = "vectors")]
impl Task<'_> {
    /// Rows `from .. to` of the sequence, all queries of one key head.
    ///
    /// # Safety
    /// The instructions of V are there, and nobody else writes these rows and heads.
    #[inline(always)]
    unsafe fn rows<V: Lanes>(&self, from: usize, to: usize) {
        let group = self.geometry.heads / self.geometry.kv_heads;
        let (mut query, end) = (from * group, to * group);
        while query < end {
            // SAFETY: the caller's promise.
            unsafe {
                query += match end - query {
                    1 => self.queries::<V, 1>(query),
                    2 | 3 => self.queries::<V, 2>(query),
                    4..QUERIES => self.queries::<V, 4>(query),
                    _ => self.queries::<V, QUERIES>(query),
                };
            }
        }
    }

    /// R queries from number `query` of the sequence on, counted row by row. Returns R.
    #[inline(always)]
    unsafe fn queries<V: Lanes, const R: usize>(&self, query: usize) -> usize {
        let g = self.geometry;
        let (d, padded, group) = (g.head_dim, g.padded(), g.heads / g.kv_heads);
        let mut q = vec![0.0_f32; 2 * R * padded];
        let (q, sums) = q.split_at_mut(R * padded);
        // Positions from..=to that each query sees.
        let (mut from, mut to) = ([0; R], [0; R]);
        for r in 0..R {
            let (row, member) = ((query + r) / group, (query + r) % group);
            to[r] = self.sequence.at + row;
            from[r] = g.window.map_or(0, |window| (to[r] + 1).saturating_sub(window));
            let head = (self.first + row) * g.row() + (member * g.kv_heads + self.head) * d;
            q[r * padded..][..d].copy_from_slice(&self.qkv[head..head + d]);
        }
        let (mut most, mut total) = ([f32::NEG_INFINITY; R], [0.0_f32; R]);
        let mut scores = [[0.0_f32; PAGE]; R];
        for page in from[0] / PAGE..=to[R - 1] / PAGE {
            let start = page * PAGE;
            let place = self.sequence.pages[page] as usize * g.page() + self.head * g.part();
            let (k, v) = self.pool[place..place + g.part()].split_at(PAGE * padded);
            // SAFETY: q holds R rows of `padded`, k as many rows of PAGE.
            unsafe {
                tile::<V, R, false>(
                    q.as_ptr(),
                    padded,
                    k.as_ptr(),
                    PAGE,
                    padded,
                    scores.as_mut_ptr().cast(),
                    PAGE,
                );
            }
            for r in 0..R {
                let scores = &mut scores[r];
                if start > to[r] || start + PAGE <= from[r] {
                    scores.fill(0.0);
                    continue;
                }
                // SAFETY: scores are a page, which is two vectors, and sums of R rows of `padded` are there.
                unsafe {
                    let at = scores.as_mut_ptr();
                    let scale = V::splat(g.scale);
                    for half in [at, at.add(LANES)] {
                        V::load(half).mul(scale).store(half);
                    }
                    if let Some(cap) = g.softcap {
                        for score in scores.iter_mut() {
                            *score = cap * tanh(*score / cap);
                        }
                    }
                    if start < from[r] || start + PAGE > to[r] + 1 {
                        for (position, score) in (start..).zip(scores.iter_mut()) {
                            if position < from[r] || position > to[r] {
                                *score = f32::NEG_INFINITY;
                            }
                        }
                    }
                    let halves = [V::load(at), V::load(at.add(LANES))];
                    let highest = highest(halves);
                    let highest = if highest > most[r] { highest } else { most[r] };
                    let less = V::splat(-highest);
                    let one = V::splat(1.0);
                    let halves = [exps(halves[0].fma(one, less)), exps(halves[1].fma(one, less))];
                    halves[0].store(at);
                    halves[1].store(at.add(LANES));
                    let kept = exp(most[r] - highest);
                    most[r] = highest;
                    total[r] = total[r].mul_add(kept, sum(halves));
                    // Mostly the highest score stays the same.
                    if kept != 1.0 {
                        let row = sums.as_mut_ptr().add(r * padded);
                        for place in (0..padded).step_by(LANES) {
                            V::load(row.add(place)).mul(V::splat(kept)).store(row.add(place));
                        }
                    }
                }
            }
            for chunk in (0..padded).step_by(CHUNK) {
                // SAFETY: scores hold R rows of PAGE, v PAGE rows of `padded`, sums R rows of `padded`.
                unsafe {
                    tile::<V, R, true>(
                        scores.as_ptr().cast(),
                        PAGE,
                        v.as_ptr().add(chunk),
                        padded,
                        PAGE,
                        sums.as_mut_ptr().add(chunk),
                        padded,
                    );
                }
            }
        }
        for r in 0..R {
            let (row, member) = ((query + r) / group, (query + r) % group);
            let head = (self.first + row) * g.heads * d + (member * g.kv_heads + self.head) * d;
            // SAFETY: the row and head exist, and are this task's.
            let out = unsafe { std::slice::from_raw_parts_mut(self.out.0.add(head), d) };
            for (out, sum) in out.iter_mut().zip(&sums[r * padded..]) {
                *out = sum / total[r];
            }
        }
        R
    }
}

/// The highest number of a page, joined as a tree, halves first.
///
/// # Safety
/// The instructions of V are there.
#[inline(always)]
#[expect(unsafe_code, reason = "vectors")]
unsafe fn highest<V: Lanes>([low, high]: [V; 2]) -> f32 {
    // SAFETY: the caller's promise.
    unsafe {
        let mut left = low.max(high);
        left = left.max(left.further::<8>());
        left = left.max(left.further::<4>());
        left = left.max(left.further::<2>());
        left.max(left.further::<1>()).first()
    }
}

/// The sum of a page in the same order.
///
/// # Safety
/// The instructions of V are there.
#[inline(always)]
#[expect(unsafe_code, reason = "vectors")]
unsafe fn sum<V: Lanes>([low, high]: [V; 2]) -> f32 {
    // SAFETY: the caller's promise.
    unsafe {
        let one = V::splat(1.0);
        let mut left = low.fma(one, high);
        left = left.fma(one, left.further::<8>());
        left = left.fma(one, left.further::<4>());
        left = left.fma(one, left.further::<2>());
        left.fma(one, left.further::<1>()).first()
    }
}

/// `to = a * b` for R rows of a, `length` long, and two vectors of columns of b; each sum goes on from what is there if
/// ADD says so.
///
/// # Safety
/// The instructions of V are there, and the pointers are good for rows that are the given strides apart.
#[inline(always)]
#[expect(unsafe_code, reason = "vectors")]
unsafe fn tile<V: Lanes, const R: usize, const ADD: bool>(
    a: *const f32,
    a_stride: usize,
    b: *const f32,
    b_stride: usize,
    length: usize,
    to: *mut f32,
    to_stride: usize,
) {
    // SAFETY: the caller's promise.
    unsafe {
        let mut lanes = [[V::splat(0.0); 2]; R];
        if ADD {
            let mut from = to;
            for lanes in &mut lanes {
                *lanes = [V::load(from), V::load(from.add(LANES))];
                from = from.wrapping_add(to_stride);
            }
        }
        let (mut a, mut b) = (a, b);
        let end = a.add(length);
        while a < end {
            let (b0, b1) = (V::load(b), V::load(b.add(LANES)));
            let mut row = a;
            for lanes in &mut lanes {
                let a = V::splat(*row);
                lanes[0] = a.fma(b0, lanes[0]);
                lanes[1] = a.fma(b1, lanes[1]);
                row = row.wrapping_add(a_stride);
            }
            a = a.add(1);
            b = b.wrapping_add(b_stride);
        }
        let mut to = to;
        for lanes in lanes {
            lanes[0].store(to);
            lanes[1].store(to.add(LANES));
            to = to.wrapping_add(to_stride);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f")]
#[expect(unsafe_code, reason = "vectors")]
unsafe fn avx512(task: &Task<'_>, from: usize, to: usize) {
    // SAFETY: the feature is enabled here; the rest is the caller's promise.
    unsafe { task.rows::<crate::lanes::Avx512>(from, to) }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma")]
#[expect(unsafe_code, reason = "vectors")]
unsafe fn avx2(task: &Task<'_>, from: usize, to: usize) {
    // SAFETY: the features are enabled here; the rest is the caller's promise.
    unsafe { task.rows::<Portable>(from, to) }
}

#[cfg(test)]
#[path = "attention_tests.rs"]
mod tests;
