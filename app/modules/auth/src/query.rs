//! Queries of `cosmos.auth.v1beta1.Query`.

use quern_context::{Cx, Kv, answer, paginate};
use quern_proto::cosmos::auth::v1beta1 as wire;
use quern_types::{AccAddress, BECH32_ACCOUNT, Error, Result, errors};

use crate::{Account, MODULE, keys, params, state};

/// Answers a query of this module; `None` for another's path.
pub fn query(cx: &Cx, path: &str, request: &[u8]) -> Option<Result<Vec<u8>>> {
    let method = path.strip_prefix("/cosmos.auth.v1beta1.Query/")?;
    Some(match method {
        "Account" => answer(request, |r: wire::QueryAccountRequest| {
            let account = find(cx, &r.address)?;
            Ok(wire::QueryAccountResponse {
                account: Some(account.to_any()),
            })
        }),
        "AccountInfo" => answer(request, |r: wire::QueryAccountInfoRequest| {
            let account = find(cx, &r.address)?;
            Ok(wire::QueryAccountInfoResponse {
                info: Some(account.to_base()),
            })
        }),
        "Accounts" => answer(request, |r: wire::QueryAccountsRequest| {
            let kv = below(cx, keys::ACCOUNTS);
            let (accounts, page) = paginate(&kv, r.pagination.as_ref(), |_, value| {
                Ok(Some(Account::from_state(value)?.to_any()))
            })?;
            Ok(wire::QueryAccountsResponse {
                accounts,
                pagination: Some(page),
            })
        }),
        "Params" => answer(request, |_: wire::QueryParamsRequest| {
            Ok(wire::QueryParamsResponse {
                params: Some(params(cx)?.to_wire()),
            })
        }),
        "ModuleAccounts" => answer(request, |_: wire::QueryModuleAccountsRequest| {
            let mut modules = Vec::new();
            for entry in below(cx, keys::ACCOUNTS).prefix(&[]) {
                let account = Account::from_state(&entry?.1)?;
                if let Some(module) = &account.module {
                    modules.push((module.name.clone(), account.to_any()));
                }
            }
            modules.sort_by(|a, b| a.0.cmp(&b.0));
            Ok(wire::QueryModuleAccountsResponse {
                accounts: modules.into_iter().map(|m| m.1).collect(),
            })
        }),
        "ModuleAccountByName" => answer(request, |r: wire::QueryModuleAccountByNameRequest| {
            let account = state::get(cx, &quern_types::module_address(&r.name))?
                .filter(|account| account.module.is_some())
                .ok_or_else(|| errors::KEY_NOT_FOUND.wrap(format!("account {} not found", r.name)))?;
            Ok(wire::QueryModuleAccountByNameResponse {
                account: Some(account.to_any()),
            })
        }),
        "AccountAddressByID" => answer(request, |r: wire::QueryAccountAddressByIdRequest| {
            let bytes = cx
                .kv(MODULE)
                .get(&keys::by_number(r.account_id))?
                .ok_or_else(|| {
                    errors::KEY_NOT_FOUND.wrap(format!(
                        "account address not found with account number {}",
                        r.account_id
                    ))
                })?;
            Ok(wire::QueryAccountAddressByIdResponse {
                account_address: AccAddress::from_bytes(bytes).map_err(Error::halt)?.to_string(),
            })
        }),
        "Bech32Prefix" => answer(request, |_: wire::Bech32PrefixRequest| {
            Ok(wire::Bech32PrefixResponse {
                bech32_prefix: BECH32_ACCOUNT.to_owned(),
            })
        }),
        "AddressBytesToString" => answer(request, |r: wire::AddressBytesToStringRequest| {
            Ok(wire::AddressBytesToStringResponse {
                address_string: AccAddress::from_bytes(r.address_bytes)?.to_string(),
            })
        }),
        "AddressStringToBytes" => answer(request, |r: wire::AddressStringToBytesRequest| {
            Ok(wire::AddressStringToBytesResponse {
                address_bytes: AccAddress::from_bech32(&r.address_string)?.as_bytes().to_vec(),
            })
        }),
        _ => return None,
    })
}

fn find(cx: &Cx, address: &str) -> Result<Account> {
    if address.is_empty() {
        return Err(errors::INVALID_REQUEST.wrap("Address cannot be empty"));
    }
    let address = AccAddress::from_bech32(address).map_err(|e| Error::unregistered(e.contexts()))?;
    state::get(cx, &address)?.ok_or_else(|| {
        // CosmJS tells an unknown account by the code's gRPC name and this text
        errors::KEY_NOT_FOUND.wrap(format!("account {address} not found"))
    })
}

fn below(cx: &Cx, prefix: &[u8]) -> Kv {
    cx.kv(MODULE).under(prefix)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_method_of_the_service_is_served() {
        // UpdateParams belongs to the Msg service; the list is read from the descriptors.
        let service = quern_proto::pool()
            .get_service_by_name("cosmos.auth.v1beta1.Query")
            .unwrap();
        let cx = Cx::new(
            quern_store::Branch::new(quern_store::Snapshot::in_memory(0, Default::default())),
            Default::default(),
            quern_context::Mode::Query,
        );
        for method in service.methods() {
            let path = format!("/{}/{}", service.full_name(), method.name());
            assert!(query(&cx, &path, &[]).is_some(), "{path}");
        }
    }
}
