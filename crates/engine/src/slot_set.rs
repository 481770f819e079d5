//! A set of slots by their index, as bits.

/// Most slots of one peer, closed ones included: as many as an offer has sections.
pub(crate) const MAX_SLOTS: usize = 256;

const BITS: usize = u64::BITS as usize;

/// Slots of one peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SlotSet {
    words: [u64; MAX_SLOTS / BITS],
}

impl SlotSet {
    /// Adds `slot`; one beyond [`MAX_SLOTS`] does not exist.
    #[inline]
    pub(crate) fn insert(&mut self, slot: usize) {
        if let Some(word) = self.words.get_mut(slot / BITS) {
            *word |= 1 << (slot % BITS);
        }
    }

    #[inline]
    pub(crate) fn remove(&mut self, slot: usize) {
        if let Some(word) = self.words.get_mut(slot / BITS) {
            *word &= !(1 << (slot % BITS));
        }
    }

    /// The lowest slot.
    #[inline]
    pub(crate) fn first(&self) -> Option<usize> {
        self.at_or_after(0)
    }

    /// Each slot once: those from `turn` on, and then those before it.
    #[inline]
    pub(crate) fn around(&self, turn: usize) -> impl Iterator<Item = usize> + use<> {
        let set = *self;
        let from =
            std::iter::successors(set.at_or_after(turn), move |slot| set.at_or_after(slot + 1));
        let before = std::iter::successors(set.first(), move |slot| set.at_or_after(slot + 1));
        from.chain(before.take_while(move |slot| *slot < turn))
    }

    #[inline]
    fn at_or_after(&self, slot: usize) -> Option<usize> {
        let (first, rest) = (slot / BITS, slot % BITS);
        let words = self.words.iter().enumerate().skip(first);
        let mut words = words.map(|(index, word)| match index == first {
            true => (index, word & u64::MAX << rest),
            false => (index, *word),
        });
        let (index, word) = words.find(|(_, word)| *word != 0)?;
        Some(index * BITS + word.trailing_zeros() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_walk_around_meets_each_slot_once() {
        let mut set = SlotSet::default();
        [0, 63, 64, 130, 255].into_iter().for_each(|slot| set.insert(slot));
        for (turn, walk) in [
            (0, [0, 63, 64, 130, 255]),
            (64, [64, 130, 255, 0, 63]),
            (65, [130, 255, 0, 63, 64]),
            (256, [0, 63, 64, 130, 255]),
        ] {
            assert_eq!(set.around(turn).collect::<Vec<_>>(), walk);
        }
    }

    #[test]
    fn slots_come_out_lowest_first() {
        let mut set = SlotSet::default();
        for slot in [255, 3, 64, 3, 999] {
            set.insert(slot);
        }
        let mut slots = Vec::new();
        while let Some(slot) = set.first() {
            slots.push(slot);
            set.remove(slot);
        }
        assert_eq!(slots, [3, 64, 255]);
    }
}
