//! Queries of `cosmos.bank.v1beta1.Query`.

use quern_context::{Cx, answer, paginate};
use quern_proto::cosmos::{bank::v1beta1 as wire, base::v1beta1 as base};
use quern_types::{AccAddress, Coin, Denom, Error, Result, errors};

use crate::{MODULE, keys, metadata, metadata::decode, params, state, supply};

/// Answers a query of this module; `None` for another's path.
pub fn query(cx: &Cx, path: &str, request: &[u8]) -> Option<Result<Vec<u8>>> {
    let method = path.strip_prefix("/cosmos.bank.v1beta1.Query/")?;
    Some(match method {
        "Balance" => answer(request, |r: wire::QueryBalanceRequest| {
            let denom = denom(&r.denom)?;
            let address = address(&r.address)?;
            let amount = state::balance(cx, &address, &denom)?;
            Ok(wire::QueryBalanceResponse {
                balance: Some(to_wire(&Coin { denom, amount })),
            })
        }),
        "AllBalances" => answer(request, |r: wire::QueryAllBalancesRequest| {
            let (mut balances, page) = balances(cx, &r.address, r.pagination.as_ref())?;
            if r.resolve_denom {
                for coin in &mut balances {
                    if let Some(known) = metadata(cx, &coin.denom)? {
                        coin.denom = known.display;
                    }
                }
            }
            Ok(wire::QueryAllBalancesResponse {
                balances,
                pagination: Some(page),
            })
        }),
        "SpendableBalances" => answer(request, |r: wire::QuerySpendableBalancesRequest| {
            let (balances, page) = spendable(cx, &r.address, r.pagination.as_ref())?;
            Ok(wire::QuerySpendableBalancesResponse {
                balances,
                pagination: Some(page),
            })
        }),
        "SpendableBalanceByDenom" => answer(request, |r: wire::QuerySpendableBalanceByDenomRequest| {
            let (address, denom) = (address(&r.address)?, denom(&r.denom)?);
            let amount = state::spendable(cx, &address, &denom)?;
            Ok(wire::QuerySpendableBalanceByDenomResponse {
                balance: Some(to_wire(&Coin { denom, amount })),
            })
        }),
        "TotalSupply" => answer(request, |r: wire::QueryTotalSupplyRequest| {
            let kv = cx.kv(MODULE).under(keys::SUPPLY);
            let (supply, page) = paginate(&kv, r.pagination.as_ref(), |key, value| {
                Ok(Some(to_wire(&state::read_coin(&(key.to_vec(), value.to_vec()))?)))
            })?;
            Ok(wire::QueryTotalSupplyResponse {
                supply,
                pagination: Some(page),
            })
        }),
        "SupplyOf" => answer(request, |r: wire::QuerySupplyOfRequest| {
            let denom = denom(&r.denom)?;
            let amount = supply(cx, &denom)?;
            Ok(wire::QuerySupplyOfResponse {
                amount: Some(to_wire(&Coin { denom, amount })),
            })
        }),
        "Params" => answer(request, |_: wire::QueryParamsRequest| {
            let default_send_enabled = params::default_send_enabled(cx)?;
            let params = wire::Params {
                default_send_enabled,
                ..Default::default()
            };
            Ok(wire::QueryParamsResponse { params: Some(params) })
        }),
        "DenomMetadata" => answer(request, |r: wire::QueryDenomMetadataRequest| {
            denom(&r.denom)?;
            Ok(wire::QueryDenomMetadataResponse {
                metadata: Some(find_metadata(cx, &r.denom)?),
            })
        }),
        "DenomMetadataByQueryString" => answer(request, |r: wire::QueryDenomMetadataByQueryStringRequest| {
            denom(&r.denom)?;
            let metadata = Some(find_metadata(cx, &r.denom)?);
            Ok(wire::QueryDenomMetadataByQueryStringResponse { metadata })
        }),
        "DenomsMetadata" => answer(request, |r: wire::QueryDenomsMetadataRequest| {
            let kv = cx.kv(MODULE).under(keys::METADATA);
            let (metadatas, page) =
                paginate(&kv, r.pagination.as_ref(), |_, value| Ok(Some(decode(value)?)))?;
            Ok(wire::QueryDenomsMetadataResponse {
                metadatas,
                pagination: Some(page),
            })
        }),
        "DenomOwners" => answer(request, |r: wire::QueryDenomOwnersRequest| {
            let (denom_owners, page) = owners(cx, &r.denom, r.pagination.as_ref())?;
            Ok(wire::QueryDenomOwnersResponse {
                denom_owners,
                pagination: Some(page),
            })
        }),
        "DenomOwnersByQuery" => answer(request, |r: wire::QueryDenomOwnersByQueryRequest| {
            let (denom_owners, page) = owners(cx, &r.denom, r.pagination.as_ref())?;
            Ok(wire::QueryDenomOwnersByQueryResponse {
                denom_owners,
                pagination: Some(page),
            })
        }),
        "SendEnabled" => answer(request, |r: wire::QuerySendEnabledRequest| send_enabled(cx, &r)),
        _ => return None,
    })
}

type Page = quern_proto::cosmos::base::query::v1beta1::PageRequest;
type PageInfo = quern_proto::cosmos::base::query::v1beta1::PageResponse;

fn balances(cx: &Cx, holder: &str, page: Option<&Page>) -> Result<(Vec<base::Coin>, PageInfo)> {
    let kv = cx.kv(MODULE).under(&keys::balances_of(&address(holder)?));
    paginate(&kv, page, |key, value| {
        Ok(Some(to_wire(&state::read_coin(&(key.to_vec(), value.to_vec()))?)))
    })
}

/// Every denomination held, with what is spendable of it, possibly zero.
fn spendable(cx: &Cx, holder: &str, page: Option<&Page>) -> Result<(Vec<base::Coin>, PageInfo)> {
    let holder = address(holder)?;
    let locked = quern_auth::locked(cx, &holder)?;
    let kv = cx.kv(MODULE).under(&keys::balances_of(&holder));
    paginate(&kv, page, |key, value| {
        let mut coin = state::read_coin(&(key.to_vec(), value.to_vec()))?;
        coin.amount = coin.amount.saturating_sub(locked.amount_of(&coin.denom));
        Ok(Some(to_wire(&coin)))
    })
}

fn owners(cx: &Cx, of: &str, page: Option<&Page>) -> Result<(Vec<wire::DenomOwner>, PageInfo)> {
    let of = denom(of)?;
    let kv = cx.kv(MODULE).under(&keys::holders_of(&of));
    paginate(&kv, page, |key, _| {
        let corrupt = || Error::halt("corrupt holder key in state");
        let bytes = key.split_first().map(|(_, rest)| rest).ok_or_else(corrupt)?;
        let address = AccAddress::from_bytes(bytes).map_err(|_| corrupt())?;
        let amount = state::balance(cx, &address, &of)?;
        let balance = Some(to_wire(&Coin {
            denom: of.clone(),
            amount,
        }));
        Ok(Some(wire::DenomOwner {
            address: address.to_string(),
            balance,
        }))
    })
}

fn find_metadata(cx: &Cx, denom: &str) -> Result<wire::Metadata> {
    if denom.is_empty() {
        return Err(errors::INVALID_REQUEST.wrap("invalid denom"));
    }
    metadata(cx, denom)?
        .ok_or_else(|| errors::KEY_NOT_FOUND.wrap(format!("client metadata for denom {denom}")))
}

fn send_enabled(cx: &Cx, r: &wire::QuerySendEnabledRequest) -> Result<wire::QuerySendEnabledResponse> {
    if r.denoms.is_empty() {
        let kv = cx.kv(MODULE).under(keys::SEND_ENABLED);
        let (send_enabled, page) = paginate(&kv, r.pagination.as_ref(), |key, value| {
            let denom = String::from_utf8_lossy(key).into_owned();
            Ok(Some(wire::SendEnabled {
                denom,
                enabled: value == [1],
            }))
        })?;
        return Ok(wire::QuerySendEnabledResponse {
            send_enabled,
            pagination: Some(page),
        });
    }
    let mut send_enabled = Vec::new();
    for denom in &r.denoms {
        if let Some(enabled) = params::switch(cx, denom)? {
            send_enabled.push(wire::SendEnabled {
                denom: denom.clone(),
                enabled,
            });
        }
    }
    Ok(wire::QuerySendEnabledResponse {
        send_enabled,
        pagination: None,
    })
}

fn address(text: &str) -> Result<AccAddress> {
    if text.is_empty() {
        return Err(errors::INVALID_REQUEST.wrap("invalid address: empty address string is not allowed"));
    }
    AccAddress::from_bech32(text)
        .map_err(|e| errors::INVALID_REQUEST.wrap(format!("invalid address: {}", e.contexts())))
}

fn denom(text: &str) -> Result<Denom> {
    text.parse()
        .map_err(|e: Error| errors::INVALID_REQUEST.wrap(e.contexts()))
}

fn to_wire(coin: &Coin) -> base::Coin {
    base::Coin {
        denom: coin.denom.to_string(),
        amount: coin.amount.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_of_the_service_is_served() {
        let service = quern_proto::pool()
            .get_service_by_name("cosmos.bank.v1beta1.Query")
            .unwrap();
        let snapshot = quern_store::Snapshot::in_memory(0, Default::default());
        let cx = Cx::new(
            quern_store::Branch::new(snapshot),
            Default::default(),
            quern_context::Mode::Query,
        );
        for method in service.methods() {
            let path = format!("/{}/{}", service.full_name(), method.name());
            assert!(query(&cx, &path, &[]).is_some(), "{path}");
        }
    }
}
