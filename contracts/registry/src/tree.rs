//! A group's sum tree: capacities by slot, [`crate::math::WIDTH`] children a node. Every operation reads and
//! writes one node a level.

use std::collections::BTreeMap;

use cosmwasm_std::{Addr, Storage};

use crate::error::{ContractError, Result};
use crate::math::{descend, slots, total, Node, MAX_DEPTH, WIDTH};
use crate::state::{FREE, GROUPS, NODES, SLOTS};

/// Gives `host` a slot, an old one if one is free.
///
/// # Errors
/// `overflow` if the tree is full.
pub fn take_slot(storage: &mut dyn Storage, model: &str, host: &Addr) -> Result<u32> {
    let mut group = GROUPS.may_load(storage, model)?.unwrap_or_default();
    let slot = if let Some(top) = group.free.checked_sub(1) {
        let slot = FREE.load(storage, (model, top))?;
        FREE.remove(storage, (model, top));
        group.free = top;
        slot
    } else {
        let slot = group.slots;
        if slot >= slots(group.depth) || group.depth == 0 {
            if group.depth == MAX_DEPTH {
                return Err(ContractError::Overflow);
            }
            grow(storage, model, group.depth)?;
            group.depth += 1;
        }
        group.slots += 1;
        slot
    };
    GROUPS.save(storage, model, &group)?;
    SLOTS.save(storage, (model, slot), host)?;
    Ok(slot)
}

/// Puts a root above the old one, which becomes its first child.
fn grow(storage: &mut dyn Storage, model: &str, depth: u8) -> Result<()> {
    let Some(level) = depth.checked_sub(1) else {
        return Ok(());
    };
    let old = NODES.may_load(storage, (model, level, 0))?.unwrap_or_default();
    let mut root = Node::default();
    if let Some(first) = root.first_mut() {
        *first = total(&old).ok_or(ContractError::Overflow)?;
    }
    Ok(NODES.save(storage, (model, depth, 0), &root)?)
}

/// Sets the slot's capacity to zero and frees it.
///
/// # Errors
/// Only if the store fails.
pub fn free_slot(storage: &mut dyn Storage, model: &str, slot: u32) -> Result<()> {
    set(storage, model, slot, 0)?;
    SLOTS.remove(storage, (model, slot));
    let mut group = GROUPS.load(storage, model)?;
    FREE.save(storage, (model, group.free), &slot)?;
    group.free = group.free.checked_add(1).ok_or(ContractError::Overflow)?;
    Ok(GROUPS.save(storage, model, &group)?)
}

/// Sets the capacity of a slot.
///
/// # Errors
/// `overflow` if a sum does not fit, which [`crate::math::MAX_CAPACITY`] rules out.
pub fn set(storage: &mut dyn Storage, model: &str, slot: u32, capacity: u64) -> Result<()> {
    let depth = GROUPS.load(storage, model)?.depth;
    let (mut index, mut value) = (slot, capacity);
    for level in 0..depth {
        let (parent, child) = place(index);
        let mut node = NODES
            .may_load(storage, (model, level, parent))?
            .unwrap_or_default();
        if let Some(sum) = node.get_mut(child) {
            *sum = value;
        }
        value = total(&node).ok_or(ContractError::Overflow)?;
        NODES.save(storage, (model, level, parent), &node)?;
        index = parent;
    }
    Ok(())
}

/// Index of the node one level up, and the child that `index` is of it.
fn place(index: u32) -> (u32, usize) {
    let width = WIDTH as u32;
    (index / width, (index % width) as usize)
}

/// A copy of a tree, read as far as needed, from which slots are taken one after the other.
pub struct Picker<'a> {
    storage: &'a dyn Storage,
    model: &'a str,
    depth: u8,
    nodes: BTreeMap<(u8, u32), Node>,
}

impl<'a> Picker<'a> {
    /// Starts with the whole group.
    ///
    /// # Errors
    /// Only if the store fails.
    pub fn new(storage: &'a dyn Storage, model: &'a str) -> Result<Self> {
        let depth = GROUPS.may_load(storage, model)?.unwrap_or_default().depth;
        Ok(Self {
            storage,
            model,
            depth,
            nodes: BTreeMap::new(),
        })
    }

    fn node(&mut self, level: u8, index: u32) -> Result<&mut Node> {
        // The entry interface cannot read the store in between without a second look-up.
        if !self.nodes.contains_key(&(level, index)) {
            let node = NODES.may_load(self.storage, (self.model, level, index))?;
            self.nodes.insert((level, index), node.unwrap_or_default());
        }
        self.nodes.get_mut(&(level, index)).ok_or(ContractError::Overflow)
    }

    /// Capacity of the slots that were not taken.
    ///
    /// # Errors
    /// Only if the store fails.
    pub fn total(&mut self) -> Result<u64> {
        match self.depth.checked_sub(1) {
            Some(root) => total(self.node(root, 0)?).ok_or(ContractError::Overflow),
            None => Ok(0),
        }
    }

    /// Takes the slot in which `target` falls, counting capacities from slot 0 on; returns slot and
    /// capacity, or none if `target` is not below the total.
    ///
    /// # Errors
    /// Only if the store fails.
    pub fn take(&mut self, mut target: u64) -> Result<Option<(u32, u64)>> {
        let mut index = 0_u32;
        for level in (0..self.depth).rev() {
            let Some((child, left)) = descend(self.node(level, index)?, target) else {
                return Ok(None);
            };
            target = left;
            index = index
                .checked_mul(WIDTH as u32)
                .and_then(|first| first.checked_add(child as u32))
                .ok_or(ContractError::Overflow)?;
        }
        if self.depth == 0 {
            return Ok(None);
        }
        let slot = index;
        let (leaf, child) = place(slot);
        let capacity = self.node(0, leaf)?.get(child).copied().unwrap_or(0);
        for level in 0..self.depth {
            let (parent, child) = place(index);
            if let Some(sum) = self.node(level, parent)?.get_mut(child) {
                *sum = sum.checked_sub(capacity).ok_or(ContractError::Overflow)?;
            }
            index = parent;
        }
        Ok(Some((slot, capacity)))
    }
}
