//! `index-events`: which attributes CometBFT indexes. It is this node's own affair: no hash covers the marks.

use std::collections::BTreeSet;
use std::sync::Arc;

use quern_core::App;
use tendermint_abci::Application;
use tendermint_proto::v0_38::abci as pb;

/// The application, with no other attributes marked than the operator's.
#[derive(Clone)]
pub struct Indexed {
    app: App,
    chosen: Arc<BTreeSet<String>>,
}

impl Indexed {
    /// Marks the attributes `TYPE.KEY` alone.
    pub fn new(app: App, chosen: &[String]) -> Self {
        Self {
            app,
            chosen: Arc::new(chosen.iter().cloned().collect()),
        }
    }
}

fn mark(events: &mut [pb::Event], chosen: &BTreeSet<String>) {
    for event in events {
        for attribute in &mut event.attributes {
            attribute.index = chosen.contains(&format!("{}.{}", event.r#type, attribute.key));
        }
    }
}

impl Application for Indexed {
    fn info(&self, request: pb::RequestInfo) -> pb::ResponseInfo {
        Application::info(&self.app, request)
    }

    fn init_chain(&self, request: pb::RequestInitChain) -> pb::ResponseInitChain {
        Application::init_chain(&self.app, request)
    }

    fn query(&self, request: pb::RequestQuery) -> pb::ResponseQuery {
        Application::query(&self.app, request)
    }

    fn check_tx(&self, request: pb::RequestCheckTx) -> pb::ResponseCheckTx {
        let mut answer = Application::check_tx(&self.app, request);
        mark(&mut answer.events, &self.chosen);
        answer
    }

    fn prepare_proposal(&self, request: pb::RequestPrepareProposal) -> pb::ResponsePrepareProposal {
        Application::prepare_proposal(&self.app, request)
    }

    fn process_proposal(&self, request: pb::RequestProcessProposal) -> pb::ResponseProcessProposal {
        Application::process_proposal(&self.app, request)
    }

    fn finalize_block(&self, request: pb::RequestFinalizeBlock) -> pb::ResponseFinalizeBlock {
        let mut answer = Application::finalize_block(&self.app, request);
        mark(&mut answer.events, &self.chosen);
        for result in &mut answer.tx_results {
            mark(&mut result.events, &self.chosen);
        }
        answer
    }

    fn commit(&self) -> pb::ResponseCommit {
        Application::commit(&self.app)
    }

    fn list_snapshots(&self) -> pb::ResponseListSnapshots {
        Application::list_snapshots(&self.app)
    }

    fn offer_snapshot(&self, request: pb::RequestOfferSnapshot) -> pb::ResponseOfferSnapshot {
        Application::offer_snapshot(&self.app, request)
    }

    fn load_snapshot_chunk(&self, request: pb::RequestLoadSnapshotChunk) -> pb::ResponseLoadSnapshotChunk {
        Application::load_snapshot_chunk(&self.app, request)
    }

    fn apply_snapshot_chunk(&self, request: pb::RequestApplySnapshotChunk) -> pb::ResponseApplySnapshotChunk {
        Application::apply_snapshot_chunk(&self.app, request)
    }
}

#[cfg(test)]
mod tests {
    use quern_core::Options;
    use quern_testkit::{Chain, Genesis, User, bank_send};

    use super::*;

    /// A block with a transfer, by an application of its own, and what the mempool said of it.
    fn transfer<A: Application>(
        open: impl FnOnce(App) -> A,
    ) -> (pb::ResponseFinalizeBlock, pb::ResponseCheckTx) {
        let dir = tempfile::tempdir().unwrap();
        let app = App::open(Options::new(dir.path())).unwrap();
        let (alice, bob) = (User::new("alice"), User::new("bob"));
        let mut chain = Chain::start(open(app), Genesis::new().fund(&alice, "1000nqrn"));
        chain.empty_blocks(1);
        let tx = chain
            .tx(&alice)
            .message(bank_send(&alice, &bob, "5nqrn"))
            .sign(&alice);
        let check = chain.check(&tx);
        (chain.block([tx]), check)
    }

    fn marked(events: &[pb::Event]) -> usize {
        let attributes = events.iter().flat_map(|event| &event.attributes);
        attributes.filter(|attribute| attribute.index).count()
    }

    #[test]
    fn a_block_differs_in_its_marks_alone() {
        let (all, _) = transfer(|app| app);
        let (mut few, check) = transfer(|app| Indexed::new(app, &["transfer.recipient".to_owned()]));
        assert_eq!(all.tx_results[0].code, 0, "{}", all.tx_results[0].log);
        assert!(marked(&all.tx_results[0].events) > 10);
        assert_eq!(marked(&few.tx_results[0].events), 1);
        assert_eq!(marked(&check.events), 0);
        for events in [&mut few.events, &mut few.tx_results[0].events] {
            let attributes = events.iter_mut().flat_map(|event| &mut event.attributes);
            attributes.for_each(|attribute| attribute.index = true);
        }
        assert_eq!(few, all, "the hash of the state, too");
    }

    #[test]
    fn the_chosen_attributes_alone_are_marked() {
        let attribute = |key: &str| pb::EventAttribute {
            key: key.into(),
            value: "v".into(),
            index: true,
        };
        let event = |kind: &str| pb::Event {
            r#type: kind.into(),
            attributes: vec![attribute("sender"), attribute("recipient")],
        };
        let mut events = [event("transfer"), event("message")];
        let chosen = ["transfer.recipient".to_owned(), "message.sender".to_owned()];
        mark(&mut events, &chosen.into());
        let marked = events.map(|event| event.attributes.iter().map(|a| a.index).collect::<Vec<_>>());
        assert_eq!(marked, [vec![false, true], vec![true, false]]);
    }
}
