//! Every kept version of every key, side by side: reads find the newest at or below their version.

use crate::backend::{Bounds, ReadView};
use crate::snapshot::View;
use crate::{Key, Order, StoreError, Value, keys};
use std::sync::Arc;

/// Marks a row that holds a value. An empty row is a deletion.
const PRESENT: u8 = 1;

/// Rows of one group that a scan passes over before it seeks past the rest.
const PATIENCE: usize = 16;

/// The content of a row.
pub(crate) fn encode(value: Option<Value>) -> Value {
    match value {
        Some(mut value) => {
            value.insert(0, PRESENT);
            value
        }
        None => Value::new(),
    }
}

fn decode(mut row: Value) -> Result<Option<Value>, StoreError> {
    match row.first() {
        None => Ok(None),
        Some(&PRESENT) => {
            row.remove(0);
            Ok(Some(row))
        }
        Some(_) => Err(StoreError::Corrupt("a row has an unknown tag".into())),
    }
}

/// The value of `group` at `version`.
pub(crate) fn read(rows: &dyn ReadView, group: &[u8], version: u64) -> Result<Option<Value>, StoreError> {
    let bounds = Bounds {
        start: keys::row(group, version),
        end: crate::prefix_end(group),
    };
    match rows.first(&bounds)? {
        Some(row) => decode(row),
        None => Ok(None),
    }
}

/// State at one version. It pins the database's view, so later commits and pruning cannot reach it.
pub(crate) struct StateAt {
    pub rows: Arc<dyn ReadView>,
    pub version: u64,
}

impl View for StateAt {
    fn get(&self, key: &[u8]) -> Result<Option<Value>, StoreError> {
        read(self.rows.as_ref(), &keys::value_group(key), self.version)
    }

    fn scan(&self, bounds: &Bounds, order: Order, limit: usize) -> Result<Vec<(Key, Value)>, StoreError> {
        let mut rest = Bounds {
            start: keys::value_start(&bounds.start),
            end: Some(
                bounds
                    .end
                    .as_deref()
                    .map_or_else(keys::values_end, keys::value_start),
            ),
        };
        let mut found = Vec::new();
        while found.len() < limit {
            let fetched = limit
                .saturating_sub(found.len())
                .saturating_mul(2)
                .saturating_add(PATIENCE);
            let rows = self.rows.scan(&rest, order, fetched)?;
            let exhausted = rows.len() < fetched;
            self.take(&rows, order, limit, &mut rest, &mut found)?;
            if exhausted && found.len() < limit {
                break;
            }
        }
        Ok(found)
    }
}

impl StateAt {
    /// Adds what `rows` show at this version to `found`, and shrinks `rest` to what comes after the
    /// last group that was settled.
    fn take(
        &self,
        rows: &[(Key, Value)],
        order: Order,
        limit: usize,
        rest: &mut Bounds,
        found: &mut Vec<(Key, Value)>,
    ) -> Result<(), StoreError> {
        let mut rows = rows.iter().peekable();
        while let Some((first, _)) = rows.peek()
            && found.len() < limit
        {
            let (group, _) = keys::split_row(first)?;
            let group = group.to_vec();
            let mut seen = None;
            let mut passed = 0usize;
            while let Some((key, row)) = rows.next_if(|(key, _)| key.starts_with(&group)) {
                passed = passed.saturating_add(1);
                let (_, version) = keys::split_row(key)?;
                let newer_wins = order == Order::Descending || seen.is_none();
                if version <= self.version && newer_wins {
                    seen = Some(row);
                }
            }
            // The last group may go on beyond what was fetched.
            let value = match seen {
                Some(row) if rows.peek().is_some() => decode(row.clone())?,
                _ => read(self.rows.as_ref(), &group, self.version)?,
            };
            match order {
                Order::Ascending => rest.start = crate::prefix_end(&group).unwrap_or_else(keys::values_end),
                Order::Descending => rest.end = Some(group.clone()),
            }
            if let Some(value) = value {
                found.push((keys::value_key(&group)?, value));
            }
        }
        Ok(())
    }
}
