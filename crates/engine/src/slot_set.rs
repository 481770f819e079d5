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
        self.from(0)
    }

    /// The lowest slot above `slot`.
    #[inline]
    pub(crate) fn after(&self, slot: usize) -> Option<usize> {
        self.from(slot + 1)
    }

    #[inline]
    fn from(&self, slot: usize) -> Option<usize> {
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
    fn a_walk_over_slots_meets_each_once() {
        let mut set = SlotSet::default();
        [0, 63, 64, 130, 255].into_iter().for_each(|slot| set.insert(slot));
        let walk = std::iter::successors(set.first(), |slot| set.after(*slot));
        assert_eq!(walk.collect::<Vec<_>>(), [0, 63, 64, 130, 255]);
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
