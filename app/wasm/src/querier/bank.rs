//! Queries of balances, supplies and denominations.

use std::sync::Arc;

use prost::Message;
use quern_context::{Cx, Router};
use quern_proto::cosmos::{
    bank::v1beta1::{
        Metadata, QueryDenomMetadataRequest, QueryDenomMetadataResponse, QueryDenomsMetadataRequest,
        QueryDenomsMetadataResponse,
    },
    base::query::v1beta1::PageRequest,
};
use quern_types::{Denom, Error, errors as sdk};

use super::{Answer, Refusal, address, unsupported};
use crate::{
    dispatch,
    json::{
        self, AllBalances, AllDenomMetadata, Amount, BankQuery, DenomMetadata, DenomMetadataAnswer,
        DenomUnit, WireCoin, query::Page,
    },
};

const DENOM_METADATA: &str = "/cosmos.bank.v1beta1.Query/DenomMetadata";
const DENOMS_METADATA: &str = "/cosmos.bank.v1beta1.Query/DenomsMetadata";

pub(super) fn answer(cx: &Cx, router: &Arc<dyn Router>, query: &BankQuery) -> Answer {
    if let Some(query) = &query.all_balances {
        let coins = quern_bank::all_balances(cx, &address(&query.address)?)?;
        return Ok(json::to_vec(&AllBalances {
            amount: WireCoin::list(&coins),
        })?);
    }
    if let Some(query) = &query.balance {
        let owner = address(&query.address)?;
        let denom: Denom = query.denom.parse()?;
        return amount(&query.denom, quern_bank::balance(cx, &owner, &denom)?);
    }
    if let Some(query) = &query.supply {
        // No coin of a malformed denomination exists.
        let supply = match query.denom.parse::<Denom>() {
            Ok(denom) => quern_bank::supply(cx, &denom)?,
            Err(_) => 0,
        };
        return amount(&query.denom, supply);
    }
    if let Some(query) = &query.denom_metadata {
        return denom_metadata(cx, router, &query.denom);
    }
    if let Some(query) = &query.all_denom_metadata {
        return all_denom_metadata(cx, router, query.pagination.as_ref());
    }
    Err(unsupported("unknown BankQuery variant"))
}

fn amount(denom: &str, amount: quern_types::Amount) -> Answer {
    let amount = WireCoin {
        denom: denom.to_owned(),
        amount: amount.to_string(),
    };
    Ok(json::to_vec(&Amount { amount })?)
}

fn denom_metadata(cx: &Cx, router: &Arc<dyn Router>, denom: &str) -> Answer {
    let request = QueryDenomMetadataRequest {
        denom: denom.to_owned(),
    };
    let response = router
        .query(cx, DENOM_METADATA, &request.encode_to_vec())
        .map_err(|e| {
            if dispatch::is_final(&e, &cx.gas) {
                e
            } else {
                sdk::NOT_FOUND.wrap(denom.to_owned())
            }
        })?;
    let response: QueryDenomMetadataResponse = decode(&response)?;
    let metadata = convert(response.metadata.unwrap_or_default());
    Ok(json::to_vec(&DenomMetadataAnswer { metadata })?)
}

fn all_denom_metadata(cx: &Cx, router: &Arc<dyn Router>, page: Option<&Page>) -> Answer {
    let request = QueryDenomsMetadataRequest {
        pagination: page.map(|page| PageRequest {
            key: page.key.to_vec(),
            limit: page.limit.into(),
            reverse: page.reverse,
            ..PageRequest::default()
        }),
    };
    let response = router
        .query(cx, DENOMS_METADATA, &request.encode_to_vec())
        .map_err(|e| {
            if dispatch::is_final(&e, &cx.gas) {
                e
            } else {
                Error::from(&sdk::INVALID_REQUEST)
            }
        })?;
    let response: QueryDenomsMetadataResponse = decode(&response)?;
    Ok(json::to_vec(&AllDenomMetadata {
        metadata: response.metadatas.into_iter().map(convert).collect(),
        next_key: response.pagination.unwrap_or_default().next_key.into(),
    })?)
}

fn decode<M: Message + Default>(bytes: &[u8]) -> Result<M, Refusal> {
    M::decode(bytes).map_err(|_| Refusal::Chain(sdk::LOGIC.wrap("malformed answer of the bank")))
}

fn convert(metadata: Metadata) -> DenomMetadata {
    DenomMetadata {
        description: metadata.description,
        denom_units: metadata
            .denom_units
            .into_iter()
            .map(|unit| DenomUnit {
                denom: unit.denom,
                exponent: unit.exponent,
                aliases: unit.aliases,
            })
            .collect(),
        base: metadata.base,
        display: metadata.display,
        name: metadata.name,
        symbol: metadata.symbol,
        uri: metadata.uri,
        uri_hash: metadata.uri_hash,
    }
}
