//! Which of the latest packets of a stream have been here, one bit each.

use super::Verdict;

/// Packets that are remembered: a second of a stream at ten megabits.
pub(super) const WINDOW: u64 = 1024;
const WORD_BITS: u64 = 64;
const WORDS: usize = (WINDOW / WORD_BITS) as usize;

/// A sliding window of arrivals that ends at the highest sequence number.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    highest: Option<u64>,
    bits: [u64; WORDS],
}

impl Seen {
    pub(super) fn highest(&self) -> Option<u64> {
        self.highest
    }

    #[inline]
    pub(super) fn note(&mut self, sequence: u64) -> Verdict {
        match self.highest {
            Some(highest) if sequence <= highest => {
                if highest - sequence >= WINDOW {
                    return Verdict::TooOld;
                }
            }
            Some(highest) => self.advance(highest, sequence),
            None => self.highest = Some(sequence),
        }
        let (word, mask) = place(sequence);
        let Some(word) = self.bits.get_mut(word) else { return Verdict::TooOld };
        if *word & mask != 0 {
            return Verdict::Duplicate;
        }
        *word |= mask;
        Verdict::New
    }

    /// Whether a number has been here and is still remembered.
    #[inline]
    pub(super) fn contains(&self, sequence: u64) -> bool {
        let (word, mask) = place(sequence);
        let is_inside = self.highest.is_some_and(|top| sequence <= top && top - sequence < WINDOW);
        is_inside && self.bits.get(word).is_some_and(|word| word & mask != 0)
    }

    /// Moves the window up, forgetting what the places of the skipped numbers held before.
    fn advance(&mut self, highest: u64, sequence: u64) {
        if sequence - highest >= WINDOW {
            self.bits = [0; WORDS];
        } else {
            for skipped in highest + 1..=sequence {
                let (word, mask) = place(skipped);
                if let Some(word) = self.bits.get_mut(word) {
                    *word &= !mask;
                }
            }
        }
        self.highest = Some(sequence);
    }
}

fn place(sequence: u64) -> (usize, u64) {
    let position = sequence % WINDOW;
    ((position / WORD_BITS) as usize, 1 << (position % WORD_BITS))
}
