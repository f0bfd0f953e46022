//! Pagination of list queries with the Cosmos SDK's rules (`types/query`).

use quern_proto::cosmos::base::query::v1beta1::{PageRequest, PageResponse};
use quern_store::Order;
use quern_types::{Result, errors};

use crate::Kv;

/// Entries of a page where the request names no limit; the total is counted then as well.
const DEFAULT_LIMIT: u64 = 100;

/// Walks the entries of `kv`, keeping what `select` keeps, and returns one page of it.
///
/// `key` continues where the last page's `next_key` points; `offset` skips entries instead.
///
/// # Errors
/// `sdk/18` if both a key and an offset are given; those of `select`; `sdk/11` out of gas.
pub fn paginate<T>(
    kv: &Kv,
    request: Option<&PageRequest>,
    mut select: impl FnMut(&[u8], &[u8]) -> Result<Option<T>>,
) -> Result<(Vec<T>, PageResponse)> {
    let default = PageRequest::default();
    let request = request.unwrap_or(&default);
    if !request.key.is_empty() && request.offset > 0 {
        return Err(
            errors::INVALID_REQUEST.wrap("invalid request, either offset or key is expected, got both")
        );
    }
    let (limit, count_total) = match request.limit {
        0 => (DEFAULT_LIMIT, true),
        limit => (limit, request.count_total),
    };
    let mut items = Vec::new();
    let mut response = PageResponse::default();
    let order = if request.reverse {
        Order::Descending
    } else {
        Order::Ascending
    };

    if !request.key.is_empty() {
        let past = [request.key.as_slice(), &[0]].concat(); // the first key after `key`
        let (start, end) = match order {
            Order::Ascending => (Some(request.key.as_slice()), None),
            Order::Descending => (None, Some(past.as_slice())),
        };
        for entry in kv.range(start, end, order) {
            let (key, value) = entry?;
            if items_full(items.len(), limit) {
                response.next_key = key;
                break;
            }
            items.extend(select(&key, &value)?);
        }
        return Ok((items, response));
    }

    let end = request.offset.saturating_add(limit);
    let mut count = 0u64;
    for entry in kv.range(None, None, order) {
        let (key, value) = entry?;
        let Some(item) = select(&key, &value)? else {
            continue;
        };
        count = count.saturating_add(1);
        if count <= request.offset {
            continue;
        }
        if count <= end {
            items.push(item);
        } else if response.next_key.is_empty() {
            response.next_key = key;
            if !count_total {
                break;
            }
        }
    }
    if count_total {
        response.total = count;
    }
    Ok((items, response))
}

fn items_full(len: usize, limit: u64) -> bool {
    u64::try_from(len).unwrap_or(u64::MAX) >= limit
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use quern_store::{Branch, Snapshot};

    use super::*;
    use crate::{BlockFacts, Cx, Mode};

    fn ten() -> Kv {
        let cx = Cx::new(
            Branch::new(Snapshot::in_memory(0, Default::default())),
            Arc::new(BlockFacts::default()),
            Mode::Query,
        );
        let kv = cx.kv("m");
        for i in 0..10u8 {
            kv.set(&[i], vec![i]).unwrap();
        }
        kv
    }

    fn page(kv: &Kv, request: PageRequest) -> (Vec<u8>, PageResponse) {
        paginate(kv, Some(&request), |_, v| Ok(v.first().copied())).unwrap()
    }

    #[test]
    fn pages_by_key_cover_everything_once_in_both_orders() {
        let kv = ten();
        for reverse in [false, true] {
            let mut all = Vec::new();
            let mut key = Vec::new();
            loop {
                let (items, response) = page(
                    &kv,
                    PageRequest {
                        key,
                        limit: 3,
                        reverse,
                        ..Default::default()
                    },
                );
                all.extend(items);
                key = response.next_key;
                if key.is_empty() {
                    break;
                }
            }
            let mut expected: Vec<u8> = (0..10).collect();
            if reverse {
                expected.reverse();
            }
            assert_eq!(all, expected);
        }
    }

    #[test]
    fn offset_total_and_default_limit_follow_the_sdk() {
        let kv = ten();
        let (items, response) = page(
            &kv,
            PageRequest {
                offset: 8,
                limit: 5,
                count_total: true,
                ..Default::default()
            },
        );
        assert_eq!(
            (items, response.total, response.next_key),
            (vec![8, 9], 10, vec![])
        );
        let (items, response) = page(&kv, PageRequest::default());
        assert_eq!((items.len(), response.total), (10, 10));
        let both = PageRequest {
            key: vec![1],
            offset: 1,
            ..Default::default()
        };
        assert!(paginate(&kv, Some(&both), |_, _| Ok(Some(()))).is_err());
    }
}
