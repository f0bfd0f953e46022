//! A module with bugs, for tests of the net under every request: what it answers and what it decodes panics.

const QUERY: &str = "/quern.faulty.v1.Query/Panic";
/// A `MsgSend` to an address of this name: types that no module serves are refused before they are decoded.
const MESSAGE: &[u8] = b"\x12\x06faulty";

/// Its query.
pub(crate) fn query(path: &str) {
    assert!(path != QUERY, "a bug in a query");
}

/// Its message.
pub(crate) fn decode(value: &[u8]) {
    assert!(value != MESSAGE, "a bug in a decoder");
}

mod tests {
    use quern_proto::Any;
    use quern_testkit::{Chain, Genesis, User, bank_send};
    use tempfile::TempDir;

    use super::*;
    use crate::{App, Options};

    const FUNDS: &str = "1000000000nqrn";

    fn started(alice: &User) -> (TempDir, App, Chain<App>) {
        let dir = tempfile::tempdir().unwrap();
        let app = App::open(Options::new(dir.path())).unwrap();
        let mut chain = Chain::start(app.clone(), Genesis::new().fund(alice, FUNDS));
        chain.empty_blocks(1);
        (dir, app, chain)
    }

    #[track_caller]
    fn panicked(codespace: &str, code: u32, log: &str, text: &str) {
        assert_eq!((codespace, code), ("undefined", 111_222), "{log}");
        assert!(log.contains(text), "{log}");
    }

    #[test]
    fn a_query_that_panics_gets_the_sdks_error_and_the_next_one_its_answer() {
        let alice = User::new("alice");
        let (_dir, app, chain) = started(&alice);
        for _ in 0..2 {
            let answer = app.query(QUERY, &[], 0, false);
            panicked(&answer.codespace, answer.code, &answer.log, "a bug in a query");
            assert_eq!(answer.height, 1);
            assert_eq!(chain.balance(&alice, "nqrn").to_string() + "nqrn", FUNDS);
        }
    }

    #[test]
    fn a_transaction_whose_decoder_panics_is_refused_wherever_it_comes_in_and_the_next_one_runs() {
        let (alice, bob) = (User::new("alice"), User::new("bob"));
        let (_dir, app, mut chain) = started(&alice);
        let message = Any {
            type_url: "/cosmos.bank.v1beta1.MsgSend".to_owned(),
            value: MESSAGE.to_vec(),
        };
        let faulty = chain.tx(&alice).message(message).fee("100nqrn").sign(&alice);
        let text = "a bug in a decoder";
        let answer = app.query("/app/simulate", &faulty, 0, false);
        panicked(&answer.codespace, answer.code, &answer.log, text);
        let check = chain.check(&faulty);
        panicked(&check.codespace, check.code, &check.log, text);
        let send = bank_send(&alice, &bob, "5nqrn");
        let sound = chain.tx(&alice).message(send).fee("100nqrn").sign(&alice);
        assert_eq!(chain.check(&sound).code, 0);
        let results = chain.block([faulty, sound]).tx_results;
        let refused = &results[0];
        panicked(&refused.codespace, refused.code, &refused.log, text);
        assert_eq!(results[1].code, 0, "{}", results[1].log);
        assert_eq!(chain.balance(&bob, "nqrn"), 5);
    }
}
