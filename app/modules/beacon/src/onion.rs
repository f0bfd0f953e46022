//! A hash onion: layer 0 is a secret, each further layer is the hash of the one below, and the last is
//! the anchor. Layers are revealed from the outside in.
//!
//! Every `every`-th layer is kept, so that finding a layer and the one below it costs at most about
//! twice `every` hashes. Nothing remembers how far the onion is peeled: the chain's state says so.

use std::collections::BTreeMap;

use crate::hash::{Hash, around};

/// Layers of an onion unless told otherwise: a reveal every ten seconds for almost four months.
pub const DEFAULT_LAYERS: u32 = 1_000_000;
/// Fewest layers of an onion: one reveal.
pub const MIN_LAYERS: u32 = 1;

/// A secret onion.
#[derive(Clone)]
pub struct Onion {
    layers: u32,
    every: u32,
    /// Layers 0, `every`, 2 · `every`, …, and the anchor as the last.
    kept: Vec<Hash>,
    /// Number of each kept layer.
    numbers: BTreeMap<Hash, u32>,
}

/// What an onion knows of a layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// The layer below it.
    Preimage {
        /// The preimage to reveal.
        preimage: Hash,
        /// Reveals that are left after this one.
        left: u32,
    },
    /// It is the secret itself: the onion is used up.
    Exhausted,
    /// It is no layer of this onion.
    Unknown,
}

impl Onion {
    /// Grows an onion of at least [`MIN_LAYERS`] layers around a secret, one hash a layer.
    pub fn new(secret: Hash, layers: u32) -> Self {
        let layers = layers.max(MIN_LAYERS);
        let every = layers.isqrt().max(1);
        let mut kept = Vec::new();
        let mut layer = secret;
        for number in 0..layers {
            if number.is_multiple_of(every) {
                kept.push(layer);
            }
            layer = around(&layer);
        }
        kept.push(layer);
        Self::with_index(layers, every, kept)
    }

    /// Puts an onion together from [`Onion::layers`], [`Onion::every`] and [`Onion::kept`]; `None` if
    /// the numbers do not fit each other or the outermost layers are not hashes of each other.
    pub fn from_kept(layers: u32, every: u32, kept: Vec<Hash>) -> Option<Self> {
        if layers < MIN_LAYERS || every == 0 || every > layers {
            return None;
        }
        let expected = layers.div_ceil(every).checked_add(1)?;
        if usize::try_from(expected).ok()? != kept.len() {
            return None;
        }
        let [.., below, anchor] = kept.as_slice() else {
            return None;
        };
        let outermost = layers.checked_sub(1)?.checked_div(every)?.checked_mul(every)?;
        if climb(*below, layers.checked_sub(outermost)?) != *anchor {
            return None;
        }
        Some(Self::with_index(layers, every, kept))
    }

    fn with_index(layers: u32, every: u32, kept: Vec<Hash>) -> Self {
        let inner = (0..layers).step_by(usize::try_from(every).unwrap_or(1).max(1));
        let numbers = kept.iter().copied().zip(inner.chain([layers])).collect();
        Self {
            layers,
            every,
            kept,
            numbers,
        }
    }

    /// Number of layers around the secret, which is the number of reveals.
    pub fn layers(&self) -> u32 {
        self.layers
    }

    /// Distance of the kept layers.
    pub fn every(&self) -> u32 {
        self.every
    }

    /// The kept layers, the secret first and the anchor last. All are secret but the last.
    pub fn kept(&self) -> &[Hash] {
        &self.kept
    }

    /// The outermost layer, which a validator announces.
    pub fn anchor(&self) -> Hash {
        self.kept.last().copied().unwrap_or_default()
    }

    /// Looks for a layer and takes the one below it.
    pub fn below(&self, layer: &Hash) -> Found {
        let Some(number) = self.number_of(layer) else {
            return Found::Unknown;
        };
        let Some(wanted) = number.checked_sub(1) else {
            return Found::Exhausted;
        };
        let (index, steps) = (wanted / self.every, wanted % self.every);
        let start = usize::try_from(index).ok().and_then(|index| self.kept.get(index));
        let preimage = start.map(|start| climb(*start, steps));
        // A damaged onion must not reveal what the chain would refuse.
        match preimage.filter(|preimage| around(preimage) == *layer) {
            Some(preimage) => Found::Preimage {
                preimage,
                left: wanted,
            },
            None => Found::Unknown,
        }
    }

    /// Climbs from the layer to the next kept one.
    fn number_of(&self, layer: &Hash) -> Option<u32> {
        let mut climbed = *layer;
        for steps in 0..=self.every {
            if let Some(number) = self.numbers.get(&climbed) {
                return number.checked_sub(steps);
            }
            climbed = around(&climbed);
        }
        None
    }
}

impl std::fmt::Debug for Onion {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Onion")
            .field("layers", &self.layers)
            .finish_non_exhaustive()
    }
}

fn climb(mut layer: Hash, steps: u32) -> Hash {
    for _ in 0..steps {
        layer = around(&layer);
    }
    layer
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The onion peeled from its anchor to its secret.
    fn peel(onion: &Onion) -> Vec<Hash> {
        let mut layer = onion.anchor();
        let mut peeled = Vec::new();
        while let Found::Preimage { preimage, left } = onion.below(&layer) {
            assert_eq!(around(&preimage), layer);
            peeled.push(preimage);
            assert_eq!(
                usize::try_from(left).unwrap() + peeled.len(),
                onion.layers() as usize
            );
            layer = preimage;
        }
        assert_eq!(onion.below(&layer), Found::Exhausted);
        peeled
    }

    proptest! {
        #[test]
        fn every_layer_is_revealed_once_from_the_outside_in(secret: Hash, layers in 1u32..200) {
            let onion = Onion::new(secret, layers);
            let peeled = peel(&onion);
            prop_assert_eq!(peeled.len(), layers as usize);
            prop_assert_eq!(peeled.last(), Some(&secret));
        }

        #[test]
        fn an_onion_read_back_from_its_kept_layers_is_the_same(secret: Hash, layers in 1u32..200) {
            let onion = Onion::new(secret, layers);
            let read = Onion::from_kept(layers, onion.every(), onion.kept().to_vec()).unwrap();
            prop_assert_eq!(peel(&read), peel(&onion));
        }

        #[test]
        fn a_foreign_layer_is_unknown(secret: Hash, other: Hash, layers in 1u32..200) {
            prop_assume!(secret != other);
            let (onion, other) = (Onion::new(secret, layers), Onion::new(other, layers));
            prop_assert_eq!(onion.below(&other.anchor()), Found::Unknown);
        }
    }

    #[test]
    fn a_damaged_onion_is_refused_or_reveals_nothing() {
        let onion = Onion::new([7; 32], 100);
        let kept = onion.kept().to_vec();
        assert!(Onion::from_kept(100, 9, kept.clone()).is_none());
        assert!(Onion::from_kept(99, 10, kept.clone()).is_none());
        assert!(Onion::from_kept(100, 0, kept.clone()).is_none());
        assert!(Onion::from_kept(100, 10, kept[..10].to_vec()).is_none());
        let mut outermost = kept.clone();
        outermost[9][0] ^= 1;
        assert!(Onion::from_kept(100, 10, outermost).is_none());
        let mut inner = kept;
        inner[4][0] ^= 1;
        let damaged = Onion::from_kept(100, 10, inner).unwrap();
        // layer 49 lies above the damaged layer 40, and layer 51 above the sound layer 50
        let layer = |steps| climb([7; 32], steps);
        assert_eq!(damaged.below(&layer(50)), Found::Unknown);
        assert_eq!(damaged.below(&layer(52)), onion.below(&layer(52)));
    }

    #[test]
    fn an_onion_does_not_print_its_secret() {
        assert_eq!(format!("{:?}", Onion::new([7; 32], 4)), "Onion { layers: 4, .. }");
    }
}
