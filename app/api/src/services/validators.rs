use prost::Message;
use quern_proto::cosmos::base::query::v1beta1::{PageRequest, PageResponse};
use quern_proto::cosmos::base::tendermint::v1beta1::{
    GetLatestValidatorSetRequest, GetLatestValidatorSetResponse, GetValidatorSetByHeightRequest,
    GetValidatorSetByHeightResponse, Validator,
};
use quern_proto::cosmos::crypto::{ed25519, secp256k1};
use quern_types::consensus_bech32;
use tendermint::PublicKey;
use tendermint::block::Height;
use tendermint_rpc::Client;
use tendermint_rpc::endpoint::validators::{Request, Response};
use tonic::Status;

use crate::services::{Answer, Node, decode, encode, rpc};

/// Entries of a page when the request names none, and the most that CometBFT gives.
const DEFAULT_LIMIT: u64 = 100;

impl Node {
    pub(super) async fn latest_validators(&self, data: &[u8]) -> Answer {
        let request: GetLatestValidatorSetRequest = decode(data)?;
        let found = self.validators(None, request.pagination).await?;
        encode(&GetLatestValidatorSetResponse {
            block_height: height(&found),
            pagination: Some(total(&found)),
            validators: found.validators.iter().map(validator).collect(),
        })
    }

    pub(super) async fn validators_by_height(&self, data: &[u8]) -> Answer {
        let request: GetValidatorSetByHeightRequest = decode(data)?;
        let wanted = u64::try_from(request.height)
            .ok()
            .filter(|wanted| *wanted > 0)
            .and_then(|wanted| Height::try_from(wanted).ok())
            .ok_or_else(|| Status::invalid_argument("height must be greater than 0"))?;
        let newest = self.newest_height().await?;
        if wanted > newest {
            return Err(Status::invalid_argument(
                "requested block height is bigger then the chain length",
            ));
        }
        let found = self.validators(Some(wanted), request.pagination).await?;
        encode(&GetValidatorSetByHeightResponse {
            block_height: height(&found),
            pagination: Some(total(&found)),
            validators: found.validators.iter().map(validator).collect(),
        })
    }

    async fn validators(
        &self,
        height: Option<Height>,
        page: Option<PageRequest>,
    ) -> Result<Response, Status> {
        let page = page.unwrap_or_default();
        let limit = if page.limit == 0 {
            DEFAULT_LIMIT
        } else {
            page.limit
        };
        let number = (page.offset / limit)
            .checked_add(1)
            .and_then(|number| usize::try_from(number).ok());
        let number = number.ok_or_else(|| Status::invalid_argument("the offset is too large"))?;
        let per_page = u8::try_from(limit.min(DEFAULT_LIMIT)).unwrap_or(100);
        let request = Request::new(height, Some(number.into()), Some(per_page.into()));
        self.client.perform(request).await.map_err(rpc)
    }
}

fn height(found: &Response) -> i64 {
    i64::try_from(found.block_height.value()).unwrap_or(i64::MAX)
}

fn total(found: &Response) -> PageResponse {
    PageResponse {
        next_key: Vec::new(),
        total: u64::try_from(found.total).unwrap_or_default(),
    }
}

fn validator(found: &tendermint::validator::Info) -> Validator {
    let (type_url, value) = match &found.pub_key {
        PublicKey::Ed25519(key) => {
            let key = ed25519::PubKey {
                key: key.as_bytes().to_vec(),
            };
            (quern_proto::type_url::<ed25519::PubKey>(), key.encode_to_vec())
        }
        other => {
            let key = secp256k1::PubKey {
                key: other.to_bytes(),
            };
            (quern_proto::type_url::<secp256k1::PubKey>(), key.encode_to_vec())
        }
    };
    Validator {
        address: consensus_bech32(found.address.as_bytes()),
        pub_key: Some(prost_types::Any { type_url, value }),
        voting_power: i64::try_from(found.power.value()).unwrap_or(i64::MAX),
        proposer_priority: found.proposer_priority.value(),
    }
}
