//! Which outgoing sequence numbers have been used, so that none is used twice.

/// How far behind the newest packet a gap can still be filled: as far as the SRTP replay windows of
/// browsers reach back (libwebrtc sets 1024).
pub const WINDOW: u64 = 1024;

const WORD: u64 = u64::BITS as u64;

/// Why a number may not be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    Already,
    OutOfWindow,
}

/// One bit for each of the last [`WINDOW`] numbers.
#[derive(Debug, Default)]
pub(super) struct SentWindow {
    /// Behind the newest number.
    end: u64,
    bits: [u64; (WINDOW / WORD) as usize],
}

impl SentWindow {
    /// Marks `sequence` as used, unless it may not be.
    pub(super) fn note(&mut self, sequence: u64) -> Result<(), Seen> {
        if sequence >= self.end {
            self.advance(sequence + 1);
        } else if self.end - sequence > WINDOW {
            return Err(Seen::OutOfWindow);
        }
        let bit = 1 << (sequence % WORD);
        let word = self.word(sequence);
        if *word & bit != 0 {
            return Err(Seen::Already);
        }
        *word |= bit;
        Ok(())
    }

    #[inline]
    pub(super) fn touch(&self) -> u64 {
        self.end ^ self.bits[(self.end % WINDOW / WORD) as usize]
    }

    /// Forgets what falls out of the window.
    fn advance(&mut self, end: u64) {
        if end - self.end >= WINDOW {
            self.bits = [0; _];
        } else {
            for sequence in self.end..end {
                *self.word(sequence) &= !(1 << (sequence % WORD));
            }
        }
        self.end = end;
    }

    fn word(&mut self, sequence: u64) -> &mut u64 {
        // The remainder is smaller than the array is long.
        &mut self.bits[(sequence % WINDOW / WORD) as usize]
    }
}
