//! Products against a definition in f64, and against themselves in other company.

use super::*;
use proptest::prelude::*;

fn numbers(count: usize, seed: u32) -> Vec<f32> {
    let mut state = seed.wrapping_mul(2_654_435_761).wrapping_add(1);
    let mut next = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) as f32 / (1 << 23) as f32 - 1.0
    };
    (0..count).map(|_| next()).collect()
}

fn compute(level: Level, x: &[f32], weight: &Weight) -> Vec<f32> {
    let mut out = vec![0.0; x.len() / weight.inputs * weight.outputs];
    weight.apply_at(level, x, None, &mut out, false);
    out
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn a_row_has_the_same_bits_alone_in_any_batch_and_with_every_instruction_set(
        rows in 1_usize..30, outputs in 1_usize..150, inputs in 1_usize..1300, seed: u32,
    ) {
        let (x, weights) = (numbers(rows * inputs, seed), numbers(outputs * inputs, !seed));
        let weight = Weight::new(&weights, inputs);
        prop_assert_eq!(&weight.to_rows(), &weights);
        let batch = compute(Level::best(), &x, &weight);
        for row in [0, rows / 2, rows - 1] {
            let alone = compute(Level::best(), &x[row * inputs..(row + 1) * inputs], &weight);
            prop_assert_eq!(&batch[row * outputs..(row + 1) * outputs], &alone[..]);
        }
        for level in Level::all() {
            prop_assert_eq!(&compute(level, &x, &weight), &batch);
        }
        for (row, x) in x.chunks(inputs).enumerate() {
            for (column, w) in weights.chunks(inputs).enumerate() {
                let exact: f64 = x.iter().zip(w).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
                let found = f64::from(batch[row * outputs + column]);
                prop_assert!((found - exact).abs() < 1e-6 * (inputs as f64 + 4.0), "{} {}", found, exact);
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn weights_in_16_bits_take_half_the_memory_and_change_no_bit(
        rows in 1_usize..30, outputs in 1_usize..150, inputs in 1_usize..1300, seed: u32, ieee: bool,
    ) {
        let x = numbers(rows * inputs, seed);
        let mut weights = numbers(outputs * inputs, !seed);
        for weight in &mut weights {
            let bits = weight.to_bits();
            *weight = match ieee {
                // Subnormal ones among them.
                true if bits % 5 == 0 => crate::half::of_half((bits >> 8) as u16 & 0x83ff),
                true => crate::half::of_half((bits >> 8) as u16 & 0xbfff),
                false => f32::from_bits(bits & 0xffff_0000),
            };
        }
        let half = Weight::new(&weights, inputs);
        let panels = Panels::whole(&weights, inputs);
        let whole = Weight { panels, outputs, inputs };
        prop_assert_eq!(2 * half.bytes(), whole.bytes());
        prop_assert_eq!(&half.to_rows(), &weights);
        let wanted = compute(Level::best(), &x, &whole);
        for level in Level::all() {
            prop_assert_eq!(&compute(level, &x, &half), &wanted);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn packed_weights_change_no_bit_however_many_are_strays(
        rows in 1_usize..30, outputs in 1_usize..150, inputs in 1_usize..1300, seed: u32, upper: bool,
        spread in 1_u32..64,
    ) {
        let x = numbers(rows * inputs, seed);
        let mut weights = numbers(outputs * inputs, !seed);
        for (index, weight) in weights.iter_mut().enumerate() {
            let mut bits = weight.to_bits();
            // Zeros, subnormal and large numbers, of exponents that a panel has no room for.
            if bits % spread == 0 {
                bits = bits & 0x807f_ffff | (index as u32 * 7 % 160) << 23;
            }
            *weight = f32::from_bits(if upper { bits & 0xffff_0000 } else { bits | 1 });
        }
        let of = |panels| Weight { panels, outputs, inputs };
        let packed = of(Panels::packed(&weights, inputs, !upper));
        let bits = |numbers: &[f32]| numbers.iter().map(|number| number.to_bits()).collect::<Vec<_>>();
        prop_assert_eq!(bits(&packed.to_rows()), bits(&weights));
        let wanted = compute(Level::best(), &x, &of(Panels::whole(&weights, inputs)));
        for level in Level::all() {
            prop_assert_eq!(bits(&compute(level, &x, &packed)), bits(&wanted), "{:?}", level);
        }
    }
}

/// Numbers as a trained matrix has them: sums of a dozen.
fn trained(count: usize) -> Vec<f32> {
    let parts = numbers(12 * count, 5);
    parts
        .chunks(12)
        .map(|parts| 0.01 * parts.iter().sum::<f32>())
        .collect()
}

#[test]
fn a_large_matrix_is_packed_where_that_is_faster_and_saves_memory() {
    let (inputs, outputs) = (1024, 600);
    let whole = trained(inputs * outputs);
    let upper: Vec<f32> = whole
        .iter()
        .map(|number| f32::from_bits(number.to_bits() & 0xffff_0000))
        .collect();
    for (weights, bits, unpacked) in [(&whole, 28, 32), (&upper, 12, 16)] {
        let padded = outputs.next_multiple_of(PANEL) * inputs;
        let packed = Panels::new(weights, inputs, Level::best()).bytes() * 8;
        if Level::best().unpacks() {
            assert!(
                (padded * bits..padded * bits * 101 / 100).contains(&packed),
                "{packed}"
            );
        } else {
            assert_eq!(packed, padded * unpacked);
        }
        let plain = Panels::new(weights, inputs, Level::Baseline).bytes() * 8;
        assert_eq!(plain, padded * unpacked);
    }
}

#[test]
fn a_matrix_whose_numbers_have_too_many_exponents_is_not_packed() {
    let (inputs, outputs) = (1024, 600);
    let mut weights = trained(inputs * outputs);
    for (index, weight) in weights.iter_mut().enumerate() {
        if index % 200 == 0 {
            *weight = f32::from_bits(weight.to_bits() & 0x807f_ffff | (index as u32 / 200 % 250) << 23);
        }
    }
    let padded = outputs.next_multiple_of(PANEL) * inputs;
    assert_eq!(Panels::new(&weights, inputs, Level::best()).bytes(), padded * 4);
}

#[test]
fn weights_that_need_more_than_16_bits_are_kept_whole() {
    let mut weights = vec![0.5; 200];
    assert_eq!(Weight::new(&weights, 10).bytes(), 2 * 10 * PANEL);
    weights[199] = f32::from_bits(0.5_f32.to_bits() | 1);
    assert_eq!(Weight::new(&weights, 10).bytes(), 4 * 10 * PANEL);
    assert_eq!(Weight::new(&weights, 10).to_rows(), weights);
}

#[test]
fn many_rows_have_the_bits_of_few() {
    let (inputs, outputs) = (70, 130);
    let rows = CHUNK / inputs + 17;
    let (x, weight) = (
        numbers(rows * inputs, 1),
        Weight::new(&numbers(outputs * inputs, 2), inputs),
    );
    let all = compute(Level::best(), &x, &weight);
    for (x, out) in x.chunks(500 * inputs).zip(all.chunks(500 * outputs)) {
        assert_eq!(compute(Level::best(), x, &weight), out);
    }
}

#[test]
fn bias_and_what_is_there_are_added_and_threads_change_nothing() {
    let (rows, outputs, inputs) = (9, 300, 130);
    let (x, weights) = (numbers(rows * inputs, 1), numbers(outputs * inputs, 2));
    let (bias, there) = (numbers(outputs, 3), numbers(rows * outputs, 4));
    let weight = Weight::new(&weights, inputs);
    let plain = compute(Level::best(), &x, &weight);
    for threads in [1, 3] {
        crate::set_threads(threads);
        let mut out = there.clone();
        weight.apply(&x, Some(&bias), &mut out, true);
        for (index, out) in out.iter().enumerate() {
            assert_eq!(*out, there[index] + (plain[index] + bias[index % outputs]));
        }
    }
}
