//! Computing a version without writing it.

use crate::commit::{CommitInfo, StoreRoot};
use crate::commitment::node::{NodeReader, NodeWrites};
use crate::commitment::update::{Leaf, update};
use crate::commitment::upper::{UPPER_DEPTH, Upper, UpperRow};
use crate::commitment::{STORES, route};
use crate::head::Head;
use crate::history::StateAt;
use crate::snapshot::View;
use crate::{ChangeSet, Key, StoreError, Value, keys, parallel};

/// What a group of rows is to hold from a version on.
pub(crate) type Write = (Key, Option<Value>);

/// A version that is computed and not written. Dropping it forgets it.
pub struct Pending {
    /// The latest commit when it was computed.
    pub(crate) base: Option<CommitInfo>,
    pub(crate) info: CommitInfo,
    pub(crate) writes: Vec<Write>,
    /// Upper nodes as of the version, in the order of [`STORES`], and the rows to write for them.
    pub(crate) upper: Vec<Upper>,
    pub(crate) upper_rows: Vec<(u8, UpperRow)>,
}

impl Pending {
    /// The app hash of the version, once committed.
    pub fn app_hash(&self) -> [u8; 32] {
        self.info.app_hash
    }

    /// The version, a block height.
    pub fn version(&self) -> u64 {
        self.info.version
    }

    /// `changes` to the state of `head`.
    pub(crate) fn compute(head: Head, version: u64, changes: &ChangeSet) -> Result<Self, StoreError> {
        let state = head.state();
        let (mut writes, leaves) = effective(&state, changes)?;
        let mut stores = Vec::with_capacity(STORES.len());
        let mut upper = head.upper.as_ref().clone();
        let mut upper_rows = Vec::new();
        for ((spec, leaves), upper) in STORES.iter().zip(leaves).zip(&mut upper) {
            let old = head.info.as_ref().map(|info| info.root_of(spec.name));
            let (root, nodes) = match old {
                Some(root) if leaves.is_empty() => (root, NodeWrites::new()),
                _ => {
                    let rows = state.rows.as_ref();
                    update(
                        &NodeReader {
                            rows,
                            store: spec.id,
                            version: state.version,
                            upper,
                        },
                        leaves,
                    )?
                }
            };
            stores.push(StoreRoot {
                name: spec.name,
                root,
            });
            let lower: Vec<_> = nodes
                .iter()
                .filter(|(path, _)| path.len() >= UPPER_DEPTH)
                .collect();
            writes.extend(parallel::map(&lower, lower.len(), |(path, node)| {
                (
                    keys::node_group(spec.id, path),
                    node.as_ref().map(|node| node.encode()),
                )
            })?);
            upper_rows.extend(upper.change(&nodes).map(|row| (spec.id, row)));
        }
        let info = CommitInfo::new(version, stores);
        Ok(Self {
            base: head.info,
            info,
            writes,
            upper,
            upper_rows,
        })
    }
}

/// What `changes` do to `state`: the groups to write, and the leaves that change in each store.
fn effective(state: &StateAt, changes: &ChangeSet) -> Result<(Vec<Write>, Vec<Vec<Leaf>>), StoreError> {
    let changes: Vec<_> = changes.iter().collect();
    let results = parallel::map(&changes, changes.len(), |(key, value)| {
        let index = route(key);
        let in_store = STORES
            .get(index)
            .and_then(|spec| key.get(spec.prefix.len()..))
            .unwrap_or_default();
        if in_store.is_empty() {
            return Err(StoreError::EmptyKey);
        }
        if state.get(key)? == **value {
            return Ok(None);
        }
        Ok(Some((
            index,
            (keys::value_group(key), (*value).clone()),
            Leaf::new(in_store, value.as_deref()),
        )))
    })?;
    let mut writes = Vec::with_capacity(changes.len());
    let mut leaves = vec![Vec::new(); STORES.len()];
    for result in results {
        if let Some((index, write, leaf)) = result? {
            writes.push(write);
            if let Some(leaves) = leaves.get_mut(index) {
                leaves.push(leaf);
            }
        }
    }
    Ok((writes, leaves))
}
