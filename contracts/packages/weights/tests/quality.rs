//! How far claims are believed, and what a reading is.

use proptest::prelude::*;
use quern_weights::{believed, quality, reading, weighed, Samples, WHOLE};

fn samples(work: u64, blocks: u64) -> Samples {
    Samples { work, blocks }
}

proptest! {
    #[test]
    fn quality_never_exceeds_the_clean_part_and_falls_with_each_failure(clean in 0..5_000_u64, failed in 0..5_000_u64) {
        let now = quality(clean, failed);
        prop_assert!(now <= WHOLE);
        if failed > 0 {
            let part = clean as u128 * 1_000_000 / (clean + failed) as u128;
            prop_assert!(u128::from(now) <= part);
        }
        prop_assert!(quality(clean, failed + 1) <= now);
        prop_assert!(failed == 0 || quality(clean + 1, failed) >= now);
    }

    #[test]
    fn quality_is_total(clean: u64, failed: u64) {
        prop_assert!(quality(clean, failed) <= WHOLE);
        prop_assert!(believed(clean, quality(clean, failed)) <= clean);
    }

    #[test]
    fn a_reading_never_exceeds_the_window_and_work_beyond_it_gains_nothing(
        work in 0..u64::MAX, blocks in 1..10_000_u64, confirmed in 0..u64::MAX, others in 0..10_000_u64,
    ) {
        let window = samples(work, blocks);
        let alone = reading(&window, &Samples::default());
        let both = reading(&window, &samples(confirmed, others));
        prop_assert!(both <= alone);
        prop_assert_eq!(reading(&Samples::default(), &samples(confirmed, others)), 0);
    }
}

#[test]
fn large_samples_approach_the_clean_part() {
    assert_eq!((quality(0, 0), quality(9, 0), quality(0, 9)), (WHOLE, WHOLE, 0));
    let large = quality(980_000, 20_000);
    assert!((979_000..980_000).contains(&large), "{large}");
}

#[test]
fn units_are_work_in_a_thousand_blocks() {
    let window = samples(1_000, 10);
    assert_eq!(reading(&window, &Samples::default()), 100_000);
    assert_eq!(reading(&window, &samples(450, 5)), 90_000);
    assert_eq!(reading(&window, &samples(0, 5)), 0);
    assert_eq!(weighed(100_000, 1_500_000), 150_000);
}
