//! Pages of what a contract lists, with the SDK's rules (`types/query`): a contract goes on after an entry,
//! so the key of a next page is the name of the last entry of this one.

use quern_proto::cosmos::base::query::v1beta1::{PageRequest, PageResponse};
use quern_types::{Result, errors};

/// Entries of a page where the request names no limit; the total is counted then as well.
const DEFAULT_LIMIT: u64 = 100;
/// Most entries of a page, whatever the request asks for.
const MAX_LIMIT: u64 = 100;
/// Entries that a contract is asked for at once: few enough for the gas of one question, however much each says.
const BATCH: u32 = 10;
/// Entries behind a page that are counted at most: with more there is a next page, but no total.
const COUNTED: u64 = 500;

/// Where entries come from.
pub(crate) struct Source<F, K> {
    /// At most so many after the entry of this name.
    pub fetch: F,
    /// An entry's name.
    pub name: K,
}

/// One page of the entries that `keep` keeps, each as `build` makes it. What it costs is bounded by the gas
/// of the query.
///
/// # Errors
/// `sdk/18` for a bad key, or a key and an offset; those of the functions.
pub(crate) fn page<T, R>(
    request: Option<&PageRequest>,
    source: Source<impl FnMut(Option<String>, u32) -> Result<Vec<T>>, impl Fn(&T) -> String>,
    mut keep: impl FnMut(&T) -> Result<bool>,
    mut build: impl FnMut(T) -> Result<R>,
) -> Result<(Vec<R>, PageResponse)> {
    let default = PageRequest::default();
    let request = request.unwrap_or(&default);
    if !request.key.is_empty() && request.offset > 0 {
        return Err(
            errors::INVALID_REQUEST.wrap("invalid request, either offset or key is expected, got both")
        );
    }
    let (limit, count_total) = match request.limit {
        0 => (DEFAULT_LIMIT, request.key.is_empty()),
        limit => (
            limit.min(MAX_LIMIT),
            request.count_total && request.key.is_empty(),
        ),
    };
    let start = match request.key.as_slice() {
        [] => None,
        key => {
            Some(String::from_utf8(key.to_vec()).map_err(|_| errors::INVALID_REQUEST.wrap("invalid key"))?)
        }
    };
    let Source { fetch, name } = source;
    let end = request.offset.saturating_add(limit);
    let (mut items, mut response, mut count) = (Vec::new(), PageResponse::default(), 0_u64);
    let mut last = String::new();
    for entry in ordered(fetch, &name, start, request.reverse)? {
        let entry = entry?;
        if !keep(&entry)? {
            continue;
        }
        count = count.saturating_add(1);
        if count <= request.offset {
            continue;
        }
        if count <= end {
            last = name(&entry);
            items.push(build(entry)?);
        } else {
            if response.next_key.is_empty() {
                response.next_key = last.clone().into_bytes();
            }
            if !count_total || count > end.saturating_add(COUNTED) {
                return Ok((items, response));
            }
        }
    }
    if count_total {
        response.total = count;
    }
    Ok((items, response))
}

/// What a contract lists, in its order or, from the end, in the other.
fn ordered<T>(
    fetch: impl FnMut(Option<String>, u32) -> Result<Vec<T>>,
    name: &impl Fn(&T) -> String,
    start: Option<String>,
    reverse: bool,
) -> Result<Either<impl Iterator<Item = Result<T>>, std::vec::IntoIter<T>>> {
    if !reverse {
        return Ok(Either::Forward(entries(fetch, name, start)));
    }
    // a contract lists one way only: the other way takes all of it
    let mut all = entries(fetch, name, None).collect::<Result<Vec<_>>>()?;
    if let Some(place) = start.and_then(|start| all.iter().position(|entry| name(entry) == start)) {
        all.truncate(place);
    }
    all.reverse();
    Ok(Either::Backward(all.into_iter()))
}

enum Either<F, B> {
    Forward(F),
    Backward(B),
}

impl<T, F: Iterator<Item = Result<T>>> Iterator for Either<F, std::vec::IntoIter<T>> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Self::Forward(entries) => entries.next(),
            Self::Backward(entries) => entries.next().map(Ok),
        }
    }
}

/// Everything that a contract lists after an entry.
pub(crate) fn entries<T>(
    mut fetch: impl FnMut(Option<String>, u32) -> Result<Vec<T>>,
    name: &impl Fn(&T) -> String,
    start: Option<String>,
) -> impl Iterator<Item = Result<T>> {
    let (mut after, mut done) = (start, false);
    let mut batch = Vec::new().into_iter();
    std::iter::from_fn(move || {
        loop {
            if let Some(entry) = batch.next() {
                return Some(Ok(entry));
            }
            if done {
                return None;
            }
            match fetch(after.clone(), BATCH) {
                Err(error) => {
                    done = true;
                    return Some(Err(error));
                }
                Ok(next) => {
                    done = next.len() < BATCH as usize;
                    after = next.last().map(name);
                    batch = next.into_iter();
                }
            }
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(request: PageRequest) -> (Vec<u32>, PageResponse) {
        let all = (100..230_u32).collect::<Vec<_>>();
        let source = Source {
            fetch: |after: Option<String>, limit: u32| {
                let after = after.map_or(0, |text| text.parse().unwrap());
                let left = all.iter().copied().filter(|n| *n > after);
                Ok(left.take(limit as usize).collect())
            },
            name: |n: &u32| n.to_string(),
        };
        page(Some(&request), source, |n| Ok(n % 2 == 0), Ok).unwrap()
    }

    #[test]
    fn pages_cover_what_is_kept_once_in_both_orders() {
        for reverse in [false, true] {
            let (mut all, mut key) = (Vec::new(), Vec::new());
            loop {
                let limit = 7;
                let request = PageRequest {
                    key,
                    limit,
                    reverse,
                    ..Default::default()
                };
                let (items, response) = list(request);
                all.extend(items);
                key = response.next_key;
                if key.is_empty() {
                    break;
                }
            }
            let mut expected = (100..230).step_by(2).collect::<Vec<u32>>();
            if reverse {
                expected.reverse();
            }
            assert_eq!(all, expected);
        }
    }

    #[test]
    fn offset_total_and_limits_follow_the_sdk() {
        let (items, response) = list(PageRequest::default());
        assert_eq!(
            (items.len(), response.total, response.next_key.len()),
            (65, 65, 0)
        );
        let (items, response) = list(PageRequest {
            offset: 60,
            limit: 3,
            count_total: true,
            ..Default::default()
        });
        assert_eq!((items, response.total), (vec![220, 222, 224], 65));
        assert_eq!(response.next_key, b"224");
        let many = Source {
            fetch: |after: Option<String>, limit: u32| {
                let after = after.map_or(0, |text| text.parse::<u32>().unwrap());
                Ok((after + 1..=after + limit).collect())
            },
            name: |n: &u32| n.to_string(),
        };
        let (items, response) = page(None, many, |_| Ok(true), Ok).unwrap();
        assert_eq!(
            (items.len(), response.total, response.next_key),
            (100, 0, b"100".to_vec())
        );
    }
}
