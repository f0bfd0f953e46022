//! What a host commits: one root over its sessions, each with a root over its receipts.

use crate::{Amount, Fields, Hash, Node, Proof, SumTree};
use serde::{Deserialize, Serialize};

/// One session in one batch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SessionLeaf {
    /// Session.
    pub session: u64,
    /// Captures of the session, all batches up to this one included.
    pub cumulative: Amount,
    /// Receipts of the session, all batches up to this one included.
    pub receipts: u64,
    /// Sequence of the host's earlier batch with this session, 0 if there is none.
    pub previous: u64,
    /// Lowest nonce in this batch.
    pub first_nonce: u64,
    /// Highest nonce in this batch.
    pub last_nonce: u64,
    /// Root over this batch's receipts, by rising nonce; its sum is what this batch adds.
    pub subroot: Node,
    /// Receipts in this batch.
    pub count: u32,
}

impl SessionLeaf {
    /// Hash of the leaf.
    pub fn digest(&self, chain_id: &str, host: &str) -> Hash {
        Fields::new("quern.session-leaf/1", chain_id)
            .bytes(host.as_bytes())
            .u64(self.session)
            .u128(self.cumulative.0)
            .u64(self.receipts)
            .u64(self.previous)
            .u64(self.first_nonce)
            .u64(self.last_nonce)
            .bytes(self.subroot.hash.as_ref())
            .u128(self.subroot.sum.0)
            .u64(self.count.into())
            .finish()
    }

    /// As a leaf of the batch tree: its amount is what this batch adds.
    pub fn node(&self, chain_id: &str, host: &str) -> Node {
        Node::leaf(&self.digest(chain_id, host), self.subroot.sum)
    }
}

/// A batch in memory, for who makes proofs.
#[derive(Clone, Debug)]
pub struct Batch {
    sessions: Vec<SessionLeaf>,
    tree: SumTree,
}

impl Batch {
    /// A batch over leaves; none if empty, not sorted by session, or with a session twice.
    pub fn new(chain_id: &str, host: &str, sessions: Vec<SessionLeaf>) -> Option<Self> {
        if !sessions.windows(2).all(|pair| pair[0].session < pair[1].session) {
            return None;
        }
        let tree = SumTree::new(sessions.iter().map(|leaf| leaf.node(chain_id, host)).collect())?;
        Some(Self { sessions, tree })
    }

    /// The root, its sum the amount of the whole batch.
    pub fn root(&self) -> Option<Node> {
        self.tree.root()
    }

    /// Sessions in it.
    pub fn sessions(&self) -> &[SessionLeaf] {
        &self.sessions
    }

    /// A session's leaf and its proof.
    pub fn prove(&self, session: u64) -> Option<(&SessionLeaf, Proof)> {
        let index = self
            .sessions
            .binary_search_by_key(&session, |leaf| leaf.session)
            .ok()?;
        let proof = self.tree.prove(u32::try_from(index).ok()?)?;
        Some((self.sessions.get(index)?, proof))
    }
}
