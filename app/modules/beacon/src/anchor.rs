//! One validator's place in its onions: pure rules, and the form that the state holds.

use prost::Message;
use quern_types::{Error, Result};

use crate::hash::{Hash, around};

/// Epochs between the end of the one in which an anchor is announced and the end of the one after which
/// it is usable: the announcer cannot know the values that the anchor will meet.
const DELAY: u64 = 2;

/// A validator's place. Default is a validator that never announced an anchor.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// The announced anchor whose onion is being peeled.
    pub origin: Option<Hash>,
    /// The layer whose preimage is revealed next.
    pub current: Option<Hash>,
    /// What follows.
    pub pending: Option<Pending>,
    /// Reveals so far, over all onions.
    pub reveals: u64,
}

/// An announcement that is not in force yet; without an anchor it is a withdrawal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pending {
    pub anchor: Option<Hash>,
    /// In force once this epoch has ended.
    pub epoch: u64,
}

impl Place {
    /// The layer to reveal the preimage of, once `epoch` has ended.
    pub fn usable(&self, epoch: u64) -> Option<Hash> {
        match &self.pending {
            Some(pending) if pending.epoch <= epoch => pending.anchor,
            _ => self.current,
        }
    }

    /// Takes note of the anchor that the validator announces as `epoch` ends. Repeating the last
    /// announcement changes nothing: the onion goes on where it is.
    pub fn announce(&mut self, anchor: Option<Hash>, epoch: u64, genesis: bool) {
        self.settle(epoch);
        let announced = self.pending.map_or(self.origin, |pending| pending.anchor);
        if anchor == announced {
            return;
        }
        self.pending = (anchor != self.origin).then(|| Pending {
            anchor,
            epoch: if genesis {
                epoch
            } else {
                epoch.saturating_add(DELAY)
            },
        });
        self.settle(epoch);
    }

    /// Peels one layer if `preimage` is below the usable one. Returns whether it is.
    pub fn reveal(&mut self, preimage: &Hash, epoch: u64) -> bool {
        if self.usable(epoch) != Some(around(preimage)) {
            return false;
        }
        self.settle(epoch);
        self.current = Some(*preimage);
        self.reveals = self.reveals.saturating_add(1);
        true
    }

    fn settle(&mut self, epoch: u64) {
        if let Some(pending) = self.pending.take_if(|pending| pending.epoch <= epoch) {
            self.origin = pending.anchor;
            self.current = pending.anchor;
        }
    }

    pub fn to_state(&self) -> Vec<u8> {
        let bytes = |hash: Option<Hash>| hash.map(Vec::from).unwrap_or_default();
        PlaceState {
            origin: bytes(self.origin),
            current: bytes(self.current),
            pending: self.pending.map(|pending| PendingState {
                anchor: bytes(pending.anchor),
                epoch: pending.epoch,
            }),
            reveals: self.reveals,
        }
        .encode_to_vec()
    }

    pub fn from_state(bytes: &[u8]) -> Result<Self> {
        let corrupt = || Error::halt("corrupt beacon anchor in state");
        let hash = |bytes: Vec<u8>| match bytes.len() {
            0 => Ok(None),
            _ => bytes.try_into().map(Some).map_err(|_| corrupt()),
        };
        let state = PlaceState::decode(bytes).map_err(|_| corrupt())?;
        let pending = state.pending.map(|pending| {
            Ok::<_, Error>(Pending {
                anchor: hash(pending.anchor)?,
                epoch: pending.epoch,
            })
        });
        Ok(Self {
            origin: hash(state.origin)?,
            current: hash(state.current)?,
            pending: pending.transpose()?,
            reveals: state.reveals,
        })
    }
}

#[derive(Clone, PartialEq, Message)]
struct PlaceState {
    #[prost(bytes = "vec", tag = "1")]
    origin: Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    current: Vec<u8>,
    #[prost(message, optional, tag = "3")]
    pending: Option<PendingState>,
    #[prost(uint64, tag = "4")]
    reveals: u64,
}

#[derive(Clone, PartialEq, Message)]
struct PendingState {
    #[prost(bytes = "vec", tag = "1")]
    anchor: Vec<u8>,
    #[prost(uint64, tag = "2")]
    epoch: u64,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Found, Onion};

    fn preimage(onion: &Onion, layer: Option<Hash>) -> Hash {
        match onion.below(&layer.unwrap()) {
            Found::Preimage { preimage, .. } => preimage,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_new_anchor_is_usable_two_epochs_later_and_at_once_at_genesis() {
        let (first, second) = ([1; 32], [2; 32]);
        let mut place = Place::default();
        place.announce(Some(first), 0, true);
        assert_eq!(place.usable(0), Some(first));
        place.announce(Some(second), 5, false);
        assert_eq!((place.usable(5), place.usable(6)), (Some(first), Some(first)));
        assert_eq!(place.usable(7), Some(second));
        // the same for a validator without any
        let mut late = Place::default();
        late.announce(Some(first), 5, false);
        assert_eq!((late.usable(6), late.usable(7)), (None, Some(first)));
        // and for one that withdraws its anchor
        late.announce(None, 7, false);
        assert_eq!((late.usable(8), late.usable(9)), (Some(first), None));
    }

    #[test]
    fn the_old_onion_is_peeled_until_the_new_anchor_is_usable() {
        let (old, new) = (Onion::new([1; 32], 10), Onion::new([2; 32], 10));
        let mut place = Place::default();
        place.announce(Some(old.anchor()), 0, true);
        place.announce(Some(new.anchor()), 1, false);
        let revealed = preimage(&old, place.usable(2));
        assert!(place.reveal(&revealed, 2));
        assert!(
            !place.reveal(&preimage(&old, Some(revealed)), 3),
            "the new anchor rules"
        );
        assert!(place.reveal(&preimage(&new, place.usable(3)), 3));
        assert_eq!(place.reveals, 2);
    }

    #[test]
    fn an_announcement_that_repeats_or_returns_does_not_open_revealed_layers_again() {
        let onion = Onion::new([1; 32], 10);
        let mut place = Place::default();
        place.announce(Some(onion.anchor()), 0, true);
        let revealed = preimage(&onion, place.usable(0));
        assert!(place.reveal(&revealed, 0));
        for epoch in 1..5 {
            place.announce(Some(onion.anchor()), epoch, false);
            assert_eq!(place.usable(epoch + 9), Some(revealed));
        }
        // changing one's mind in time
        place.announce(Some([9; 32]), 5, false);
        place.announce(Some(onion.anchor()), 6, false);
        assert_eq!((place.pending, place.usable(99)), (None, Some(revealed)));
    }

    #[test]
    fn only_the_preimage_is_accepted_and_only_once() {
        let (onion, other) = (Onion::new([1; 32], 10), Onion::new([2; 32], 10));
        let mut place = Place::default();
        place.announce(Some(onion.anchor()), 0, true);
        let first = preimage(&onion, place.usable(0));
        let before = place.clone();
        for wrong in [
            [0; 32],
            onion.anchor(),
            preimage(&other, Some(other.anchor())),
            preimage(&onion, Some(first)),
        ] {
            assert!(!place.reveal(&wrong, 0));
            assert_eq!(place, before);
        }
        assert!(place.reveal(&first, 0));
        assert!(!place.reveal(&first, 0));
        assert!(!Place::default().reveal(&first, 0));
    }

    #[test]
    fn the_state_gives_back_what_it_was_given() {
        let places = [
            Place::default(),
            Place {
                origin: Some([1; 32]),
                current: Some([0; 32]),
                pending: Some(Pending {
                    anchor: None,
                    epoch: 7,
                }),
                reveals: u64::MAX,
            },
            Place {
                pending: Some(Pending {
                    anchor: Some([3; 32]),
                    epoch: 0,
                }),
                ..Place::default()
            },
        ];
        for place in places {
            assert_eq!(Place::from_state(&place.to_state()).unwrap(), place);
        }
        assert!(Place::from_state(&[0x0a, 1, 1]).unwrap_err().is_halt());
    }
}
