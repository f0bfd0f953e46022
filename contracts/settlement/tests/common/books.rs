//! A host's books: receipts into leaves into batches, as an honest worker keeps them, and what a dishonest
//! one changes before it commits.

use std::collections::BTreeMap;

use cosmwasm_std::StdResult;
use cw_multi_test::AppResponse;
use quern_interface::settlement::{CommittedLeaf, CommittedReceipt, ExecuteMsg, ModelAmount};
use quern_protocol::{
    content_hash, cost, output_hash, request_hash, seed_commitment, voucher_seed, Amount, Batch,
    FinishReason, Node, Receipt, SessionLeaf, SumTree, Usage, Voucher,
};

use super::{beacon::beacon, coefficients, model_hash, price, World, CHAIN};

pub const SALT: [u8; 16] = [5; 16];

/// One batch with everything below it.
pub struct Page {
    pub sequence: u64,
    pub batch: Batch,
    /// Leaf order as committed; equals the batch's unless a test disordered it.
    pub leaves: Vec<SessionLeaf>,
    pub receipts: BTreeMap<u64, Vec<Receipt>>,
    tree: SumTree,
}

/// A host's books.
#[derive(Default)]
pub struct Books {
    pub host: usize,
    pub pages: Vec<Page>,
}

/// A receipt for a voucher over `tokens` output tokens and 10 prompt tokens, honest in every field.
pub fn receipt(world: &World, voucher: &Voucher, tokens: u32) -> Receipt {
    let content = content_hash(CHAIN, "/v1/chat/completions", b"{}");
    let hash = request_hash(CHAIN, &SALT, &content);
    let (session, nonce) = (voucher.session, voucher.nonce);
    let seed = voucher_seed(CHAIN, session, nonce, &hash, &SALT, &beacon(voucher.height));
    let usage = Usage {
        prompt: 10,
        cached: 0,
        completion: tokens,
    };
    Receipt {
        voucher: voucher.clone(),
        voucher_signature: world.sign_voucher(voucher),
        request_hash: hash,
        output_hash: output_hash(CHAIN, &SALT, &[1, 2, 3]),
        model_hash: model_hash(),
        client_seed: None,
        seed_commitment: seed_commitment(CHAIN, seed.as_bytes()),
        temperature: 1_000_000,
        usage,
        finish: FinishReason::Stop,
        price: price(),
        first_token_ms: 20,
        duration_ms: 500,
        capture: cost(price(), &coefficients(), &usage).unwrap(),
    }
}

/// Output tokens for which [`receipt`] takes exactly `capture`, an even number from 6 on.
pub fn tokens_for(capture: u128) -> u32 {
    // 10 prompt tokens at 0.3 cost 3 tokens' worth; the price is 2
    u32::try_from(capture / 2 - 3).unwrap()
}

fn tree(receipts: &[Receipt]) -> SumTree {
    let nodes = receipts.iter().map(|r| Node::leaf(&r.digest(CHAIN), r.capture));
    SumTree::new(nodes.collect()).unwrap()
}

/// A sum that is all of the one model.
pub fn by_model(amount: Amount) -> Vec<ModelAmount> {
    let model = super::MODEL.to_owned();
    let one = (!amount.is_zero()).then_some(ModelAmount { model, amount });
    one.into_iter().collect()
}

impl Books {
    pub fn new(host: usize) -> Self {
        Self {
            host,
            pages: Vec::new(),
        }
    }

    pub fn sequence(&self) -> u64 {
        self.pages.len() as u64 + 1
    }

    /// The honest leaf of a session for these receipts.
    pub fn leaf(&self, session: u64, receipts: &[Receipt]) -> SessionLeaf {
        let before = self.pages.iter().rev().find_map(|page| {
            let leaf = page.leaves.iter().find(|leaf| leaf.session == session)?;
            Some((page.sequence, leaf.cumulative.0, leaf.receipts))
        });
        let (previous, cumulative, count) = before.unwrap_or_default();
        let subroot = tree(receipts).root().unwrap();
        let nonces = || receipts.iter().map(|r| r.voucher.nonce);
        SessionLeaf {
            session,
            cumulative: Amount(cumulative.wrapping_add(subroot.sum.0)),
            receipts: count + receipts.len() as u64,
            previous,
            first_nonce: nonces().min().unwrap(),
            last_nonce: nonces().max().unwrap(),
            subroot,
            count: receipts.len() as u32,
        }
    }

    /// Commits receipts by session.
    pub fn commit(&mut self, world: &mut World, receipts: &[(u64, Vec<Receipt>)]) -> u64 {
        let leaves = receipts
            .iter()
            .map(|(session, r)| self.leaf(*session, r))
            .collect();
        self.commit_leaves(world, leaves, receipts).unwrap();
        self.pages.len() as u64
    }

    /// Commits these leaves in this order, right or wrong.
    pub fn commit_leaves(
        &mut self,
        world: &mut World,
        leaves: Vec<SessionLeaf>,
        receipts: &[(u64, Vec<Receipt>)],
    ) -> StdResult<AppResponse> {
        let host = world.hosts[self.host].address.to_string();
        let tree = SumTree::new(leaves.iter().map(|leaf| leaf.node(CHAIN, &host)).collect()).unwrap();
        let mut sorted = leaves.clone();
        sorted.sort_by_key(|leaf| leaf.session);
        sorted.dedup_by_key(|leaf| leaf.session);
        let root = tree.root().unwrap();
        let msg = ExecuteMsg::CommitBatch {
            sequence: self.sequence(),
            root,
            sessions: tree.count(),
            models: by_model(root.sum),
        };
        let warm = world.hosts[self.host].warm_address.clone();
        let answer = world.execute(&warm, &msg, &[])?;
        self.pages.push(Page {
            sequence: self.sequence(),
            batch: Batch::new(CHAIN, &host, sorted).unwrap(),
            leaves,
            receipts: receipts.iter().cloned().collect(),
            tree,
        });
        Ok(answer)
    }

    /// The `index`-th leaf of a batch with its proof.
    pub fn committed_leaf(&self, sequence: u64, index: u32) -> CommittedLeaf {
        let page = &self.pages[sequence as usize - 1];
        CommittedLeaf {
            leaf: page.leaves[index as usize].clone(),
            proof: page.tree.prove(index).unwrap(),
            batch: sequence,
        }
    }

    /// The `index`-th receipt of a session in a batch with its proofs.
    pub fn committed(&self, sequence: u64, session: u64, index: u32) -> CommittedReceipt {
        let page = &self.pages[sequence as usize - 1];
        let place = page
            .leaves
            .iter()
            .position(|leaf| leaf.session == session)
            .unwrap();
        let leaf = self.committed_leaf(sequence, place as u32);
        let receipts = &page.receipts[&session];
        CommittedReceipt {
            receipt: receipts[index as usize].clone(),
            receipt_proof: tree(receipts).prove(index).unwrap(),
            leaf: leaf.leaf,
            leaf_proof: leaf.proof,
            batch: sequence,
        }
    }

    /// A claim with a voucher and the last leaf of its session.
    pub fn claim(&self, world: &World, voucher: &Voucher) -> ExecuteMsg {
        let (page, index) = self
            .pages
            .iter()
            .rev()
            .find_map(|page| {
                let index = page
                    .leaves
                    .iter()
                    .position(|leaf| leaf.session == voucher.session)?;
                Some((page, index))
            })
            .unwrap();
        let leaf = self.committed_leaf(page.sequence, index as u32);
        ExecuteMsg::Settle {
            host: world.hosts[self.host].address.to_string(),
            voucher: voucher.clone(),
            signature: world.sign_voucher(voucher),
            leaf: leaf.leaf,
            batch: leaf.batch,
            proof: leaf.proof,
        }
    }
}
