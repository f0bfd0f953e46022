use std::collections::BTreeMap;

use quern_proto::cosmos::base::query::v1beta1::{PageRequest, PageResponse};
use quern_proto::cosmos::tx::v1beta1::{
    GetBlockWithTxsRequest, GetBlockWithTxsResponse, GetTxsEventRequest, GetTxsEventResponse, OrderBy,
};
use tendermint::block::Height;
use tendermint_rpc::endpoint::tx_search::Request;
use tendermint_rpc::error::ErrorDetail;
use tendermint_rpc::{Client, Order};
use tonic::Status;

use crate::services::blocks::whole;
use crate::services::tx_response::{decode_tx, tx_response};
use crate::services::{Answer, Node, decode, encode, reason, rpc};

/// Entries of a page when the request names none.
const DEFAULT_LIMIT: u64 = 100;

impl Node {
    pub(super) async fn search_txs(&self, data: &[u8]) -> Answer {
        let request: GetTxsEventRequest = decode(data)?;
        // `events` is the older way to ask, which the SDK does not read any more.
        #[allow(deprecated)]
        let query = match request.query.as_str() {
            "" => request.events.join(" AND "),
            query => query.to_owned(),
        };
        // As text: CometBFT's own parser is the one that counts.
        if query.is_empty() {
            return Err(Status::invalid_argument("query cannot be empty"));
        }
        let page = page_of_search(request.page);
        let limit = if request.limit == 0 {
            DEFAULT_LIMIT
        } else {
            request.limit
        };
        let limit = u8::try_from(limit.min(DEFAULT_LIMIT)).unwrap_or(100);
        let order = match request.order_by() {
            OrderBy::Desc => Order::Descending,
            _ => Order::Ascending,
        };
        let found = self
            .client
            .perform(Request::new(query, false, page.asked, limit, order))
            .await
            .map_err(|error| refused(error, page))?;
        let mut times = BTreeMap::new();
        let (mut txs, mut responses) = (Vec::new(), Vec::new());
        for tx in &found.txs {
            let time = match times.get(&tx.height) {
                Some(time) => String::clone(time),
                None => {
                    let time = self.block_time(tx.height).await?;
                    times.insert(tx.height, time.clone());
                    time
                }
            };
            txs.push(decode_tx(&tx.tx)?);
            responses.push(tx_response(tx, &time));
        }
        encode(&GetTxsEventResponse {
            txs,
            tx_responses: responses,
            total: u64::from(found.total_count),
            ..GetTxsEventResponse::default()
        })
    }

    pub(super) async fn block_with_txs(&self, data: &[u8]) -> Answer {
        let request: GetBlockWithTxsRequest = decode(data)?;
        let height = u64::try_from(request.height).ok().filter(|height| *height > 0);
        let height = height.and_then(|height| Height::try_from(height).ok());
        let newest = self.newest_height().await?;
        let Some(height) = height.filter(|height| *height <= newest) else {
            return Err(Status::invalid_argument(format!(
                "codespace sdk code 26: invalid height: requested height {} but height must not be less than 1 or greater \
                 than the current height {newest}",
                request.height
            )));
        };
        let found = self.client.block(height).await.map_err(rpc)?;
        let total = found.block.data.len();
        let of_page = page_of_block(total, request.pagination.as_ref())?;
        let txs = of_page
            .into_iter()
            .filter_map(|place| decode_tx(found.block.data.get(place)?).ok())
            .collect();
        encode(&GetBlockWithTxsResponse {
            txs,
            block_id: Some(found.block_id.into()),
            block: Some(whole(found.block.into())),
            pagination: Some(PageResponse {
                next_key: Vec::new(),
                total: total as u64,
            }),
        })
    }
}

/// Places of the transactions of a page of a block, to the SDK's letter: a page that names no limit has none, and one in reverse
/// goes down from its offset and leaves the first one out.
fn page_of_block(total: usize, page: Option<&PageRequest>) -> Result<Vec<usize>, Status> {
    let (offset, limit, reverse) = match page {
        Some(page) => (page.offset, page.limit.min(DEFAULT_LIMIT), page.reverse),
        None => (0, DEFAULT_LIMIT, false),
    };
    let skip = usize::try_from(offset).unwrap_or(usize::MAX);
    if skip >= total && total > 0 {
        return Err(Status::invalid_argument(format!(
            "codespace sdk code 18: invalid request: out of range: cannot paginate {total} txs with offset {offset} and limit \
             {limit}"
        )));
    }
    let take = usize::try_from(limit).unwrap_or(usize::MAX);
    Ok(match reverse {
        true if total > 0 => (1..=skip).rev().take(take).collect(),
        true => Vec::new(),
        false => (skip..total).take(take).collect(),
    })
}

/// A page of a search: what CometBFT is asked for, and what the request named.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct SearchPage {
    asked: u32,
    named: i64,
}

/// The page of a request, to the SDK's letter: a number of 64 bits is one with a sign there, and none below one is a page.
/// CometBFT has no page behind those of 32 bits.
fn page_of_search(page: u64) -> SearchPage {
    let named = i64::from_ne_bytes(page.to_ne_bytes()).max(1);
    let asked = u32::try_from(named).unwrap_or(u32::MAX);
    SearchPage { asked, named }
}

/// A search that CometBFT refused: the query does not parse, or the page lies behind the last one.
fn refused(error: tendermint_rpc::Error, page: SearchPage) -> Status {
    match error.detail() {
        ErrorDetail::Response(_) => {
            let text = as_named(&reason(&error), page);
            Status::invalid_argument(format!("failed to search for txs: {text}"))
        }
        _ => rpc(error),
    }
}

/// What CometBFT says of a page, with the number that the request named.
fn as_named(text: &str, page: SearchPage) -> String {
    let given = |number: i64| format!("range, given {number}");
    text.replace(&given(page.asked.into()), &given(page.named))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_of_a_search_are_read_and_refused_as_by_the_sdk() {
        for (page, asked, named) in [
            (0, 1, 1),
            (7, 7, 7),
            (u64::MAX, 1, 1),
            (5_000_000_000, u32::MAX, 5_000_000_000),
        ] {
            assert_eq!(page_of_search(page), SearchPage { asked, named });
        }
        let large = page_of_search(5_000_000_000);
        let said = "page should be within [1, 3] range, given 4294967295";
        let told = "page should be within [1, 3] range, given 5000000000";
        assert_eq!(as_named(said, large), told);
    }

    #[test]
    fn pages_of_a_block_are_the_sdks() {
        let page = |offset, limit, reverse| {
            let request = PageRequest {
                offset,
                limit,
                reverse,
                ..PageRequest::default()
            };
            page_of_block(4, Some(&request)).map_err(|status| status.message().to_owned())
        };
        assert_eq!(page_of_block(4, None).unwrap(), [0, 1, 2, 3]);
        assert_eq!(page_of_block(200, None).unwrap().len(), 100);
        assert_eq!(page(1, 2, false), Ok(vec![1, 2]));
        assert_eq!(page(1, 0, false), Ok(vec![]));
        assert_eq!(page(3, 2, true), Ok(vec![3, 2]));
        assert_eq!(page(0, 2, true), Ok(vec![]));
        let refused = "codespace sdk code 18: invalid request: out of range: cannot paginate 4 txs with offset 4 and limit 0";
        assert_eq!(page(4, 0, false), Err(refused.to_owned()));
        let behind = PageRequest {
            offset: 9,
            ..PageRequest::default()
        };
        assert_eq!(page_of_block(0, Some(&behind)).unwrap(), [0_usize; 0]);
    }
}
