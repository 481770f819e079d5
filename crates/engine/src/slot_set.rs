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
        let index = self.words.iter().position(|word| *word != 0)?;
        Some(index * BITS + self.words[index].trailing_zeros() as usize)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
