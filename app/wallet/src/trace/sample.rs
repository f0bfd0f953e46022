//! A signed receipt in a batch, for tests.

use k256::ecdsa::{SigningKey, signature::hazmat::PrehashSigner};
use quern_interface::settlement::{BatchInfo, CommittedReceipt, SignedReceipt};
use quern_protocol::{
    Amount, Batch, Coefficients, FinishReason, Hash, Node, PublicKey, Receipt, SessionLeaf, Signature,
    SumTree, Usage, Voucher, cost,
};

/// Chain of the sample.
pub(super) const CHAIN: &str = "quern-test-1";

/// A receipt with everything around it.
pub(super) struct Sample {
    pub signed: SignedReceipt,
    pub committed: CommittedReceipt,
    pub batch: BatchInfo,
    pub session_secret: SigningKey,
    pub session_key: PublicKey,
    pub warm_key: PublicKey,
    pub coefficients: Coefficients,
}

/// Signs a digest.
pub(super) fn sign(key: &SigningKey, digest: &Hash) -> Signature {
    let signature: k256::ecdsa::Signature = key.sign_prehash(digest.as_ref()).unwrap();
    Signature::new(signature.normalize_s().unwrap_or(signature).to_bytes().into())
}

fn public(key: &SigningKey) -> PublicKey {
    let point = key.verifying_key().to_encoded_point(true);
    PublicKey::new(point.as_bytes().try_into().unwrap())
}

impl Sample {
    pub(super) fn new() -> Self {
        let session_secret = SigningKey::from_slice(&[7; 32]).unwrap();
        let warm_secret = SigningKey::from_slice(&[8; 32]).unwrap();
        let coefficients = Coefficients {
            input: 1_000_000,
            cached: 100_000,
            output: 3_000_000,
        };
        let voucher = Voucher {
            session: 4,
            host: "quern1host".into(),
            nonce: 12,
            height: 100,
            ceiling: Amount(5_000),
            cap: Amount(9_000),
            salt_commitment: Hash::new([1; 32]),
        };
        let usage = Usage {
            prompt: 40,
            cached: 0,
            completion: 20,
        };
        let price = "2.5".parse().unwrap();
        let receipt = Receipt {
            voucher_signature: sign(&session_secret, &voucher.digest(CHAIN)),
            voucher,
            request_hash: Hash::new([2; 32]),
            output_hash: Hash::new([3; 32]),
            model_hash: Hash::new([4; 32]),
            client_seed: None,
            seed_commitment: Hash::new([5; 32]),
            temperature: 1_000_000,
            usage,
            finish: FinishReason::Stop,
            price,
            first_token_ms: 30,
            duration_ms: 400,
            capture: cost(price, &coefficients, &usage).unwrap(),
        };
        let receipts = SumTree::new(vec![
            Node::leaf(&Hash::new([9; 32]), Amount(11)),
            Node::leaf(&receipt.digest(CHAIN), receipt.capture),
            Node::leaf(&Hash::new([10; 32]), Amount(13)),
        ])
        .unwrap();
        let leaf = |session, subroot: Node| SessionLeaf {
            session,
            cumulative: Amount(subroot.sum.0 + 100),
            receipts: 8,
            previous: 2,
            first_nonce: 11,
            last_nonce: 13,
            subroot,
            count: 3,
        };
        let leaves = vec![
            leaf(2, Node::leaf(&Hash::new([6; 32]), Amount(1))),
            leaf(4, receipts.root().unwrap()),
        ];
        let batch = Batch::new(CHAIN, "quern1host", leaves).unwrap();
        let (leaf, leaf_proof) = batch.prove(4).unwrap();
        Self {
            signed: SignedReceipt {
                signature: sign(&warm_secret, &receipt.digest(CHAIN)),
                receipt: receipt.clone(),
            },
            committed: CommittedReceipt {
                receipt,
                receipt_proof: receipts.prove(1).unwrap(),
                leaf: leaf.clone(),
                leaf_proof,
                batch: 3,
            },
            batch: BatchInfo {
                host: "quern1host".into(),
                sequence: 3,
                height: 107,
                root: batch.root().unwrap(),
                sessions: 2,
            },
            session_key: public(&session_secret),
            warm_key: public(&warm_secret),
            session_secret,
            coefficients,
        }
    }
}
