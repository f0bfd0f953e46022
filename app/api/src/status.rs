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

/// What the application says of a path that it does not have.
const UNKNOWN_PATH: &str = "unknown query path";

/// The gRPC status of a failed ABCI query.
///
/// An ABCI log of the form `rpc error: code = NotFound desc = text: key not found` carries the
/// status that the handler chose; other failures map by code as the Cosmos SDK's clients do.
pub(crate) fn from_abci(answer: &ResponseQuery) -> Status {
    if let Some((code, text)) = parse_log(&answer.log) {
        return Status::new(code, text);
    }
    match (answer.codespace.as_str(), answer.code) {
        ("sdk", 6) if is_unknown(answer) => Status::unimplemented(UNKNOWN_PATH),
        ("sdk", 6) => Status::unknown(bare(&answer.log)),
        ("sdk", 18) => Status::invalid_argument(bare(&answer.log)),
        ("sdk", 4) => Status::unauthenticated(&answer.log),
        ("sdk", 22) => Status::not_found(bare(&answer.log)),
        // A panic, or a broken state: the node's failure, not the request's.
        ("undefined", _) => Status::internal(&answer.log),
        (codespace, code) => Status::unknown(registered(codespace, code, &answer.log)),
    }
}

/// An error of a module as Go's gRPC server puts it: its registered text, which an ABCI log ends with, first.
fn registered(codespace: &str, code: u32, log: &str) -> String {
    let head = format!("codespace {codespace} code {code}");
    match log.rsplit_once(": ") {
        Some((context, text)) => format!("{head}: {text}: {context}"),
        None => format!("{head}: {log}"),
    }
}

/// Whether the application does not have the path that it was asked for.
pub(crate) fn is_unknown(answer: &ResponseQuery) -> bool {
    (answer.codespace.as_str(), answer.code) == ("sdk", 6) && answer.log.starts_with(UNKNOWN_PATH)
}

/// Service and method of a gRPC path, parted where Go's server parts them.
pub(crate) fn parts(path: &str) -> Option<(&str, &str)> {
    path.strip_prefix('/').unwrap_or(path).rsplit_once('/')
}

/// The status of a method that nobody serves, in the words of Go's gRPC server. `serves` says of a service whether any of
/// its methods is served.
pub(crate) fn unknown(path: &str, serves: impl FnOnce(&str) -> bool) -> Status {
    Status::unimplemented(match parts(path) {
        None => format!("malformed method name: {path:?}"),
        Some((service, method)) if serves(service) => {
            format!("unknown method {method} for service {service}")
        }
        Some((service, _)) => format!("unknown service {service}"),
    })
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
    use super::{ResponseQuery, from_abci, unknown};
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
        let status = from_abci(&answer);
        assert_eq!(
            (status.code(), status.message()),
            (Code::NotFound, "account quern1x not found")
        );
    }

    #[test]
    fn an_unknown_path_is_unimplemented_with_go_s_words() {
        let status = from_abci(&failed(6, "unknown query path: unknown request"));
        assert_eq!(status.code(), Code::Unimplemented);
        for (path, words) in [
            ("/a.Query/X", "unknown method X for service a.Query"),
            ("/a.Query/", "unknown method  for service a.Query"),
            ("/b.Query/X", "unknown service b.Query"),
            ("/a.Query/X/Y", "unknown service a.Query/X"),
            ("/nosuch", "malformed method name: \"/nosuch\""),
        ] {
            let status = unknown(path, |service| service == "a.Query");
            assert_eq!((status.code(), status.message()), (Code::Unimplemented, words));
        }
    }

    #[test]
    fn an_error_of_a_module_has_its_registered_text_first_as_in_go() {
        let status = from_abci(&failed(26, "in the future; valid: invalid height"));
        assert_eq!(
            status.message(),
            "codespace sdk code 26: invalid height: in the future; valid"
        );
        assert_eq!(from_abci(&failed(26, "x")).message(), "codespace sdk code 26: x");
    }

    #[test]
    fn other_failures_map_by_code() {
        for (code, expected) in [
            (18, Code::InvalidArgument),
            (4, Code::Unauthenticated),
            (22, Code::NotFound),
            (26, Code::Unknown),
        ] {
            assert_eq!(from_abci(&failed(code, "x")).code(), expected);
        }
    }
}
