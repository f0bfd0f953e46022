//! Outcomes in ABCI's form.

use quern_types::{Event, errors};
use tendermint_proto::v0_38::abci as pb;

use crate::execute::Outcome;

/// Bytes of a log.
const MAX_LOG: usize = 32 * 1024;

pub(crate) fn exec_result(outcome: Outcome) -> pb::ExecTxResult {
    let (code, codespace, log) = status(&outcome);
    pb::ExecTxResult {
        code,
        data: outcome.data.into(),
        log,
        info: String::new(),
        gas_wanted: signed(outcome.gas_wanted),
        gas_used: signed(outcome.gas_used),
        events: outcome.events.into_iter().map(to_abci_event).collect(),
        codespace,
    }
}

pub(crate) fn check_result(outcome: Outcome) -> pb::ResponseCheckTx {
    let (code, codespace, log) = status(&outcome);
    pb::ResponseCheckTx {
        code,
        data: outcome.data.into(),
        log,
        info: String::new(),
        gas_wanted: signed(outcome.gas_wanted),
        gas_used: signed(outcome.gas_used),
        events: outcome.events.into_iter().map(to_abci_event).collect(),
        codespace,
    }
}

fn status(outcome: &Outcome) -> (u32, String, String) {
    match &outcome.error {
        None => (0, String::new(), String::new()),
        Some(error) => {
            // code 0 would read as success
            let code = if error.code() == 0 {
                errors::INTERNAL.code
            } else {
                error.code()
            };
            (code, error.codespace().to_owned(), cut(error.to_string()))
        }
    }
}

/// Contracts and nested messages add to an error what they like; no result that nodes keep grows with it.
fn cut(mut log: String) -> String {
    if log.len() > MAX_LOG {
        let end = (0..=MAX_LOG)
            .rev()
            .find(|at| log.is_char_boundary(*at))
            .unwrap_or(0);
        log.truncate(end);
        log.push_str("...");
    }
    log
}

fn signed(gas: u64) -> i64 {
    i64::try_from(gas).unwrap_or(i64::MAX)
}

pub(crate) fn to_abci_event(event: Event) -> pb::Event {
    let attributes = event
        .attributes
        .into_iter()
        .map(|a| pb::EventAttribute {
            key: a.key,
            value: a.value,
            index: true,
        })
        .collect();
    pb::Event {
        r#type: event.ty,
        attributes,
    }
}
