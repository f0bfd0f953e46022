//! Sessions on the chain that the ledger does not know: opened just before a crash, or before the ledger was lost. Their
//! nonces may have been used, so nothing is signed in them; the money comes back.

use crate::ledger::Record;
use crate::paid::Gateway;
use quern_interface::settlement::{ExecuteMsg, SessionStatus};
use quern_protocol::Bytes;

pub(super) async fn close_all(gateway: &Gateway) {
    let contracts = &gateway.view.contracts;
    for payer in gateway.payers.values() {
        let own = Bytes(payer.session_key.public());
        let sessions = match contracts.sessions(&payer.address).await {
            Ok(sessions) => sessions,
            Err(error) => {
                tracing::warn!(
                    error = format!("{error:#}"),
                    "the payer's sessions cannot be read"
                );
                continue;
            }
        };
        for info in sessions {
            let session = info.id;
            let over = matches!(info.status, SessionStatus::Closed | SessionStatus::Void);
            let known = gateway
                .books
                .with(|ledger| ledger.sessions.contains_key(&session));
            if info.session_key != own || over || known {
                continue;
            }
            let agent = payer.agent();
            // what was opened since is taken up
            if agent.is_some() && (info.agent != agent || info.opened_at > gateway.view.began()) {
                continue;
            }
            tracing::warn!(
                session,
                "a session that the ledger does not know; it is being closed"
            );
            if info.status == SessionStatus::Open {
                let message = ExecuteMsg::CloseSession { session };
                if let Err(error) = contracts.execute(&payer.account, &message, None).await {
                    tracing::warn!(session, error = format!("{error:#}"), "it could not be closed");
                    continue;
                }
            }
            // From here on it is followed until it is paid, and never used.
            let opened = Record::Opened {
                session,
                payer: payer.address.clone(),
                model: info.model,
            };
            gateway
                .books
                .write(vec![opened, Record::Closing { session }])
                .await;
        }
    }
}
