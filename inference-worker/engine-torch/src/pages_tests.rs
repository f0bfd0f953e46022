//! The pages against a model that keeps plain lists.

#![allow(clippy::unwrap_used, reason = "a test stops at a surprise")]

use super::*;
use proptest::prelude::*;

#[derive(Clone, Debug)]
enum Do {
    Open { promise: usize, share: u8 },
    Take(usize),
    Publish(usize),
    Close(usize),
}

fn step() -> impl Strategy<Value = Do> {
    prop_oneof![
        (0_usize..6, 0_u8..4).prop_map(|(promise, share)| Do::Open { promise, share }),
        (0_usize..8).prop_map(Do::Take),
        (0_usize..8).prop_map(Do::Publish),
        (0_usize..8).prop_map(Do::Close),
    ]
}

/// A sequence: its pages, the promise that is left, and the key of its last published page.
struct Owner {
    pages: Vec<u32>,
    promised: usize,
    key: PageKey,
    published: usize,
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn no_page_is_lost_or_given_twice_and_every_promise_is_kept(
        count in 1_usize..12, steps in proptest::collection::vec(step(), 1..200),
    ) {
        let mut pages = Pages::new(count);
        let mut owners: Vec<Owner> = Vec::new();
        for step in steps {
            match step {
                Do::Open { promise, share } => {
                    let key = root(&[share; 32]);
                    // Content depends on the place alone, so all sequences of a salt share what is published.
                    let mut keys = vec![key];
                    for place in 0..3_u32 {
                        keys.push(child(keys.last().unwrap(), &[place]));
                    }
                    let found = find(&pages, &keys[1..]);
                    let idle = pages.idle_among(&found);
                    if promise + idle <= pages.available() {
                        found.iter().for_each(|page| pages.hold(*page));
                        prop_assert!(pages.promise(promise));
                        let key = keys[found.len()];
                        owners.push(Owner { published: found.len(), pages: found, promised: promise, key });
                    } else {
                        prop_assert!(!pages.promise(pages.available() + 1));
                    }
                }
                Do::Take(who) if who < owners.len() => {
                    let free = pages.available();
                    let owner = &mut owners[who];
                    let promised = owner.promised > 0;
                    let taken = pages.take(promised);
                    prop_assert_eq!(taken.is_some(), promised || free > 0, "a promise was broken");
                    owner.promised -= usize::from(promised);
                    if let Some(page) = taken {
                        owner.pages.push(page);
                        let holders = owners.iter().flat_map(|o| &o.pages).filter(|p| **p == page).count();
                        prop_assert_eq!(holders, 1, "page {} was taken from someone", page);
                    }
                }
                Do::Publish(who) if who < owners.len() => {
                    let owner = &mut owners[who];
                    if owner.published < owner.pages.len() && owner.published < 3 {
                        owner.key = child(&owner.key, &[owner.published as u32]);
                        pages.publish(owner.pages[owner.published], owner.key);
                        owner.published += 1;
                    }
                }
                Do::Close(who) if who < owners.len() => {
                    let owner = owners.remove(who);
                    pages.forgo(owner.promised);
                    owner.pages.iter().rev().for_each(|page| pages.release(*page));
                }
                _ => {}
            }
            let mut held: Vec<u32> = owners.iter().flat_map(|owner| owner.pages.clone()).collect();
            held.sort_unstable();
            held.dedup();
            let promised: usize = owners.iter().map(|owner| owner.promised).sum();
            prop_assert_eq!(pages.free.len() + pages.idle.len() + held.len(), count, "a page is lost");
            prop_assert_eq!(pages.available() + promised + held.len(), count);
        }
        for owner in owners {
            pages.forgo(owner.promised);
            owner.pages.iter().for_each(|page| pages.release(*page));
        }
        prop_assert_eq!(pages.available(), count);
        for _ in 0..count {
            prop_assert!(pages.take(false).is_some());
        }
        prop_assert!(pages.by_key.is_empty(), "an evicted page is still named");
    }
}

/// The pages that are kept under the first of these keys, as far as they go without a gap.
fn find(pages: &Pages, keys: &[PageKey]) -> Vec<u32> {
    keys.iter().map_while(|key| pages.kept(key)).collect()
}

#[test]
fn the_longest_unused_page_goes_first_and_a_chain_loses_its_end_before_its_beginning() {
    let mut pages = Pages::new(3);
    let keys: Vec<PageKey> = (0..3).map(|i| child(&root(&[0; 32]), &[i])).collect();
    let taken: Vec<u32> = (0..3).map(|_| pages.take(false).unwrap()).collect();
    for (page, key) in taken.iter().zip(&keys) {
        pages.publish(*page, *key);
    }
    taken.iter().rev().for_each(|page| pages.release(*page));
    assert_eq!(find(&pages, &keys), taken);
    assert_eq!(pages.take(false), Some(taken[2]));
    assert_eq!(find(&pages, &keys), taken[..2]);
}
