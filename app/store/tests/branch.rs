//! Branches against a plain map, under random operations.
#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use proptest::collection::vec;
use proptest::prelude::*;
use quern_store::{Branch, Key, Order, Snapshot, Value, prefix_end};
use std::collections::BTreeMap;

type Model = BTreeMap<Key, Value>;

#[derive(Clone, Debug)]
enum Op {
    Set(Key, Value),
    Delete(Key),
    Fork,
    Merge,
    Discard,
}

fn key() -> impl Strategy<Value = Key> {
    // Few distinct bytes and short keys, so that layers collide and keys prefix one another.
    vec(prop_oneof![Just(0u8), Just(1), Just(0x7f), Just(0xff)], 0..4)
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        6 => (key(), vec(any::<u8>(), 0..3)).prop_map(|(k, v)| Op::Set(k, v)),
        4 => key().prop_map(Op::Delete),
        2 => Just(Op::Fork),
        1 => Just(Op::Merge),
        1 => Just(Op::Discard),
    ]
}

fn order() -> impl Strategy<Value = Order> {
    prop_oneof![Just(Order::Ascending), Just(Order::Descending)]
}

/// A branch of several layers and the map that it must equal.
fn build(base: Model, ops: Vec<Op>) -> (Branch, Model) {
    let mut stack = vec![(Branch::new(Snapshot::in_memory(1, base.clone())), base)];
    for op in ops {
        let (branch, model) = stack.last_mut().unwrap();
        match op {
            Op::Set(key, value) => {
                branch.set(&key, value.clone());
                model.insert(key, value);
            }
            Op::Delete(key) => {
                branch.delete(&key);
                model.remove(&key);
            }
            Op::Fork => {
                let layer = (branch.fork(), model.clone());
                stack.push(layer);
            }
            Op::Merge if stack.len() > 1 => {
                let (child, merged) = stack.pop().unwrap();
                child.merge();
                stack.last_mut().unwrap().1 = merged;
            }
            Op::Discard if stack.len() > 1 => drop(stack.pop()),
            Op::Merge | Op::Discard => {}
        }
    }
    stack.pop().unwrap()
}

fn in_bounds(key: &Key, start: &Option<Key>, end: &Option<Key>) -> bool {
    start.as_ref().is_none_or(|start| key >= start) && end.as_ref().is_none_or(|end| key < end)
}

/// The first entry of the model after `last` in `order` and within the bounds.
fn next(
    model: &Model,
    start: &Option<Key>,
    end: &Option<Key>,
    order: Order,
    last: &Option<Key>,
) -> Option<(Key, Value)> {
    let mut entries: Vec<_> = model
        .iter()
        .filter(|(key, _)| in_bounds(key, start, end))
        .collect();
    if order == Order::Descending {
        entries.reverse();
    }
    entries
        .into_iter()
        .find(|(key, _)| {
            last.as_ref().is_none_or(|last| match order {
                Order::Ascending => *key > last,
                Order::Descending => *key < last,
            })
        })
        .map(|(key, value)| (key.clone(), value.clone()))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn layered_reads_equal_a_map(
        base in proptest::collection::btree_map(key(), vec(any::<u8>(), 0..3), 0..40),
        ops in vec(op(), 0..40),
        start in proptest::option::of(key()),
        end in proptest::option::of(key()),
        order in order(),
        probes in vec(key(), 0..10),
    ) {
        let (branch, model) = build(base, ops);
        for key in probes {
            prop_assert_eq!(branch.get(&key).unwrap(), model.get(&key).cloned());
            prop_assert_eq!(branch.has(&key).unwrap(), model.contains_key(&key));
        }
        let got: Vec<_> =
            branch.range(start.as_deref(), end.as_deref(), order).collect::<Result<_, _>>().unwrap();
        let mut expected: Vec<_> = model
            .into_iter()
            .filter(|(key, _)| in_bounds(key, &start, &end))
            .collect();
        if order == Order::Descending {
            expected.reverse();
        }
        prop_assert_eq!(got, expected);
    }

    #[test]
    fn a_range_sees_what_is_written_while_it_runs(
        base in proptest::collection::btree_map(key(), vec(any::<u8>(), 0..3), 0..40),
        ops in vec(op(), 0..20),
        start in proptest::option::of(key()),
        end in proptest::option::of(key()),
        order in order(),
        during in vec((any::<bool>(), key(), vec(any::<u8>(), 0..3)), 0..40),
    ) {
        let (branch, mut model) = build(base, ops);
        let mut range = branch.range(start.as_deref(), end.as_deref(), order);
        let mut last = None;
        let mut during = during.into_iter();
        loop {
            if let Some((set, key, value)) = during.next() {
                if set {
                    branch.set(&key, value.clone());
                    model.insert(key, value);
                } else {
                    branch.delete(&key);
                    model.remove(&key);
                }
            }
            let got = range.next().transpose().unwrap();
            prop_assert_eq!(&got, &next(&model, &start, &end, order, &last));
            match got {
                Some((key, _)) => last = Some(key),
                None => break,
            }
        }
        prop_assert!(range.next().is_none());
    }

    #[test]
    fn the_prefix_end_bounds_exactly_the_prefix(prefix in key(), key in key()) {
        let inside = key >= prefix && prefix_end(&prefix).is_none_or(|end| key < end);
        prop_assert_eq!(inside, key.starts_with(&prefix));
    }
}

#[test]
fn a_dropped_fork_leaves_no_trace() {
    let branch = Branch::new(Snapshot::in_memory(0, Model::new()));
    branch.set(b"a", b"1".to_vec());
    {
        let fork = branch.fork();
        fork.set(b"a", b"2".to_vec());
        fork.delete(b"a");
        fork.set(b"b", b"3".to_vec());
    }
    assert_eq!(branch.get(b"a").unwrap(), Some(b"1".to_vec()));
    assert!(!branch.has(b"b").unwrap());
}

#[test]
fn clones_share_a_layer_and_changes_are_this_layers_alone() {
    let branch = Branch::new(Snapshot::in_memory(0, Model::new()));
    branch.set(b"below", b"1".to_vec());
    let fork = branch.fork();
    fork.clone().set(b"a", b"1".to_vec());
    fork.delete(b"below");
    assert_eq!(
        fork.changes(),
        BTreeMap::from([(b"a".to_vec(), Some(b"1".to_vec())), (b"below".to_vec(), None)])
    );
    fork.merge();
    assert_eq!(
        branch.changes(),
        BTreeMap::from([(b"a".to_vec(), Some(b"1".to_vec())), (b"below".to_vec(), None)])
    );
}

#[test]
fn storage_objects_can_leave_the_thread_and_the_scope() {
    fn owned<T: Send + Sync + Clone + 'static>() {}
    fn iterator<T: Send + 'static>() {}
    owned::<Branch>();
    owned::<Snapshot>();
    iterator::<quern_store::Range>();
}
