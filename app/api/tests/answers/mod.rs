//! An application that answers from a table.

use prost::Message;
use quern_proto::cosmos::bank::v1beta1::{QueryAllBalancesRequest, QueryAllBalancesResponse};
use quern_proto::cosmos::base::query::v1beta1::PageResponse;
use quern_proto::cosmos::base::v1beta1::{Coin, DecCoin};
use quern_proto::cosmos::tx::v1beta1::SimulateRequest;
use quern_proto::cosmwasm::wasm::v1::{QuerySmartContractStateRequest, QuerySmartContractStateResponse};
use tendermint_proto::v0_38::abci::ResponseQuery;

/// A coin.
pub fn coin(denom: &str, amount: &str) -> Coin {
    Coin {
        denom: denom.to_owned(),
        amount: amount.to_owned(),
    }
}

/// Answers a query by its path.
pub fn application(path: &str, data: &[u8], height: u64) -> ResponseQuery {
    let failed = |code, log: &str| ResponseQuery {
        code,
        log: log.to_owned(),
        codespace: "sdk".to_owned(),
        ..Default::default()
    };
    let found = |value: Vec<u8>| ResponseQuery {
        value: value.into(),
        height: if height == 0 {
            77
        } else {
            i64::try_from(height).unwrap()
        },
        ..Default::default()
    };
    match path {
        "/cosmos.bank.v1beta1.Query/AllBalances" => {
            let request = QueryAllBalancesRequest::decode(data).unwrap();
            if request.address == "nobody" {
                return failed(
                    22,
                    "rpc error: code = NotFound desc = no <account>: key not found",
                );
            }
            if request.address == "refused" {
                return failed(
                    6,
                    "rpc error: code = Unknown desc = no address: invalid address: unknown request",
                );
            }
            if request.address == "broken" {
                let codespace = "undefined".to_owned();
                return ResponseQuery {
                    codespace,
                    ..failed(1, "internal error")
                };
            }
            let limit = request.pagination.unwrap_or_default().limit;
            let pagination = Some(PageResponse {
                next_key: if limit == 1 { vec![0xfb, 0xff] } else { Vec::new() },
                total: 3,
            });
            let answer = QueryAllBalancesResponse {
                balances: vec![coin("nqrn", &limit.to_string())],
                pagination,
            };
            found(answer.encode_to_vec())
        }
        "/cosmwasm.wasm.v1.Query/SmartContractState" => {
            let request = QuerySmartContractStateRequest::decode(data).unwrap();
            found(
                QuerySmartContractStateResponse {
                    data: request.query_data,
                }
                .encode_to_vec(),
            )
        }
        "/cosmos.tx.v1beta1.Service/Simulate" => {
            let request = SimulateRequest::decode(data).unwrap();
            failed(
                18,
                &format!(
                    "rpc error: code = InvalidArgument desc = {} bytes: invalid request",
                    request.tx_bytes.len()
                ),
            )
        }
        "/cosmos.feegrant.v1beta1.Query/Allowance" => failed(
            6,
            "rpc error: code = Internal desc = fee-grant not found: not found: unknown request",
        ),
        // A decimal coin, as distribution would answer: `rewards` of field 1 have the coins in field 2.
        "/cosmos.distribution.v1beta1.Query/CommunityPool" => {
            let reward = DecCoin {
                denom: "nqrn".to_owned(),
                amount: "1500000000000000000".to_owned(),
            };
            let reward = reward.encode_to_vec();
            found([&[0x0a, u8::try_from(reward.len()).unwrap()], reward.as_slice()].concat())
        }
        _ => failed(6, "unknown query path: unknown request"),
    }
}
