//! `cosmos.params.v1beta1.Query`: the subspaces of the retired x/params. Each module keeps its parameters itself, so
//! there are none, as on a chain that began with SDK 0.53.

use prost::Message;
use quern_context::answer;
use quern_proto::cosmos::params::v1beta1 as wire;
use quern_types::{Result, errors};

pub(super) fn reply(path: &str, request: &[u8]) -> Option<Result<Vec<u8>>> {
    match path.strip_prefix("/cosmos.params.v1beta1.Query/")? {
        "Subspaces" => Some(Ok(wire::QuerySubspacesResponse::default().encode_to_vec())),
        "Params" => Some(answer(
            request,
            |r: wire::QueryParamsRequest| -> Result<wire::QueryParamsResponse> {
                Err(if r.subspace.is_empty() || r.key.is_empty() {
                    errors::INVALID_REQUEST.wrap("invalid request")
                } else {
                    errors::KEY_NOT_FOUND.wrap(format!("{}: unknown subspace", r.subspace))
                })
            },
        )),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_parameter_is_in_a_subspace() {
        let ask = |method: &str, request: &[u8]| {
            reply(&format!("/cosmos.params.v1beta1.Query/{method}"), request).unwrap()
        };
        assert_eq!(ask("Subspaces", &[]).unwrap(), Vec::<u8>::new());
        assert!(ask("Params", &[]).unwrap_err().is(&errors::INVALID_REQUEST));
        let request = wire::QueryParamsRequest {
            subspace: "staking".into(),
            key: "BondDenom".into(),
        };
        let error = ask("Params", &request.encode_to_vec()).unwrap_err();
        assert!(error.is(&errors::KEY_NOT_FOUND), "{error}");
        assert!(reply("/cosmos.auth.v1beta1.Query/Params", &[]).is_none());
    }
}
