//! Proof of compute: requests that nobody asked for, the same for everyone who expands them, and what a host
//! commits of its answers (`docs/spec/proof.md`).

use crate::{
    cost, hash_fields, output_hash, Amount, Coefficients, Draw, Fields, Hash, Node, Price, SumTree, Usage,
};
use serde::{Deserialize, Serialize};

/// Most leaves that a host commits for one model in one sprint.
pub const MAX_PROOFS: u32 = 1 << 20;

/// Lengths of a request, drawn in proportion to `weight` from what is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofShape {
    /// Tokens of the prompt.
    pub prompt: u32,
    /// Tokens to generate, whatever they are: no token ends the output.
    pub output: u32,
    /// Part of the draw.
    pub weight: u32,
}

/// A request of proof of compute: temperature 1, every processor off.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProofTask {
    /// Prompt.
    pub prompt: Vec<u32>,
    /// Tokens to generate.
    pub output: u32,
    /// Seed of the sampler.
    pub seed: Hash,
}

/// A host's answer to one request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofLeaf {
    /// Number of the request, from 0 and without gaps.
    pub index: u32,
    /// Tokens of the prompt.
    pub prompt: u32,
    /// Tokens of the output.
    pub output: u32,
    /// [`proof_output_hash`] of the output.
    pub output_hash: Hash,
}

/// Seed of request `index` that `host` answers for `model` in a sprint. `beacon` is that of the sprint's start.
pub fn proof_seed(chain_id: &str, beacon: &Hash, sprint: u64, host: &str, model: &str, index: u32) -> Hash {
    Fields::new("quern.proof/1", chain_id)
        .bytes(beacon.as_ref())
        .u64(sprint)
        .bytes(host.as_bytes())
        .bytes(model.as_bytes())
        .u64(index.into())
        .finish()
}

/// Whether the beacon of a block begins a confirmation, with probability one in `every`: each block alike,
/// whatever came before; never for 0.
pub fn proof_confirmation(chain_id: &str, height: u64, beacon: &Hash, every: u32) -> bool {
    let seed = Fields::new("quern.proof-confirmation/1", chain_id)
        .u64(height)
        .bytes(beacon.as_ref())
        .finish();
    Draw::new(seed).below(every.into()) == Some(0)
}

impl ProofTask {
    /// Expands a seed. `vocabulary` is the number of token ids to draw from, from 0. None without ids, without
    /// shapes of any weight, or where the weights' sum does not fit.
    pub fn expand(seed: &Hash, vocabulary: u32, shapes: &[ProofShape]) -> Option<Self> {
        let total = shapes
            .iter()
            .try_fold(0_u32, |sum, shape| sum.checked_add(shape.weight))?;
        let mut words = Words::new(seed);
        let mut place = words.below(total)?;
        let shape = shapes.iter().find(|shape| {
            let found = place < shape.weight;
            place = place.saturating_sub(shape.weight);
            found
        })?;
        let prompt = (0..shape.prompt)
            .map(|_| words.below(vocabulary))
            .collect::<Option<_>>()?;
        Some(Self {
            prompt,
            output: shape.output,
            seed: hash_fields(&[b"quern.proof-sampler/1", seed.as_ref()]),
        })
    }
}

/// Numbers that follow from a seed: 32-bit big-endian words of `H("quern.proof-words/1", seed, block)`.
struct Words<'a> {
    seed: &'a Hash,
    block: u64,
    words: std::vec::IntoIter<u32>,
}

impl<'a> Words<'a> {
    fn new(seed: &'a Hash) -> Self {
        Self {
            seed,
            block: 0,
            words: Vec::new().into_iter(),
        }
    }

    fn next(&mut self) -> u32 {
        if let Some(word) = self.words.next() {
            return word;
        }
        let block = hash_fields(&[
            b"quern.proof-words/1",
            self.seed.as_ref(),
            &self.block.to_be_bytes(),
        ]);
        self.block = self.block.saturating_add(1);
        let word = |bytes: &[u8]| {
            bytes
                .iter()
                .fold(0_u32, |word, byte| word << 8 | u32::from(*byte))
        };
        let words: Vec<u32> = block.as_ref().chunks(4).map(word).collect();
        self.words = words.into_iter();
        self.words.next().unwrap_or(0)
    }

    /// `floor(word * bound / 2^32)`: an error of at most `bound / 2^32`, which no proof can use.
    fn below(&mut self, bound: u32) -> Option<u32> {
        let product = u64::from(self.next()) * u64::from(bound);
        (bound > 0).then(|| u32::try_from(product >> 32).unwrap_or(0))
    }
}

/// Hash of an output: unsalted, as every host's requests are its own.
pub fn proof_output_hash(chain_id: &str, tokens: &[u32]) -> Hash {
    output_hash(chain_id, &[0; 16], tokens)
}

impl ProofLeaf {
    /// Hash of the leaf.
    pub fn digest(&self, chain_id: &str, host: &str, model: &str, sprint: u64) -> Hash {
        Fields::new("quern.proof-leaf/1", chain_id)
            .bytes(host.as_bytes())
            .bytes(model.as_bytes())
            .u64(sprint)
            .u64(self.index.into())
            .u64(self.prompt.into())
            .u64(self.output.into())
            .bytes(self.output_hash.as_ref())
            .finish()
    }

    /// Work in tokens, weighted as the model's price weighs them, rounded up: comparable with captures at a
    /// price of 1.
    pub fn work(&self, coefficients: &Coefficients) -> Option<Amount> {
        let usage = Usage {
            prompt: self.prompt,
            cached: 0,
            completion: self.output,
        };
        cost(Price::FLOOR, coefficients, &usage)
    }

    /// As a leaf of the sprint's tree.
    pub fn node(
        &self,
        chain_id: &str,
        host: &str,
        model: &str,
        sprint: u64,
        coefficients: &Coefficients,
    ) -> Option<Node> {
        Some(Node::leaf(
            &self.digest(chain_id, host, model, sprint),
            self.work(coefficients)?,
        ))
    }
}

/// The tree over a host's answers in the order of their numbers; none if there is no answer, or the numbers
/// have gaps.
pub fn proof_tree(
    chain_id: &str,
    host: &str,
    model: &str,
    sprint: u64,
    coefficients: &Coefficients,
    leaves: &[ProofLeaf],
) -> Option<SumTree> {
    let node = |(index, leaf): (u32, &ProofLeaf)| {
        (leaf.index == index).then_some(())?;
        leaf.node(chain_id, host, model, sprint, coefficients)
    };
    SumTree::new((0..MAX_PROOFS).zip(leaves).map(node).collect::<Option<_>>()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SHAPES: [ProofShape; 2] = [
        ProofShape {
            prompt: 5,
            output: 7,
            weight: 1,
        },
        ProofShape {
            prompt: 40,
            output: 3,
            weight: 3,
        },
    ];

    fn task(index: u32) -> ProofTask {
        let seed = proof_seed("c", &Hash::new([1; 32]), 4, "h", "m", index);
        ProofTask::expand(&seed, 1_000, &SHAPES).unwrap()
    }

    #[test]
    fn everyone_expands_the_same_request_and_each_host_and_index_gets_its_own() {
        assert_eq!(task(3), task(3));
        assert_ne!(task(3).prompt, task(4).prompt);
        let other = proof_seed("c", &Hash::new([1; 32]), 4, "i", "m", 3);
        assert_ne!(
            ProofTask::expand(&other, 1_000, &SHAPES).unwrap().seed,
            task(3).seed
        );
    }

    #[test]
    fn shapes_come_by_weight_and_ids_stay_in_the_vocabulary() {
        let tasks: Vec<_> = (0..400).map(task).collect();
        let long = tasks.iter().filter(|task| task.prompt.len() == 40).count();
        assert!((240..360).contains(&long), "{long}");
        assert!(tasks.iter().flat_map(|task| &task.prompt).all(|id| *id < 1_000));
        assert_eq!(ProofTask::expand(&Hash::new([0; 32]), 0, &SHAPES), None);
        assert_eq!(ProofTask::expand(&Hash::new([0; 32]), 9, &[]), None);
    }

    #[test]
    fn a_tree_needs_every_number_once() {
        let coefficients = Coefficients {
            input: 1_000_000,
            cached: 0,
            output: 3_000_000,
        };
        let leaf = |index| ProofLeaf {
            index,
            prompt: 10,
            output: 5,
            output_hash: proof_output_hash("c", &[1, 2]),
        };
        let tree = |leaves: &[ProofLeaf]| proof_tree("c", "h", "m", 1, &coefficients, leaves);
        let sum = tree(&[leaf(0), leaf(1)])
            .and_then(|tree| tree.root())
            .unwrap()
            .sum;
        assert_eq!(sum, Amount(50));
        assert!(tree(&[leaf(0), leaf(2)]).is_none() && tree(&[]).is_none());
    }
}
