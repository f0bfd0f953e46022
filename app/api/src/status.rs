use tendermint_proto::v0_38::abci::ResponseQuery;
use tonic::{Code, Status};

/// Names of gRPC codes as Go prints them, which is how they stand in ABCI logs.
const NAMES: [(&str, Code); 16] = [
    ("Canceled", Code::Cancelled),
    ("Unknown", Code::Unknown),
    ("InvalidArgument", Code::InvalidArgument),
    ("DeadlineExceeded", Code::DeadlineExceeded),
    ("NotFound", Code::NotFound),
    ("AlreadyExists", Code::AlreadyExists),
    ("PermissionDenied", Code::PermissionDenied),
    ("ResourceExhausted", Code::ResourceExhausted),
    ("FailedPrecondition", Code::FailedPrecondition),
    ("Aborted", Code::Aborted),
    ("OutOfRange", Code::OutOfRange),
    ("Unimplemented", Code::Unimplemented),
    ("Internal", Code::Internal),
    ("Unavailable", Code::Unavailable),
    ("DataLoss", Code::DataLoss),
    ("Unauthenticated", Code::Unauthenticated),
];

/// Texts that the ABCI boundary appends for its own code and that gRPC clients never see.
const APPENDED: [&str; 4] = [
    ": key not found",
    ": invalid request",
    ": unauthorized",
    ": unknown request",
];

/// The gRPC status of a failed ABCI query.
///
/// An ABCI log of the form `rpc error: code = NotFound desc = text: key not found` carries the
/// status that the handler chose; other failures map by code as the Cosmos SDK's clients do.
pub(crate) fn from_abci(path: &str, answer: &ResponseQuery) -> Status {
    if let Some((code, text)) = parse_log(&answer.log) {
        return Status::new(code, text);
    }
    match (answer.codespace.as_str(), answer.code) {
        ("sdk", 6) if answer.log.contains("unknown query path") => unknown_method(path),
        ("sdk", 6) => Status::unknown(bare(&answer.log)),
        ("sdk", 18) => Status::invalid_argument(bare(&answer.log)),
        ("sdk", 4) => Status::unauthenticated(&answer.log),
        ("sdk", 22) => Status::not_found(bare(&answer.log)),
        // A panic, or a broken state: the node's failure, not the request's.
        ("undefined", _) => Status::internal(&answer.log),
        _ => Status::unknown(&answer.log),
    }
}

/// The status of a method that nobody serves, in the words of Go's gRPC server.
pub(crate) fn unknown_method(path: &str) -> Status {
    let (service, method) = path.trim_start_matches('/').split_once('/').unwrap_or((path, ""));
    Status::unimplemented(format!("unknown method {method} for service {service}"))
}

fn parse_log(log: &str) -> Option<(Code, String)> {
    let (name, text) = log.strip_prefix("rpc error: code = ")?.split_once(" desc = ")?;
    let (_, code) = NAMES.iter().find(|(known, _)| *known == name)?;
    Some((*code, bare(text).to_owned()))
}

fn bare(text: &str) -> &str {
    let mut tails = APPENDED.iter();
    tails.find_map(|tail| text.strip_suffix(tail)).unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::{ResponseQuery, from_abci};
    use tonic::Code;

    fn failed(code: u32, log: &str) -> ResponseQuery {
        ResponseQuery {
            code,
            log: log.to_owned(),
            codespace: "sdk".to_owned(),
            ..Default::default()
        }
    }

    #[test]
    fn a_handler_s_status_comes_out_as_the_handler_gave_it() {
        let answer = failed(
            22,
            "rpc error: code = NotFound desc = account quern1x not found: key not found",
        );
        let status = from_abci("/a.Query/B", &answer);
        assert_eq!(
            (status.code(), status.message()),
            (Code::NotFound, "account quern1x not found")
        );
    }

    #[test]
    fn an_unknown_path_is_unimplemented_with_go_s_words() {
        let status = from_abci(
            "/ibc.core.client.v1.Query/X",
            &failed(6, "unknown query path: unknown request"),
        );
        assert_eq!(status.code(), Code::Unimplemented);
        assert_eq!(
            status.message(),
            "unknown method X for service ibc.core.client.v1.Query"
        );
    }

    #[test]
    fn other_failures_map_by_code() {
        for (code, expected) in [
            (18, Code::InvalidArgument),
            (4, Code::Unauthenticated),
            (22, Code::NotFound),
            (26, Code::Unknown),
        ] {
            assert_eq!(from_abci("/a/b", &failed(code, "x")).code(), expected);
        }
    }
}
