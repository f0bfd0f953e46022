use std::collections::BTreeMap;

use quern_proto::cosmos::base::query::v1beta1::PageResponse;
use quern_proto::cosmos::tx::v1beta1::{
    GetBlockWithTxsRequest, GetBlockWithTxsResponse, GetTxsEventRequest, GetTxsEventResponse, OrderBy,
};
use tendermint::block::Height;
use tendermint_rpc::endpoint::tx_search::Request;
use tendermint_rpc::error::ErrorDetail;
use tendermint_rpc::{Client, Order};
use tonic::Status;

use crate::services::tx_response::{decode_tx, tx_response};
use crate::services::{Answer, Node, decode, encode, reason, rpc};

/// Entries of a page when the request names none.
const DEFAULT_LIMIT: u64 = 100;

impl Node {
    pub(super) async fn search_txs(&self, data: &[u8]) -> Answer {
        let request: GetTxsEventRequest = decode(data)?;
        // `events` is the older way to ask; both may be given.
        #[allow(deprecated)]
        let mut terms = request.events.clone();
        if !request.query.is_empty() {
            terms.push(request.query.clone());
        }
        if terms.is_empty() {
            return Err(Status::invalid_argument("query cannot be empty"));
        }
        // As text: CometBFT's own parser is the one that counts.
        let query = terms.join(" AND ");
        let page =
            u32::try_from(request.page.max(1)).map_err(|_| Status::invalid_argument("page is too large"))?;
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
            .perform(Request::new(query, false, page, limit, order))
            .await
            .map_err(refused)?;
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
        let height = height
            .and_then(|height| Height::try_from(height).ok())
            .ok_or_else(|| Status::invalid_argument("requested height must be at least 1"))?;
        let found = self.client.block(height).await.map_err(rpc)?;
        let page = request.pagination.unwrap_or_default();
        let limit = if page.limit == 0 {
            DEFAULT_LIMIT
        } else {
            page.limit
        };
        let skip = usize::try_from(page.offset).unwrap_or(usize::MAX);
        let take = usize::try_from(limit).unwrap_or(usize::MAX);
        let total = found.block.data.len();
        if skip > 0 && skip >= total {
            return Err(Status::invalid_argument(format!(
                "out of range: offset {skip} of a block with {total} transactions"
            )));
        }
        let txs = found
            .block
            .data
            .iter()
            .skip(skip)
            .take(take)
            .map(|tx| decode_tx(tx));
        let txs = txs.collect::<Result<Vec<_>, _>>()?;
        encode(&GetBlockWithTxsResponse {
            txs,
            block_id: Some(found.block_id.into()),
            block: Some(found.block.into()),
            pagination: Some(PageResponse {
                next_key: Vec::new(),
                total: total as u64,
            }),
        })
    }
}

/// A search that CometBFT refused: the query does not parse, or the page lies behind the last one.
fn refused(error: tendermint_rpc::Error) -> Status {
    match error.detail() {
        ErrorDetail::Response(_) => Status::invalid_argument(reason(&error)),
        _ => rpc(error),
    }
}
